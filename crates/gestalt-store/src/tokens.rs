//! API tokens, by the hash of their text.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use gestalt_core::Timestamp;
use gestalt_core::id::{KeyId, TokenId};

use crate::dialect::{ManyRows, ManyRowsStatement};
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use crate::pool::Transaction;
use crate::store::Store;
use crate::users::{self, UserRow};
use crate::value::{Columns, Value, sql};

/// An API token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id.
    pub id: TokenId,
    /// The subject it speaks for, as text.
    pub owner: String,
    /// What its owner calls it.
    pub name: String,
    /// The keyed hash of its text.
    pub hash: [u8; 32],
    /// The pepper that the hash was made with.
    pub pepper: KeyId,
    /// The scopes as they were asked for.
    pub scopes: Option<String>,
    /// What it may do, as a JSON list.
    pub permissions: String,
    /// Where it may be used from, as a JSON list.
    pub cidrs: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to within the writer's batch.
    pub last_used_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// The token that replaces it.
    pub rotated_to: Option<TokenId>,
    /// The token that it was made with.
    pub made_by: Option<TokenId>,
}

macro_rules! columns {
    () => {
        "t.id, t.owner, t.name, t.hash, t.pepper, t.scopes, t.permissions, t.cidrs, \
         t.created_at, t.expires_at, t.last_used_at, t.revoked_at, t.rotated_to, t.made_by"
    };
}

impl TokenRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.parse("a token id")?,
            owner: columns.text()?,
            name: columns.text()?,
            hash: columns.hash()?,
            pepper: columns.parse("a key id")?,
            scopes: columns.opt_text()?,
            permissions: columns.text()?,
            cidrs: columns.text()?,
            created_at: columns.time()?,
            expires_at: columns.time()?,
            last_used_at: columns.opt_time()?,
            revoked_at: columns.opt_time()?,
            rotated_to: columns.opt_parse("a token id")?,
            made_by: columns.opt_parse("a token id")?,
        })
    }
}

/// Three hashes for the `IN` of a statement whose text never changes: at most three peppers
/// are live, and fewer repeat the last.
pub(crate) fn three(hashes: &[[u8; 32]]) -> Option<[[u8; 32]; 3]> {
    let last = *hashes.last()?;
    Some(std::array::from_fn(|place| {
        hashes.get(place).copied().unwrap_or(last)
    }))
}

/// The statement of [`Store::find_token_by_hash`].
pub(crate) const FIND_BY_HASH: &str = concat!(
    "SELECT ",
    columns!(),
    ", ",
    users::columns!(),
    " FROM api_tokens t LEFT JOIN users u ON u.id = substr(t.owner, 6) \
     WHERE t.hash IN ($1, $2, $3)"
);

impl Store {
    /// Finds the token with one of up to three hashes (one for each live pepper), and the
    /// user it speaks for where that is one. One indexed statement.
    ///
    /// # Errors
    /// What the database says.
    pub async fn find_token_by_hash(
        &self,
        hashes: &[[u8; 32]],
    ) -> Result<Option<(TokenRow, Option<UserRow>)>, StoreError> {
        let Some([first, second, third]) = three(hashes) else {
            return Ok(None);
        };
        let row = self
            .pool
            .row(sql!(FIND_BY_HASH, first, second, third))
            .await?;
        let read = row.map(|row| {
            let mut columns = row.columns();
            let token = TokenRow::read(&mut columns)?;
            Ok((token, UserRow::read_joined(&mut columns)?))
        });
        read.transpose()
    }

    /// Finds a token.
    ///
    /// # Errors
    /// What the database says.
    pub async fn find_token(&self, id: TokenId) -> Result<Option<TokenRow>, StoreError> {
        let statement = sql!(
            concat!("SELECT ", columns!(), " FROM api_tokens t WHERE t.id = $1"),
            id
        );
        let row = self.pool.row(statement).await?;
        row.map(|row| TokenRow::read(&mut row.columns()))
            .transpose()
    }

