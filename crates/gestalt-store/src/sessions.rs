//! Browser sessions, by the hash of their value.

use std::sync::LazyLock;

use gestalt_core::Timestamp;
use gestalt_core::id::{KeyId, SessionId};

use crate::dialect::{ManyRows, ManyRowsStatement};
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use crate::pool::Transaction;
use crate::store::Store;
use crate::tokens;
use crate::users::{self, UserRow};
use crate::value::{Columns, sql};

/// A browser session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// The subject it speaks for, as text.
    pub owner: String,
    /// The keyed hash of its value.
    pub hash: [u8; 32],
    /// The pepper that the hash was made with.
    pub pepper: KeyId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to within the writer's batch.
    pub last_seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// How long it may stay unused, in seconds.
    pub idle_timeout_secs: i64,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// Where it was begun from.
    pub address: Option<String>,
    /// The browser it was begun with.
    pub user_agent: Option<String>,
}

macro_rules! columns {
    () => {
        "s.id, s.owner, s.hash, s.pepper, s.created_at, s.last_seen_at, s.expires_at, \
         s.idle_timeout_secs, s.revoked_at, s.address, s.user_agent"
    };
}

impl SessionRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.parse("a session id")?,
            owner: columns.text()?,
            hash: columns.hash()?,
            pepper: columns.parse("a key id")?,
            created_at: columns.time()?,
            last_seen_at: columns.time()?,
            expires_at: columns.time()?,
            idle_timeout_secs: columns.int()?,
            revoked_at: columns.opt_time()?,
            address: columns.opt_text()?,
            user_agent: columns.opt_text()?,
        })
    }
}

/// The statement of [`Store::find_session_by_hash`].
pub(crate) const FIND_BY_HASH: &str = concat!(
    "SELECT ",
    columns!(),
    ", ",
    users::columns!(),
    " FROM sessions s LEFT JOIN users u ON u.id = substr(s.owner, 6) \
     WHERE s.hash IN ($1, $2, $3)"
);

impl Store {
    /// Finds the session with one of up to three hashes (one for each live pepper), and the
    /// user it speaks for where that is one. One indexed statement.
    ///
    /// # Errors
    /// What the database says.
    pub async fn find_session_by_hash(
        &self,
        hashes: &[[u8; 32]],
    ) -> Result<Option<(SessionRow, Option<UserRow>)>, StoreError> {
        let Some([first, second, third]) = tokens::three(hashes) else {
            return Ok(None);
        };
        let row = self
            .pool
            .row(sql!(FIND_BY_HASH, first, second, third))
            .await?;
        let read = row.map(|row| {
            let mut columns = row.columns();
            let session = SessionRow::read(&mut columns)?;
            Ok((session, UserRow::read_joined(&mut columns)?))
        });
        read.transpose()
    }

    /// Finds a session.
    ///
    /// # Errors
    /// What the database says.
    pub async fn find_session(&self, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
        let statement = sql!(
            concat!("SELECT ", columns!(), " FROM sessions s WHERE s.id = $1"),
            id
        );
        let row = self.pool.row(statement).await?;
        row.map(|row| SessionRow::read(&mut row.columns()))
            .transpose()
    }

    /// Lists the sessions of a subject, newest first; also those that have ended.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a cursor of another list, and what the database says.
    pub async fn list_sessions(
        &self,
        owner: &str,
        page: &PageRequest,
    ) -> Result<Page<SessionRow>, StoreError> {
        let statement = sql!(
            concat!(
                "SELECT ",
                columns!(),
                " FROM sessions s WHERE s.owner = $1 AND s.id < $2 ORDER BY s.id DESC LIMIT $3"
            ),
            owner,
            page.before::<SessionId>()?,
            page.fetch()
        );
        let rows = self.pool.rows(statement).await?;
        let sessions = rows.iter().map(|row| SessionRow::read(&mut row.columns()));
        Ok(page.page(sessions.collect::<Result<_, _>>()?, |session| {
            session.id.to_string()
        }))
    }
}

pub(crate) async fn create(
    transaction: &mut Transaction,
    session: &SessionRow,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "INSERT INTO sessions (id, owner, hash, pepper, created_at, last_seen_at, expires_at, \
         idle_timeout_secs, revoked_at, address, user_agent) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        session.id,
        &session.owner,
        session.hash,
        session.pepper,
        session.created_at,
        session.last_seen_at,
        session.expires_at,
        session.idle_timeout_secs,
        session.revoked_at,
        session.address.as_deref(),
        session.user_agent.as_deref()
    );
    transaction.execute(statement).await
}

/// Revokes a session; the first revocation's time stays.
pub(crate) async fn revoke(
    transaction: &mut Transaction,
    id: SessionId,
    owner: &str,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "UPDATE sessions SET revoked_at = coalesce(revoked_at, $3) WHERE id = $1 AND owner = $2",
        id,
        owner,
        at
    );
    transaction.execute(statement).await
}

/// Revokes what of a subject's sessions still holds, but for one.
pub(crate) async fn revoke_all(
    transaction: &mut Transaction,
    owner: &str,
    except: Option<SessionId>,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "UPDATE sessions SET revoked_at = $3 WHERE owner = $1 AND ($2 IS NULL OR id <> $2) \
         AND revoked_at IS NULL AND expires_at > $3",
        owner,
        except,
        at
    );
    transaction.execute(statement).await
}

static TOUCH: ManyRowsStatement = LazyLock::new(|| {
    ManyRows::new(
        "WITH used (id, at) AS (VALUES",
        2,
        ") UPDATE sessions SET last_seen_at = used.at FROM used WHERE used.id = sessions.id \
         AND sessions.last_seen_at < used.at",
    )
});

/// Notes when sessions were last used; an older time changes nothing.
pub(crate) async fn touch(
    transaction: &mut Transaction,
    used: &[(SessionId, Timestamp)],
) -> Result<u64, StoreError> {
    transaction.execute_many(&TOUCH, tokens::latest(used)).await
}
