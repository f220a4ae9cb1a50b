//! Connecting by fields that a person enters, checking, and going back.

mod check;
mod fields;

use std::time::Duration;

use gestalt_core::connection::{AuthKind, Mode, Owner, State};
use gestalt_core::id::ConnectionId;
use gestalt_core::name::InstanceName;
use gestalt_core::{Code, Refusal, Secret};
use gestalt_store::{Change, ConnectionRow, SecretRow, StoredConnection};
use gestalt_vault::Purpose;

use super::action;
use super::connections::{find_visible, view};
use super::views::{ConnectRequest, ConnectionView};
use crate::audit::from_store;
use crate::audit::record::Entry;
use crate::authenticate::caller::{Caller, Permission};
use crate::authorize::{self, Action};
use crate::catalogue::{ConnectionEntry, PluginEntry};
use crate::resolve::{self, PlaceTexts, place};
use crate::{Gateway, Inner};
use check::Checked;
use fields::{check_fields, is_secret};

const CONNECT: Action = action("connection", "connection.connect", Permission::Connect);
const CONNECT_PLATFORM: Action = action(
    "connection",
    "connection.connect_platform",
    Permission::Admin,
);
const CHECK: Action = action("connection", "connection.check", Permission::Connect);
const ROLLBACK: Action = action("connection", "connection.rollback", Permission::Connect);

/// The longest that a replaced credential is kept.
const LONGEST_GRACE: Duration = Duration::from_hours(7 * 24);

impl Gateway {
    /// Stores a credential that a person has entered, after the upstream has taken it.
    /// Replacing one keeps the old for `grace`, to roll back to.
    ///
    /// # Errors
    /// `invalid_request` for fields that do not fit or a credential that the upstream refuses;
    /// `not_found`, `forbidden`, and the upstream's own.
    pub async fn connect_manual(
        &self,
        caller: &Caller,
        request: ConnectRequest,
    ) -> Result<ConnectionView, Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(
            caller,
            if request.platform {
                CONNECT_PLATFORM
            } else {
                CONNECT
            },
        )?;
        let connected = gateway.connect(caller, &request).await;
        let (put, warnings, plugin) =
            connected.map_err(|refusal| gateway.refuse(caller, &grant, refusal))?;
        let Put {
            row,
            secrets,
            previous_expires_at,
            checked,
        } = put;
        let id = row.id;
        let (owner, connection) = (row.owner, row.connection.clone());
        let record = gateway.about(gateway.entry(caller, &grant), &row);
        let record = record.details(serde_json::json!({
            "owner": owner.to_string(), "generation": row.generation,
        }));
        let mut changes = vec![Change::PutConnection {
            row,
            secrets,
            previous_expires_at,
        }];
        if let Some(checked) = checked {
            changes.push(Change::SetConnectionChecked {
                id,
                nickname: checked.nickname,
                at: gateway.clock.now(),
                state: checked.state,
                reason: checked.reason,
            });
        }
        gateway.commit(changes, record).await?;
        gateway.credentials.forget(owner, plugin, &connection);
        let stored = gateway
            .store
            .find_connection(id)
            .await
            .map_err(from_store)?;
        let stored =
            stored.ok_or_else(|| Refusal::internal("the connection is gone".to_owned()))?;
        Ok(ConnectionView {
            warnings,
            ..view(gateway, &stored.row)
        })
    }

    /// Tries a stored credential at the upstream and notes what it finds.
    ///
    /// # Errors
    /// `not_found`; `invalid_request` where the connection has no check.
    pub async fn check_connection(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<ConnectionView, Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, CHECK)?;
        let checked = async {
            let stored = find_visible(gateway, caller, id).await?;
            let (plugin, index) = configured(gateway, &stored.row)?;
            let entry = &plugin.connections[index];
            if entry.definition.check.is_none() {
                return Err(
                    Refusal::new(Code::InvalidRequest, "This connection has no check.")
                        .hint("Its `check.operation` in the config says how."),
                );
            }
            let row = stored.row.clone();
            let sealed = resolve::Sealed::new(stored);
            let injection = resolve::open(&gateway.keyring, entry, &sealed)?.into_injection();
            let checked = gateway.check(caller, &plugin, entry, injection).await?;
            Ok((
                row,
                checked.unwrap_or(Checked {
                    state: State::Connected,
                    reason: None,
                    nickname: None,
                }),
            ))
        };
        let (row, checked) = checked
            .await
            .map_err(|refusal| gateway.refuse(caller, &grant, refusal))?;
        let record = gateway.about(gateway.entry(caller, &grant), &row);
        let record = record.details(serde_json::json!({
            "state": checked.state.as_str(), "generation": row.generation,
        }));
        let change = Change::SetConnectionChecked {
            id: row.id,
            nickname: checked.nickname.or(row.nickname.clone()),
            at: gateway.clock.now(),
            state: checked.state,
            reason: checked.reason,
        };
        gateway
            .after_change(caller, vec![change], record, &row)
            .await
    }

    /// Goes back to the credential that was replaced, while it is kept.
    ///
    /// # Errors
    /// `not_found`; `invalid_request` where nothing is kept.
    pub async fn rollback_connection(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<ConnectionView, Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, ROLLBACK)?;
        let now = gateway.clock.now();
        let found = async {
            let stored = find_visible(gateway, caller, id).await?;
            match stored.row.previous {
                Some((generation, until)) if until > now => Ok((stored.row, generation)),
                _ => Err(Refusal::new(
                    Code::InvalidRequest,
                    "No replaced credential is kept for this connection.",
                )),
            }
        };
        let (row, generation) = found
            .await
            .map_err(|refusal| gateway.refuse(caller, &grant, refusal))?;
        let record = gateway.about(gateway.entry(caller, &grant), &row);
        let record = record.details(serde_json::json!({ "generation": generation }));
        gateway
            .after_change(
                caller,
                vec![Change::RollbackConnection {
                    id: row.id,
                    at: now,
                }],
                record,
                &row,
            )
            .await
    }
}

