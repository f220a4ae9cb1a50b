#![expect(clippy::needless_pass_by_value, reason = "the form of an importer")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::atomic::{AtomicUsize, Ordering};

use gestalt_core::document::GraphQlSettings;
use gestalt_core::operation::{
    Operation, Pagination, PaginationStyle, Parameter, Response, Security, Style,
};
use http::Method;
use serde_json::{Value, json};

use super::*;

/// How often a document was read, per test, by the name that it gives itself.
static READ: Mutex<Vec<(String, AtomicUsize)>> = Mutex::new(Vec::new());

fn times(title: &str) -> usize {
    let read = READ.lock().unwrap();
    let found = read.iter().find(|(known, _)| known == title);
    found.map_or(0, |(_, count)| count.load(Ordering::Relaxed))
}

/// Reads documents of a form made for these tests: a title, names of operations, other files
/// with more of them.
fn import(
    root: DocumentText,
    load: &mut dyn FnMut(&str) -> Result<DocumentText, String>,
    _: &ImportSettings,
) -> Result<Imported, String> {
    let document: Value = serde_json::from_slice(&root.text).map_err(|e| e.to_string())?;
    let title = document["title"].as_str().unwrap_or_default().to_owned();
    let mut read = READ.lock().unwrap();
    match read.iter().find(|(known, _)| *known == title) {
        Some((_, count)) => {
            count.fetch_add(1, Ordering::Relaxed);
        }
        None => read.push((title.clone(), AtomicUsize::new(1))),
    }
    drop(read);
    let names = |value: &Value| -> Vec<String> {
        let list = value.as_array().cloned().unwrap_or_default();
        list.iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    };
    let mut operations = names(&document["operations"]);
    let mut findings = Vec::new();
    for file in names(&document["files"]) {
        match load(&file) {
            Ok(other) => {
                let other: Value = serde_json::from_slice(&other.text).unwrap();
                operations.extend(names(&other));
            }
            Err(message) => findings.push(gestalt_core::document::Finding {
                severity: gestalt_core::document::Severity::Skipped,
                file: root.name.clone(),
                line: 1,
                place: "/files".to_owned(),
                operation: None,
                message,
            }),
        }
    }
    Ok(Imported {
        title: Some(title),
        operations: operations
            .iter()
            .map(|name| Arc::new(operation(name)))
            .collect(),
        findings,
        ..Imported::default()
    })
}

