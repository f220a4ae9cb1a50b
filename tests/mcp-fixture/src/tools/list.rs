//! The list of tools.

use rmcp::model::Tool;
use serde_json::{Value, json};

/// Listed after a change.
pub(super) const DYNAMIC: &str = "test_dynamic_tool";

/// The names of the further tools of a big list begin so.
pub(super) const MANY: &str = "tool_";

/// Tools that need no arguments, and what they do.
const PLAIN: &[(&str, &str)] = &[
    ("test_simple_text", "Answers with a text."),
    ("test_image_content", "Answers with a picture."),
    ("test_audio_content", "Answers with a sound."),
    ("test_embedded_resource", "Answers with a resource."),
    (
        "test_multiple_content_types",
        "Answers with text, picture and resource.",
    ),
    ("test_tool_with_logging", "Writes three log messages."),
    (
        "test_tool_with_progress",
        "Reports its progress three times.",
    ),
    ("test_error_handling", "Always fails."),
    (
        "test_elicitation_sep1034_defaults",
        "Asks with a form that is filled in.",
    ),
    (
        "test_elicitation_sep1330_enums",
        "Asks for choices in every form.",
    ),
    ("test_reconnection", "Closes the stream before it answers."),
    (
        "test_missing_capability",
        "Needs the client to offer sampling.",
    ),
    ("test_streaming_elicitation", "Asks after a notification."),
    (
        "test_logging_tool",
        "Writes a log message where one is wanted.",
    ),
    ("test_trigger_tool_change", "Changes the list of tools."),
    ("test_trigger_prompt_change", "Changes the list of prompts."),
    (
        "test_trigger_resource_update",
        "Changes the watched resource.",
    ),
    ("test_input_required_result_elicitation", "Asks for a name."),
    ("test_input_required_result_sampling", "Asks a model."),
    (
        "test_input_required_result_list_roots",
        "Asks for the roots.",
    ),
    (
        "test_input_required_result_request_state",
        "Asks, and gives a state along.",
    ),
    (
        "test_input_required_result_multiple_inputs",
        "Asks for three things at once.",
    ),
    ("test_input_required_result_multi_round", "Asks twice."),
    (
        "test_input_required_result_tampered_state",
        "Refuses a state that was changed.",
    ),
    (
        "test_input_required_result_capabilities",
        "Asks only for what is offered.",
    ),
    ("failing_job", "A task whose tool fails."),
    ("protocol_error_job", "A task that fails."),
    ("multi_input", "A task that asks for two things at once."),
    (
        "test_tool_with_task",
        "Asks for a name, then becomes a task.",
    ),
];

/// The tool that is listed after a change.
pub(crate) fn dynamic() -> Tool {
    tool(DYNAMIC, "A tool that comes and goes.", &json!({}), &[])
}

/// All other tools, always in this order, with `many` more.
pub(crate) fn all(many: usize) -> Vec<Tool> {
    let plain = PLAIN.iter();
    let plain = plain.map(|(name, what)| tool(name, what, &json!({}), &[]));
    let mut tools: Vec<Tool> = plain.collect();
    let text = json!({ "type": "string" });
    let number = json!({ "type": "number", "minimum": 0 });
    let region = json!({ "type": "string", "x-mcp-header": "Region" });
    let duration = json!({ "seconds": number, "label": text });
    let named = [
        (
            "test_sampling",
            "Asks a model.",
            json!({ "prompt": text }),
            "prompt",
        ),
        (
            "test_elicitation",
            "Asks a person.",
            json!({ "message": text }),
            "message",
        ),
        (
            "test_header_parameter",
            "Has a parameter that a header repeats.",
            json!({ "region": region }),
            "region",
        ),
        ("greet", "Greets.", json!({ "name": text }), "name"),
        (
            "slow_compute",
            "A task that takes its time.",
            duration,
            "seconds",
        ),
        (
            "confirm_delete",
            "A task that asks first.",
            json!({ "filename": text }),
            "filename",
        ),
    ];
    let named = named
        .iter()
        .map(|(name, what, properties, needed)| tool(name, what, properties, &[needed]));
    tools.extend(named);
    tools.push(typed_tool(
        "json_schema_2020_12_tool",
        "A schema of many words.",
        schema_2020_12(),
    ));
    tools.extend((1..=many).map(|number| {
        let name = format!("{MANY}{number:04}");
        tool(&name, "One of many.", &json!({ "text": text }), &[])
    }));
    tools
}

fn tool(name: &str, what: &str, properties: &Value, needed: &[&str]) -> Tool {
    let mut schema = json!({ "type": "object", "properties": properties });
    if !needed.is_empty() {
        schema["required"] = json!(needed);
    }
    typed_tool(name, what, schema)
}

fn typed_tool(name: &str, what: &str, schema: Value) -> Tool {
    let schema = match schema {
        Value::Object(schema) => schema,
        _ => serde_json::Map::new(),
    };
    Tool::new(name.to_owned(), what.to_owned(), schema)
}

/// SEP-1613 and SEP-2106: words that a server's own types would lose.
fn schema_2020_12() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": { "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": { "street": text, "city": text },
        }},
        "properties": {
            "name": text,
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": text,
            "email": text,
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::all;

    #[test]
    fn a_big_list_has_so_many_more_and_no_name_twice() {
        let (small, big) = (all(0), all(1000));
        assert_eq!(big.len(), small.len() + 1000);
        assert_eq!(big[small.len()].name, "tool_0001");
        let names: BTreeSet<&str> = big.iter().map(|tool| tool.name.as_ref()).collect();
        assert_eq!(names.len(), big.len());
    }
}
