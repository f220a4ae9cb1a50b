//! Fills an empty database from a backup, once the whole backup has been found sound.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;

use crate::backup::{FORMAT, Header, HeaderTable, Trailer, VERSION, hex};
use crate::dialect::ManyRows;
use crate::error::StoreError;
use crate::migrate;
use crate::pool::{Pool, Transaction};
use crate::schema::{Kind, TABLES, Table};
use crate::settings::Settings;
use crate::store::Store;
use crate::value::{Statement, Value};

/// No line of a backup is longer: far beyond the largest row.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;
/// How many rows are written at a time.
const CHUNK: usize = 256;

/// What a restore has brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// How many rows.
    pub rows: u64,
    /// The schema that the backup was made with; the database has the newest.
    pub schema: i64,
}

impl Store {
    /// Fills an empty database of either kind from a backup, which is read through and checked
    /// before anything is written; all in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Backup`] when the backup is damaged or the database not empty,
    /// [`StoreError::NewerSchema`], [`StoreError::File`], and as [`Store::open`].
    pub async fn restore(settings: &Settings, path: &Path) -> Result<Restored, StoreError> {
        let mut backup = Backup::open(path)?;
        while backup.next_row()?.is_some() {}
        let rows = backup.rows;

        let pool = Pool::open(settings).await?;
        let filled = fill(&pool, Backup::open(path)?).await;
        pool.close().await;
        filled?;
        Ok(Restored {
            rows,
            schema: backup.schema,
        })
    }
}

async fn fill(pool: &Pool, mut backup: Backup) -> Result<(), StoreError> {
    let mut transaction = pool.begin().await?;
    let found = migrate::version(&mut transaction).await?;
    if found > backup.schema {
        return Err(StoreError::backup(format!(
            "the database has schema {found}, the backup {}; restore into a new database",
            backup.schema
        )));
    }
    check_empty(&mut transaction).await?;
    migrate::apply(&mut transaction, backup.schema).await?;

    let mut chunk: Vec<Vec<Value>> = Vec::new();
    let mut current: Option<(usize, ManyRows)> = None;
    while let Some((table, values)) = backup.next_row()? {
        if current.as_ref().is_none_or(|(last, _)| *last != table) {
            flush(&mut transaction, current.as_ref(), &mut chunk).await?;
            current = Some((table, insert(&backup.tables[table])));
        }
        chunk.push(values);
        if chunk.len() == CHUNK {
            flush(&mut transaction, current.as_ref(), &mut chunk).await?;
        }
    }
    flush(&mut transaction, current.as_ref(), &mut chunk).await?;
    migrate::apply(&mut transaction, migrate::newest()).await?;
    transaction.commit().await
}

async fn check_empty(transaction: &mut Transaction) -> Result<(), StoreError> {
    for table in TABLES {
        if !migrate::has_table(transaction, table.name).await? {
            continue;
        }
        let sql = format!("SELECT 1 FROM {} LIMIT 1", table.name);
        let any = transaction.rows(Statement::new(AssertSqlSafe(sql), Vec::new()));
        if !any.await?.is_empty() {
            return Err(StoreError::backup(
                "the database is not empty; restore into a new one",
            ));
        }
    }
    Ok(())
}

fn insert(table: &BackupTable) -> ManyRows {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let before = format!("INSERT INTO {} ({}) VALUES", table.name, names.join(", "));
    ManyRows::new(&before, names.len(), "")
}

async fn flush(
    transaction: &mut Transaction,
    current: Option<&(usize, ManyRows)>,
    chunk: &mut Vec<Vec<Value>>,
) -> Result<(), StoreError> {
    if let Some((_, insert)) = current {
        let rows = std::mem::take(chunk);
        transaction.execute_many(insert, rows.into_iter()).await?;
    }
    Ok(())
}

