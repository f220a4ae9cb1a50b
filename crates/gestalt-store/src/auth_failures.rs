//! Failed authentications before anybody is known: counted, in a bounded table.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use gestalt_core::Timestamp;

use crate::dialect::{ManyRows, ManyRowsStatement};
use crate::error::StoreError;
use crate::page::{BAD_CURSOR, Page, PageRequest};
use crate::pool::Transaction;
use crate::store::Store;
use crate::value::{Value, sql};

/// The rows that are kept; the oldest make room.
const MOST_ROWS: i64 = 10_000;

/// How often one address failed for one reason within one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthFailureRow {
    /// From where.
    pub address: String,
    /// Why, as a refusal's code.
    pub reason: String,
    /// The minute, by its first moment.
    pub minute: Timestamp,
    /// How often.
    pub count: u64,
}

impl Store {
    /// Lists counted failures, newest first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a cursor of another list, and what the database says.
    pub async fn list_auth_failures(
        &self,
        page: &PageRequest,
    ) -> Result<Page<AuthFailureRow>, StoreError> {
        let (minute, reason, address) = match &page.cursor {
            None => (i64::MAX, String::new(), String::new()),
            Some(cursor) => read_cursor(cursor).ok_or(BAD_CURSOR)?,
        };
        let statement = sql!(
            "SELECT address, reason, minute, count FROM auth_failures \
             WHERE (minute, reason, address) < ($1, $2, $3) \
             ORDER BY minute DESC, reason DESC, address DESC LIMIT $4",
            minute,
            reason,
            address,
            page.fetch()
        );
        let rows = self.pool.rows(statement).await?;
        let failures = rows.iter().map(|row| {
            let mut columns = row.columns();
            Ok(AuthFailureRow {
                address: columns.text()?,
                reason: columns.text()?,
                minute: columns.time()?,
                count: columns.number()?,
            })
        });
        Ok(
            page.page(failures.collect::<Result<_, StoreError>>()?, |row| {
                format!("{}.{}.{}", row.minute.as_micros(), row.reason, row.address)
            }),
        )
    }
}

/// Reads `<minute>.<reason>.<address>`: reasons hold no dot.
fn read_cursor(cursor: &str) -> Option<(i64, String, String)> {
    let mut parts = cursor.splitn(3, '.');
    let minute = parts.next()?.parse().ok()?;
    Some((minute, parts.next()?.to_owned(), parts.next()?.to_owned()))
}

static COUNT: ManyRowsStatement = LazyLock::new(|| {
    ManyRows::new(
        "INSERT INTO auth_failures (minute, reason, address, count) VALUES",
        4,
        "ON CONFLICT (minute, reason, address) \
         DO UPDATE SET count = auth_failures.count + excluded.count",
    )
});

/// Adds to the counts and lets the oldest rows go.
pub(crate) async fn count(
    transaction: &mut Transaction,
    failures: &[AuthFailureRow],
) -> Result<u64, StoreError> {
    let mut sums = BTreeMap::new();
    for row in failures {
        *sums
            .entry((row.minute, &row.reason, &row.address))
            .or_insert(0_u64) += row.count;
    }
    let rows: Vec<Vec<Value>> = sums
        .into_iter()
        .map(|((minute, reason, address), count)| {
            vec![minute.into(), reason.into(), address.into(), count.into()]
        })
        .collect();
    let counted = transaction.execute_many(&COUNT, rows.into_iter()).await?;
    let prune = sql!(
        "DELETE FROM auth_failures WHERE (minute, reason, address) < \
         (SELECT minute, reason, address FROM auth_failures \
         ORDER BY minute DESC, reason DESC, address DESC LIMIT 1 OFFSET $1)",
        MOST_ROWS - 1
    );
    transaction.execute(prune).await?;
    Ok(counted)
}
