//! Stored connections: list, get, disconnect.

use gestalt_core::connection::{Mode, Owner, State};
use gestalt_core::id::ConnectionId;
use gestalt_core::{Code, Refusal};
use gestalt_store::{Change, ConnectionFilter, ConnectionRow, StoredConnection};

use super::views::{ConnectionView, DisconnectedView, PageQuery, Paged};
use super::{action, not_found, read_id};
use crate::audit::from_store;
use crate::audit::record::{Entry, Outcome};
use crate::authenticate::caller::{Caller, Permission};
use crate::authorize::{self, Action};
use crate::resolve::Source;
use crate::{Gateway, Inner};

const READ: Action = action("connection", "connection.read", Permission::Connect);
const DISCONNECT: Action = action("connection", "connection.disconnect", Permission::Connect);

impl Gateway {
    /// Lists the caller's connections, and for an admin the shared ones.
    ///
    /// # Errors
    /// `not_found` for an unknown integration, `invalid_request` for a cursor or limit.
    pub async fn list_connections(
        &self,
        caller: &Caller,
        integration: Option<&str>,
        page: PageQuery,
    ) -> Result<Paged<ConnectionView>, Refusal> {
        let gateway = &*self.inner;
        gateway.manage(caller, READ)?;
        let catalogue = gateway.catalogue.load_full();
        let plugin = integration
            .map(|name| authorize::visible_plugin(&catalogue, caller, name))
            .transpose()?;
        let filter = ConnectionFilter {
            owners: Some(owners(caller)),
            plugin: plugin.map(|plugin| plugin.id),
        };
        let mut page = gateway
            .store
            .list_connections(&filter, &page.request()?)
            .await
            .map_err(from_store)?;
        page.items.retain(|row| within_scopes(gateway, caller, row));
        Ok(Paged::of(page, |row| view(gateway, &row)))
    }

    /// Gets one connection.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn get_connection(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<ConnectionView, Refusal> {
        let gateway = &*self.inner;
        gateway.manage(caller, READ)?;
        Ok(view(gateway, &find_visible(gateway, caller, id).await?.row))
    }

    /// Removes a connection with its credential.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn disconnect(&self, caller: &Caller, id: &str) -> Result<DisconnectedView, Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, DISCONNECT)?;
        let found = find_visible(gateway, caller, id).await;
        let row = found
            .map_err(|refusal| gateway.refuse(caller, &grant, refusal))?
            .row;
        let record = gateway.about(gateway.entry(caller, &grant), &row);
        let record = record.details(serde_json::json!({ "owner": row.owner.to_string() }));
        gateway
            .commit(vec![Change::DeleteConnection { id: row.id }], record)
            .await?;
        gateway
            .credentials
            .forget(row.owner, row.plugin, &row.connection);
        Ok(DisconnectedView {
            disconnected: vec![row.id.to_string()],
            upstream: "unsupported",
        })
    }

    /// Removes the caller's own connection to a plugin, by names.
    ///
    /// # Errors
    /// `not_found`, `not_connected`, and a choice where there are several.
    pub async fn disconnect_integration(
        &self,
        caller: &Caller,
        plugin: &str,
        connection: Option<&str>,
        instance: Option<&str>,
    ) -> Result<DisconnectedView, Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, DISCONNECT)?;
        let found = gateway
            .own_connection(caller, plugin, connection, instance)
            .await;
        let id = found.map_err(|refusal| gateway.refuse(caller, &grant, refusal))?;
        self.disconnect(caller, &id.to_string()).await
    }
}

impl Inner {
    /// Names the connection that a record is about.
    pub(super) fn about(&self, entry: Entry, row: &ConnectionRow) -> Entry {
        let catalogue = self.catalogue.load();
        Entry {
            plugin: catalogue
                .find_id(row.plugin)
                .map(|plugin| plugin.name.clone()),
            connection: Some(row.connection.as_str().into()),
            instance: Some(row.instance.as_str().into()),
            ..entry.target(row.id)
        }
    }

    async fn own_connection(
        &self,
        caller: &Caller,
        plugin: &str,
        connection: Option<&str>,
        instance: Option<&str>,
    ) -> Result<ConnectionId, Refusal> {
        let catalogue = self.catalogue.load_full();
        let plugin = authorize::visible_plugin(&catalogue, caller, plugin)?;
        let filter = ConnectionFilter {
            owners: Some(vec![Owner::Subject(caller.subject())]),
            plugin: Some(plugin.id),
        };
        let every = gestalt_store::PageRequest {
            cursor: None,
            limit: 1_000,
        };
        let rows = self
            .store
            .list_connections(&filter, &every)
            .await
            .map_err(from_store)?
            .items;
        let mut fitting = rows.into_iter().filter(|row| {
            connection.is_none_or(|name| row.connection.as_str() == name)
                && instance.is_none_or(|name| row.instance.as_str() == name)
        });
        let first = fitting.next().ok_or_else(|| {
            Refusal::new(
                Code::NotConnected,
                format!("`{}` is not connected.", plugin.definition.name),
            )
        })?;
        let others: Vec<ConnectionRow> = fitting.collect();
        if others.is_empty() {
            return Ok(first.id);
        }
        let mut choices: Vec<String> = others
            .iter()
            .chain([&first])
            .map(|row| format!("{}/{}", row.connection, row.instance))
            .collect();
        choices.sort();
        Err(Refusal::new(
            Code::InstanceSelectionRequired,
            "Several accounts are connected; name one.",
        )
        .hint("Pass `connection` and `instance`.")
        .choices(choices))
    }

