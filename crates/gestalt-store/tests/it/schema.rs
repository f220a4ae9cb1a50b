//! Both databases have the same tables, columns, keys and indexes.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};

use gestalt_store::Database;
use sqlx::{Connection as _, Row as _};

use crate::database::{Kind, TestDatabase};

/// The columns of a table or index: name, type and whether it may be missing.
type Columns = Vec<(String, String, bool)>;

#[derive(Debug, Default, PartialEq, Eq)]
struct Schema {
    tables: BTreeMap<String, Columns>,
    /// By table: the indexed columns and whether they are unique; names of primary keys differ.
    indexes: BTreeSet<(String, Vec<String>, bool)>,
}

#[tokio::test]
async fn the_two_schemas_are_the_same() {
    let sqlite = sqlite().await;
    let postgres = postgres().await;
    assert!(sqlite.tables.contains_key("audit_records"));
    assert_eq!(sqlite.tables, postgres.tables);
    assert_eq!(sqlite.indexes, postgres.indexes);
}

async fn sqlite() -> Schema {
    let database = TestDatabase::new(Kind::Sqlite);
    database.open().await.close().await;
    let Database::Sqlite(path) = &database.settings.database else {
        unreachable!("asked for SQLite");
    };
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut open = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    let mut schema = Schema::default();
    let columns = sqlx::query(
        "SELECT t.name, c.name, lower(c.type), c.\"notnull\" = 0 FROM sqlite_schema t \
         JOIN pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY t.name, c.cid",
    );
    for row in columns.fetch_all(&mut open).await.unwrap() {
        let kind: &str = row.get(2);
        let kind = match kind {
            "integer" => "bigint",
            "blob" => "bytea",
            other => other,
        };
        let column = (row.get(1), kind.to_owned(), row.get(3));
        schema.tables.entry(row.get(0)).or_default().push(column);
    }
    let indexes = sqlx::query(
        "SELECT t.name, group_concat(c.name ORDER BY c.seqno), i.\"unique\" = 1 \
         FROM sqlite_schema t JOIN pragma_index_list(t.name) i JOIN pragma_index_info(i.name) c \
         WHERE t.type = 'table' GROUP BY t.name, i.name",
    );
    for row in indexes.fetch_all(&mut open).await.unwrap() {
        schema.add_index(row.get(0), row.get(1), row.get(2));
    }
    schema
}

async fn postgres() -> Schema {
    let database = TestDatabase::new(Kind::Postgres);
    database.open().await.close().await;
    let Database::Postgres(url) = &database.settings.database else {
        unreachable!("asked for PostgreSQL");
    };
    let url = url.expose().replace("postgres@/", "postgres@localhost/");
    let mut open = sqlx::PgConnection::connect(&url).await.unwrap();
    let mut schema = Schema::default();
    let columns = sqlx::query(
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES', \
         collation_name::text FROM information_schema.columns \
         WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position",
    );
    for row in columns.fetch_all(&mut open).await.unwrap() {
        let (kind, collation): (String, Option<String>) = (row.get(2), row.get(4));
        assert_eq!(
            collation.as_deref(),
            (kind == "text").then_some("C"),
            "text compares by bytes"
        );
        let column = (row.get(1), kind, row.get(3));
        schema.tables.entry(row.get(0)).or_default().push(column);
    }
    let indexes = sqlx::query(
        "SELECT i.indrelid::regclass::text, string_agg(a.attname, ',' ORDER BY k.place), \
         i.indisunique FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         JOIN unnest(i.indkey::int2[]) WITH ORDINALITY k (column_number, place) ON TRUE \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.column_number \
         WHERE c.relnamespace = current_schema()::regnamespace \
         GROUP BY i.indexrelid, i.indrelid, i.indisunique",
    );
    for row in indexes.fetch_all(&mut open).await.unwrap() {
        schema.add_index(row.get(0), row.get(1), row.get(2));
    }
    schema
}

impl Schema {
    fn add_index(&mut self, table: String, columns: &str, unique: bool) {
        let columns = columns.split(',').map(str::to_owned).collect();
        self.indexes.insert((table, columns, unique));
    }
}
