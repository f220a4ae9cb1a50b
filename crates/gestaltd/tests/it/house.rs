//! A daemon in this process: gateway on SQLite in a folder of its own, demo upstream, both
//! listeners and the admin socket, all on loopback.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use gestalt_core::{Clock, Entropy, Secret};
use gestalt_gateway::settings::{
    Argon2Cost, AuditSettings, CacheSettings, Database, LimitSettings, LocalLogin, LoginSettings,
    Resolver, StoreSettings, TokenSettings, UpstreamSettings,
};
use gestalt_gateway::{Caller, CatalogueSettings, Gateway, Settings};
use gestaltd::admin_socket::AdminSocket;
use gestaltd::config::{self, Builtins, Environment};
use gestaltd::http::{self as door, Door, Limits, Listener, Role};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const CONFIG: &str = "plugins:\n  demo: { source: demo }\n";
const ROOT_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// How a house is built.
pub(crate) struct Plan {
    pub(crate) login: LoginSettings,
    /// The daemon's own address if absent.
    pub(crate) base_url: Option<&'static str>,
    pub(crate) trusted_proxies: Vec<&'static str>,
    pub(crate) limits: Limits,
    pub(crate) config: &'static str,
    pub(crate) clock: Clock,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            login: LoginSettings::None,
            base_url: None,
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
            config: CONFIG,
            clock: Clock::System,
        }
    }
}

impl Plan {
    pub(crate) fn local() -> Self {
        Self {
            login: LoginSettings::Local(LocalLogin::for_email("owner@example.com")),
            ..Self::default()
        }
    }

    pub(crate) async fn build(self) -> House {
        House::build(self).await
    }
}

/// A daemon in this process.
pub(crate) struct House {
    pub(crate) public: SocketAddr,
    pub(crate) management: SocketAddr,
    pub(crate) gateway: Gateway,
    pub(crate) reloads: Arc<AtomicUsize>,
    pub(crate) served: JoinHandle<std::io::Result<()>>,
    pub(crate) stop: CancellationToken,
    folder: TempDir,
}

impl House {
    pub(crate) async fn open() -> Self {
        Plan::default().build().await
    }

