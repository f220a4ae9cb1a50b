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
}

/// The newest schema known here.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// Brings the schema up to `target`, in one transaction: another process sees all or nothing.
pub(crate) async fn run(pool: &Pool, target: i64) -> Result<(), StoreError> {
    let mut transaction = pool.begin().await?;
    let found = version(&mut transaction).await?;
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
    transaction.commit().await
}

/// The schema that the database has; 0 for an empty database.
async fn version(transaction: &mut Transaction) -> Result<i64, StoreError> {
    let dialect = transaction.dialect();
    if let Some(lock) = dialect.lock_migrations() {
        transaction.rows(sql!(lock)).await?;
    }
    let known = sql!(dialect.count_tables(), "schema_migrations");
    let there = match transaction.row(known).await? {
        Some(row) => row.columns().bool()?,
        None => false,
    };
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
