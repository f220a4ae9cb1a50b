//! Login codes: single use, short-lived.

use gestalt_core::Timestamp;
use gestalt_core::id::KeyId;

use crate::error::StoreError;
use crate::pool::Transaction;
use crate::store::Store;
use crate::tokens;
use crate::value::sql;

/// A login code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginCodeRow {
    /// The keyed hash of its text.
    pub hash: [u8; 32],
    /// The pepper that the hash was made with.
    pub pepper: KeyId,
    /// The subject that it logs in, as text.
    pub owner: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was used.
    pub redeemed_at: Option<Timestamp>,
}

impl Store {
    /// Finds the login code with one of up to three hashes; also one that was used or has
    /// ended.
    ///
    /// # Errors
    /// What the database says.
    pub async fn find_login_code(
        &self,
        hashes: &[[u8; 32]],
    ) -> Result<Option<LoginCodeRow>, StoreError> {
        let Some([first, second, third]) = tokens::three(hashes) else {
            return Ok(None);
        };
        let statement = sql!(
            "SELECT hash, pepper, owner, created_at, expires_at, redeemed_at \
             FROM login_codes WHERE hash IN ($1, $2, $3)",
            first,
            second,
            third
        );
        let row = self.pool.row(statement).await?;
        let read = row.map(|row| {
            let mut columns = row.columns();
            Ok(LoginCodeRow {
                hash: columns.hash()?,
                pepper: columns.parse("a key id")?,
                owner: columns.text()?,
                created_at: columns.time()?,
                expires_at: columns.time()?,
                redeemed_at: columns.opt_time()?,
            })
        });
        read.transpose()
    }
}

pub(crate) async fn create(
    transaction: &mut Transaction,
    code: &LoginCodeRow,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "INSERT INTO login_codes (hash, pepper, owner, created_at, expires_at, redeemed_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        code.hash,
        code.pepper,
        &code.owner,
        code.created_at,
        code.expires_at,
        code.redeemed_at
    );
    transaction.execute(statement).await
}

/// Uses a code up. Of two that try at once, one hits the row.
pub(crate) async fn redeem(
    transaction: &mut Transaction,
    hash: [u8; 32],
    at: Timestamp,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "UPDATE login_codes SET redeemed_at = $2 \
         WHERE hash = $1 AND redeemed_at IS NULL AND expires_at > $2",
        hash,
        at
    );
    transaction.execute(statement).await
}