fn operation(name: &str) -> Operation {
    let schema = json!({"type": "object", "properties": {"b": {"maximum": 1.5}, "a": {}}});
    Operation {
        name: name.parse().unwrap(),
        source_name: name.to_owned(),
        title: None,
        description: Some("Über alles.".to_owned()),
        tags: vec!["one".to_owned()],
        deprecated: false,
        read_only: true,
        destructive: None,
        idempotent: Some(true),
        method: Method::GET,
        path: "/{id}".to_owned(),
        base_url: Some("https://files.example.com/v1".parse().unwrap()),
        parameters: vec![Parameter {
            name: "id".to_owned(),
            wire_name: "id".to_owned(),
            location: gestalt_core::operation::Location::Path,
            required: true,
            deprecated: false,
            description: None,
            schema: schema.clone(),
            style: Style::Simple,
            explode: false,
            allow_reserved: false,
            content_type: None,
            default: Some(json!(12)),
        }],
        headers: vec![("X-Version".to_owned(), "1".to_owned())],
        query: Vec::new(),
        body: None,
        response: Response {
            schema: Some((&schema).into()),
            mapping: None,
            max_bytes: None,
        },
        security: Security::OneOf(vec!["key".parse().unwrap(), "oauth".parse().unwrap()]),
        pagination: Some(Pagination {
            style: PaginationStyle::Page {
                param: "page".to_owned(),
                start: 1,
            },
            results_path: None,
            page_size: Some(("size".to_owned(), 50)),
            max_pages: Some(3),
        }),
        timeout: Some(Duration::from_millis(1_500)),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a conversion")]
fn as_it_is(_: &str, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    Ok(bytes)
}

fn documents(writes: bool) -> Documents {
    Documents {
        import,
        ..Documents::new(as_it_is, Clock::System, writes)
    }
}

fn file(path: &Path) -> Source {
    Source::File {
        path: path.to_owned(),
        digest: None,
        within: None,
    }
}

/// A document of its own title, so that tests beside this one do not count.
fn written(folder: &Path, title: &str, files: &[&str]) -> PathBuf {
    let path = folder.join("api.json");
    let document = json!({"title": title, "operations": ["one", "two"], "files": files});
    fs::write(&path, document.to_string()).unwrap();
    path
}

#[test]
fn a_file_outside_the_documents_folder_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("specs");
    fs::create_dir(&folder).unwrap();
    fs::write(root.path().join("secret.json"), "[\"stolen\"]").unwrap();
    symlink(root.path().join("secret.json"), folder.join("link.json")).unwrap();
    symlink(root.path(), folder.join("up")).unwrap();
    let outside = root.path().join("secret.json");
    let absolute = outside.display().to_string();
    for path in ["../secret.json", "link.json", "up/secret.json", &absolute] {
        let document = written(&folder, "outside", &[path]);
        let imported = documents(false)
            .import(&file(&document), &Wanted::default(), None)
            .unwrap();
        assert_eq!(imported.operations.len(), 2, "{path}");
        assert!(
            imported.findings[0].message.contains("outside"),
            "{path}: {:?}",
            imported.findings
        );
    }
}

#[test]
fn a_manifests_document_outside_its_folder_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("plugin");
    fs::create_dir(&folder).unwrap();
    let document = written(root.path(), "manifest", &[]);
    symlink(&document, folder.join("link.json")).unwrap();
    for path in [folder.join("../api.json"), folder.join("link.json")] {
        let source = Source::File {
            path,
            digest: None,
            within: Some(folder.clone()),
        };
        let result = documents(false).import(&source, &Wanted::default(), None);
        assert!(
            matches!(result, Err(DocumentError::Outside { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn what_is_no_file_or_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let result = documents(false).import(&file(folder.path()), &Wanted::default(), None);
    assert!(matches!(result, Err(DocumentError::Unreadable { .. })));
    let document = written(folder.path(), "large", &["other.json"]);
    fs::write(folder.path().join("other.json"), "[]").unwrap();
    let length = usize::try_from(fs::metadata(&document).unwrap().len()).unwrap();
    let mut wanted = Wanted::default();
    wanted.settings.limits.max_bytes = length - 1;
    let result = documents(false).import(&file(&document), &wanted, None);
    assert!(matches!(result, Err(DocumentError::TooLarge { .. })));
    wanted.settings.limits.max_bytes = length + 1;
    let imported = documents(false)
        .import(&file(&document), &wanted, None)
        .unwrap();
    assert!(imported.findings[0].message.contains("larger than 1 bytes"));
}

#[test]
fn a_document_that_is_not_the_pinned_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let document = written(folder.path(), "pinned", &[]);
    let source = Source::File {
        path: document,
        digest: Some(Digest::of(b"another")),
        within: None,
    };
    let result = documents(false).import(&source, &Wanted::default(), None);
    assert!(matches!(result, Err(DocumentError::Pinned { .. })));
    let source = Source::Url {
        url: "https://example.com/api.json".parse().unwrap(),
        digest: Digest::of(b"another"),
    };
    let state = folder.path().join("state");
    let result = documents(true).import(&source, &Wanted::default(), Some(&state));
    assert!(matches!(result, Err(DocumentError::NotKept { .. })));
    // One that was changed where it is kept is not the pinned one either.
    let kept = documents(true);
    let text = json!({"title": "kept", "operations": ["one"]}).to_string();
    let digest = kept.keep(text.as_bytes(), Some(&state));
    let url = "https://example.com/api.json".parse().unwrap();
    let source = Source::Url { url, digest };
    let imported = kept
        .import(&source, &Wanted::default(), Some(&state))
        .unwrap();
    assert_eq!(imported.operations.len(), 1);
    fs::write(state.join("documents").join(digest.hex()), "{}").unwrap();
    let result = documents(true).import(&source, &Wanted::default(), Some(&state));
    assert!(matches!(result, Err(DocumentError::NotKept { .. })));
}

#[test]
fn a_damaged_prepared_form_is_ignored_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let document = written(folder.path(), "damaged", &[]);
    let state = folder.path().join("state");
    let import = || {
        documents(true)
            .import(&file(&document), &Wanted::default(), Some(&state))
            .unwrap()
    };
    let first = import();
    assert_eq!((times("damaged"), import().operations.len()), (1, 2));
    let entry = fs::read_dir(state.join("prepared")).unwrap().next();
    let path = entry.unwrap().unwrap().path();
    let whole = fs::read(&path).unwrap();
    for (number, damage) in (0..whole.len()).step_by(97).enumerate() {
        let mut bytes = whole.clone();
        bytes[damage] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(import().operations.len(), 2);
        assert_eq!(times("damaged"), number + 2, "byte {damage}");
        assert_eq!(fs::read(&path).unwrap(), whole, "made again");
    }
    let before = times("damaged");
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    import();
    fs::write(&path, "").unwrap();
    import();
    assert_eq!(times("damaged"), before + 2);
    assert_eq!(
        format!("{first:?}"),
        format!("{:?}", import()),
        "nothing is lost on the way"
    );
}

#[test]
fn what_others_may_write_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let document = written(folder.path(), "writable", &[]);
    let state = folder.path().join("state");
    let import = |documents: &Documents| {
        documents
            .import(&file(&document), &Wanted::default(), Some(&state))
            .unwrap()
    };
    import(&documents(true));
    let prepared = state.join("prepared");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&prepared), 0o700);
    let entry = fs::read_dir(&prepared).unwrap().next().unwrap().unwrap();
    assert_eq!(mode(&entry.path()), 0o600);
    fs::set_permissions(&prepared, fs::Permissions::from_mode(0o770)).unwrap();
    import(&documents(true));
    assert_eq!(times("writable"), 2);
}

