//! `gestaltd`: from the config to a daemon that serves, reloads and drains.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gestalt_core::document::Severity;
use gestalt_core::{Clock, Code, Entropy, Refusal};
use gestalt_gateway::{Caller, Gateway, LoginKind};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::settings::{catalogue_settings, gateway_settings, issuer};
use super::{ConfigFiles, Failure, documents, listen};
use crate::admin_socket::AdminSocket;
use crate::config::{self, Builtins, Config, Database, Documents, Environment, LoginConfig};
use crate::http::{self, Door, Limits, Listener, Reload, Role};
use crate::{demo, telemetry};

/// How much is logged where `GESTALT_LOG` does not say.
const LOG: &str = "info";

/// How long calls that were cut may take to end.
const AFTER_CUT: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(files: &ConfigFiles) -> Result<(), Failure> {
    let filter = Environment::Process
        .get("GESTALT_LOG")
        .unwrap_or_else(|| LOG.to_owned());
    telemetry::start(&filter).map_err(|error| Failure::new(error.to_string()))?;
    if let Err(error) = gestalt_gateway::make_undumpable() {
        tracing::warn!("other processes of this user may read the daemon's memory: {error}");
    }
    let (paths, generated) = files.or_generate()?;
    let demo_socket = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(|error| {
            Failure::new(format!("no loopback port for the demo upstream: {error}"))
        })?;
    let demo_address = demo_socket
        .local_addr()
        .map_err(|error| Failure::new(error.to_string()))?;
    let builtins = Builtins {
        demo: Some(demo_address),
    };
    let documents = Arc::new(Documents::kept());
    let loaded = config::load_fetching(&paths, &Environment::Process, builtins, &documents).await?;
    log_documents(&loaded);
    let config = loaded.servable()?;
    let public = listen::bind(&config.server.public, "server.public").await?;
    let management = match &config.server.management {
        Some(wanted) => listen::bind(wanted, "server.management").await?,
        None => Vec::new(),
    };
    let base_url = base_url(&config, &public)?;
    let mut settings =
        gateway_settings(&config).map_err(|error| Failure::new(error.to_string()))?;
    settings.issuer = issuer(&base_url);
    let gateway = Gateway::open(settings).await?;
    let stop = CancellationToken::new();
    if uses(&config, demo_address) {
        tokio::spawn(demo::serve(demo_socket, stop.clone().cancelled_owned()));
    }
    let reader = Reader {
        files: files.clone(),
        builtins,
        documents,
    };
    let reload = reload(gateway.clone(), reader, config.clone());
    let door = door(&gateway, &config, &base_url, Arc::clone(&reload))?;
    let socket = AdminSocket::bind(&socket_path(&config, &paths)).map_err(|error| {
        Failure::new(format!(
            "the admin socket {}: {error}",
            socket_path(&config, &paths).display()
        ))
    })?;
    tokio::spawn(socket.serve(door.clone(), stop.clone()));
    greet(
        &gateway,
        &config,
        &base_url,
        (&paths[0], generated),
        (&public, &management),
    )
    .await;
    let (cut, drain) = (CancellationToken::new(), config.server.drain_timeout);
    tokio::spawn(signals(stop.clone(), (cut.clone(), drain), reload));
    let listeners = listeners(public, management);
    let served = http::serve(door, listeners, stop, cut.clone()).await;
    // Calls that were cut have only their record to write.
    let ending = if cut.is_cancelled() {
        drain.min(AFTER_CUT)
    } else {
        drain
    };
    gateway.shutdown(ending).await;
    served.map_err(|error| Failure::new(format!("a listener failed: {error}")))
}

/// Where commands reach the daemon: beside its SQLite file, or beside the first config file.
pub(super) fn socket_path(config: &Config, paths: &[PathBuf]) -> PathBuf {
    let beside: &Path = match &config.store.database {
        Database::Sqlite(file) => file,
        Database::Postgres(_) => paths.first().map_or(Path::new("."), PathBuf::as_path),
    };
    beside.with_file_name("admin.sock")
}

