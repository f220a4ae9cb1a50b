//! Opening, reloading and ending the gateway.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use gestalt_core::connection::OnAuthChange;
use gestalt_core::id::{PluginId, UserId, WriterId};
use gestalt_core::plugin::Plugin;
use gestalt_store::{Change, ConnectionFilter, PageRequest, Store, StoreError, UserRow};
use gestalt_upstream::{Upstream, UpstreamError};
use gestalt_vault::VaultError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::record::Entry;
use crate::authenticate::Identities;
use crate::authorize::policy::BadSelector;
use crate::catalogue::Catalogue;
use crate::identity::Forwarding;
use crate::mcp::approvals::Approvals;
use crate::mcp::listings::Listings;
use crate::metrics::Metrics;
use crate::operations::tools::ToolSets;
use crate::operations::{keys, signing};
use crate::resolve::Credentials;
use crate::settings::{CatalogueSettings, LoginSettings, Settings};
use crate::{Gateway, Inner, audit, call};

/// How often uses and failures are written and what has expired is destroyed.
const SWEEP: Duration = Duration::from_secs(10);

/// Where the writer's id is kept.
const WRITER: &str = "audit_writer";

/// The gateway cannot be opened, or a reload cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store cannot be opened.
    #[error("the store cannot be used: {0}")]
    Store(#[from] StoreError),
    /// The keyring cannot be opened.
    #[error("the keyring cannot be opened: {0}")]
    Vault(#[from] VaultError),
    /// The root key is not the one that the database was made with.
    #[error(
        "`server.encryptionKey` is not the key that this database was made with; nothing was touched. \
         Give the right key, or name it in `server.previousEncryptionKeys`"
    )]
    WrongRootKey,
    /// The database has keys and nothing to prove the root key with.
    #[error(
        "the database holds keys but no complete canary; it was changed from outside. Restore a backup"
    )]
    NoCanary,
    /// A stored data key is of a kind that this build does not know.
    #[error("the data key {0} is of a kind that this build does not know")]
    UnknownKey(String),
    /// No random bytes.
    #[error("the operating system gave no random bytes")]
    NoEntropy,
    /// The upstream client cannot be made.
    #[error("outbound requests cannot be made: {0}")]
    Upstream(#[from] UpstreamError),
    /// A plugin cannot be compiled.
    #[error("plugin `{plugin}`: {error}")]
    Plugin {
        /// Which.
        plugin: String,
        /// Why.
        error: String,
    },
    /// The policy cannot be compiled.
    #[error(transparent)]
    Policy(#[from] BadSelector),
    /// Credentials are stored under another auth type.
    #[error(
        "plugin `{plugin}`, connection `{connection}`: {stored} credentials are stored as `{was}` and the config says \
         `{now}`. Disconnect them first, or set `onAuthChange: revoke`"
    )]
    AuthChanged {
        /// The plugin.
        plugin: String,
        /// The connection.
        connection: String,
        /// How many are stored.
        stored: u64,
        /// The auth type they are stored under.
        was: String,
        /// The auth type of the config.
        now: &'static str,
    },
    /// The audit trail cannot be verified with what was given.
    #[error("the audit trail cannot be verified: {0}")]
    Verify(String),
    /// The audit trail refuses what a reload must record.
    #[error("the audit trail cannot be written")]
    Audit,
}

impl Gateway {
    /// Opens the store and the keyring, compiles the catalogue, starts the audit writer.
    ///
    /// # Errors
    /// [`OpenError`], with what to do about it.
    pub async fn open(settings: Settings) -> Result<Self, OpenError> {
        let store = Store::open(&settings.store).await?;
        match Self::open_on(store.clone(), settings).await {
            Ok(gateway) => Ok(gateway),
            Err(error) => {
                store.close().await;
                Err(error)
            }
        }
    }

    async fn open_on(store: Store, settings: Settings) -> Result<Self, OpenError> {
        let opened = keys::open(&store, &settings).await?;
        let keyring = Arc::new(opened.keyring);
        let signers = opened.signers.open(&store, &settings).await?;
        let upstream = Upstream::new(settings.upstream.clone(), settings.resolver.clone())?;
        let call = call::Caller::new(upstream);
        let (catalogue, changes) =
            load(&store, &call, &settings, &settings.catalogue, None).await?;
        let writer = writer_id(&store, &settings).await?;
        let local_user = local_user(&store, &settings).await?;
        let (clock, audit_settings) = (&settings.clock, &settings.audit);
        let (audit, task) =
            audit::start::start(&store, writer, Arc::clone(&keyring), clock, audit_settings)
                .await?;
        let inner = Arc::new(Inner {
            clock: settings.clock.clone(),
            entropy: settings.entropy.clone(),
            identities: Identities::new(settings.caches, settings.limits),
            credentials: Arc::new(Credentials::new(settings.caches.credentials)),
            identity: Forwarding::new(
                signers,
                settings.issuer.clone(),
                settings.caches.identity_headers,
            ),
            call,
            catalogue: ArcSwap::from_pointee(catalogue),
            metrics: Metrics::new(),
            tools: ToolSets::new(),
            listings: Listings::new(),
            approvals: Approvals::default(),
            local_user,
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            audit_task: Mutex::new(Some(task)),
            reload: tokio::sync::Mutex::new(()),
            store,
            keyring,
            writer,
            audit,
            settings,
        });
        let gateway = Self { inner };
        gateway.revoke_changed(changes).await?;
        gateway
            .inner
            .tracker
            .spawn(sweep(Arc::clone(&gateway.inner)));
        Ok(gateway)
    }