#[test]
fn a_changed_file_is_read_again_and_an_unchanged_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let document = written(folder.path(), "changed", &["other.json"]);
    let other = folder.path().join("other.json");
    fs::write(&other, "[\"three\"]").unwrap();
    let documents = documents(true);
    let state = folder.path().join("state");
    let import = || {
        documents.begin_load();
        documents
            .import(&file(&document), &Wanted::default(), Some(&state))
            .unwrap()
    };
    let first = import();
    assert_eq!(first.operations.len(), 3);
    assert!(Arc::ptr_eq(&first, &import()));
    // As long, and perhaps within the same tick.
    fs::write(&other, "[\"trois\"]").unwrap();
    let second = import();
    assert_eq!(second.operations[2].name.as_str(), "trois");
    assert_eq!(times("changed"), 2);
    fs::write(&other, "[\"three\"]").unwrap();
    assert_eq!(import().operations[2].name.as_str(), "three");
    assert_eq!(times("changed"), 3, "one prepared form a document");
}

#[test]
fn a_file_that_was_missing_is_looked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let document = written(folder.path(), "missing", &["late.json"]);
    let documents = documents(true);
    let state = folder.path().join("state");
    let import = || {
        documents
            .import(&file(&document), &Wanted::default(), Some(&state))
            .unwrap()
    };
    assert_eq!(import().findings.len(), 1);
    fs::write(folder.path().join("late.json"), "[\"three\"]").unwrap();
    let imported = import();
    assert_eq!((imported.findings.len(), imported.operations.len()), (0, 3));
}

#[test]
fn a_command_that_looks_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let document = written(folder.path(), "looking", &[]);
    let state = folder.path().join("state");
    let documents = documents(false);
    let digest = documents.keep(b"{}", Some(&state));
    let url = "https://example.com/".parse().unwrap();
    for source in [file(&document), Source::Url { url, digest }] {
        let wanted = Wanted::default();
        documents.import(&source, &wanted, Some(&state)).unwrap();
    }
    assert!(!state.exists());
}

#[test]
fn what_is_wanted_is_laid_on_each_operation() {
    let folder = tempfile::tempdir().unwrap();
    let document = written(folder.path(), "wanted", &[]);
    let mut wanted = Wanted {
        headers: vec![
            ("x-version".to_owned(), "2".to_owned()),
            ("X-Other".to_owned(), "3".to_owned()),
        ],
        timeout: Some(Duration::from_secs(9)),
        max_response_bytes: Some(7),
        connections: Some(vec!["key".parse().unwrap()]),
        ..Wanted::default()
    };
    let documents = documents(false);
    let import = |wanted: &Wanted| documents.import(&file(&document), wanted, None).unwrap();
    let imported = import(&wanted);
    let operation = &imported.operations[0];
    let headers: Vec<&str> = operation
        .headers
        .iter()
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(headers, ["1", "3"], "the document's own stays");
    assert_eq!(operation.timeout, Some(Duration::from_millis(1_500)));
    assert_eq!(operation.response.max_bytes, Some(7));
    assert_eq!(
        operation.security,
        Security::OneOf(vec!["key".parse().unwrap()])
    );
    wanted.connections = Some(vec!["default".parse().unwrap()]);
    assert_eq!(import(&wanted).operations[0].security, Security::Any);
}

#[test]
fn no_parameter_stands_where_a_credential_goes() {
    let folder = tempfile::tempdir().unwrap();
    let document = written(folder.path(), "credentials", &[]);
    let import = |location, name: &str| {
        let wanted = Wanted {
            credentials: vec![(location, name.to_owned())],
            ..Wanted::default()
        };
        let documents = documents(false);
        documents.import(&file(&document), &wanted, None).unwrap()
    };
    let imported = import(Location::Path, "id");
    assert!(imported.operations[0].parameters.is_empty());
    assert_eq!(imported.findings.len(), 2, "{:?}", imported.findings);
    assert_eq!(imported.findings[0].operation.as_deref(), Some("GET /{id}"));
    assert_eq!(import(Location::Query, "id").findings.len(), 0);
}

#[test]
fn a_graphql_operation_survives_the_prepared_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("schema.graphql");
    fs::write(&path, "type Query { a(b: String!): Int }").unwrap();
    let wanted = Wanted {
        settings: ImportSettings {
            base_url: Some("https://example.com/graphql".parse().unwrap()),
            graphql: Some(GraphQlSettings::default()),
            ..ImportSettings::default()
        },
        ..Wanted::default()
    };
    let read = || {
        let documents = Documents::kept(as_it_is, Clock::System);
        documents
            .import(&file(&path), &wanted, Some(folder.path()))
            .unwrap()
    };
    let (first, second) = (read(), read());
    assert_eq!(
        fs::read_dir(folder.path().join("prepared"))
            .unwrap()
            .count(),
        1
    );
    let graphql = second.operations[0].graphql().unwrap();
    assert_eq!(graphql.query, "query a($b: String!) { a(b: $b) }");
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
}
