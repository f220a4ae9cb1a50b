//! Brings the schema up to date: numbered files, forwards only.

use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::pool::{Pool, Transaction};
use crate::value::sql;

struct Migration {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migrations {
    ($($version:literal $name:literal;)*) => {
        const MIGRATIONS: &[Migration] = &[$(Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }),*];
    };
}

migrations! {
    1 "0001_founding";
    2 "0002_approved_tools";
}

/// The newest schema known here.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// Brings the schema up to date, in one transaction: another process sees all or nothing.
pub(crate) async fn run(pool: &Pool) -> Result<(), StoreError> {
    let mut transaction = pool.begin().await?;
    apply(&mut transaction, newest()).await?;
    transaction.commit().await
}

/// Brings the schema up to `target`; one that is beyond stays.
pub(crate) async fn apply(transaction: &mut Transaction, target: i64) -> Result<(), StoreError> {
    let found = version(transaction).await?;
    if found > newest() {
        return Err(StoreError::NewerSchema {
            found,
            known: newest(),
        });
    }
    for migration in MIGRATIONS {
        if migration.version <= found || migration.version > target {
            continue;
        }
        transaction
            .script(match transaction.dialect() {
                Dialect::Sqlite => migration.sqlite,
                Dialect::Postgres => migration.postgres,
            })
            .await?;
        transaction
            .execute(sql!(
                "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)",
                migration.version,
                migration.name
            ))
            .await?;
        tracing::info!(migration = migration.name, "schema brought up to date");
    }
    Ok(())
}

/// The schema that the database has; 0 for an empty database. No other process changes it
/// before the transaction ends.
pub(crate) async fn version(transaction: &mut Transaction) -> Result<i64, StoreError> {
    let dialect = transaction.dialect();
    if let Some(lock) = dialect.lock_migrations() {
        transaction.rows(sql!(lock)).await?;
    }
    let there = has_table(transaction, "schema_migrations").await?;
    if !there {
        transaction
            .script(match dialect {
                Dialect::Sqlite => include_str!("../migrations/sqlite/0000_migrations.sql"),
                Dialect::Postgres => include_str!("../migrations/postgres/0000_migrations.sql"),
            })
            .await?;
        return Ok(0);
    }
    let newest = sql!("SELECT coalesce(max(version), 0) FROM schema_migrations");
    match transaction.row(newest).await? {
        Some(row) => row.columns().int(),
        None => Ok(0),
    }
}

/// Says whether a table is there.
pub(crate) async fn has_table(
    transaction: &mut Transaction,
    name: &str,
) -> Result<bool, StoreError> {
    let count = sql!(transaction.dialect().count_tables(), name);
    match transaction.row(count).await? {
        Some(row) => row.columns().bool(),
        None => Ok(false),
    }
}