/// What connecting stores.
struct Put {
    row: ConnectionRow,
    secrets: Vec<SecretRow>,
    previous_expires_at: Option<gestalt_core::Timestamp>,
    checked: Option<Checked>,
}

type Connected = (Put, Vec<String>, gestalt_core::id::PluginId);

impl Inner {
    async fn connect(
        &self,
        caller: &Caller,
        request: &ConnectRequest,
    ) -> Result<Connected, Refusal> {
        let catalogue = self.catalogue.load_full();
        let plugin = authorize::visible_plugin(&catalogue, caller, &request.integration)?;
        let index =
            authorize::any_connection(plugin, request.connection.as_deref())?.ok_or_else(|| {
                Refusal::new(
                    Code::InvalidRequest,
                    "This integration needs no connection.",
                )
            })?;
        let entry = &plugin.connections[index];
        let reached = caller
            .identity()
            .scopes
            .as_ref()
            .is_none_or(|scopes| scopes.reach(&plugin.definition, &entry.name));
        if !reached {
            return Err(Refusal::new(
                Code::InsufficientScope,
                "The token's scopes do not cover this connection.",
            ));
        }
        let owner = owner(caller, entry, request.platform)?;
        let instance: InstanceName = request
            .instance
            .as_deref()
            .map_or(Ok(InstanceName::default()), str::parse)
            .map_err(|error| {
                Refusal::new(Code::InvalidRequest, error.to_string()).field("instance")
            })?;
        let grace = grace(entry, request)?;
        let fields = check_fields(entry, request)?;
        let injection = resolve::inject(entry, &fields)?;
        let checked = self.check(caller, plugin, entry, injection).await?;
        if let Some(Checked {
            state: State::NeedsReauth,
            reason,
            ..
        }) = &checked
        {
            return Err(Refusal::new(
                Code::InvalidRequest,
                "The upstream does not take this credential.",
            )
            .hint(reason.clone().unwrap_or_default())
            .field("credentials"));
        }
        let stored = self
            .store
            .find_credentials(&[owner], plugin.id, &entry.definition.name)
            .await
            .map_err(from_store)?;
        let existing = stored
            .into_iter()
            .find(|stored| stored.row.instance == instance);
        let kept_until =
            (existing.is_some() && !grace.is_zero()).then(|| self.clock.now().after(grace));
        let put = self.seal(
            caller,
            (plugin, entry),
            (owner, instance, existing),
            &fields,
        )?;
        let warnings = fields
            .iter()
            .filter(|(name, secret)| secret.len() < 8 && is_secret(entry, name))
            .map(|(name, _)| format!("`{name}` is shorter than 8 bytes, so it is not masked where an upstream echoes it."))
            .collect();
        Ok((
            Put {
                checked,
                previous_expires_at: kept_until,
                ..put
            },
            warnings,
            plugin.id,
        ))
    }

