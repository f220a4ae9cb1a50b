//! Connections, transactions and the statements that run on them.

use std::io;
use std::str::FromStr;
use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqliteSynchronous,
};
use sqlx::{Connection as _, Encode, Executor, IntoArguments, Type};

use crate::counter::Counter;
use crate::dialect::{Dialect, ManyRows};
use crate::error::StoreError;
use crate::lock::{DatabaseLock, open_private};
use crate::settings::{Database, Settings, with_host};
use crate::value::{Row, Statement, Value};

/// How long a database may take for a statement or a transaction of changes; a network that
/// has gone silent must not hold a caller for ever.
const MOST_TIME: Duration = Duration::from_secs(30);

/// How many prepared statements each connection keeps.
const STATEMENT_CACHE: usize = 256;

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
                    // An insert of many rows keeps a journal of its own, which would go to a
                    // file of its own.
                    .pragma("temp_store", "MEMORY")
                    // A record of the audit trail has about 1,000 bytes, which is what a page
                    // of 4 KiB holds of a row at most; above it each would take a page more.
                    .page_size(8_192)
                    // In KiB, for each connection: the hot rows are kept by the gateway.
                    .pragma("cache_size", "-1024")
                    .statement_cache_capacity(STATEMENT_CACHE);
                let writer = sqlite(settings, 1, options.clone()).await?;
                let reading = options.pragma("query_only", "ON");
                let readers = sqlite(settings, settings.max_connections, reading).await?;
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
                // The pool tries again and again and then says only that it took too long; one
                // attempt says what is wrong.
                let probe = PgConnection::connect_with(&options);
                let probe = tokio::time::timeout(settings.acquire_timeout, probe).await;
                probe.map_err(|_| timed_out())??.close().await?;
                let pool = limits(settings, settings.max_connections).connect_lazy_with(options);
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
        self.counter.total()
    }

    /// Runs one statement that only reads.
    pub(crate) async fn rows(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.counter.count();
        let rows = async {
            match &self.connections {
                Connections::Sqlite { readers, .. } => sqlite_rows(readers, statement).await,
                Connections::Postgres(pool) => postgres_rows(pool, statement).await,
            }
        };
        within_time(rows).await
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

/// Gives up after [`MOST_TIME`]; what was begun is rolled back.
pub(crate) async fn within_time<T>(
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(MOST_TIME, work).await {
        Ok(result) => result,
        Err(_) => Err(timed_out()),
    }
}

fn timed_out() -> StoreError {
    sqlx::Error::Io(io::ErrorKind::TimedOut.into()).into()
}

async fn sqlite(
    settings: &Settings,
    connections: u32,
    options: SqliteConnectOptions,
) -> Result<SqlitePool, StoreError> {
    let pool = limits(settings, connections)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        // When its disk is full, SQLite rolls back by itself; the driver does not notice and
        // would begin no other transaction on that connection.
        .before_acquire(|connection: &mut SqliteConnection, _| {
            let usable = !connection.is_in_transaction();
            Box::pin(std::future::ready(Ok(usable)))
        });
    Ok(pool.connect_with(options).await?)
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