    async fn build(plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let demo = loopback().await;
        let builtins = Builtins {
            demo: Some(demo.local_addr().unwrap()),
        };
        tokio::spawn(gestaltd::demo::serve(demo, stop.clone().cancelled_owned()));
        let mut settings = settings(folder.path(), plan.login, (plan.config, builtins));
        settings.clock = plan.clock.clone();
        let gateway = Gateway::open(settings).await.unwrap();
        let (public, management) = (loopback().await, loopback().await);
        let own = format!("http://localhost:{}", public.local_addr().unwrap().port());
        let reloads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&reloads);
        let door = Door::new(
            gateway.clone(),
            door::Settings {
                base_url: plan.base_url.unwrap_or(&own).parse().unwrap(),
                trusted_proxies: plan
                    .trusted_proxies
                    .iter()
                    .map(|range| range.parse().unwrap())
                    .collect(),
                limits: plan.limits,
                reload: Arc::new(move || {
                    counted.fetch_add(1, Ordering::SeqCst);
                    Box::pin(async { Ok(()) })
                }),
                clock: plan.clock,
                entropy: Entropy::System,
            },
        )
        .unwrap();
        let socket = AdminSocket::bind(&folder.path().join("admin.sock")).unwrap();
        tokio::spawn(socket.serve(door.clone(), stop.clone()));
        let addresses = (
            public.local_addr().unwrap(),
            management.local_addr().unwrap(),
        );
        let listeners = vec![
            Listener {
                socket: public,
                role: Role::Public,
            },
            Listener {
                socket: management,
                role: Role::Management,
            },
        ];
        let served = tokio::spawn(door::serve(
            door,
            listeners,
            stop.clone(),
            CancellationToken::new(),
        ));
        Self {
            public: addresses.0,
            management: addresses.1,
            gateway,
            reloads,
            served,
            stop,
            folder,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn get(&self, path: &str) -> Ask {
        self.ask("GET", path)
    }

    pub(crate) fn post(&self, path: &str) -> Ask {
        self.ask("POST", path)
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(self.public, method, path)
    }

    pub(crate) fn manage(&self, method: &str, path: &str) -> Ask {
        Ask::new(self.management, method, path)
    }

    /// An API token, made over the API, with these permissions.
    pub(crate) async fn token(&self, permissions: &[&str]) -> String {
        let new = serde_json::json!({ "name": "test", "permissions": permissions });
        let answer = self.post("/api/v1/tokens").json(&new).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Connects the caller to the demo and gives the connection's id.
    pub(crate) async fn connect(&self, key: &str) -> String {
        let asked = serde_json::json!({ "integration": "demo", "credentials": { "api_key": key } });
        let answer = self.post("/api/v1/auth/connect-manual").json(&asked).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// A login link's code.
    pub(crate) async fn code(&self) -> String {
        let system = Caller::system("test");
        let code = self.gateway.create_login_code(&system).await.unwrap();
        code.expose().to_owned()
    }
}

async fn loopback() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap()
}

fn settings(folder: &Path, login: LoginSettings, (config, builtins): (&str, Builtins)) -> Settings {
    let environment = Environment::fixed([]);
    let texts = [(Path::new("config.yaml"), config)];
    let loaded = config::load_texts(&texts, &environment, builtins).unwrap();
    Settings {
        store: StoreSettings::new(Database::Sqlite(folder.join("gestalt.db"))),
        upstream: UpstreamSettings::default(),
        resolver: Resolver::System,
        root_key: Secret::new(ROOT_KEY),
        previous_root_keys: Vec::new(),
        argon2: Argon2Cost::cheap_for_tests(),
        login,
        tokens: TokenSettings::default(),
        audit: AuditSettings::default(),
        caches: CacheSettings::default(),
        limits: LimitSettings::default(),
        issuer: "http://localhost".to_owned(),
        catalogue: CatalogueSettings {
            plugins: loaded.config().plugins.clone(),
            ..CatalogueSettings::default()
        },
        clock: Clock::System,
        entropy: Entropy::System,
    }
}

/// A request under construction; awaiting a body sends it.
pub(crate) struct Ask {
    to: SocketAddr,
    request: http::request::Builder,
    host: Option<String>,
}

impl Ask {
    fn new(to: SocketAddr, method: &str, path: &str) -> Self {
        Self {
            to,
            request: Request::builder().method(method).uri(path),
            host: Some(format!("localhost:{}", to.port())),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Calls the daemon by another name.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub(crate) async fn json(self, body: &Value) -> Answer {
        self.with("content-type", "application/json")
            .body(body.to_string())
            .await
    }

    pub(crate) async fn form(self, body: &str) -> Answer {
        self.with("content-type", "application/x-www-form-urlencoded")
            .body(body.to_owned())
            .await
    }

    pub(crate) async fn send(self) -> Answer {
        self.body(Bytes::new()).await
    }

    #[expect(clippy::disallowed_methods, reason = "a test is a client")]
    pub(crate) async fn body(mut self, body: impl Into<Bytes>) -> Answer {
        if let Some(host) = self.host.take() {
            self = self.with("host", &host);
        }
        let stream = TcpStream::connect(self.to).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = self.request.body(Full::new(body.into())).unwrap();
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that this is a whole problem document, and gives its code.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("gestalt-source"), "gateway");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["requestId"], self.header("x-request-id"));
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("/problems/{code}"));
        code.to_owned()
    }

    /// The `name=value` of a cookie that is set.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let set = self.headers.get_all("set-cookie").iter();
        let mut set = set.map(|value| value.to_str().unwrap());
        let found = set.find(|value| value.starts_with(&format!("{name}=")))?;
        Some(found.split(';').next().unwrap().to_owned())
    }
}
