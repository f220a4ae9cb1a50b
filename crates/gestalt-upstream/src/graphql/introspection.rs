//! The answer to an introspection becomes a schema in GraphQL's language (GraphQL, October
//! 2021, §4).

use std::fmt::Write as _;

use apollo_compiler::ast::{Definition, Selection};
use apollo_compiler::parser::Parser;
use serde::Deserialize;

/// What a server is asked for its schema. Only what servers of 2018 know is in it.
pub const QUERY: &str = "query Introspection { __schema { queryType { name } mutationType { name } subscriptionType { name } types { ...Kind } directives { name description locations args { ...Input } } } } fragment Kind on __Type { kind name description fields(includeDeprecated: true) { name description args { ...Input } type { ...Reference } isDeprecated deprecationReason } inputFields { ...Input } interfaces { ...Reference } enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...Reference } } fragment Input on __InputValue { name description type { ...Reference } defaultValue } fragment Reference on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";

/// Scalars and directives of the language itself: no schema defines them.
const OWN: &[&str] = &["Int", "Float", "String", "Boolean", "ID"];
const OWN_DIRECTIVES: &[&str] = &[
    "skip",
    "include",
    "deprecated",
    "specifiedBy",
    "oneOf",
    "defer",
];
/// Longest default that is taken over, in bytes.
const LONGEST_DEFAULT: usize = 4_000;

#[derive(Deserialize)]
struct Answer {
    data: Option<Data>,
    #[serde(rename = "__schema")]
    schema: Option<Schema>,
    errors: Option<Vec<Fault>>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "__schema")]
    schema: Option<Schema>,
}