    /// Replaces plugins and policy. Calls under way finish with what they began with; if the
    /// new ones cannot be taken, the old stay.
    ///
    /// # Errors
    /// [`OpenError`], with what to do about it.
    pub async fn reload(&self, settings: CatalogueSettings) -> Result<(), OpenError> {
        let gateway = &self.inner;
        let _one_at_a_time = gateway.reload.lock().await;
        let previous = gateway.catalogue.load_full();
        let (store, call) = (&gateway.store, &gateway.call);
        let (catalogue, changes) =
            load(store, call, &gateway.settings, &settings, Some(&previous)).await?;
        self.revoke_changed(changes).await?;
        let plugins: Vec<String> = catalogue
            .all()
            .map(|plugin| plugin.name.to_string())
            .collect();
        let entry = Entry::bare(gateway.clock.now(), "configuration", "configuration.reload")
            .details(serde_json::json!({ "plugins": plugins }));
        gateway.audit.record(entry).map_err(|_| OpenError::Audit)?;
        gateway.catalogue.store(Arc::new(catalogue));
        gateway.approvals.forget_all();
        Ok(())
    }

    /// Revokes the credentials whose auth type has changed where the config says so.
    async fn revoke_changed(
        &self,
        connections: Vec<gestalt_store::ConnectionRow>,
    ) -> Result<(), OpenError> {
        let gateway = &self.inner;
        for row in connections {
            let entry = Entry::bare(
                gateway.clock.now(),
                "connection",
                "connection.revoke_auth_changed",
            )
            .target(row.id)
            .details(serde_json::json!({ "owner": row.owner.to_string(), "was": row.auth_kind }));
            let change = Change::DeleteConnection { id: row.id };
            gateway
                .audit
                .commit(vec![change], entry)
                .await
                .map_err(|_| OpenError::Audit)?;
            gateway
                .credentials
                .forget(row.owner, row.plugin, &row.connection);
        }
        Ok(())
    }
}

/// Ends: calls under way first, then the audit writer, then the store.
pub(crate) async fn shutdown(gateway: &Arc<Inner>, deadline: Duration) {
    gateway.stop.cancel();
    gateway.tracker.close();
    let drained = tokio::time::timeout(deadline, gateway.tracker.wait()).await;
    if drained.is_err() {
        tracing::warn!("calls under way were given up at the deadline");
    }
    write_behind(gateway).await;
    let written = gateway.audit.flush().await;
    let task = gateway
        .audit_task
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(task) = task {
        task.abort();
        let _ended = task.await;
    }
    // A chain that is owed something is left open, so that the next start says what is missing.
    if drained.is_ok() && written {
        let (clock, settings) = (&gateway.clock, &gateway.settings.audit);
        audit::start::close(
            &gateway.store,
            gateway.writer,
            Arc::clone(&gateway.keyring),
            clock,
            settings,
        )
        .await;
    }
    gateway.store.close().await;
}

/// Writes uses and failures, and destroys what has expired, until the end.
async fn sweep(gateway: Arc<Inner>) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = gateway.stop.cancelled() => return,
        }
        write_behind(&gateway).await;
        if let Err(refusal) = signing::settle(&gateway).await {
            tracing::warn!(%refusal, "the state of the signing keys was not written yet");
        }
        let expired = Change::DestroyExpiredSecrets {
            before: gateway.clock.now(),
        };
        if let Err(error) = gateway.store.write(&[expired]).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "expired credentials were not destroyed yet"
            );
        }
    }
}

async fn write_behind(gateway: &Inner) {
    let changes = gateway.identities.drain(gateway.clock.now());
    if let Err(error) = gateway.store.write(&changes).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "last uses were not written"
        );
    }
}