    /// Notes in the background how a connection fares, when that has changed.
    pub(crate) fn note_state(&self, source: &Source, state: State) {
        if source.state == state || !matches!(source.state, State::Connected | State::Degraded) {
            return;
        }
        let reason =
            (state == State::Degraded).then(|| "The upstream refused the credential.".to_owned());
        let now = self.clock.now();
        let caller = Caller::system("connection health");
        let action = action("connection", "connection.state", Permission::Connect);
        let mut entry = Entry::management(&caller, action, now)
            .target(source.id)
            .details(serde_json::json!({
                "from": source.state.as_str(), "to": state.as_str(),
            }));
        entry.outcome = Some(Outcome::of("ok"));
        let change = Change::SetConnectionState {
            id: source.id,
            state,
            reason,
            at: now,
        };
        let (audit, credentials) = (self.audit.clone(), std::sync::Arc::clone(&self.credentials));
        let (owner, plugin, connection) = (source.owner, source.plugin, source.connection.clone());
        self.tracker.spawn(async move {
            if let Err(refusal) = audit.commit(vec![change], entry).await {
                tracing::warn!(
                    error = &refusal as &dyn std::error::Error,
                    "a connection's state was not noted"
                );
            }
            credentials.forget(owner, plugin, &connection);
        });
    }
}

/// Whose connections a caller manages.
fn owners(caller: &Caller) -> Vec<Owner> {
    let mut owners = vec![Owner::Subject(caller.subject())];
    if caller.is_admin() {
        owners.push(Owner::Platform);
    }
    owners
}

/// Finds a connection that the caller may see and change: their own, and for an admin the
/// shared ones. Others' are not there.
pub(super) async fn find_visible(
    gateway: &Inner,
    caller: &Caller,
    id: &str,
) -> Result<StoredConnection, Refusal> {
    let id: ConnectionId = read_id(id, "connection")?;
    let stored = gateway
        .store
        .find_connection(id)
        .await
        .map_err(from_store)?;
    let stored = stored
        .filter(|stored| owners(caller).contains(&stored.row.owner))
        .ok_or_else(|| not_found("connection"))?;
    if !within_scopes(gateway, caller, &stored.row) {
        return Err(Refusal::new(
            Code::InsufficientScope,
            "The token's scopes do not cover this connection.",
        ));
    }
    Ok(stored)
}

fn within_scopes(gateway: &Inner, caller: &Caller, row: &ConnectionRow) -> bool {
    let Some(scopes) = &caller.identity().scopes else {
        return true;
    };
    gateway
        .catalogue
        .load()
        .find_id(row.plugin)
        .is_some_and(|plugin| scopes.reach(&plugin.definition, row.connection.as_str()))
}

/// Says what an integration lacks before it can be invoked.
pub(super) fn status(mode: Mode, rows: &[&ConnectionRow]) -> &'static str {
    let good = |row: &&ConnectionRow| matches!(row.state, State::Connected | State::Degraded);
    match mode {
        Mode::None => "ready",
        _ if rows.iter().any(good) => "ready",
        _ if !rows.is_empty() => "reconnect_required",
        Mode::Platform => "admin_configuration_required",
        Mode::User | Mode::Either => "not_connected",
    }
}

pub(super) fn view(gateway: &Inner, row: &ConnectionRow) -> ConnectionView {
    let catalogue = gateway.catalogue.load();
    let now = gateway.clock.now();
    ConnectionView {
        id: row.id.to_string(),
        integration: catalogue.find_id(row.plugin).map_or_else(
            || row.plugin.to_string(),
            |plugin| plugin.definition.name.to_string(),
        ),
        connection: row.connection.to_string(),
        instance: row.instance.to_string(),
        owner: row.owner.to_string(),
        auth_type: row.auth_kind.clone(),
        nickname: row.nickname.clone(),
        state: row.state.as_str(),
        state_reason: row.state_reason.clone(),
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
        checked_at: row.checked_at.map(|at| at.to_string()),
        rollback_until: row
            .previous
            .filter(|(_, until)| *until > now)
            .map(|(_, until)| until.to_string()),
        warnings: Vec::new(),
    }
}
