//! One portable file with everything the database holds, still sealed.
//!
//! Lines of JSON: a header that names the format, the schema, the tables and their columns;
//! then every row as its table's name and its values, bytes as hex; then a trailer with the
//! number of rows and the SHA-256 of all lines before it. The same file restores into SQLite
//! and PostgreSQL.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;

use crate::error::StoreError;
use crate::lock::open_private;
use crate::migrate;
use crate::pool::Transaction;
use crate::schema::{TABLES, Table};
use crate::store::Store;
use crate::value::{Row, Statement, Value};

/// What the header's `format` says.
pub(crate) const FORMAT: &str = "gestalt-backup";
/// The version of the file's form, apart from the schema inside.
pub(crate) const VERSION: u32 = 1;
/// How many rows are read at a time.
const CHUNK: usize = 500;

/// The first line of a backup.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) format: String,
    pub(crate) version: u32,
    pub(crate) schema: i64,
    pub(crate) tables: Vec<HeaderTable>,
}

/// A table as the header names it, its columns with their types.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HeaderTable {
    pub(crate) name: String,
    pub(crate) columns: Vec<(String, String)>,
}

/// The last line of a backup.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trailer {
    pub(crate) rows: u64,
    pub(crate) sha256: String,
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => text.serialize(serializer),
            Self::Int(number) => number.serialize(serializer),
            Self::Bytes(bytes) => bytes.as_deref().map(hex).serialize(serializer),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

impl Store {
    /// Writes a backup of one state of the database, while it stays in use; gives the number
    /// of rows. What is written is complete when this returns, but not flushed to disk.
    ///
    /// # Errors
    /// [`StoreError::Backup`] when `writer` fails, and what the database says.
    pub async fn backup(&self, writer: impl Write + Send) -> Result<u64, StoreError> {
        let mut lines = Lines::new(writer);
        lines.write(&header())?;
        let mut snapshot = self.pool.snapshot().await?;
        let mut rows = 0;
        for table in TABLES {
            rows += copy(&mut snapshot, table, &mut lines).await?;
        }
        lines.finish(rows)?;
        Ok(rows)
    }

    /// Writes a backup to a file that only its owner may read. The file has its name only
    /// once it is complete and on disk; one that is there is replaced.
    ///
    /// # Errors
    /// [`StoreError::File`], and as [`Store::backup`].
    pub async fn backup_to(&self, path: &Path) -> Result<u64, StoreError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".partial");
        let partial = PathBuf::from(name);
        let failed = |source| StoreError::File {
            path: path.to_owned(),
            source,
        };
        let file = open_private(&partial)?;
        file.set_len(0).map_err(failed)?;
        let written = self.backup(&file).await;
        let kept = written.and_then(|rows| {
            file.sync_all().map_err(failed)?;
            std::fs::rename(&partial, path).map_err(failed)?;
            sync_folder(path).map_err(failed)?;
            Ok(rows)
        });
        if kept.is_err() {
            // What is left is of no use; the error above says more than one of this.
            let _ = std::fs::remove_file(&partial);
        }
        kept
    }
}

/// Makes a file's name survive a loss of power.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn header() -> Header {
    let tables = TABLES.iter().map(|table| HeaderTable {
        name: table.name.to_owned(),
        columns: table
            .columns
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), kind.as_str().to_owned()))
            .collect(),
    });
    Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        schema: migrate::newest(),
        tables: tables.collect(),
    }
}

/// Copies a table in the order of its primary key.
async fn copy<W: Write>(
    snapshot: &mut Transaction,
    table: &Table,
    lines: &mut Lines<W>,
) -> Result<u64, StoreError> {
    let mut copied = 0;
    let mut last: Option<Vec<Value>> = None;
    loop {
        let rows = snapshot.rows(next_rows(table, last.take())).await?;
        for row in &rows {
            let values = read(table, row)?;
            lines.write(&(table.name, &values))?;
            copied += 1;
            last = Some(values);
        }
        if rows.len() < CHUNK {
            return Ok(copied);
        }
    }
}

/// Reads the rows after the one last read. The text is made of our own names.
fn next_rows(table: &Table, last: Option<Vec<Value>>) -> Statement {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let key = names[..table.key].join(", ");
    let values: Vec<Value> = last.into_iter().flatten().take(table.key).collect();
    let condition = if values.is_empty() {
        String::new()
    } else {
        let places: Vec<String> = (1..=table.key).map(|place| format!("${place}")).collect();
        format!("WHERE ({key}) > ({})", places.join(", "))
    };
    let sql = format!(
        "SELECT {} FROM {} {condition} ORDER BY {key} LIMIT {CHUNK}",
        names.join(", "),
        table.name
    );
    Statement::new(AssertSqlSafe(sql), values)
}

fn read(table: &Table, row: &Row) -> Result<Vec<Value>, StoreError> {
    let mut columns = row.columns();
    let kinds = table.columns.iter();
    kinds.map(|(_, kind)| columns.value(*kind)).collect()
}

/// Writes lines and keeps their digest.
struct Lines<W: Write> {
    writer: BufWriter<W>,
    digest: Sha256,
    line: Vec<u8>,
}

impl<W: Write> Lines<W> {
    fn new(writer: W) -> Self {
        Self {
            writer: BufWriter::with_capacity(64 * 1024, writer),
            digest: Sha256::new(),
            line: Vec::new(),
        }
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), StoreError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line).map_err(cannot_write)?;
        self.line.push(b'\n');
        self.digest.update(&self.line);
        self.writer.write_all(&self.line).map_err(cannot_write)
    }

    fn finish(mut self, rows: u64) -> Result<(), StoreError> {
        let sha256 = hex(&self.digest.clone().finalize());
        self.write(&Trailer { rows, sha256 })?;
        self.writer.flush().map_err(cannot_write)
    }
}

fn cannot_write(error: impl fmt::Display) -> StoreError {
    StoreError::backup(format!("cannot write the backup: {error}"))
}
