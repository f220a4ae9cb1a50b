//! JSON Schema of the config and of manifests (draft-07, which YAML editors read), made of the
//! types that read them.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::document::Document;
use super::manifest::Manifest;

/// The schema of the config. Where a text stands, `${VAR}` and secret refs may stand.
pub fn config_schema() -> Value {
    let mut schema = generate::<Document>("Gestalt config");
    open(&mut schema);
    if let Some(definitions) = schema.get_mut("definitions").and_then(Value::as_object_mut) {
        definitions.insert("SecretRef".to_owned(), secret_ref());
    }
    schema
}

/// The schema of a plugin's manifest.
pub fn manifest_schema() -> Value {
    generate::<Manifest>("Gestalt manifest")
}

fn generate<T: JsonSchema>(title: &str) -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".to_owned(), json!(title));
    schema.to_value()
}

fn secret_ref() -> Value {
    json!({
        "description": "A secret, looked up by a provider of `providers.secrets`.",
        "type": "object",
        "properties": {
            "secret": {
                "type": "object",
                "properties": { "provider": { "type": "string" }, "name": { "type": "string" } },
                "required": ["name"],
                "additionalProperties": false
            }
        },
        "required": ["secret"],
        "additionalProperties": false
    })
}

/// Lets secret refs stand where texts stand, and variables where numbers and booleans stand.
fn open(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(open),
        Value::Object(map) => {
            map.values_mut().for_each(open);
            if is_text(map) {
                let description = map.remove("description");
                let text = Value::Object(std::mem::take(map));
                map.extend(description.map(|text| ("description".to_owned(), text)));
                map.insert(
                    "anyOf".to_owned(),
                    json!([text, { "$ref": "#/definitions/SecretRef" }]),
                );
            } else if is_number_or_boolean(map) {
                add_variable(map);
            }
        }
        _ => {}
    }
}

/// The words of a schema's `type`.
fn types(map: &Map<String, Value>) -> Vec<&str> {
    match map.get("type") {
        Some(Value::String(word)) => vec![word.as_str()],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_text(map: &Map<String, Value>) -> bool {
    let types = types(map);
    let free =
        !map.contains_key("enum") && !map.contains_key("const") && !map.contains_key("pattern");
    free && types.contains(&"string") && types.iter().all(|word| matches!(*word, "string" | "null"))
}

fn is_number_or_boolean(map: &Map<String, Value>) -> bool {
    let types = types(map);
    !types.is_empty()
        && types
            .iter()
            .all(|word| matches!(*word, "integer" | "number" | "boolean" | "null"))
}

fn add_variable(map: &mut Map<String, Value>) {
    let mut all: Vec<Value> = types(map).into_iter().map(|word| json!(word)).collect();
    if all.len() == 1 && all[0] == json!("null") {
        return;
    }
    all.push(json!("string"));
    map.insert("type".to_owned(), Value::Array(all));
    map.insert("pattern".to_owned(), json!("\\$\\{"));
}