/// A table of a backup, in our own names.
struct BackupTable {
    name: &'static str,
    columns: Vec<(&'static str, Kind)>,
}

impl BackupTable {
    fn new(named: &HeaderTable) -> Result<Self, StoreError> {
        let unknown = |what: &str| StoreError::backup(format!("the backup names {what}"));
        let known = |table: &&Table| table.name == named.name;
        let table = TABLES.iter().find(known);
        let table = table.ok_or_else(|| unknown("a table that is not known here"))?;
        let columns = named.columns.iter().map(|(name, kind)| {
            let known = |column: &&(&str, Kind)| column.0 == name && column.1.as_str() == kind;
            let column = table.columns.iter().find(known);
            column
                .copied()
                .ok_or_else(|| unknown("a column that is not known here"))
        });
        Ok(Self {
            name: table.name,
            columns: columns.collect::<Result<_, _>>()?,
        })
    }
}

/// Reads a backup from its start. The row after the last is given only if the trailer agrees
/// with everything before it.
struct Backup {
    reader: BufReader<File>,
    path: std::path::PathBuf,
    digest: Sha256,
    schema: i64,
    tables: Vec<BackupTable>,
    rows: u64,
}

impl Backup {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(|source| StoreError::File {
            path: path.to_owned(),
            source,
        })?;
        let mut backup = Self {
            reader: BufReader::with_capacity(64 * 1024, file),
            path: path.to_owned(),
            digest: Sha256::new(),
            schema: 0,
            tables: Vec::new(),
            rows: 0,
        };
        let line = backup.line()?;
        let header: Option<Header> = serde_json::from_slice(&line).ok();
        let header = header
            .filter(|header| header.format == FORMAT)
            .ok_or_else(|| StoreError::backup("the file is not a backup of gestaltd"))?;
        if header.version != VERSION {
            return Err(StoreError::backup(format!(
                "the backup has form {}, this gestaltd reads {VERSION}",
                header.version
            )));
        }
        if header.schema > migrate::newest() {
            return Err(StoreError::NewerSchema {
                found: header.schema,
                known: migrate::newest(),
            });
        }
        let tables = header.tables.iter().map(BackupTable::new);
        backup.tables = tables.collect::<Result<_, _>>()?;
        backup.schema = header.schema;
        backup.digest.update(&line);
        Ok(backup)
    }

    /// Reads one line with its end.
    fn line(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut line = Vec::new();
        let mut limited = (&mut self.reader).take(MAX_LINE_BYTES);
        limited
            .read_until(b'\n', &mut line)
            .map_err(|source| StoreError::File {
                path: self.path.clone(),
                source,
            })?;
        if line.last() != Some(&b'\n') {
            return Err(StoreError::backup("the backup is cut off"));
        }
        Ok(line)
    }

    /// The next row and the number of its table.
    fn next_row(&mut self) -> Result<Option<(usize, Vec<Value>)>, StoreError> {
        let line = self.line()?;
        if line.first() == Some(&b'{') {
            self.check_trailer(&line)?;
            return Ok(None);
        }
        self.digest.update(&line);
        self.rows += 1;
        let row = self.read_row(&line);
        row.map(Some).ok_or_else(|| {
            StoreError::backup(format!("row {} of the backup is damaged", self.rows))
        })
    }

    fn read_row(&self, line: &[u8]) -> Option<(usize, Vec<Value>)> {
        let (name, cells): (String, Vec<Json>) = serde_json::from_slice(line).ok()?;
        let place = self.tables.iter().position(|table| table.name == name)?;
        let columns = &self.tables[place].columns;
        if cells.len() != columns.len() {
            return None;
        }
        let values = cells
            .into_iter()
            .zip(columns)
            .map(|(cell, (_, kind))| read_cell(cell, *kind));
        Some((place, values.collect::<Option<_>>()?))
    }

    fn check_trailer(&mut self, line: &[u8]) -> Result<(), StoreError> {
        let damaged = || StoreError::backup("the backup is damaged: its checksum does not agree");
        let trailer: Trailer = serde_json::from_slice(line).map_err(|_| damaged())?;
        let more = self.reader.fill_buf().map_or(true, |rest| !rest.is_empty());
        let digest = hex(&self.digest.clone().finalize());
        if trailer.rows != self.rows || trailer.sha256 != digest || more {
            return Err(damaged());
        }
        Ok(())
    }
}

fn read_cell(cell: Json, kind: Kind) -> Option<Value> {
    Some(match (kind, cell) {
        (Kind::Text, Json::Null) => Value::Text(None),
        (Kind::Int, Json::Null) => Value::Int(None),
        (Kind::Bytes, Json::Null) => Value::Bytes(None),
        (Kind::Text, Json::String(text)) => Value::Text(Some(text)),
        (Kind::Int, Json::Number(number)) => Value::Int(Some(number.as_i64()?)),
        (Kind::Bytes, Json::String(hex)) => Value::Bytes(Some(unhex(&hex)?)),
        _ => return None,
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes.collect::<Option<_>>().filter(|_| rest.is_empty())
}
