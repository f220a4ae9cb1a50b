//! OpenAPI documents, from anybody. Whatever is read is read the same again, within its
//! bounds, and every schema that comes out is one that can be read.

use std::sync::Arc;

use gestalt_core::document::{DocumentText, ImportLimits, ImportSettings, Imported};
use gestalt_upstream::openapi::import;

/// Pieces that documents are made of, and those that are taken for others.
const PIECES: &[&str] = &[
    "{",
    "}",
    "},",
    "[",
    "]",
    "],",
    ",",
    "\"\":",
    "\"/a/{id}\":{",
    "\"get\":{",
    "\"post\":{",
    "\"parameters\":[{",
    "\"name\":\"id\",",
    "\"in\":\"path\",",
    "\"in\":\"query\",",
    "\"style\":\"deepObject\",",
    "\"schema\":{",
    "\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{",
    "\"multipart/form-data\":{\"schema\":{",
    "\"responses\":{\"200\":{\"content\":{\"application/json\":{\"schema\":{",
    "\"type\":\"object\",",
    "\"type\":[\"string\",\"null\"],",
    "\"nullable\":true,",
    "\"readOnly\":true,",
    "\"required\":[\"a\"],",
    "\"properties\":{\"a\":{",
    "\"additionalProperties\":{",
    "\"items\":{",
    "\"allOf\":[{",
    "\"oneOf\":[{",
    "\"not\":{",
    "\"$ref\":\"#/components/schemas/A\",",
    "\"$ref\":\"#/components/schemas/B\"",
    "\"$ref\":\"#/paths/~1a/get\"",
    "\"$ref\":\"a.json#/a\"",
    "\"$ref\":\"../a.json\"",
    "\"$ref\":\"https://example.com/a.json\"",
    "\"$ref\":\"#\"",
    "\"pattern\":\"(a{9})*\",",
    "\"enum\":[1,null],",
    "\"minimum\":1e400,",
    "\"exclusiveMinimum\":true,",
    "\"security\":[{\"key\":[]}],",
    "\"servers\":[{\"url\":\"https://{a}.test/\"}],",
    "\"description\":\"\\ud83d\\ude00 ä\",",
    "\"$serde_json::private::RawValue\":\"{}\",",
    "null",
    "0",
];

fn take(text: &str) -> Option<Imported> {
    let named = |name: &str, text: &str| DocumentText {
        name: name.to_owned(),
        text: Arc::from(text.as_bytes()),
    };
    let settings = ImportSettings {
        limits: ImportLimits {
            max_bytes: 1 << 20,
            max_operations: 100,
            max_input_schema_bytes: 2_048,
            max_output_schema_bytes: 1_024,
            max_findings: 50,
            ..ImportLimits::default()
        },
        ..ImportSettings::default()
    };
    let mut load = |path: &str| {
        assert!(!path.starts_with('/') && !path.split('/').any(|step| step == ".."));
        Ok(named(
            path,
            r##"{"a": {"$ref": "#/a"}, "b": {"type": "string"}}"##,
        ))
    };
    import(named("api.json", text), &mut load, &settings).ok()
}

fn check(text: &str) {
    let Some(imported) = take(text) else { return };
    assert!(imported.operations.len() <= 100 && imported.findings.len() <= 50);
    for operation in &imported.operations {
        let media = operation.body.iter().flat_map(|body| &body.media);
        for schema in media.filter_map(|media| media.schema.as_ref()) {
            assert!(schema.text().len() <= 2_048, "{text:?}");
            assert!(gestalt_core::schema::Schema::parse(schema.text()).is_some());
        }
        if let Some(schema) = &operation.response.schema {
            assert!(schema.text().len() <= 1_024, "{text:?}");
            assert!(gestalt_core::schema::Schema::parse(schema.text()).is_some());
        }
    }
    let again = take(text).map(|again| format!("{again:?}"));
    assert_eq!(again, Some(format!("{imported:?}")), "{text:?}");
}

/// Closes what is open, so that more of what is made up can be read.
fn closed(text: &str) -> String {
    let mut out = String::new();
    let mut open = Vec::new();
    let mut quoted = false;
    let mut escaped = false;
    for c in text.chars() {
        match c {
            _ if escaped => {}
            '"' => quoted = !quoted,
            '{' if !quoted => open.push('}'),
            '[' if !quoted => open.push(']'),
            '}' | ']' if !quoted => {
                if open.last() != Some(&c) {
                    continue;
                }
                open.pop();
                while out.ends_with(',') {
                    out.pop();
                }
            }
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
        out.push(c);
    }
    while let Some(end) = open.pop() {
        while out.ends_with(',') {
            out.pop();
        }
        if out.ends_with(':') {
            out.push_str("null");
        }
        out.push(end);
    }
    out
}

#[test]
fn arbitrary_bytes_are_read_or_refused() {
    bolero::check!()
        .with_iterations(20_000)
        .for_each(|bytes: &[u8]| check(&String::from_utf8_lossy(bytes)));
}

#[test]
fn near_documents_are_read_or_refused() {
    bolero::check!()
        .with_type::<(Vec<u8>, Vec<u8>, Vec<u8>)>()
        .with_iterations(20_000)
        .for_each(|(paths, one, other)| {
            let pieces = |list: &[u8]| {
                let text = list.iter().map(|at| PIECES[usize::from(*at) % PIECES.len()]);
                closed(&format!("{{{}", text.collect::<String>()))
            };
            let (paths, one, other) = (pieces(paths), pieces(one), pieces(other));
            check(&format!(
                r##"{{"openapi":"3.1.0","paths":{{"/a":{paths},"/b":{{"post":{{"requestBody":{{"content":{{"application/json":{{"schema":{{"$ref":"#/components/schemas/A"}}}}}}}}}},"get":{{"responses":{{"200":{{"content":{{"application/json":{{"schema":{{"$ref":"#/components/schemas/B"}}}}}}}}}}}}}}}},"components":{{"schemas":{{"A":{one},"B":{other}}}}}}}"##
            ));
        });
}
