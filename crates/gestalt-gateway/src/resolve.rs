//! Resolve: from a permit to the credential that the upstream is called with, opened.
//!
//! The cache holds sealed rows only; a seal is opened per call and the opened fields live as
//! long as the call. Opening a seal happens here and in `operations::keys`, nowhere else.

pub(crate) mod bound;

use std::fmt::Write as _;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use gestalt_core::connection::{AuthKind, ConnectionDefinition, MappedValue, Mode, Owner, State};
use gestalt_core::id::{ConnectionId, PluginId};
use gestalt_core::mcp::McpTransport;
use gestalt_core::name::{ConnectionName, InstanceName};
use gestalt_core::{Code, Refusal, Secret};
use gestalt_store::StoredConnection;
use gestalt_upstream::Injection;
use gestalt_vault::{Keyring, Place};
use quick_cache::sync::Cache;

use crate::Inner;
use crate::authenticate::caller::Caller;
use crate::authorize::Permit;
use crate::catalogue::{ConnectionEntry, PluginEntry};

/// The table that sealed fields are in, as additional authenticated data names it.
const TABLE: &str = "credential_secrets";

/// A credential, opened for one call.
pub(crate) struct Credential {
    injection: Injection,
    /// The fields by name, for an upstream that is a process.
    fields: Vec<(String, Secret)>,
    source: Option<Source>,
}

/// Where a credential came from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) id: ConnectionId,
    pub(crate) owner: Owner,
    pub(crate) plugin: PluginId,
    pub(crate) connection: ConnectionName,
    pub(crate) instance: InstanceName,
    pub(crate) generation: u64,
    pub(crate) state: State,
}

impl Credential {
    /// No credential at all.
    fn none() -> Self {
        Self {
            injection: Injection::default(),
            fields: Vec::new(),
            source: None,
        }
    }

    pub(crate) fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    pub(crate) fn into_injection(self) -> Injection {
        self.injection
    }

    /// With the fields themselves, for an upstream that is a process.
    pub(crate) fn into_parts(self) -> (Injection, Vec<(String, Secret)>) {
        (self.injection, self.fields)
    }
}

/// A stored connection, and the texts that its seals are bound to.
pub(crate) struct Sealed {
    stored: StoredConnection,
    texts: PlaceTexts,
}

impl Sealed {
    pub(crate) fn new(stored: StoredConnection) -> Self {
        let row = &stored.row;
        let texts = PlaceTexts::new(row.id, row.owner, row.plugin, &row.connection);
        Self { stored, texts }
    }
}

type Key = (Owner, PluginId, ConnectionName);

/// Counters of owners' changes. Owners who share one only look again more often.
const VERSIONS: usize = 4_096;

/// Sealed credentials by whose, to which plugin, by which connection; bounded.
pub(crate) struct Credentials {
    sealed: Cache<Key, Arc<Vec<Sealed>>>,
    /// Moves with every change, so that a lookup that overlaps one is not remembered.
    epoch: RwLock<u64>,
    /// Move with the changes of an owner's connections.
    versions: Vec<AtomicU64>,
    hasher: std::hash::RandomState,
}

impl Credentials {
    pub(crate) fn new(entries: usize) -> Self {
        Self {
            sealed: Cache::new(entries.max(1)),
            epoch: RwLock::default(),
            versions: std::iter::repeat_with(AtomicU64::default)
                .take(VERSIONS)
                .collect(),
            hasher: std::hash::RandomState::new(),
        }
    }

    /// Differs from what it was before a change of an owner's connections. What is read after
    /// it was asked for is as new as it says, or newer.
    pub(crate) fn version(&self, owner: Owner) -> u64 {
        self.counter(owner).load(Ordering::SeqCst)
    }

