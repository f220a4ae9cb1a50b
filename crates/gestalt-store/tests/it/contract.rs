//! Runs every case on both databases.

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
pub(crate) use contract;
use gestalt_store::Store;

use crate::database::{Kind, TestDatabase};

/// Runs one case on a new database.
pub(crate) async fn run<F: Future<Output = ()>>(kind: Kind, case: impl FnOnce(Store) -> F) {
    let database = TestDatabase::new(kind);
    let store = database.open().await;
    case(store.clone()).await;
    store.close().await;
}
