//! What holds for every change and every list.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use gestalt_store::{Change, PageRequest, Store, StoreError, TokenRow};

use crate::contract::contract;
use crate::samples::*;

contract! {
    a_change_that_hits_nothing_rolls_all_back,
    a_row_that_is_there_already_conflicts,
    what_refers_to_nothing_is_refused,
    a_text_with_nul_is_refused,
    a_cursor_of_another_list_is_refused,
}

async fn a_change_that_hits_nothing_rolls_all_back(store: Store) {
    grounded(&store).await;
    let missing = [
        Change::RevokeToken {
            id: token_id(9),
            owner: "anonymous".into(),
            at: at(1),
        },
        Change::RevokeSession {
            id: session_id(9),
            owner: "anonymous".into(),
            at: at(1),
        },
        Change::RotateToken {
            old: token_id(9),
            owner: "anonymous".into(),
            new: token(10, "anonymous"),
            old_expires_at: at(1),
        },
        Change::RedeemLoginCode {
            hash: hash(9),
            at: at(1),
        },
        Change::RenamePlugin {
            id: plugin_id(9),
            name: "other".parse().unwrap(),
        },
    ];
    for change in missing {
        let changes = [
            Change::CreateUser(user(1)),
            Change::CreateToken(token(1, "anonymous")),
            change,
        ];
        let refused = store.write(&changes).await;
        assert!(
            matches!(refused, Err(StoreError::NoSuchRow { index: 2 })),
            "{changes:?}: {refused:?}"
        );
        assert_eq!(store.find_user(user_id(1)).await.unwrap(), None);
        assert_eq!(store.find_token(token_id(10)).await.unwrap(), None);
    }

    // A token of somebody else is as good as none.
    store
        .write(&[Change::CreateToken(token(1, "anonymous"))])
        .await
        .unwrap();
    let theft = Change::RevokeToken {
        id: token_id(1),
        owner: "user:x".into(),
        at: at(1),
    };
    let refused = store.write(&[theft]).await;
    assert!(matches!(refused, Err(StoreError::NoSuchRow { index: 0 })));
}

async fn a_row_that_is_there_already_conflicts(store: Store) {
    grounded(&store).await;
    let same_hash = TokenRow {
        hash: hash(1),
        ..token(2, "anonymous")
    };
    store
        .write(&[
            Change::CreateToken(token(1, "anonymous")),
            Change::CreateSession(session(1, "anonymous")),
            Change::CreateUser(user(1)),
        ])
        .await
        .unwrap();
    let taken = [
        Change::CreateToken(token(1, "anonymous")),
        Change::CreateToken(same_hash),
        Change::CreateSession(session(1, "anonymous")),
        Change::CreateUser(user(1)),
        Change::PutPlugin {
            id: plugin_id(1),
            name: "demo".parse().unwrap(),
        },
    ];
    for change in taken {
        let changes = [Change::CreateUser(user(2)), change];
        let refused = store.write(&changes).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict)),
            "{changes:?}: {refused:?}"
        );
        assert_eq!(store.find_user(user_id(2)).await.unwrap(), None);
    }
}

async fn what_refers_to_nothing_is_refused(store: Store) {
    let changes = [
        Change::PutMeta {
            key: "salt".into(),
            value: vec![1],
        },
        Change::LinkIdentity {
            issuer: "https://login.example.com".into(),
            subject: "alice".into(),
            user: user_id(1),
            at: at(0),
        },
    ];
    let refused = store.write(&changes).await;
    assert!(
        matches!(refused, Err(StoreError::NoSuchRow { index: 1 })),
        "{refused:?}"
    );
    assert_eq!(store.find_meta("salt").await.unwrap(), None);
}

async fn a_text_with_nul_is_refused(store: Store) {
    grounded(&store).await;
    let named = TokenRow {
        name: "a\0b".into(),
        ..token(1, "anonymous")
    };
    let refused = store.write(&[Change::CreateToken(named)]).await;
    assert!(
        matches!(refused, Err(StoreError::Invalid { .. })),
        "{refused:?}"
    );
}

async fn a_cursor_of_another_list_is_refused(store: Store) {
    for cursor in ["", "~", "tok_zz", &session_id(1).to_string()] {
        let page = PageRequest {
            cursor: Some(cursor.into()),
            limit: 10,
        };
        let refused = store.list_tokens("anonymous", &page).await;
        assert!(
            matches!(refused, Err(StoreError::Invalid { .. })),
            "{cursor}"
        );
        let refused = store.list_auth_failures(&page).await;
        assert!(
            matches!(refused, Err(StoreError::Invalid { .. })),
            "{cursor}"
        );
    }
}
