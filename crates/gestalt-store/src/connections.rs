//! Stored connections and their sealed secrets.
//!
//! Secrets belong to a generation of their connection. A replacement makes the next one, and
//! no number is used twice, so that a seal made for an old generation never fits a new row.

mod change;
mod filter;

use gestalt_core::Timestamp;
use gestalt_core::connection::{ConnectionKey, Owner, State};
use gestalt_core::id::{ConnectionId, KeyId, PluginId};
use gestalt_core::name::{ConnectionName, InstanceName};

pub(crate) use change::{delete, destroy_expired, put, reassign, rollback, set_checked, set_state};
pub use filter::ConnectionFilter;

use crate::error::StoreError;
use crate::store::Store;
use crate::value::{Columns, Row, sql};

/// A stored connection, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Its id.
    pub id: ConnectionId,
    /// Whose it is.
    pub owner: Owner,
    /// To which plugin.
    pub plugin: PluginId,
    /// By which of its connections.
    pub connection: ConnectionName,
    /// Which account.
    pub instance: InstanceName,
    /// How the credential was come by, in core's word.
    pub auth_kind: String,
    /// The generation in use.
    pub generation: u64,
    /// The highest generation ever used; the next one is higher.
    pub latest_generation: u64,
    /// The generation that can be rolled back to, and until when.
    pub previous: Option<(u64, Timestamp)>,
    /// The account, as the upstream calls it.
    pub nickname: Option<String>,
    /// How it is doing.
    pub state: State,
    /// Why it is in that state.
    pub state_reason: Option<String>,
    /// When it was first made.
    pub created_at: Timestamp,
    /// When its credential was last set.
    pub updated_at: Timestamp,
    /// When it was last checked at the upstream.
    pub checked_at: Option<Timestamp>,
    /// Who set the credential: a subject, as text.
    pub made_by: String,
}

/// One sealed field of a connection's credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// The connection it belongs to.
    pub connection: ConnectionId,
    /// The generation it belongs to.
    pub generation: u64,
    /// The field's name.
    pub field: String,
    /// The data key that sealed it.
    pub key: KeyId,
    /// The seal.
    pub sealed: Vec<u8>,
    /// When it is destroyed; only on a generation that was replaced.
    pub expires_at: Option<Timestamp>,
}

/// A connection with the secrets of the generation in use, by field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConnection {
    /// The connection.
    pub row: ConnectionRow,
    /// Its secrets.
    pub secrets: Vec<SecretRow>,
}

macro_rules! columns {
    () => {
        "c.id, c.owner, c.plugin, c.connection, c.instance, c.auth_kind, c.generation, \
         c.latest_generation, c.previous_generation, c.previous_expires_at, c.nickname, c.state, \
         c.state_reason, c.created_at, c.updated_at, c.checked_at, c.made_by"
    };
}
pub(crate) use columns;

macro_rules! stored {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", s.connection, s.generation, s.field, s.key_id, s.sealed, s.expires_at \
             FROM connections c LEFT JOIN credential_secrets s \
             ON s.connection = c.id AND s.generation = c.generation WHERE ",
            $condition
        )
    };
}

/// The statement of [`Store::find_credentials`].
pub(crate) const FIND_CREDENTIALS: &str = stored!(
    "c.owner IN ($1, $2) AND c.plugin = $3 AND c.connection = $4 \
     ORDER BY c.owner, c.instance, s.field"
);

impl ConnectionRow {
    /// What names the connection.
    pub fn key(&self) -> ConnectionKey {
        ConnectionKey {
            owner: self.owner,
            plugin: self.plugin,
            connection: self.connection.clone(),
            instance: self.instance.clone(),
        }
    }

    pub(crate) fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.parse("a connection id")?,
            owner: columns.parse("an owner")?,
            plugin: columns.parse("a plugin id")?,
            connection: columns.parse("a connection name")?,
            instance: columns.parse("an instance name")?,
            auth_kind: columns.text()?,
            generation: columns.number()?,
            latest_generation: columns.number()?,
            previous: read_previous(columns)?,
            nickname: columns.opt_text()?,
            state: read_state(columns)?,
            state_reason: columns.opt_text()?,
            created_at: columns.time()?,
            updated_at: columns.time()?,
            checked_at: columns.opt_time()?,
            made_by: columns.text()?,
        })
    }
}

fn read_previous(columns: &mut Columns<'_>) -> Result<Option<(u64, Timestamp)>, StoreError> {
    let generation = columns.opt_number()?;
    let until = columns.opt_time()?;
    Ok(generation.zip(until))
}

