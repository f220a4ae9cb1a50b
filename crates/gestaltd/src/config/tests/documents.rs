//! `surfaces.openapi`, from the config to operations.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gestalt_core::connection::AuthKind;
use gestalt_core::operation::Security;
use gestalt_gateway::documents::Digest;
use tempfile::TempDir;

use super::super::{
    Builtins, ConfigError, Documents, Environment, Loaded, load_fetching, load_with, pin,
};

/// A document with an operation by key, one without, and one by an OAuth flow.
const PETS: &str = r#"
openapi: 3.0.3
info: { title: Pets, version: "1" }
servers: [{ url: https://pets.example.com/v1 }]
security: [{ key: [] }]
paths:
  /pets:
    get:
      operationId: pets/list
      responses: { "200": { description: ok } }
    post:
      operationId: createPet
      security: [{ flow: [] }]
      responses: { "200": { description: ok } }
  /about:
    get:
      operationId: about
      security: []
      responses: { "200": { description: ok } }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-Key }
    flow:
      type: oauth2
      flows: { clientCredentials: { tokenUrl: https://pets.example.com/token, scopes: {} } }
"#;

/// A folder with a config of one plugin, `pets`.
pub(super) struct Folder {
    folder: TempDir,
    documents: Arc<Documents>,
}

impl Folder {
    pub(super) fn new(plugin: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let test = Self {
            folder,
            documents: Arc::new(Documents::kept()),
        };
        test.write("pets.yaml", PETS);
        test.config(plugin);
        test
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes the config; the lines stand under `plugins.pets`.
    pub(super) fn config(&self, plugin: &str) {
        let key = super::KEY;
        let text = format!("server: {{ encryptionKey: {key} }}\nplugins:\n  pets:\n{plugin}");
        self.write("config.yaml", &text);
    }

    pub(super) fn load(&self) -> Result<Loaded, ConfigError> {
        let files = [self.path("config.yaml")];
        let environment = Environment::fixed([]);
        load_with(&files, &environment, Builtins::default(), &self.documents)
    }

    async fn fetching(&self) -> Result<Loaded, ConfigError> {
        let files = [self.path("config.yaml")];
        let environment = Environment::fixed([]);
        load_fetching(&files, &environment, Builtins::default(), &self.documents).await
    }

    /// What is wrong, without the folder's name.
    pub(super) fn wrong(&self) -> String {
        let error = self.load().expect_err("the config holds");
        self.shown(&error.to_string())
    }

    fn shown(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }

    /// What `serve` refuses.
    fn refused(&self, loaded: &Loaded) -> String {
        let refusal = loaded.refusal().expect("it can be served");
        self.shown(&refusal.to_string())
    }
}

/// The plugin's lines for a document.
fn of(document: &str) -> String {
    format!("    surfaces: {{ openapi: {document} }}\n")
}

pub(super) fn names(loaded: &Loaded) -> Vec<&str> {
    let operations = &loaded.config().plugins[0].operations;
    operations.iter().map(|one| one.name.as_str()).collect()
}

#[test]
fn what_is_no_document_is_refused() {
    for (document, expect) in [
        ("{}", "`surfaces.openapi` needs a `document`"),
        (
            "{ document: [a] }",
            "expected a path, a URL, or the document",
        ),
        ("{ document: ./none.yaml }", "cannot read the document"),
        ("{ document: ./config.yaml }", "cannot be imported"),
        (
            "{ document: ./pets.yaml, digest: abc }",
            "expected `sha256:`",
        ),
        (
            "{ document: ./pets.yaml, headers: { Authorization: x } }",
            "cannot be a fixed header",
        ),
        ("{ document: ./pets.yaml, baseUrl: pets }", "relative URL"),
        (
            "{ document: ftp://example.com/x, digest: abc }",
            "expected `sha256:`",
        ),
        (
            "{ document: ftp://example.com/x }",
            "must begin with `https://`",
        ),
        (
            "{ document: https://u:p@example.com/x }",
            "must not hold a user name",
        ),
    ] {
        let wrong = Folder::new(&of(document)).wrong();
        assert!(wrong.contains(expect), "{document}: {wrong}");
    }
}

#[test]
fn a_document_by_url_without_a_pin_is_refused_and_the_command_named() {
    let test = Folder::new(&of("{ document: https://pets.example.com/api.json }"));
    let error = test.load().err().unwrap();
    let report = error.render(false);
    assert!(report.contains("is not pinned"), "{report}");
    assert!(report.contains("gestaltd plugin add --openapi"), "{report}");
}

#[test]
fn a_changed_file_is_refused_where_it_is_pinned() {
    let pinned = Digest::of(b"what it was");
    let test = Folder::new(&of(&format!(
        "{{ document: ./pets.yaml, digest: \"{pinned}\" }}"
    )));
    let wrong = test.wrong();
    let seen = Digest::of(PETS.as_bytes());
    assert!(
        wrong.contains(&format!("is pinned to {pinned}, and is {seen}")),
        "{wrong}"
    );
}

#[test]
fn a_manifests_document_stays_in_the_manifests_folder() {
    let test = Folder::new("    source: ./plugin/manifest.yaml\n");
    let manifest = |document: &str| {
        let surfaces = format!("surfaces: {{ openapi: {{ document: {document} }} }}");
        let text = format!("kind: plugin\nspec: {{ {surfaces} }}\n");
        test.write("plugin/manifest.yaml", &text);
    };
    symlink(test.path("pets.yaml"), test.path("plugin.link")).unwrap();
    for outside in ["../pets.yaml", "./link.yaml"] {
        manifest(outside);
        let link = test.path("plugin/link.yaml");
        let _already = symlink(test.path("pets.yaml"), link);
        let wrong = test.wrong();
        assert!(wrong.contains("outside the folder"), "{outside}: {wrong}");
    }
    test.write("plugin/own.yaml", PETS);
    manifest("./own.yaml");
    assert_eq!(names(&test.load().unwrap()).len(), 3);
}

#[test]
fn one_name_for_two_operations_is_refused() {
    let rest = "rest: { operations: [{ name: about, method: GET, path: /x }] }";
    let test = Folder::new(&format!(
        "    surfaces: {{ openapi: {{ document: ./pets.yaml }}, {rest} }}\n"
    ));
    let wrong = test.wrong();
    assert!(
        wrong.contains("two operations are called `about`"),
        "{wrong}"
    );
}

#[test]
fn a_document_without_a_server_needs_a_base_url() {
    let document = "{ document: { openapi: 3.1.0, info: { title: T, version: '1' }, paths: { /a: { get: {} } } } }";
    let test = Folder::new(&of(document));
    let wrong = test.wrong();
    assert!(wrong.contains("names no server"), "{wrong}");
    test.config(&of(&document.replacen(
        "{ ",
        "{ baseUrl: https://a.example.com/, ",
        1,
    )));
    let loaded = test.load().unwrap();
    assert_eq!(
        loaded.config().plugins[0].base_url.as_str(),
        "https://a.example.com/"
    );
}

#[test]
fn a_file_becomes_operations_and_connections() {
    let test = Folder::new(&of("{ document: ./pets.yaml, timeout: 3s }"));
    let loaded = test.load().unwrap();
    assert!(loaded.refusal().is_none());
    assert_eq!(names(&loaded).len(), 3);
    let plugin = &loaded.config().plugins[0];
    assert_eq!(plugin.display_name, "Pets");
    assert_eq!(plugin.base_url.as_str(), "https://pets.example.com/v1");
    let kinds: Vec<AuthKind> = plugin.connections.iter().map(|one| one.kind).collect();
    assert!(kinds.contains(&AuthKind::Oauth2), "{kinds:?}");
    let about = plugin.operations.iter().find(|one| one.path == "/about");
    assert_eq!(about.unwrap().security, Security::None);
    assert_eq!(about.unwrap().timeout.unwrap().as_secs(), 3);
    let report = &loaded.documents()[0];
    assert_eq!((report.plugin.as_str(), report.offered), ("pets", 3));
}

#[test]
fn written_connections_replace_the_documents_and_operations_are_selected() {
    let plugin = format!(
        "{}    connections: {{ default: {{ auth: {{ type: bearer }} }} }}\n    \
         allowedOperations: {{ pets/list: {{ alias: list }}, about: {{}} }}\n",
        of("{ document: ./pets.yaml }")
    );
    let test = Folder::new(&plugin);
    let loaded = test.load().unwrap();
    assert_eq!(names(&loaded), ["list", "about"]);
    let plugin = &loaded.config().plugins[0];
    assert_eq!(plugin.connections.len(), 1);
    assert_eq!(plugin.operations[0].security, Security::Any);
    assert_eq!(plugin.operations[1].security, Security::None);
}

#[test]
fn an_unchanged_document_gives_the_same_operations() {
    let test = Folder::new(&of("{ document: ./pets.yaml }"));
    let operations = || test.load().unwrap().config().plugins[0].operations.clone();
    let first = operations();
    test.write("unrelated.yaml", "a: 1");
    assert!(
        first
            .iter()
            .zip(&operations())
            .all(|(one, two)| Arc::ptr_eq(one, two))
    );
    // Of another process, from the prepared form.
    let other = Folder {
        documents: Arc::new(Documents::kept()),
        ..test
    };
    let prepared = fs::read_dir(other.path("prepared")).unwrap().count();
    assert_eq!(prepared, 1);
    let second = other.load().unwrap().config().plugins[0].operations.clone();
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    let changed = PETS.replace("pets/list", "pets/all");
    other.write("pets.yaml", &changed);
    assert!(
        names(&other.load().unwrap())
            .iter()
            .any(|name| name.contains("all"))
    );
}

#[test]
fn findings_name_the_line_that_was_written() {
    let text = PETS.replace(
        "  /about:\n    get:\n",
        "  /about:\n    get:\n      parameters:\n        - { name: broken, in: nowhere }\n",
    );
    let line = 1 + text
        .lines()
        .position(|line| line.contains("broken"))
        .unwrap();
    let test = Folder::new(&of("{ document: ./pets.yaml }"));
    test.write("pets.yaml", &text);
    let loaded = test.load().unwrap();
    let findings = &loaded.documents()[0].imported.findings;
    let found = findings.iter().find(|one| one.line == line as u64);
    assert!(found.is_some(), "{line}: {findings:#?}");
    // The same document, inline: its lines are the config's.
    let mut indented = String::new();
    for line in text.lines() {
        indented += &["          ", line, "\n"].concat();
    }
    test.config(&format!(
        "    surfaces:\n      openapi:\n        document:\n{indented}"
    ));
    let config = fs::read_to_string(test.path("config.yaml")).unwrap();
    let line = 1 + config
        .lines()
        .position(|line| line.contains("broken"))
        .unwrap();
    let loaded = test.load().unwrap();
    let findings = &loaded.documents()[0].imported.findings;
    let found = findings.iter().find(|one| one.line == line as u64).unwrap();
    assert!(found.file.ends_with("config.yaml"), "{found:?}");
}

/// Serves one text to whoever asks, as long as the process lives; counts who did.
fn serve(text: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            count.fetch_add(1, Ordering::SeqCst);
            let length = text.len();
            let _gone = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
            );
        }
    });
    (address, asked)
}

