//! What goes into a statement and comes out of it: text, 64-bit integers and bytes.

use std::str::FromStr;

use gestalt_core::Timestamp;
use gestalt_core::connection::{Owner, State};
use gestalt_core::id::{ConnectionId, KeyId, PluginId, SessionId, TokenId, UserId, WriterId};
use gestalt_core::name::{ConnectionName, InstanceName};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqlSafeStr, SqlStr};

use crate::error::StoreError;
use crate::schema::Kind;

/// One value of a statement. PostgreSQL wants to know the type of a missing one too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

/// A statement and its values, in the order of their placeholders.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) sql: SqlStr,
    pub(crate) values: Vec<Value>,
}

/// Makes a [`Statement`] of SQL and the values of `$1`, `$2`, …
macro_rules! sql {
    ($sql:expr $(, $value:expr)* $(,)?) => {
        $crate::value::Statement::new($sql, vec![$($crate::value::Value::from($value)),*])
    };
}
pub(crate) use sql;

impl Statement {
    pub(crate) fn new(sql: impl SqlSafeStr, values: Vec<Value>) -> Self {
        let sql = sql.into_sql_str();
        debug_assert_eq!(
            placeholders(sql.as_str()),
            values.len(),
            "a missing value would silently be NULL: {}",
            sql.as_str()
        );
        Self { sql, values }
    }
}

/// How many values a statement takes: the highest `$n`, or the number of `?`.
fn placeholders(sql: &str) -> usize {
    let numbered = sql.split('$').skip(1).filter_map(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest[..digits].parse::<usize>().ok()
    });
    numbered.max().unwrap_or_else(|| sql.matches('?').count())
}

/// Conditions of a statement that depend on what is asked for, joined by `AND`. The texts are
/// literals; every value is bound.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds `<comparison> $n`, as in `compare("at >=", since)`.
    pub(crate) fn compare(&mut self, comparison: &'static str, value: impl Into<Value>) {
        self.and();
        self.sql.push_str(comparison);
        self.bind(value.into());
    }

    /// Adds `<comparison> ($n, $n+1, …)`, as in `compare_all("(a, b) <", [a, b])`.
    pub(crate) fn compare_all(
        &mut self,
        comparison: &'static str,
        values: impl IntoIterator<Item = Value>,
    ) {
        self.and();
        self.sql.push_str(comparison);
        self.sql.push_str(" (");
        for (place, value) in values.into_iter().enumerate() {
            if place > 0 {
                self.sql.push(',');
            }
            self.bind(value);
        }
        self.sql.push(')');
    }

    /// The text and the values; `TRUE` without a condition.
    pub(crate) fn finish(mut self) -> (String, Vec<Value>) {
        if self.sql.is_empty() {
            self.sql.push_str("TRUE");
        }
        (self.sql, self.values)
    }

    fn and(&mut self) {
        if !self.sql.is_empty() {
            self.sql.push_str(" AND ");
        }
    }

    fn bind(&mut self, value: Value) {
        self.values.push(value);
        self.sql.push_str(" $");
        self.sql.push_str(&self.values.len().to_string());
    }
}

macro_rules! from {
    ($($variant:ident($shown:ident => $made:expr): $($type:ty),+;)*) => {$($(
        impl From<$type> for Value {
            fn from($shown: $type) -> Self {
                Self::$variant(Some($made))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map(|$shown| $made))
            }
        }
    )+)*};
}

from! {
    Text(text => text): String;
    Text(text => text.to_owned()): &str;
    Text(text => text.clone()): &String;
    Text(shown => shown.to_string()): ConnectionId, KeyId, PluginId, SessionId, TokenId, UserId,
        WriterId, Owner, &ConnectionName, &InstanceName;
    Text(state => state.as_str().to_owned()): State;
    Int(number => number): i64;
    Int(number => i64::from(number)): bool;
    // Counters: 2^63 is out of reach.
    Int(number => i64::try_from(number).unwrap_or(i64::MAX)): u64;
    Int(moment => moment.as_micros()): Timestamp;
    Bytes(bytes => bytes): Vec<u8>;
    Bytes(bytes => bytes.clone()): &Vec<u8>;
    Bytes(bytes => bytes.to_vec()): [u8; 32];
}

/// One row of an answer.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// Reads the columns from left to right.
    pub(crate) const fn columns(&self) -> Columns<'_> {
        Columns { row: self, next: 0 }
    }
}

/// Reads the columns of a row from left to right.
pub(crate) struct Columns<'r> {
    row: &'r Row,
    next: usize,
}

macro_rules! get {
    ($columns:expr, $type:ty) => {{
        let index = $columns.next;
        $columns.next += 1;
        match $columns.row {
            Row::Sqlite(row) => row.try_get::<$type, _>(index),
            Row::Postgres(row) => row.try_get::<$type, _>(index),
        }
        .map_err(StoreError::from)
    }};
}

impl Columns<'_> {
    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        get!(self, String)
    }

    pub(crate) fn opt_text(&mut self) -> Result<Option<String>, StoreError> {
        get!(self, Option<String>)
    }

    pub(crate) fn int(&mut self) -> Result<i64, StoreError> {
        get!(self, i64)
    }

    pub(crate) fn opt_int(&mut self) -> Result<Option<i64>, StoreError> {
        get!(self, Option<i64>)
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        get!(self, Vec<u8>)
    }

    pub(crate) fn opt_bytes(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        get!(self, Option<Vec<u8>>)
    }

    /// The value of a column, of whatever type.
    pub(crate) fn value(&mut self, kind: Kind) -> Result<Value, StoreError> {
        Ok(match kind {
            Kind::Text => Value::Text(self.opt_text()?),
            Kind::Int => Value::Int(self.opt_int()?),
            Kind::Bytes => Value::Bytes(self.opt_bytes()?),
        })
    }

    pub(crate) fn bool(&mut self) -> Result<bool, StoreError> {
        Ok(self.int()? != 0)
    }

    pub(crate) fn number(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.int()?).map_err(|_| StoreError::Corrupt {
            expected: "a count",
        })
    }

    pub(crate) fn opt_number(&mut self) -> Result<Option<u64>, StoreError> {
        self.opt_int()?
            .map(|number| {
                u64::try_from(number).map_err(|_| StoreError::Corrupt {
                    expected: "a count",
                })
            })
            .transpose()
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.int().map(Timestamp::from_micros)
    }

    pub(crate) fn opt_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.opt_int()?.map(Timestamp::from_micros))
    }

    pub(crate) fn hash(&mut self) -> Result<[u8; 32], StoreError> {
        let bytes = self.bytes()?;
        bytes.try_into().map_err(|_| StoreError::Corrupt {
            expected: "a hash of 32 bytes",
        })
    }

    /// A text in the form of one of our types.
    pub(crate) fn parse<T: FromStr>(&mut self, expected: &'static str) -> Result<T, StoreError> {
        parse(&self.text()?, expected)
    }

    pub(crate) fn opt_parse<T: FromStr>(
        &mut self,
        expected: &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.opt_text()?
            .map(|text| parse(&text, expected))
            .transpose()
    }

    /// Passes over columns, of a join that found nothing.
    pub(crate) fn next_is_null(&self) -> Result<bool, StoreError> {
        Columns { ..*self }.opt_text().map(|text| text.is_none())
    }
}

fn parse<T: FromStr>(text: &str, expected: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { expected })
}