fn listeners(public: Vec<TcpListener>, management: Vec<TcpListener>) -> Vec<Listener> {
    let of = |role| move |socket| Listener { socket, role };
    public
        .into_iter()
        .map(of(Role::Public))
        .chain(management.into_iter().map(of(Role::Management)))
        .collect()
}

/// The configured base URL, or one with the port that was bound.
fn base_url(config: &Config, public: &[TcpListener]) -> Result<Url, Failure> {
    let mut url = config.server.base_url.clone();
    if !config.server.base_url_set
        && let Some(bound) = public.first().and_then(|socket| socket.local_addr().ok())
    {
        url.set_port(Some(bound.port()))
            .map_err(|()| Failure::new("the base URL cannot have a port"))?;
    }
    Ok(url)
}

/// Whether a plugin's upstream is the demo's.
fn uses(config: &Config, demo: SocketAddr) -> bool {
    config.plugins.iter().any(|plugin| {
        plugin.base_url.port() == Some(demo.port())
            && plugin.base_url.host_str() == Some("127.0.0.1")
    })
}

fn door(
    gateway: &Gateway,
    config: &Config,
    base_url: &Url,
    reload: Reload,
) -> Result<Door, Failure> {
    let bytes = usize::try_from(config.limits.max_request_bytes).unwrap_or(usize::MAX);
    let settings = http::Settings {
        base_url: base_url.clone(),
        trusted_proxies: config.server.trusted_proxies.clone(),
        limits: Limits {
            max_json_bytes: bytes.min(Limits::default().max_json_bytes),
            max_stream_bytes: bytes,
            max_connections: config.limits.max_concurrent_requests,
            mcp: config.mcp,
            ..Limits::default()
        },
        reload,
        clock: Clock::System,
        entropy: Entropy::System,
    };
    Door::new(gateway.clone(), settings).map_err(|refusal| Failure::new(refusal.message))
}

/// What the config is read with, from reload to reload.
struct Reader {
    files: ConfigFiles,
    builtins: Builtins,
    documents: Arc<Documents>,
}

/// Says of each document what came of it: nothing is left out in silence.
fn log_documents(loaded: &config::Loaded) {
    for report in loaded.documents() {
        tracing::info!("{}", documents::summary(report));
        if let Some(advice) = documents::advice(report) {
            tracing::warn!("{advice}");
        }
        if documents::count(report, Severity::Skipped) > 0 {
            let plugin = &report.plugin;
            tracing::warn!(%plugin, "part of its document is skipped; `gestaltd validate -v` says which and why");
        }
    }
}

/// Reads the config again and swaps plugins and policy. What else has changed is named in
/// the log: it takes a restart.
fn reload(gateway: Gateway, reader: Reader, running: Config) -> Reload {
    let (reader, running) = (Arc::new(reader), Arc::new(running));
    Arc::new(move || {
        let (gateway, reader, running) =
            (gateway.clone(), Arc::clone(&reader), Arc::clone(&running));
        Box::pin(async move {
            let refused = |text: String| {
                Refusal::new(
                    Code::InvalidRequest,
                    "The config does not hold; the running one stays.",
                )
                .hint("`gestaltd validate` says where.")
                .because(text)
            };
            // Looked for again: a file may have been added.
            let paths = reader.files.paths();
            let paths = paths.map_err(|failure| refused(failure.message))?;
            let (environment, documents) = (&Environment::Process, &reader.documents);
            let loaded =
                config::load_fetching(&paths, environment, reader.builtins, documents).await;
            let config = loaded
                .inspect(log_documents)
                .and_then(config::Loaded::servable)
                .map_err(|error| refused(error.to_string()))?;
            gateway
                .reload(catalogue_settings(&config))
                .await
                .map_err(|error| refused(error.to_string()))?;
            for section in needs_restart(&running, &config) {
                tracing::warn!(
                    section,
                    "changed in the config; takes effect with a restart"
                );
            }
            tracing::info!(plugins = config.plugins.len(), "the config was read again");
            Ok(())
        })
    })
}

