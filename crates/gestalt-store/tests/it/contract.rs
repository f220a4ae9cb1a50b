//! Runs every case on both databases.

use gestalt_store::Store;

use crate::database::{Kind, TestDatabase};

/// Names cases (`async fn(Store)`) of this module; each becomes a test on SQLite and one on
/// PostgreSQL, with an empty store of its own.
macro_rules! contract {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                $crate::contract::run($crate::database::Kind::Sqlite, super::$case).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $case() {
                $crate::contract::run($crate::database::Kind::Postgres, super::$case).await;
            })+
        }
    };
}

/// Reads every page, three rows at a time, and does something between them.
macro_rules! all_pages {
    ($page:ident => $list:expr) => {
        all_pages!($page => $list; between {})
    };
    ($page:ident => $list:expr; between $between:block) => {{
        let mut all = Vec::new();
        let mut cursor = None;
        loop {
            let $page = gestalt_store::PageRequest {
                cursor: cursor.take(),
                limit: 3,
            };
            let gestalt_store::Page { items, next } = $list.await.unwrap();
            assert!(
                items.len() == 3 || next.is_none(),
                "short page before the last"
            );
            all.extend(items);
            $between
            match next {
                Some(next) => cursor = Some(next),
                None => break all,
            }
        }
    }};
}
pub(crate) use {all_pages, contract};

/// Runs one case on a new database.
pub(crate) async fn run<F: Future<Output = ()>>(kind: Kind, case: impl FnOnce(Store) -> F) {
    let database = TestDatabase::new(kind);
    let store = database.open().await;
    case(store.clone()).await;
    store.close().await;
}