    /// Lists the tokens of a subject, newest first; also those that have ended.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a cursor of another list, and what the database says.
    pub async fn list_tokens(
        &self,
        owner: &str,
        page: &PageRequest,
    ) -> Result<Page<TokenRow>, StoreError> {
        let statement = sql!(
            concat!(
                "SELECT ",
                columns!(),
                " FROM api_tokens t WHERE t.owner = $1 AND t.id < $2 ORDER BY t.id DESC LIMIT $3"
            ),
            owner,
            page.before::<TokenId>()?,
            page.fetch()
        );
        let rows = self.pool.rows(statement).await?;
        let tokens = rows.iter().map(|row| TokenRow::read(&mut row.columns()));
        Ok(page.page(tokens.collect::<Result<_, _>>()?, |token| {
            token.id.to_string()
        }))
    }
}

pub(crate) async fn create(
    transaction: &mut Transaction,
    token: &TokenRow,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "INSERT INTO api_tokens (id, owner, name, hash, pepper, scopes, permissions, cidrs, \
         created_at, expires_at, last_used_at, revoked_at, rotated_to, made_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        token.id,
        &token.owner,
        &token.name,
        token.hash,
        token.pepper,
        token.scopes.as_deref(),
        &token.permissions,
        &token.cidrs,
        token.created_at,
        token.expires_at,
        token.last_used_at,
        token.revoked_at,
        token.rotated_to,
        token.made_by
    );
    transaction.execute(statement).await
}

/// Revokes a token; the first revocation's time stays.
pub(crate) async fn revoke(
    transaction: &mut Transaction,
    id: TokenId,
    owner: &str,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "UPDATE api_tokens SET revoked_at = coalesce(revoked_at, $3) WHERE id = $1 AND owner = $2",
        id,
        owner,
        at
    );
    transaction.execute(statement).await
}

/// Revokes what of a subject's tokens still holds.
pub(crate) async fn revoke_all(
    transaction: &mut Transaction,
    owner: &str,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "UPDATE api_tokens SET revoked_at = $2 \
         WHERE owner = $1 AND revoked_at IS NULL AND expires_at > $2",
        owner,
        at
    );
    transaction.execute(statement).await
}

/// Makes the successor of a token and brings its end forward; an end that is nearer stays, so
/// that a second rotation never extends the first.
pub(crate) async fn rotate(
    transaction: &mut Transaction,
    (old, owner): (TokenId, &str),
    new: &TokenRow,
    old_expires_at: Timestamp,
) -> Result<u64, StoreError> {
    create(transaction, new).await?;
    let statement = sql!(
        "UPDATE api_tokens SET rotated_to = $3, \
         expires_at = CASE WHEN expires_at < $4 THEN expires_at ELSE $4 END \
         WHERE id = $1 AND owner = $2 AND revoked_at IS NULL",
        old,
        owner,
        new.id,
        old_expires_at
    );
    transaction.execute(statement).await
}

static TOUCH: ManyRowsStatement = LazyLock::new(|| {
    ManyRows::new(
        "WITH used (id, at) AS (VALUES",
        2,
        ") UPDATE api_tokens SET last_used_at = used.at FROM used WHERE used.id = api_tokens.id \
         AND (api_tokens.last_used_at IS NULL OR api_tokens.last_used_at < used.at)",
    )
});

/// Notes when tokens were last used; an older time changes nothing.
pub(crate) async fn touch(
    transaction: &mut Transaction,
    used: &[(TokenId, Timestamp)],
) -> Result<u64, StoreError> {
    transaction.execute_many(&TOUCH, latest(used)).await
}

/// The latest time of each id, in the order of the ids, so that two writers never wait for
/// each other in a circle.
pub(crate) fn latest<T>(
    used: &[(T, Timestamp)],
) -> impl ExactSizeIterator<Item = Vec<Value>> + Send + use<T>
where
    T: Copy + Ord + Send,
    Value: From<T>,
{
    let mut latest = BTreeMap::new();
    for (id, at) in used {
        let time = latest.entry(*id).or_insert(*at);
        *time = (*time).max(*at);
    }
    latest
        .into_iter()
        .map(|(id, at)| vec![id.into(), at.into()])
}