    fn counter(&self, owner: Owner) -> &AtomicU64 {
        let hash = self.hasher.hash_one(owner);
        // The remainder is below the length, which is a small number.
        #[expect(clippy::cast_possible_truncation, reason = "below 4,096")]
        &self.versions[(hash % VERSIONS as u64) as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.sealed.len()
    }

    /// Forgets what has changed.
    pub(crate) fn forget(&self, owner: Owner, plugin: PluginId, connection: &ConnectionName) {
        *self.epoch.write().unwrap_or_else(PoisonError::into_inner) += 1;
        self.counter(owner).fetch_add(1, Ordering::SeqCst);
        self.sealed.remove(&(owner, plugin, connection.clone()));
    }

    async fn find(
        &self,
        gateway: &Inner,
        owner: Owner,
        plugin: PluginId,
        connection: &ConnectionName,
    ) -> Result<Arc<Vec<Sealed>>, Refusal> {
        let key = (owner, plugin, connection.clone());
        if let Some(known) = self.sealed.get(&key) {
            return Ok(known);
        }
        let epoch = *self.epoch.read().unwrap_or_else(PoisonError::into_inner);
        let rows = gateway
            .store
            .find_credentials(&[owner], plugin, connection)
            .await;
        let rows = rows.map_err(crate::audit::from_store)?;
        let rows = Arc::new(rows.into_iter().map(Sealed::new).collect::<Vec<_>>());
        let now_at = self.epoch.read().unwrap_or_else(PoisonError::into_inner);
        if *now_at == epoch {
            self.sealed.insert(key, Arc::clone(&rows));
        }
        Ok(rows)
    }
}

/// Finds and opens the credential that a permit needs.
pub(crate) async fn resolve(
    gateway: &Inner,
    caller: &Caller,
    permit: &Permit,
) -> Result<Credential, Refusal> {
    let Some(entry) = permit.connection() else {
        return Ok(Credential::none());
    };
    let Some((rows, index)) = chosen(gateway, caller, permit).await? else {
        if needs_none(&entry.definition) {
            return Ok(Credential::none());
        }
        return Err(nothing_connected(caller, permit, &entry.definition));
    };
    let sealed = &rows[index];
    let stored = &sealed.stored;
    if matches!(stored.row.state, State::NeedsReauth | State::Revoked) {
        return Err(Refusal::new(
            Code::ReconnectRequired,
            "The connection must be made again.",
        )
        .link(connect_link(caller, permit, Some(&stored.row.instance))));
    }
    let (injection, fields) = fields(&gateway.keyring, entry, sealed)?;
    let mcp = permit.plugin().definition.mcp.as_ref();
    let keep = mcp.is_some_and(|mcp| matches!(mcp.transport, McpTransport::Stdio(_)));
    let named = |(name, secret): (&str, Secret)| (name.to_owned(), secret);
    let fields = if keep {
        fields.into_iter().map(named).collect()
    } else {
        Vec::new()
    };
    Ok(Credential {
        injection,
        fields,
        source: Some(Source::of(&stored.row)),
    })
}

/// Which account a permit leads to, without opening anything: its connection and generation,
/// or nothing where none is needed.
pub(crate) async fn account(
    gateway: &Inner,
    caller: &Caller,
    permit: &Permit,
) -> Result<Option<(ConnectionId, u64)>, Refusal> {
    let Some(entry) = permit.connection() else {
        return Ok(None);
    };
    match chosen(gateway, caller, permit).await? {
        Some((rows, index)) => {
            let row = &rows[index].stored.row;
            Ok(Some((row.id, row.generation)))
        }
        None if needs_none(&entry.definition) => Ok(None),
        None => Err(nothing_connected(caller, permit, &entry.definition)),
    }
}

fn needs_none(definition: &ConnectionDefinition) -> bool {
    definition.mode == Mode::None || definition.kind == AuthKind::None
}

/// The stored connection that a permit leads to.
async fn chosen(gateway: &Inner, caller: &Caller, permit: &Permit) -> Result<Chosen, Refusal> {
    let Some(entry) = permit.connection() else {
        return Ok(None);
    };
    if needs_none(&entry.definition) {
        return Ok(None);
    }
    let plugin = permit.plugin();
    let own = Owner::Subject(caller.subject());
    Ok(match entry.definition.mode {
        Mode::None => None,
        Mode::User => choose(gateway, own, plugin, entry, permit.instance()).await?,
        Mode::Platform => {
            choose(gateway, Owner::Platform, plugin, entry, permit.instance()).await?
        }
        // The shared one is used only where the caller has none of their own, not where
        // theirs needs reconnecting.
        Mode::Either => match choose(gateway, own, plugin, entry, permit.instance()).await? {
            Some(stored) => Some(stored),
            None => choose(gateway, Owner::Platform, plugin, entry, permit.instance()).await?,
        },
    })
}

type Chosen = Option<(Arc<Vec<Sealed>>, usize)>;

/// The instance that is meant: the one named, or the only one.
async fn choose(
    gateway: &Inner,
    owner: Owner,
    plugin: &PluginEntry,
    entry: &ConnectionEntry,
    instance: Option<&InstanceName>,
) -> Result<Chosen, Refusal> {
    let rows = gateway
        .credentials
        .find(gateway, owner, plugin.id, &entry.definition.name)
        .await?;
    if let Some(name) = instance {
        let index = rows
            .iter()
            .position(|sealed| sealed.stored.row.instance == *name);
        return Ok(index.map(|index| (rows, index)));
    }
    match rows.len() {
        0 => Ok(None),
        1 => Ok(Some((rows, 0))),
        _ => {
            let mut choices: Vec<String> = rows
                .iter()
                .map(|sealed| sealed.stored.row.instance.to_string())
                .collect();
            choices.sort();
            Err(Refusal::new(
                Code::InstanceSelectionRequired,
                "Several accounts are connected; name one.",
            )
            .field("_instance")
            .hint("Pass `_instance`.")
            .choices(choices))
        }
    }
}

fn nothing_connected(
    caller: &Caller,
    permit: &Permit,
    connection: &ConnectionDefinition,
) -> Refusal {
    let plugin = permit.plugin();
    if connection.mode == Mode::Platform {
        return Refusal::new(
            Code::AdminConfigurationRequired,
            "An admin must set the shared credential first.",
        )
        .hint(format!(
            "An admin runs: gestalt plugin connect {} --platform",
            plugin.name
        ));
    }
    let what = match permit.instance() {
        Some(instance) => format!("`{}` is not connected as `{instance}`.", plugin.name),
        None => format!("`{}` is not connected yet.", plugin.name),
    };
    Refusal::new(Code::NotConnected, what)
        .hint(format!("Run: gestalt plugin connect {}", plugin.name))
        .link(connect_link(caller, permit, permit.instance()))
}

/// Where a person mends a call: what is to be connected, as far as it is known, and for whom,
/// so that nobody connects their account for somebody else.
pub(crate) fn connect_link(
    caller: &Caller,
    permit: &Permit,
    instance: Option<&InstanceName>,
) -> String {
    let plugin = permit.plugin();
    let mut link = format!("/connect/{}?", plugin.name);
    // All that can be in these names may stand in a query as it is; so may a subject's `:`.
    if let Some(entry) = permit.connection() {
        let _infallible = write!(link, "connection={}&", entry.name);
    }
    if let Some(instance) = instance {
        let _infallible = write!(link, "instance={instance}&");
    }
    let _infallible = write!(link, "for={}", caller.subject());
    link
}

/// The place a sealed field belongs to.
pub(crate) fn place<'a>(texts: &'a PlaceTexts, field: &'a str, generation: u64) -> Place<'a> {
    Place {
        table: TABLE,
        record: &texts.record,
        subject: &texts.subject,
        plugin: &texts.plugin,
        connection: &texts.connection,
        field,
        generation,
    }
}

/// The texts of a place, which several fields share.
pub(crate) struct PlaceTexts {
    record: String,
    subject: String,
    plugin: String,
    connection: String,
}

impl PlaceTexts {
    pub(crate) fn new(
        id: ConnectionId,
        owner: Owner,
        plugin: PluginId,
        connection: &ConnectionName,
    ) -> Self {
        Self {
            record: id.to_string(),
            subject: owner.to_string(),
            plugin: plugin.to_string(),
            connection: connection.to_string(),
        }
    }
}

/// Opens the fields of a stored connection and puts them where the mapping says.
pub(crate) fn open(
    keyring: &Keyring,
    entry: &ConnectionEntry,
    sealed: &Sealed,
) -> Result<Credential, Refusal> {
    let (injection, _) = fields(keyring, entry, sealed)?;
    Ok(Credential {
        injection,
        fields: Vec::new(),
        source: Some(Source::of(&sealed.stored.row)),
    })
}

/// Opened fields, by name.
type Opened<'a> = Vec<(&'a str, Secret)>;