/// Gives plugins their immutable ids and compiles them. Also gives the stored connections
/// that are to be revoked because their auth type has changed.
async fn load(
    store: &Store,
    call: &call::Caller,
    settings: &Settings,
    wanted: &CatalogueSettings,
    previous: Option<&Catalogue>,
) -> Result<(Catalogue, Vec<gestalt_store::ConnectionRow>), OpenError> {
    let mut known: HashMap<String, PluginId> = store
        .list_plugins()
        .await?
        .into_iter()
        .map(|row| (row.name.to_string(), row.id))
        .collect();
    let mut changes = Vec::new();
    let mut plugins = Vec::new();
    for plugin in &wanted.plugins {
        let name = plugin.name.as_str();
        let before = plugin
            .formerly
            .iter()
            .find(|old| known.contains_key(old.as_str()));
        let id = match (known.get(name), before) {
            (Some(id), _) => *id,
            (None, Some(old)) => {
                let id = known.remove(old.as_str()).ok_or(OpenError::Audit)?;
                changes.push(Change::RenamePlugin {
                    id,
                    name: plugin.name.clone(),
                });
                known.insert(name.to_owned(), id);
                id
            }
            (None, None) => {
                let id = PluginId::generate(settings.clock.now(), &settings.entropy)
                    .map_err(|_| OpenError::NoEntropy)?;
                changes.push(Change::PutPlugin {
                    id,
                    name: plugin.name.clone(),
                });
                known.insert(name.to_owned(), id);
                id
            }
        };
        plugins.push((id, plugin.clone()));
    }
    let revoked = auth_changed(store, &plugins).await?;
    let catalogue = call.compile(plugins, wanted, previous)?;
    store.write(&changes).await?;
    Ok((catalogue, revoked))
}

/// Finds credentials that are stored under another auth type than the config has now.
async fn auth_changed(
    store: &Store,
    plugins: &[(PluginId, Plugin)],
) -> Result<Vec<gestalt_store::ConnectionRow>, OpenError> {
    let mut revoked = Vec::new();
    for (id, name, was, stored) in store.count_connections_by_kind().await? {
        let Some((_, plugin)) = plugins.iter().find(|(known, _)| *known == id) else {
            continue;
        };
        let Some(definition) = plugin
            .connections
            .iter()
            .find(|connection| connection.name == name)
        else {
            continue;
        };
        let now = definition.kind.as_str();
        if was == now {
            continue;
        }
        if definition.on_auth_change == OnAuthChange::Refuse {
            let (plugin, connection) = (plugin.name.to_string(), name.to_string());
            return Err(OpenError::AuthChanged {
                plugin,
                connection,
                stored,
                was,
                now,
            });
        }
        let filter = ConnectionFilter {
            owners: None,
            plugin: Some(id),
        };
        let mut page = PageRequest {
            cursor: None,
            limit: 1_000,
        };
        loop {
            let rows = store.list_connections(&filter, &page).await?;
            revoked.extend(
                rows.items
                    .into_iter()
                    .filter(|row| row.connection == name && row.auth_kind != now),
            );
            page.cursor = rows.next;
            if page.cursor.is_none() {
                break;
            }
        }
    }
    Ok(revoked)
}

/// The id of this deployment's chain, made at the first start.
async fn writer_id(store: &Store, settings: &Settings) -> Result<WriterId, OpenError> {
    let fresh = WriterId::generate(settings.clock.now(), &settings.entropy)
        .map_err(|_| OpenError::NoEntropy)?;
    let change = Change::PutMetaIfAbsent {
        key: WRITER.to_owned(),
        value: fresh.to_string().into_bytes(),
    };
    store.write(&[change]).await?;
    let stored = store
        .find_meta(WRITER)
        .await?
        .and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(stored.and_then(|text| text.parse().ok()).unwrap_or(fresh))
}

/// The issuer of the person that `local` login knows.
const ISSUER: &str = "local";

/// The person that `local` login knows, made at the first start.
async fn local_user(store: &Store, settings: &Settings) -> Result<Option<UserId>, OpenError> {
    let LoginSettings::Local(login) = &settings.login else {
        return Ok(None);
    };
    if let Some(user) = store.find_user_by_identity(ISSUER, "owner").await? {
        return Ok(Some(user.id));
    }
    let now = settings.clock.now();
    let id = UserId::generate(now, &settings.entropy).map_err(|_| OpenError::NoEntropy)?;
    let user = UserRow {
        id,
        email: Some(login.email.clone()),
        display_name: login.display_name.clone(),
        admin: true,
        created_at: now,
        disabled_at: None,
    };
    let link = Change::LinkIdentity {
        issuer: ISSUER.to_owned(),
        subject: "owner".to_owned(),
        user: id,
        at: now,
    };
    store.write(&[Change::CreateUser(user), link]).await?;
    Ok(Some(id))
}
