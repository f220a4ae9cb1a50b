//! Connections, transactions and the statements that run on them.

use std::cell::Cell;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gestalt_core::Secret;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{Encode, Executor, IntoArguments, Type};

use crate::dialect::{Dialect, ManyRows};
use crate::error::StoreError;
use crate::lock::{DatabaseLock, open_private};
use crate::value::{Row, Statement, Value};

/// How many prepared statements each connection keeps.
const STATEMENT_CACHE: usize = 256;

/// Which database, and how much of it to use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the database is.
    pub database: Database,
    /// Connections at most; on SQLite those that read, beside the one that writes.
    pub max_connections: u32,
    /// How long a statement may wait for a connection.
    pub acquire_timeout: Duration,
}

impl Settings {
    /// The usual settings for a database: 8 connections, 10 seconds.
    pub const fn new(database: Database) -> Self {
        Self {
            database,
            max_connections: 8,
            acquire_timeout: Duration::from_secs(10),
        }
    }
}

/// Where the database is.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file, made if it is not there.
    Sqlite(PathBuf),
    /// A URL as libpq understands it; it may hold a password.
    Postgres(Secret),
}

tokio::task_local! {
    /// The statements of the running task, where somebody counts them.
    static COUNTED: Cell<u64>;
}

/// Runs a future and counts the statements that it runs itself.
pub(crate) async fn counted<F: Future>(future: F) -> (F::Output, u64) {
    let counting = async {
        let output = future.await;
        (output, COUNTED.with(Cell::get))
    };
    COUNTED.scope(Cell::new(0), counting).await
}

/// Counts statements; the begin and end of a transaction are not counted.
#[derive(Debug, Clone, Default)]
struct Counter(Arc<AtomicU64>);

impl Counter {
    fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        // Outside of `counted` nobody asks.
        let _ = COUNTED.try_with(|count| count.set(count.get() + 1));
    }
}

/// The connections to one database.
#[derive(Debug)]
pub(crate) struct Pool {
    connections: Connections,
    counter: Counter,
}

#[derive(Debug)]
enum Connections {
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
        lock: DatabaseLock,
    },
    Postgres(PgPool),
}

impl Pool {
    /// Connects, making a SQLite file if it is not there.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, StoreError> {
        let connections = match &settings.database {
            Database::Sqlite(path) => {
                let lock = DatabaseLock::take(path)?;
                drop(open_private(path)?);
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(Duration::from_secs(5))
                    .statement_cache_capacity(STATEMENT_CACHE);
                let writer = limits(settings, 1)
                    .test_before_acquire(false)
                    .connect_with(options.clone())
                    .await?;
                let readers = limits(settings, settings.max_connections)
                    .test_before_acquire(false)
                    .connect_with(options.pragma("query_only", "ON"))
                    .await?;
                Connections::Sqlite {
                    writer,
                    readers,
                    lock,
                }
            }
            Database::Postgres(url) => {
                let options = PgConnectOptions::from_str(with_host(url).expose())?
                    .application_name("gestaltd")
                    .statement_cache_capacity(STATEMENT_CACHE);
                let pool = limits(settings, settings.max_connections)
                    .connect_with(options)
                    .await?;
                Connections::Postgres(pool)
            }
        };
        Ok(Self {
            connections,
            counter: Counter::default(),
        })
    }

    /// Waits for running statements, then closes every connection and lets go of the lock.
    pub(crate) async fn close(&self) {
        match &self.connections {
            Connections::Sqlite {
                writer,
                readers,
                lock,
            } => {
                readers.close().await;
                writer.close().await;
                lock.release();
            }
            Connections::Postgres(pool) => pool.close().await,
        }
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        match self.connections {
            Connections::Sqlite { .. } => Dialect::Sqlite,
            Connections::Postgres(_) => Dialect::Postgres,
        }
    }

    pub(crate) fn statements(&self) -> u64 {
        self.counter.0.load(Ordering::Relaxed)
    }

    /// Runs one statement that only reads.
    pub(crate) async fn rows(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.counter.count();
        match &self.connections {
            Connections::Sqlite { readers, .. } => sqlite_rows(readers, statement).await,
            Connections::Postgres(pool) => postgres_rows(pool, statement).await,
        }
    }

    /// Runs one statement that only reads, and gives its first row.
    pub(crate) async fn row(&self, statement: Statement) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// Begins a transaction that writes; it is rolled back unless it is committed.
    pub(crate) async fn begin(&self) -> Result<Transaction, StoreError> {
        let begin = self.dialect().begin_write();
        let open = match &self.connections {
            Connections::Sqlite { writer, .. } => Open::Sqlite(writer.begin_with(begin).await?),
            Connections::Postgres(pool) => Open::Postgres(pool.begin_with(begin).await?),
        };
        Ok(self.transaction(open))
    }

    /// Begins a transaction that reads one state of the whole database.
    pub(crate) async fn snapshot(&self) -> Result<Transaction, StoreError> {
        let begin = self.dialect().begin_snapshot();
        let open = match &self.connections {
            Connections::Sqlite { readers, .. } => Open::Sqlite(readers.begin_with(begin).await?),
            Connections::Postgres(pool) => Open::Postgres(pool.begin_with(begin).await?),
        };
        Ok(self.transaction(open))
    }

    fn transaction(&self, open: Open) -> Transaction {
        Transaction {
            open,
            counter: self.counter.clone(),
        }
    }
}