    /// Seals the fields for the next generation of their connection.
    fn seal(
        &self,
        caller: &Caller,
        (plugin, entry): (&PluginEntry, &ConnectionEntry),
        (owner, instance, existing): (Owner, InstanceName, Option<StoredConnection>),
        fields: &[(&str, Secret)],
    ) -> Result<Put, Refusal> {
        let now = self.clock.now();
        let id = match &existing {
            Some(stored) => stored.row.id,
            None => ConnectionId::generate(now, &self.entropy).map_err(Refusal::internal)?,
        };
        let generation = existing
            .as_ref()
            .map_or(1, |stored| stored.row.latest_generation + 1);
        let connection = entry.definition.name.clone();
        let texts = PlaceTexts::new(id, owner, plugin.id, &connection);
        let seal = |(field, secret): &(&str, Secret)| {
            let place = place(&texts, field, generation);
            let sealed = self.keyring.seal(
                Purpose::Credential,
                &place,
                secret.expose().as_bytes(),
                &self.entropy,
            );
            sealed.map_err(Refusal::internal).map(|sealed| SecretRow {
                connection: id,
                generation,
                field: (*field).to_owned(),
                key: sealed.key,
                sealed: sealed.bytes,
                expires_at: None,
            })
        };
        let secrets = fields.iter().map(seal).collect::<Result<Vec<_>, _>>()?;
        let row = ConnectionRow {
            id,
            owner,
            plugin: plugin.id,
            connection,
            instance,
            auth_kind: entry.definition.kind.as_str().to_owned(),
            generation,
            latest_generation: generation,
            previous: None,
            nickname: existing
                .as_ref()
                .and_then(|stored| stored.row.nickname.clone()),
            state: State::Connected,
            state_reason: None,
            created_at: existing
                .as_ref()
                .map_or(now, |stored| stored.row.created_at),
            updated_at: now,
            checked_at: None,
            made_by: caller.subject().to_string(),
        };
        Ok(Put {
            row,
            secrets,
            previous_expires_at: None,
            checked: None,
        })
    }

    /// Commits a change of a connection and shows the connection after it.
    pub(super) async fn after_change(
        &self,
        caller: &Caller,
        changes: Vec<Change>,
        record: Entry,
        row: &ConnectionRow,
    ) -> Result<ConnectionView, Refusal> {
        self.commit(changes, record).await?;
        self.credentials
            .forget(row.owner, row.plugin, &row.connection);
        let stored = find_visible(self, caller, &row.id.to_string()).await?;
        Ok(view(self, &stored.row))
    }
}

/// The plugin and connection that a row is of, as configured now.
fn configured(
    gateway: &Inner,
    row: &ConnectionRow,
) -> Result<(std::sync::Arc<PluginEntry>, usize), Refusal> {
    let gone = || {
        Refusal::new(
            Code::InvalidRequest,
            "The config no longer has this connection.",
        )
    };
    let catalogue = gateway.catalogue.load();
    let plugin = catalogue.find_id(row.plugin).ok_or_else(gone)?;
    let index = plugin
        .connections
        .iter()
        .position(|entry| entry.definition.name == row.connection)
        .ok_or_else(gone)?;
    Ok((std::sync::Arc::clone(plugin), index))
}

/// How long a replaced credential is kept.
fn grace(entry: &ConnectionEntry, request: &ConnectRequest) -> Result<Duration, Refusal> {
    let grace = request.grace.unwrap_or(entry.definition.grace);
    if grace > LONGEST_GRACE {
        return Err(Refusal::new(Code::InvalidRequest, "The grace is 0 to 7 days.").field("grace"));
    }
    Ok(grace)
}

fn owner(caller: &Caller, entry: &ConnectionEntry, platform: bool) -> Result<Owner, Refusal> {
    let wrong =
        |what: &str| Err(Refusal::new(Code::InvalidRequest, what.to_owned()).field("platform"));
    if matches!(entry.definition.kind, AuthKind::None) {
        return wrong("This connection needs no credential.");
    }
    if matches!(entry.definition.kind, AuthKind::Oauth2 | AuthKind::McpOauth) {
        return Err(Refusal::new(
            Code::InvalidRequest,
            "This connection logs in by OAuth, which is not usable yet.",
        )
        .field("connection"));
    }
    match (entry.definition.mode, platform) {
        (Mode::None, _) => wrong("This connection needs no credential."),
        (Mode::User, true) => wrong("This connection has no shared credential."),
        (Mode::Platform, false) => Err(Refusal::new(
            Code::AdminConfigurationRequired,
            "This connection uses one shared credential, which an admin sets.",
        )
        .field("platform")),
        (Mode::Platform | Mode::Either, true) => Ok(Owner::Platform),
        (Mode::User | Mode::Either, false) => Ok(Owner::Subject(caller.subject())),
    }
}
