//! Resources, their templates, and completion.

use rmcp::model::{
    CompleteRequestParams, CompleteResult, CompletionInfo, ErrorData, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate,
};
use serde_json::json;

use crate::tools::PNG;

/// The one that changes.
pub(crate) const WATCHED: &str = "test://watched-resource";

const TEXT: &str = "test://static-text";
const BINARY: &str = "test://static-binary";
const BEFORE_ID: &str = "test://template/";
const AFTER_ID: &str = "/data";

/// What a prompt's argument or a template's variable may be completed to.
const WORDS: &[&str] = &["1", "12", "123", "testing", "tested", "trusted"];

pub(crate) fn list() -> Vec<Resource> {
    let all = [
        (TEXT, "Static text", "text/plain", "A text that stays."),
        (
            BINARY,
            "Static binary",
            "image/png",
            "A picture that stays.",
        ),
        (WATCHED, "Watched", "text/plain", "A text that changes."),
    ];
    all.map(|(uri, name, kind, what)| {
        Resource::new(uri, name)
            .with_mime_type(kind)
            .with_description(what)
    })
    .into()
}

pub(crate) fn templates() -> Vec<ResourceTemplate> {
    let template = ResourceTemplate::new(format!("{BEFORE_ID}{{id}}{AFTER_ID}"), "Template");
    vec![
        template
            .with_mime_type("application/json")
            .with_description("Data by its id."),
    ]
}

/// Reads one; `version` is what the watched one has come to.
///
/// # Errors
///
/// When there is no such resource.
pub(crate) fn read(uri: &str, version: u64) -> Result<ReadResourceResult, ErrorData> {
    let id = uri.strip_prefix(BEFORE_ID);
    let id = id.and_then(|rest| rest.strip_suffix(AFTER_ID));
    let (contents, kind) = match (uri, id) {
        (TEXT, _) => {
            let text = "This is the content of the static text resource.";
            (ResourceContents::text(text, uri), "text/plain")
        }
        (BINARY, _) => (ResourceContents::blob(PNG, uri), "image/png"),
        (WATCHED, _) => {
            let text = format!("Version {version} of the watched resource.");
            (ResourceContents::text(text, uri), "text/plain")
        }
        (_, Some(id)) if !id.is_empty() && !id.contains('/') => {
            let data = format!("Data for ID: {id}");
            let text = json!({ "id": id, "templateTest": true, "data": data });
            let text = ResourceContents::text(text.to_string(), uri);
            (text, "application/json")
        }
        _ => {
            let data = Some(json!({ "uri": uri }));
            return Err(ErrorData::resource_not_found("Resource not found", data));
        }
    };
    Ok(ReadResourceResult::new(vec![contents.with_mime_type(kind)]))
}

/// The words that begin as the argument does.
///
/// # Errors
///
/// When there are too many.
pub(crate) fn complete(params: &CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    let begun = params.argument.value.as_str();
    let words = WORDS.iter().filter(|word| word.starts_with(begun));
    let words = words.map(|word| (*word).to_owned()).collect();
    let found = CompletionInfo::new(words);
    let found = found.map_err(|why| ErrorData::internal_error(why, None))?;
    Ok(CompleteResult::new(found))
}

#[cfg(test)]
mod tests {
    use super::{list, read};

    #[test]
    fn what_is_not_there_is_named_in_the_error() {
        for uri in ["test://template//data", "test://template/a/b/data", "x"] {
            let error = read(uri, 1).unwrap_err();
            assert_eq!(error.data.unwrap()["uri"], uri);
        }
    }

    #[test]
    fn what_is_listed_can_be_read() {
        for resource in list() {
            let read = serde_json::to_value(read(&resource.uri, 7).unwrap()).unwrap();
            assert_eq!(read["contents"][0]["uri"], resource.uri.as_str());
            assert_eq!(
                read["contents"][0]["mimeType"].as_str(),
                resource.mime_type.as_deref()
            );
        }
    }
}