/// The opened fields of a stored connection, and where they go in a request.
fn fields<'a>(
    keyring: &Keyring,
    entry: &ConnectionEntry,
    sealed: &'a Sealed,
) -> Result<(Injection, Opened<'a>), Refusal> {
    let stored = &sealed.stored;
    let mut fields: Vec<(&str, Secret)> = Vec::with_capacity(stored.secrets.len());
    for secret in &stored.secrets {
        let place = place(&sealed.texts, &secret.field, secret.generation);
        let opened = keyring
            .unseal(&place, secret.key, &secret.sealed)
            .map_err(|error| {
                Refusal::internal(SealRefused {
                    id: stored.row.id,
                    source: error,
                })
            })?;
        let text = opened
            .into_text()
            .ok_or_else(|| Refusal::internal("a sealed field is not text".to_owned()))?;
        fields.push((&secret.field, text));
    }
    let injection = inject(entry, &fields)?;
    Ok((injection, fields))
}

impl Source {
    fn of(row: &gestalt_store::ConnectionRow) -> Self {
        Self {
            id: row.id,
            owner: row.owner,
            plugin: row.plugin,
            connection: row.connection.clone(),
            instance: row.instance.clone(),
            generation: row.generation,
            state: row.state,
        }
    }
}

/// The outcome where a stored field does not open in its place. The caller learns `internal`.
pub(crate) const SEAL_REFUSED: &str = "seal_refused";