/// Names a host where a URL has a user and none (`postgres://user@/name?host=/run/postgresql`):
/// libpq allows that, the URL standard does not. What the query says still comes first.
fn with_host(url: &Secret) -> Secret {
    let text = url.expose();
    let authority = text.find("://").map_or(0, |scheme| scheme + 3);
    let end = text[authority..]
        .find(['/', '?'])
        .map_or(text.len(), |end| authority + end);
    let (start, rest) = text.split_at(end);
    if start.ends_with('@') {
        Secret::new(format!("{start}localhost{rest}"))
    } else {
        url.clone()
    }
}

fn limits<DB: sqlx::Database>(settings: &Settings, connections: u32) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(connections.max(1))
        .acquire_timeout(settings.acquire_timeout)
}

/// A transaction: rolled back when dropped, unless committed.
pub(crate) struct Transaction {
    open: Open,
    counter: Counter,
}

enum Open {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Transaction {
    pub(crate) const fn dialect(&self) -> Dialect {
        match self.open {
            Open::Sqlite(_) => Dialect::Sqlite,
            Open::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement and gives its rows.
    pub(crate) async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.counter.count();
        match &mut self.open {
            Open::Sqlite(open) => sqlite_rows(&mut **open, statement).await,
            Open::Postgres(open) => postgres_rows(&mut **open, statement).await,
        }
    }

    /// Runs a statement and gives its first row.
    pub(crate) async fn row(&mut self, statement: Statement) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        self.counter.count();
        let Statement { sql, values } = statement;
        Ok(match &mut self.open {
            Open::Sqlite(open) => {
                let query = bind(sqlx::query(sql), values)?;
                query.execute(&mut **open).await?.rows_affected()
            }
            Open::Postgres(open) => {
                let query = bind(sqlx::query(sql), values)?;
                query.execute(&mut **open).await?.rows_affected()
            }
        })
    }

    /// Runs a statement for many rows, as often as it takes, and adds up what it changed.
    pub(crate) async fn execute_many(
        &mut self,
        statement: &ManyRows,
        rows: impl ExactSizeIterator<Item = Vec<Value>> + Send,
    ) -> Result<u64, StoreError> {
        let mut rows = rows;
        let mut changed = 0;
        while rows.len() > 0 {
            let (sql, count) = statement.take(self.dialect(), rows.len());
            let values = rows.by_ref().take(count).flatten().collect();
            changed += self.execute(Statement::new(sql, values)).await?;
        }
        Ok(changed)
    }

    /// Runs a script of several statements without values.
    pub(crate) async fn script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.counter.count();
        match &mut self.open {
            Open::Sqlite(open) => {
                open.execute(sqlx::raw_sql(sql)).await?;
            }
            Open::Postgres(open) => {
                open.execute(sqlx::raw_sql(sql)).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self.open {
            Open::Sqlite(open) => open.commit().await?,
            Open::Postgres(open) => open.commit().await?,
        }
        Ok(())
    }
}

async fn sqlite_rows<'c>(
    executor: impl Executor<'c, Database = sqlx::Sqlite>,
    statement: Statement,
) -> Result<Vec<Row>, StoreError> {
    let query = bind(sqlx::query(statement.sql), statement.values)?;
    let rows = query.fetch_all(executor).await?;
    Ok(rows.into_iter().map(Row::Sqlite).collect())
}

async fn postgres_rows<'c>(
    executor: impl Executor<'c, Database = sqlx::Postgres>,
    statement: Statement,
) -> Result<Vec<Row>, StoreError> {
    let query = bind(sqlx::query(statement.sql), statement.values)?;
    let rows = query.fetch_all(executor).await?;
    Ok(rows.into_iter().map(Row::Postgres).collect())
}

type Query<DB> = sqlx::query::Query<'static, DB, <DB as sqlx::Database>::Arguments>;

/// Hands the values to a query, on either database.
fn bind<DB>(mut query: Query<DB>, values: Vec<Value>) -> Result<Query<DB>, StoreError>
where
    DB: sqlx::Database,
    DB::Arguments: IntoArguments<DB>,
    for<'v> Option<String>: Encode<'v, DB> + Type<DB>,
    for<'v> Option<i64>: Encode<'v, DB> + Type<DB>,
    for<'v> Option<Vec<u8>>: Encode<'v, DB> + Type<DB>,
{
    for value in values {
        query = match value {
            Value::Text(Some(text)) if text.contains('\0') => {
                return Err(StoreError::Invalid {
                    reason: "a text holds the character U+0000",
                });
            }
            Value::Text(text) => query.bind(text),
            Value::Int(number) => query.bind(number),
            Value::Bytes(bytes) => query.bind(bytes),
        };
    }
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_leave_the_host_to_its_query() {
        let check = |url: &str, expect: &str| {
            assert_eq!(with_host(&Secret::new(url)).expose(), expect);
        };
        check(
            "postgres://gestalt@/gestalt?host=/run/postgresql",
            "postgres://gestalt@localhost/gestalt?host=/run/postgresql",
        );
        check(
            "postgres://u:p@db.example.com/x",
            "postgres://u:p@db.example.com/x",
        );
        check("postgres:///x?host=/run", "postgres:///x?host=/run");
        check("postgres://u@", "postgres://u@localhost");
    }
}
