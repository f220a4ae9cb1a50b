//! Hashes of the tokens and sessions that have not ended.

use gestalt_core::Timestamp;

use crate::error::StoreError;
use crate::store::Store;
use crate::value::sql;

/// Which credentials a hash is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearer {
    /// API tokens.
    Tokens,
    /// Browser sessions.
    Sessions,
}

/// In the order of the unique index on the hash, so that a page costs its rows only.
macro_rules! living {
    ($table:literal) => {
        concat!(
            "SELECT hash FROM ",
            $table,
            " WHERE hash > $1 AND expires_at > $2 AND revoked_at IS NULL ORDER BY hash LIMIT $3"
        )
    };
}

impl Store {
    /// Lists hashes of credentials that are neither over nor revoked, by hash: at most `limit`
    /// of those after `after`. Whether their owners may act is not looked at.
    ///
    /// # Errors
    /// What the database says.
    pub async fn list_living_hashes(
        &self,
        of: Bearer,
        after: [u8; 32],
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<[u8; 32]>, StoreError> {
        let limit = i64::from(limit);
        let statement = match of {
            Bearer::Tokens => sql!(living!("api_tokens"), after, now, limit),
            Bearer::Sessions => sql!(living!("sessions"), after, now, limit),
        };
        let rows = self.pool.rows(statement).await?;
        rows.iter().map(|row| row.columns().hash()).collect()
    }
}