/// The plugin's lines for a document by URL, with an address that may be reached.
fn by_url(address: SocketAddr, digest: Digest, allowed: bool) -> String {
    let egress = format!(
        "    egress: {{ allowedCidrs: [127.0.0.1/32:{}] }}\n",
        address.port()
    );
    let document = of(&format!(
        "{{ document: \"http://{address}/pets.yaml\", digest: \"{digest}\" }}"
    ));
    format!("{document}{}", if allowed { &egress } else { "" })
}

#[tokio::test]
async fn s35_a_document_at_an_address_that_is_not_allowed_is_not_fetched() {
    let (address, asked) = serve(PETS);
    let test = Folder::new(&by_url(address, Digest::of(PETS.as_bytes()), false));
    let loaded = test.fetching().await.unwrap();
    let refused = test.refused(&loaded);
    assert!(refused.contains("allowedCidrs"), "{refused}");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_fetched_document_that_is_not_the_pinned_one_is_refused() {
    let (address, _) = serve(PETS);
    let test = Folder::new(&by_url(address, Digest::of(b"another"), true));
    let loaded = test.fetching().await.unwrap();
    let refused = test.refused(&loaded);
    let seen = Digest::of(PETS.as_bytes());
    assert!(
        refused.contains(&format!("what is there now is {seen}")),
        "{refused}"
    );
    assert!(!test.path("documents").exists(), "nothing is kept");
}

#[tokio::test]
async fn a_pinned_document_is_fetched_once_and_a_later_start_needs_no_network() {
    let (address, asked) = serve(PETS);
    let test = Folder::new(&by_url(address, Digest::of(PETS.as_bytes()), true));
    let loaded = test.load().unwrap();
    assert!(test.refused(&loaded).contains("has not been fetched yet"));
    let loaded = test.fetching().await.unwrap();
    assert!(loaded.refusal().is_none(), "{:?}", loaded.refusal());
    assert_eq!(names(&loaded).len(), 3);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let later = Folder {
        documents: Arc::new(Documents::looking()),
        ..test
    };
    assert_eq!(names(&later.load().unwrap()).len(), 3);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_lock_file_pins_a_document() {
    let (address, _) = serve(PETS);
    let plugin = by_url(address, Digest::of(b""), true);
    let unpinned = plugin.replace(&format!(", digest: \"{}\"", Digest::of(b"")), "");
    let test = Folder::new(&unpinned);
    assert!(test.wrong().contains("is not pinned"));
    let url = format!("http://{address}/pets.yaml").parse().unwrap();
    let config = test.path("config.yaml");
    pin(&config, &url, Digest::of(PETS.as_bytes())).unwrap();
    assert_eq!(names(&test.fetching().await.unwrap()).len(), 3);
}

#[test]
fn what_is_kept_lies_where_the_config_says() {
    let test = Folder::new(&of("{ document: ./pets.yaml }"));
    let config = fs::read_to_string(test.path("config.yaml")).unwrap();
    test.write(
        "config.yaml",
        &config.replace("server: { ", "server: { stateFolder: ./state, "),
    );
    test.load().unwrap();
    assert!(Path::new(&test.path("state/prepared")).exists());
    assert!(!test.path("prepared").exists());
}
