//! Which JSON types a schema leaves open.

use serde_json::Value;

/// Steps taken in one schema when types are looked for; beyond them any type is possible.
const STEPS: u32 = 500;

/// A set of JSON types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Types(pub(super) u8);

impl Types {
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOLEAN: Self = Self(2);
    pub(crate) const INTEGER: Self = Self(4);
    pub(crate) const NUMBER: Self = Self(8);
    pub(crate) const STRING: Self = Self(16);
    pub(crate) const ARRAY: Self = Self(32);
    pub(crate) const OBJECT: Self = Self(64);
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self(127);
    const NAMES: [(Self, &'static str); 7] = [
        (Self::STRING, "a string"),
        (Self::INTEGER, "an integer"),
        (Self::NUMBER, "a number"),
        (Self::BOOLEAN, "true or false"),
        (Self::ARRAY, "an array"),
        (Self::OBJECT, "an object"),
        (Self::NULL, "null"),
    ];

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The types of a schema's type name; none for a name there is not.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER.or(Self::INTEGER),
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => Self::NONE,
        }
    }

    fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(number) if number.is_f64() => Self::NUMBER,
            Value::Number(_) => Self::NUMBER.or(Self::INTEGER),
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    /// The types that a schema leaves open, as far as they can be told without a value.
    pub(crate) fn of_schema(schema: &Value, root: &Value) -> Self {
        Self::open(schema, root, &mut { STEPS })
    }

    fn open(schema: &Value, root: &Value, left: &mut u32) -> Self {
        let Some(object) = schema.as_object() else {
            return if schema.as_bool() == Some(false) {
                Self::NONE
            } else {
                Self::ALL
            };
        };
        if *left == 0 {
            return Self::ALL;
        }
        *left -= 1;
        let union = |list: &Vec<Value>, of: &mut dyn FnMut(&Value) -> Self| {
            list.iter().fold(Self::NONE, |sum, one| sum.or(of(one)))
        };
        let mut types = match object.get("type") {
            Some(Value::String(name)) => Self::named(name),
            Some(Value::Array(names)) => union(names, &mut |name| {
                Self::named(name.as_str().unwrap_or_default())
            }),
            _ => Self::ALL,
        };
        if let Some(value) = object.get("const") {
            types = types.and(Self::of_value(value));
        }
        if let Some(Value::Array(values)) = object.get("enum") {
            types = types.and(union(values, &mut Self::of_value));
        }
        if let Some(target) = object.get("$ref").and_then(|r| resolve(root, r)) {
            types = types.and(Self::open(target, root, left));
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(Value::Array(list)) = object.get(word) {
                types = types.and(union(list, &mut |one| Self::open(one, root, left)));
            }
        }
        if let Some(Value::Array(list)) = object.get("allOf") {
            for one in list {
                types = types.and(Self::open(one, root, left));
            }
        }
        types
    }

    /// The types in words.
    pub(crate) fn shown(self) -> String {
        let integer_is_said = self.has(Self::NUMBER);
        let names: Vec<&str> = Self::NAMES
            .iter()
            .filter(|(one, _)| self.has(*one) && !(integer_is_said && *one == Self::INTEGER))
            .map(|(_, name)| *name)
            .collect();
        names.join(" or ")
    }
}

/// What a reference within a schema points to.
pub(crate) fn resolve<'a>(root: &'a Value, reference: &Value) -> Option<&'a Value> {
    root.pointer(&pointer_of(reference.as_str()?)?)
}

/// The JSON pointer of a reference within a schema; `None` for any other reference.
pub(crate) fn pointer_of(reference: &str) -> Option<String> {
    let fragment = reference.strip_prefix('#')?;
    let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8();
    let pointer = pointer.ok()?.into_owned();
    (pointer.is_empty() || pointer.starts_with('/')).then_some(pointer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn looking_for_types_ends() {
        let many = vec![json!({"$ref": "#/$defs/a"}); 20];
        let schema = json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": many}}});
        assert_eq!(Types::of_schema(&schema, &schema), Types::ALL);
    }
}