#[derive(Deserialize)]
struct Fault {
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Schema {
    query_type: Option<Named>,
    mutation_type: Option<Named>,
    subscription_type: Option<Named>,
    types: Vec<Kind>,
    #[serde(default)]
    directives: Vec<Directive>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    #[serde(rename = "kind")]
    word: String,
    name: String,
    description: Option<String>,
    fields: Option<Vec<Field>>,
    input_fields: Option<Vec<Input>>,
    interfaces: Option<Vec<Reference>>,
    enum_values: Option<Vec<Choice>>,
    possible_types: Option<Vec<Reference>>,
    #[serde(rename = "specifiedByURL")]
    specified_by: Option<String>,
    is_one_of: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Field {
    name: String,
    description: Option<String>,
    #[serde(default)]
    args: Vec<Input>,
    #[serde(rename = "type")]
    ty: Reference,
    #[serde(flatten)]
    old: Old,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    name: String,
    description: Option<String>,
    #[serde(rename = "type")]
    ty: Reference,
    default_value: Option<String>,
    #[serde(flatten)]
    old: Old,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Choice {
    name: String,
    description: Option<String>,
    #[serde(flatten)]
    old: Old,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Old {
    is_deprecated: Option<bool>,
    deprecation_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Directive {
    name: String,
    #[serde(default)]
    locations: Vec<String>,
    #[serde(default)]
    args: Vec<Input>,
    is_repeatable: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    kind: String,
    name: Option<String>,
    of_type: Option<Box<Reference>>,
}

/// The schema that an answer describes.
///
/// # Errors
/// A sentence, if it is no such answer.
pub(super) fn to_language(json: &[u8]) -> Result<String, String> {
    let answer: Answer = serde_json::from_slice(json)
        .map_err(|error| format!("is no answer to an introspection: {error}"))?;
    let schema = answer.data.and_then(|data| data.schema).or(answer.schema);
    let Some(schema) = schema else {
        let faults = answer.errors.unwrap_or_default();
        let said = faults.into_iter().find_map(|fault| fault.message);
        let said: String = said.unwrap_or_default().chars().take(200).collect();
        return Err(if said.is_empty() {
            "is JSON and has no `__schema`".to_owned()
        } else {
            format!("is a refusal of the server: {said}")
        });
    };
    let mut out = Language(String::with_capacity(json.len() / 2));
    out.roots(&schema)?;
    for kind in &schema.types {
        if !kind.name.starts_with("__") && !OWN.contains(&kind.name.as_str()) {
            out.kind(kind)?;
        }
    }
    for directive in &schema.directives {
        if !OWN_DIRECTIVES.contains(&directive.name.as_str()) {
            out.directive(directive)?;
        }
    }
    Ok(out.0)
}

/// A text in GraphQL's language in the making.
struct Language(String);

impl Language {
    fn push(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn name(&mut self, name: &str) -> Result<(), String> {
        let begins = |b: u8| b.is_ascii_alphabetic() || b == b'_';
        let goes_on = |b: u8| begins(b) || b.is_ascii_digit();
        if !name.as_bytes().first().copied().is_some_and(begins) || !name.bytes().all(goes_on) {
            let shown: String = name.chars().take(60).collect();
            return Err(format!("`{shown}` is no name"));
        }
        self.push(name);
        Ok(())
    }

    /// A string: what JSON escapes, GraphQL escapes alike (§2.9.4).
    fn string(&mut self, text: &str) {
        let text = text.replace(char::is_control, " ");
        self.push(&serde_json::Value::from(text).to_string());
    }

    fn description(&mut self, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            self.string(text);
            self.push(" ");
        }
    }

    fn roots(&mut self, schema: &Schema) -> Result<(), String> {
        self.push("schema {");
        for (word, root) in [
            (" query: ", &schema.query_type),
            (" mutation: ", &schema.mutation_type),
            (" subscription: ", &schema.subscription_type),
        ] {
            if let Some(root) = root {
                self.push(word);
                self.name(&root.name)?;
            }
        }
        self.push(" }\n");
        Ok(())
    }

    fn kind(&mut self, kind: &Kind) -> Result<(), String> {
        self.description(kind.description.as_deref());
        let word = match kind.word.as_str() {
            "SCALAR" => "scalar ",
            "OBJECT" => "type ",
            "INTERFACE" => "interface ",
            "UNION" => "union ",
            "ENUM" => "enum ",
            "INPUT_OBJECT" => "input ",
            other => return Err(format!("`{other:.40}` is no kind of type")),
        };
        self.push(word);
        self.name(&kind.name)?;
        match word {
            "scalar " => {
                if let Some(url) = &kind.specified_by {
                    self.push(" @specifiedBy(url: ");
                    self.string(url);
                    self.push(")");
                }
            }
            "union " => self.references(" = ", " | ", kind.possible_types.as_deref())?,
            "enum " => self.choices(kind.enum_values.as_deref().unwrap_or_default())?,
            "input " => {
                self.push(if kind.is_one_of == Some(true) {
                    " @oneOf"
                } else {
                    ""
                });
                self.block(
                    kind.input_fields.as_deref().unwrap_or_default(),
                    Self::input,
                )?;
            }
            _ => {
                self.references(" implements ", " & ", kind.interfaces.as_deref())?;
                self.block(kind.fields.as_deref().unwrap_or_default(), Self::field)?;
            }
        }
        self.push("\n");
        Ok(())
    }

    fn references(
        &mut self,
        before: &str,
        between: &str,
        list: Option<&[Reference]>,
    ) -> Result<(), String> {
        for (index, one) in list.into_iter().flatten().enumerate() {
            self.push(if index == 0 { before } else { between });
            self.name(one.name.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    fn block<T>(
        &mut self,
        list: &[T],
        one: fn(&mut Self, &T) -> Result<(), String>,
    ) -> Result<(), String> {
        self.push(" {\n");
        for item in list {
            one(self, item)?;
            self.push("\n");
        }
        self.push("}");
        Ok(())
    }

    fn choices(&mut self, list: &[Choice]) -> Result<(), String> {
        self.block(list, |out, choice| {
            out.description(choice.description.as_deref());
            out.name(&choice.name)?;
            out.old(&choice.old);
            Ok(())
        })
    }

    fn field(&mut self, field: &Field) -> Result<(), String> {
        self.description(field.description.as_deref());
        self.name(&field.name)?;
        self.arguments(&field.args)?;
        self.push(": ");
        self.reference(&field.ty)?;
        self.old(&field.old);
        Ok(())
    }

    fn arguments(&mut self, list: &[Input]) -> Result<(), String> {
        for (index, argument) in list.iter().enumerate() {
            self.push(if index == 0 { "(" } else { ", " });
            self.input(argument)?;
        }
        self.push(if list.is_empty() { "" } else { ")" });
        Ok(())
    }

    fn input(&mut self, input: &Input) -> Result<(), String> {
        self.description(input.description.as_deref());
        self.name(&input.name)?;
        self.push(": ");
        self.reference(&input.ty)?;
        if let Some(default) = &input.default_value {
            let literal = literal(default)
                .ok_or_else(|| format!("the default of `{}` is no value", input.name))?;
            let _infallible = write!(self.0, " = {literal}");
        }
        self.old(&input.old);
        Ok(())
    }

    fn reference(&mut self, reference: &Reference) -> Result<(), String> {
        let within = || {
            let within = reference.of_type.as_deref();
            within.ok_or("a type is wrapped more than seven times")
        };
        match reference.kind.as_str() {
            "NON_NULL" => {
                self.reference(within()?)?;
                self.push("!");
            }
            "LIST" => {
                self.push("[");
                self.reference(within()?)?;
                self.push("]");
            }
            _ => self.name(reference.name.as_deref().unwrap_or_default())?,
        }
        Ok(())
    }

    fn old(&mut self, old: &Old) {
        if old.is_deprecated == Some(true) {
            self.push(" @deprecated");
            if let Some(reason) = &old.deprecation_reason {
                self.push("(reason: ");
                self.string(reason);
                self.push(")");
            }
        }
    }

    fn directive(&mut self, directive: &Directive) -> Result<(), String> {
        self.push("directive @");
        self.name(&directive.name)?;
        self.arguments(&directive.args)?;
        let repeatable = directive.is_repeatable == Some(true);
        self.push(if repeatable { " repeatable" } else { "" });
        for (index, location) in directive.locations.iter().enumerate() {
            self.push(if index == 0 { " on " } else { " | " });
            self.name(location)?;
        }
        self.push("\n");
        Ok(())
    }
}

/// A literal that is one value and nothing more, written anew.
fn literal(text: &str) -> Option<String> {
    if text.len() > LONGEST_DEFAULT {
        return None;
    }
    let parsed = Parser::new().recursion_limit(50);
    let document = { parsed }
        .parse_ast(format!("{{a(a: {text}\n)}}"), "")
        .ok()?;
    let [Definition::OperationDefinition(operation)] = document.definitions.as_slice() else {
        return None;
    };
    let [Selection::Field(field)] = operation.selection_set.as_slice() else {
        return None;
    };
    match field.arguments.as_slice() {
        [argument] if field.selection_set.is_empty() && field.directives.is_empty() => {
            Some(argument.value.serialize().no_indent().to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_one_value_and_nothing_more() {
        for bad in [
            "",
            "1) { b } c(a: 1",
            "1, b: 2",
            "{",
            "\"",
            "1)@x(a: 1",
            &"[".repeat(200),
        ] {
            assert_eq!(literal(bad), None, "{bad}");
        }
        assert_eq!(literal("1 # }").as_deref(), Some("1"));
        assert_eq!(
            literal("{a:[X,\"q\"]}").as_deref(),
            Some(r#"{a: [X, "q"]}"#)
        );
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for (json, why) in [
            ("{", "is no answer to an introspection"),
            ("{}", "has no `__schema`"),
            (
                r#"{"errors":[{"message":"Log in."}]}"#,
                "a refusal of the server: Log in.",
            ),
            (
                r#"{"__schema":{"types":[{"kind":"OBJECT","name":"A } type B"}]}}"#,
                "`A } type B` is no name",
            ),
            (
                r#"{"__schema":{"types":[{"kind":"X","name":"A"}]}}"#,
                "`X` is no kind",
            ),
        ] {
            let refusal = to_language(json.as_bytes()).unwrap_err();
            assert!(refusal.contains(why), "{refusal}");
        }
    }

    #[test]
    fn texts_stay_texts() {
        let json = r#"{"data":{"__schema":{"queryType":{"name":"Q"},"types":[{"kind":"OBJECT","name":"Q","description":"a \"\"\" b\\ { }\u0001","fields":[{"name":"f","type":{"kind":"SCALAR","name":"Int"},"isDeprecated":true,"deprecationReason":"\") x"}]}]}}}"#;
        insta::assert_snapshot!(to_language(json.as_bytes()).unwrap(), @r##"
        schema { query: Q }
        "a \"\"\" b\\ { } " type Q {
        f: Int @deprecated(reason: "\") x")
        }
        "##);
    }
}