/// What the audit trail says of a refusal: its code, or more where that hides what happened.
pub(crate) fn outcome_of(refusal: &Refusal) -> &'static str {
    match &refusal.cause {
        Some(cause) if cause.is::<SealRefused>() => SEAL_REFUSED,
        _ => refusal.code.as_str(),
    }
}

/// A stored field does not open in its place: it was moved, changed, or is older than its row.
#[derive(Debug, thiserror::Error)]
#[error("a sealed field of {id} does not open")]
pub(crate) struct SealRefused {
    id: ConnectionId,
    source: gestalt_vault::VaultError,
}

/// Puts fields where the mapping says.
pub(crate) fn inject(
    entry: &ConnectionEntry,
    fields: &[(&str, Secret)],
) -> Result<Injection, Refusal> {
    let value = |mapped: &MappedValue| -> Result<Option<Secret>, Refusal> {
        match mapped {
            MappedValue::Literal(text) => Ok(Some(Secret::new(text.clone()))),
            MappedValue::Field { name, prefix } => {
                let field = fields
                    .iter()
                    .find(|(known, _)| known == name)
                    .map(|(_, secret)| secret);
                let required = entry
                    .definition
                    .fields
                    .iter()
                    .any(|f| f.name == *name && f.required);
                match field {
                    None if required => Err(Refusal::new(
                        Code::ReconnectRequired,
                        "The connection lacks a field that it needs now.",
                    )),
                    None => Ok(None),
                    Some(secret) if prefix.is_empty() => Ok(Some(secret.clone())),
                    Some(secret) => Ok(Some(Secret::new(format!("{prefix}{}", secret.expose())))),
                }
            }
        }
    };
    let mut injection = Injection::default();
    for (name, mapped) in &entry.headers {
        injection
            .headers
            .extend(value(mapped)?.map(|secret| (name.clone(), secret)));
    }
    for (name, mapped) in &entry.definition.mapping.query {
        injection
            .query
            .extend(value(mapped)?.map(|secret| (name.clone(), secret)));
    }
    if let Some((user, password)) = &entry.definition.mapping.basic {
        injection.basic = value(user)?.zip(value(password)?);
    }
    let secret_field = |name: &str| {
        entry
            .definition
            .fields
            .iter()
            .all(|f| f.name != name || f.secret)
    };
    injection.mask = fields
        .iter()
        .filter(|(name, _)| secret_field(name))
        .map(|(_, secret)| secret.clone())
        .collect();
    injection.mask.extend(written_secrets(entry));
    Ok(injection)
}

/// The texts that the mapping itself writes into the credential: what the operator took from
/// a secret reference looks like any other by now.
fn written_secrets(entry: &ConnectionEntry) -> impl Iterator<Item = Secret> {
    // These say how to answer; answers hold the same words without telling anything.
    let says_how = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.ends_with("version") || matches!(&*name, "accept" | "content-type" | "user-agent")
    };
    let mapping = &entry.definition.mapping;
    let written = mapping.headers.iter().chain(&mapping.query);
    written.filter_map(move |(name, value)| match value {
        MappedValue::Literal(text) if !says_how(name) => Some(Secret::new(text.clone())),
        _ => None,
    })
}