/// Sections that a reload does not change and that are not what they were.
fn needs_restart(running: &Config, new: &Config) -> Vec<&'static str> {
    let keys = |config: &Config| {
        let previous = config.server.previous_encryption_keys.iter();
        previous
            .chain([&config.server.encryption_key])
            .map(|key| key.expose().to_owned())
            .collect::<Vec<_>>()
    };
    let database = |config: &Config| match &config.store.database {
        Database::Sqlite(path) => path.display().to_string(),
        Database::Postgres(url) => url.expose().to_owned(),
    };
    let (a, b) = (&running.server, &new.server);
    let sections = [
        ("server.public", a.public != b.public),
        ("server.management", a.management != b.management),
        ("server.baseUrl", a.base_url != b.base_url),
        ("server.encryptionKey", keys(running) != keys(new)),
        (
            "server.trustedProxies",
            a.trusted_proxies != b.trusted_proxies,
        ),
        (
            "server.apiTokenTtl",
            (a.api_token_ttl, a.api_token_max_ttl) != (b.api_token_ttl, b.api_token_max_ttl),
        ),
        (
            "providers.authentication",
            running.login != new.login || running.sessions != new.sessions,
        ),
        ("providers.indexeddb", database(running) != database(new)),
        ("audit", running.audit != new.audit),
        ("server.cache", running.cache != new.cache),
        ("server.limits", running.limits != new.limits),
    ];
    sections
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(name, _)| name)
        .collect()
}

/// SIGHUP reads the config again; SIGTERM and SIGINT drain and end. What is still under way
/// when the time for it is over, or at the second of those, is cut.
async fn signals(
    stop: CancellationToken,
    (cut, drain): (CancellationToken, Duration),
    reload: Reload,
) {
    let (Ok(mut hangup), Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::hangup()),
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("signals cannot be received");
        return;
    };
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                if let Err(refusal) = reload().await {
                    let why = refusal.cause.as_ref().map(ToString::to_string).unwrap_or_default();
                    tracing::error!(%why, "{}", refusal.message);
                }
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    stop.cancel();
    tracing::info!("draining");
    tokio::select! {
        () = tokio::time::sleep(drain) => {}
        _ = terminate.recv() => tracing::warn!("told once more to end: draining stops"),
        _ = interrupt.recv() => tracing::warn!("told once more to end: draining stops"),
    }
    cut.cancel();
}

/// Says where it listens and, last, what to do next.
async fn greet(
    gateway: &Gateway,
    config: &Config,
    base_url: &Url,
    (path, generated): (&Path, bool),
    (public, management): (&[TcpListener], &[TcpListener]),
) {
    let addresses = |sockets: &[TcpListener]| {
        let bound: Vec<String> = sockets
            .iter()
            .filter_map(|s| s.local_addr().ok())
            .map(|a| format!("http://{a}"))
            .collect();
        bound.join(" ")
    };
    let url = base_url.as_str().trim_end_matches('/');
    let mut text = String::new();
    let mut say = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    say(format!("gestaltd {}", env!("CARGO_PKG_VERSION")));
    say(format!(
        "  config      {}{}",
        path.display(),
        if generated {
            " (new, with a random root key)"
        } else {
            ""
        }
    ));
    say(format!("  listening on {}", addresses(public)));
    if !management.is_empty() {
        say(format!("  management on {}", addresses(management)));
    }
    if let LoginConfig::None { insecure: true } = config.login {
        say("  WARNING     no login is configured and others can reach this daemon (insecure: true)".to_owned());
        tracing::warn!("no login is configured and others than this machine can reach this daemon");
    }
    match gateway.login() {
        LoginKind::None => say(format!(
            "  next        open {url} or run: gestalt plugin list --url {url}"
        )),
        LoginKind::Local => match gateway.create_login_code(&Caller::system("start")).await {
            Ok(code) => {
                say(format!("  log in      {url}/login?code={}", code.expose()));
                say("  next        open that link within 30 minutes; it works once (another: gestaltd login-code)".to_owned());
            }
            Err(refusal) => tracing::error!(%refusal, "no login code could be made"),
        },
    }
    // A reader of our output may be gone; the daemon serves all the same.
    let _written = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
    tracing::info!(%base_url, "serving");
}
