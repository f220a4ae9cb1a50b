use std::collections::BTreeSet;

use super::*;

#[test]
fn the_document_is_what_it_was() {
    let document = serde_json::to_value(document::document()).unwrap();
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "snapshots" }, {
        insta::assert_json_snapshot!("openapi", document);
    });
}

#[test]
fn every_operation_says_how_it_is_refused() {
    let document = serde_json::to_value(document::document()).unwrap();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/api/v1/"), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            for status in ["400", "401", "403", "404", "429", "500", "503"] {
                assert!(
                    operation["responses"].get(status).is_some(),
                    "{method} {path} {status}"
                );
            }
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} twice");
        }
    }
}