fn read_state(columns: &mut Columns<'_>) -> Result<State, StoreError> {
    State::parse(&columns.text()?).ok_or(StoreError::Corrupt {
        expected: "a connection's state",
    })
}

impl SecretRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            connection: columns.parse("a connection id")?,
            generation: columns.number()?,
            field: columns.text()?,
            key: columns.parse("a key id")?,
            sealed: columns.bytes()?,
            expires_at: columns.opt_time()?,
        })
    }
}

impl StoredConnection {
    /// Gathers the rows of the join, which come connection by connection.
    fn gather(rows: &[Row]) -> Result<Vec<Self>, StoreError> {
        let mut gathered: Vec<Self> = Vec::new();
        for row in rows {
            let mut columns = row.columns();
            let row = ConnectionRow::read(&mut columns)?;
            if gathered.last().is_none_or(|last| last.row.id != row.id) {
                let secrets = Vec::new();
                gathered.push(Self { row, secrets });
            }
            if !columns.next_is_null()?
                && let Some(last) = gathered.last_mut()
            {
                last.secrets.push(SecretRow::read(&mut columns)?);
            }
        }
        Ok(gathered)
    }
}

impl Store {
    /// Finds the connections of one or two owners to a plugin, all instances, with their
    /// secrets, by owner and instance. One indexed statement.
    ///
    /// # Errors
    /// What the database says.
    pub async fn find_credentials(
        &self,
        owners: &[Owner],
        plugin: PluginId,
        connection: &ConnectionName,
    ) -> Result<Vec<StoredConnection>, StoreError> {
        let (Some(first), Some(last)) = (owners.first(), owners.last()) else {
            return Ok(Vec::new());
        };
        debug_assert!(owners.len() <= 2, "the caller's own and the shared one");
        let statement = sql!(FIND_CREDENTIALS, *first, *last, plugin, connection);
        StoredConnection::gather(&self.pool.rows(statement).await?)
    }

    /// Finds a connection with its secrets.
    ///
    /// # Errors
    /// What the database says.
    pub async fn find_connection(
        &self,
        id: ConnectionId,
    ) -> Result<Option<StoredConnection>, StoreError> {
        let statement = sql!(stored!("c.id = $1 ORDER BY s.field"), id);
        let found = StoredConnection::gather(&self.pool.rows(statement).await?)?;
        Ok(found.into_iter().next())
    }

    /// Finds the sealed secrets of the generation that a connection can be rolled back to.
    ///
    /// # Errors
    /// What the database says.
    pub async fn list_previous_secrets(
        &self,
        id: ConnectionId,
    ) -> Result<Vec<SecretRow>, StoreError> {
        let statement = sql!(
            "SELECT s.connection, s.generation, s.field, s.key_id, s.sealed, s.expires_at \
             FROM credential_secrets s JOIN connections c ON c.id = s.connection \
             WHERE c.id = $1 AND s.generation = c.previous_generation ORDER BY s.field",
            id
        );
        let rows = self.pool.rows(statement).await?;
        rows.iter()
            .map(|row| SecretRow::read(&mut row.columns()))
            .collect()
    }

    /// Counts the stored connections by plugin, connection and auth kind.
    ///
    /// # Errors
    /// What the database says.
    pub async fn count_connections_by_kind(
        &self,
    ) -> Result<Vec<(PluginId, ConnectionName, String, u64)>, StoreError> {
        let statement = sql!(
            "SELECT plugin, connection, auth_kind, count(*) FROM connections \
             GROUP BY plugin, connection, auth_kind ORDER BY plugin, connection, auth_kind"
        );
        let rows = self.pool.rows(statement).await?;
        let read = rows.iter().map(|row| {
            let mut columns = row.columns();
            Ok((
                columns.parse("a plugin id")?,
                columns.parse("a connection name")?,
                columns.text()?,
                columns.number()?,
            ))
        });
        read.collect()
    }

    /// Lists the generation in use of every connection, for comparison with the audit trail.
    ///
    /// # Errors
    /// What the database says.
    pub async fn connection_generations(&self) -> Result<Vec<(ConnectionId, u64)>, StoreError> {
        let statement = sql!("SELECT id, generation FROM connections ORDER BY id");
        let rows = self.pool.rows(statement).await?;
        let read = rows.iter().map(|row| {
            let mut columns = row.columns();
            Ok((columns.parse("a connection id")?, columns.number()?))
        });
        read.collect()
    }
}
