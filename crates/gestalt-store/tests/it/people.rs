//! Users, failed authentications, keys, plugins and facts.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use gestalt_store::{AuthFailureRow, Change, KeyRow, PageRequest, Store};

use crate::contract::{all_pages, contract};
use crate::samples::*;

contract! {
    users_come_in_complete_pages,
    users_are_found_by_identity_and_by_an_email_of_their_own,
    auth_failures_add_up_and_stay_bounded,
    keys_plugins_and_facts_are_kept,
}

async fn users_come_in_complete_pages(store: Store) {
    let changes: Vec<_> = (0..6)
        .map(|number| Change::CreateUser(user(number)))
        .collect();
    store.write(&changes).await.unwrap();
    let all = all_pages!(page => store.list_users(&page));
    assert_eq!(all, (0..6).rev().map(user).collect::<Vec<_>>());
}

async fn users_are_found_by_identity_and_by_an_email_of_their_own(store: Store) {
    let mut twin = user(2);
    twin.email = Some("twin@example.com".into());
    let mut other_twin = user(3);
    other_twin.email.clone_from(&twin.email);
    let link = Change::LinkIdentity {
        issuer: "https://login.example.com".into(),
        subject: "alice".into(),
        user: user_id(1),
        at: at(0),
    };
    store
        .write(&[
            Change::CreateUser(user(1)),
            Change::CreateUser(twin),
            Change::CreateUser(other_twin),
            link,
        ])
        .await
        .unwrap();
    let found = |issuer, subject| store.find_user_by_identity(issuer, subject);
    assert_eq!(
        found("https://login.example.com", "bob").await.unwrap(),
        None
    );
    assert_eq!(
        found("https://other.example.com", "alice").await.unwrap(),
        None
    );
    let alice = found("https://login.example.com", "alice").await.unwrap();
    assert_eq!(alice, Some(user(1)));
    assert_eq!(
        store.find_user_by_email("twin@example.com").await.unwrap(),
        None
    );
    let one = store.find_user_by_email("user1@example.com").await.unwrap();
    assert_eq!(one, Some(user(1)));
}

async fn auth_failures_add_up_and_stay_bounded(store: Store) {
    let failure = |address: String, minute: i64, count| AuthFailureRow {
        address,
        reason: "unknown_token".into(),
        minute: at(minute * 60),
        count,
    };
    let one = |count| failure("::1".into(), 1, count);
    store
        .write(&[Change::CountAuthFailures(vec![one(2), one(3)])])
        .await
        .unwrap();
    store
        .write(&[Change::CountAuthFailures(vec![one(4)])])
        .await
        .unwrap();
    let page = store
        .list_auth_failures(&PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(page.items, [one(9)]);

    let flood = (0..10_100).map(|n| failure(format!("10.0.{}.{}", n / 256, n % 256), 2, 1));
    store
        .write(&[Change::CountAuthFailures(flood.collect())])
        .await
        .unwrap();
    let (mut cursor, mut rows) = (None, 0);
    loop {
        let request = PageRequest {
            cursor,
            limit: 1_000,
        };
        let page = store.list_auth_failures(&request).await.unwrap();
        assert!(
            page.items.iter().all(|row| row.minute == at(120)),
            "the oldest row went first"
        );
        rows += page.items.len();
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(rows, 10_000);
}

async fn keys_plugins_and_facts_are_kept(store: Store) {
    grounded(&store).await;
    let retired = KeyRow {
        state: "decrypt_only".into(),
        wrapped: vec![9],
        ..key(0)
    };
    let fact = |value| Change::PutMeta {
        key: "salt".into(),
        value: vec![value],
    };
    let first_fact = |value| Change::PutMetaIfAbsent {
        key: "salt".into(),
        value: vec![value],
    };
    let hits = store
        .write(&[
            Change::PutKey(key(1)),
            Change::PutKey(retired.clone()),
            Change::RenamePlugin {
                id: plugin_id(0),
                name: "renamed".parse().unwrap(),
            },
            first_fact(1),
            first_fact(2),
        ])
        .await;
    assert_eq!(hits.unwrap(), [1, 1, 1, 1, 0]);
    assert_eq!(store.list_keys().await.unwrap(), [retired, key(1)]);
    let plugins = store.list_plugins().await.unwrap();
    assert_eq!(
        (plugins[0].id, plugins[0].name.as_str()),
        (plugin_id(0), "renamed")
    );
    assert_eq!(store.find_meta("salt").await.unwrap(), Some(vec![1]));
    store.write(&[fact(3)]).await.unwrap();
    assert_eq!(store.find_meta("salt").await.unwrap(), Some(vec![3]));
    assert_eq!(store.find_meta("pepper").await.unwrap(), None);
}
