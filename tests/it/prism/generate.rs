//! Arguments that a JSON Schema accepts, the same at each run.

use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Value, json};

/// Deepest value made; below it only what is required is.
const DEEPEST: usize = 6;

/// Makes a value of `schema`, with all optional members or with none.
pub(super) fn value(schema: &Value, all: bool) -> Value {
    Maker { root: schema, all }.make(schema, 0)
}

struct Maker<'a> {
    root: &'a Value,
    all: bool,
}

impl Maker<'_> {
    fn make(&self, schema: &Value, depth: usize) -> Value {
        if let Some(target) = schema["$ref"].as_str() {
            let target = self.root.pointer(target.trim_start_matches('#'));
            return self.make(target.unwrap(), depth + 1);
        }
        for said in ["const", "default", "example"] {
            if let Some(value) = schema.get(said).filter(|value| !value.is_null()) {
                return value.clone();
            }
        }
        for listed in ["examples", "enum"] {
            let list = schema[listed].as_array().into_iter().flatten();
            if let Some(value) = list.into_iter().find(|value| !value.is_null()) {
                return value.clone();
            }
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(first) = schema[choice].as_array().and_then(|list| list.first()) {
                return self.joined(schema, std::slice::from_ref(first), choice, depth);
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            return self.joined(schema, parts, "allOf", depth);
        }
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "integer" | "number" => number(schema),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => json!(text(schema)),
        }
    }

    /// A value of the schema and of its parts together.
    fn joined(&self, schema: &Value, parts: &[Value], word: &str, depth: usize) -> Value {
        let mut rest = schema.clone();
        rest.as_object_mut().unwrap().remove(word);
        let first = parts.first().map(|part| self.make(part, depth + 1));
        let mut made = match first {
            Some(Value::Object(object)) => object,
            Some(other) if kind(&rest) != "object" => return other,
            _ => Map::new(),
        };
        for part in parts.iter().skip(1).chain([&rest]) {
            if let Value::Object(more) = self.make_object(part, depth + 1) {
                for (name, value) in more {
                    made.entry(name).or_insert(value);
                }
            }
        }
        Value::Object(made)
    }

    fn make_object(&self, schema: &Value, depth: usize) -> Value {
        let composed = ["$ref", "oneOf", "anyOf", "allOf"];
        if composed.iter().any(|word| schema.get(word).is_some()) {
            return self.make(schema, depth);
        }
        self.object(schema, depth)
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let required = schema["required"].as_array();
        let is_required = |name: &str| required.is_some_and(|list| list.iter().any(|n| n == name));
        let members = schema["properties"].as_object().into_iter().flatten();
        let members = members.filter(|(name, _)| {
            let ours = name.starts_with('_');
            !ours && (is_required(name) || (self.all && depth < DEEPEST))
        });
        let made = members.map(|(name, schema)| (name.clone(), self.make(schema, depth + 1)));
        let mut made: Map<String, Value> = made.collect();
        let least = schema["minProperties"].as_u64().unwrap_or(0);
        let open = schema.get("additionalProperties");
        while (made.len() as u64) < least {
            let more = open.filter(|schema| schema.is_object());
            let value = more.map_or(json!("more"), |schema| self.make(schema, depth + 1));
            made.insert(format!("more{}", made.len()), value);
        }
        Value::Object(made)
    }

    fn array(&self, schema: &Value, depth: usize) -> Value {
        let least = schema["minItems"].as_u64().unwrap_or(0);
        let wanted = if depth < DEEPEST { least.max(1) } else { least };
        let item = schema.get("items").filter(|items| items.is_object());
        let item = || item.map_or(json!("item"), |items| self.make(items, depth + 1));
        Value::Array((0..wanted).map(|_| item()).collect())
    }
}

fn kind(schema: &Value) -> &str {
    let one = schema["type"].as_str();
    let several = schema["type"].as_array().into_iter().flatten();
    let several = several
        .filter_map(Value::as_str)
        .find(|name| *name != "null");
    let implied = if schema.get("properties").is_some() {
        "object"
    } else if schema.get("items").is_some() {
        "array"
    } else {
        "string"
    };
    one.or(several).unwrap_or(implied)
}

fn number(schema: &Value) -> Value {
    let bound = |word: &str| schema[word].as_f64();
    let above = bound("exclusiveMinimum").map(|low| low + 1.0);
    let below = bound("exclusiveMaximum").map(|high| high - 1.0);
    let low = bound("minimum").or(above);
    let high = bound("maximum").or(below);
    let mut number = low.or(high).unwrap_or(1.0);
    if let Some(step) = bound("multipleOf") {
        number = (number / step).ceil() * step;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a small whole number")]
    if number.fract() == 0.0 {
        json!(number as i64)
    } else {
        json!(number)
    }
}

fn text(schema: &Value) -> String {
    if let Some(pattern) = schema["pattern"].as_str()
        && let Ok(hir) = regex_syntax::parse(pattern)
    {
        let mut out = String::new();
        spell(&hir, &mut out);
        return out;
    }
    let encoded = schema["contentEncoding"].as_str();
    let text = match schema["format"].as_str().or(encoded).unwrap_or("") {
        "date" => "2026-01-31",
        "date-time" => "2026-01-31T12:00:00Z",
        "time" => "12:00:00Z",
        "uuid" => "018f3f3e-7b1a-7c3d-9e4f-0123456789ab",
        "email" => "ada@example.com",
        "uri" | "url" | "uri-reference" => "https://example.com/a",
        "hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "byte" | "base64" => "aGVsbG8=",
        _ => "text",
    };
    let length = |word: &str| schema[word].as_u64().and_then(|n| usize::try_from(n).ok());
    let mut text = text.to_owned();
    while text.len() < length("minLength").unwrap_or(0) {
        text.push('x');
    }
    text.truncate(length("maxLength").unwrap_or(usize::MAX));
    text
}

/// The shortest text of a regular expression, more or less.
fn spell(hir: &Hir, out: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => {
            let has = |wanted: &char| {
                let mut ranges = class.ranges().iter();
                ranges.any(|range| (range.start()..=range.end()).contains(wanted))
            };
            let plain = ['a', '0', 'A'].into_iter().find(has);
            out.extend(plain.or_else(|| Some(class.ranges().first()?.start())));
        }
        HirKind::Class(Class::Bytes(class)) => {
            out.extend(
                class
                    .ranges()
                    .first()
                    .map(|range| char::from(range.start())),
            );
        }
        HirKind::Repetition(repetition) => {
            // One where none would do: a name without letters is seldom meant.
            let most = repetition.max.unwrap_or(u32::MAX);
            for _ in 0..repetition.min.max(1).min(most) {
                spell(&repetition.sub, out);
            }
        }
        HirKind::Capture(capture) => spell(&capture.sub, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| spell(part, out)),
        HirKind::Alternation(parts) => {
            if let Some(first) = parts.first() {
                spell(first, out);
            }
        }
    }
}
