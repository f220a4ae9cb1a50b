//! Connections, their generations and their secrets.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use gestalt_core::connection::{Owner, State};
use gestalt_store::{Change, ConnectionFilter, ConnectionRow, Store, StoreError};

use crate::contract::{all_pages, contract};
use crate::samples::*;

contract! {
    a_change_of_a_missing_connection_hits_nothing,
    a_place_is_taken_once,
    a_generation_that_is_not_the_next_conflicts,
    a_replaced_generation_stays_for_its_grace,
    without_grace_a_replaced_generation_is_destroyed,
    a_rollback_brings_the_previous_secrets_back_and_no_number_is_used_twice,
    a_rollback_after_the_grace_is_refused,
    a_deleted_connection_leaves_no_secret,
    a_reassigned_connection_has_only_its_new_secrets,
    credentials_of_two_owners_come_in_one_statement,
    a_connection_without_secrets_is_found,
    state_and_checks_are_noted,
    connections_are_counted_by_kind,
    connections_come_in_complete_pages,
}

async fn connected(store: &Store) -> ConnectionRow {
    let row = connection(1, owner(1));
    let mut changes = ground();
    changes.push(put(1, &row, None));
    store.write(&changes).await.unwrap();
    row
}

fn next(row: &ConnectionRow) -> ConnectionRow {
    let generation = row.latest_generation + 1;
    ConnectionRow {
        generation,
        latest_generation: generation,
        updated_at: at(10),
        ..row.clone()
    }
}

async fn found(store: &Store) -> (ConnectionRow, Vec<u64>) {
    let found = store
        .find_connection(connection_id(1))
        .await
        .unwrap()
        .unwrap();
    let generations = found
        .secrets
        .iter()
        .map(|secret| secret.generation)
        .collect();
    (found.row, generations)
}

async fn a_change_of_a_missing_connection_hits_nothing(store: Store) {
    connected(&store).await;
    let id = connection_id(9);
    let missing = [
        Change::RollbackConnection { id, at: at(1) },
        Change::DeleteConnection { id },
        Change::SetConnectionState {
            id,
            state: State::Revoked,
            reason: None,
            at: at(1),
        },
        Change::SetConnectionChecked {
            id,
            nickname: None,
            at: at(1),
            state: State::Connected,
            reason: None,
        },
        Change::ReassignConnection {
            id,
            owner: Owner::Platform,
            generation: 2,
            secrets: Vec::new(),
            at: at(1),
        },
    ];
    for change in missing {
        let delete = Change::DeleteConnection {
            id: connection_id(1),
        };
        let refused = store.write(&[delete, change]).await;
        assert!(
            matches!(refused, Err(StoreError::NoSuchRow { index: 1 })),
            "{refused:?}"
        );
        assert_eq!(found(&store).await.1, [1]);
    }
}

async fn a_place_is_taken_once(store: Store) {
    let row = connected(&store).await;
    let twin = ConnectionRow {
        id: connection_id(2),
        ..row
    };
    let refused = store.write(&[put(2, &twin, None)]).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
}

async fn a_generation_that_is_not_the_next_conflicts(store: Store) {
    let row = connected(&store).await;
    let moved = ConnectionRow {
        owner: owner(2),
        ..next(&row)
    };
    for stale in [&row, &next(&next(&row)), &moved] {
        let refused = store.write(&[put(1, stale, Some(at(100)))]).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    }
    assert_eq!(found(&store).await, (row, vec![1]));
}

async fn a_replaced_generation_stays_for_its_grace(store: Store) {
    let row = connected(&store).await;
    store
        .write(&[put(1, &next(&row), Some(at(100)))])
        .await
        .unwrap();
    let (replaced, generations) = found(&store).await;
    assert_eq!(
        (replaced.previous, generations),
        (Some((1, at(100))), vec![2])
    );
    assert_eq!(replaced.created_at, row.created_at);
    let previous = store.list_previous_secrets(row.id).await.unwrap();
    assert_eq!(
        (previous[0].generation, previous[0].expires_at),
        (1, Some(at(100)))
    );

    // A third generation destroys the first.
    store
        .write(&[put(1, &next(&replaced), Some(at(200)))])
        .await
        .unwrap();
    let (third, generations) = found(&store).await;
    assert_eq!((third.previous, generations), (Some((2, at(200))), vec![3]));
    let hits = store
        .write(&[Change::DestroyExpiredSecrets { before: at(199) }])
        .await;
    assert_eq!(hits.unwrap(), [0]);
    let hits = store
        .write(&[Change::DestroyExpiredSecrets { before: at(200) }])
        .await;
    assert_eq!(hits.unwrap(), [1]);
    let (swept, generations) = found(&store).await;
    assert_eq!((swept.previous, generations), (None, vec![3]));
    assert_eq!(store.list_previous_secrets(row.id).await.unwrap(), []);
}

async fn without_grace_a_replaced_generation_is_destroyed(store: Store) {
    let row = connected(&store).await;
    store.write(&[put(1, &next(&row), None)]).await.unwrap();
    let (replaced, generations) = found(&store).await;
    assert_eq!((replaced.previous, generations), (None, vec![2]));
    let hits = store
        .write(&[Change::DestroyExpiredSecrets { before: at(9_999) }])
        .await;
    assert_eq!(hits.unwrap(), [0]);
}

async fn a_rollback_brings_the_previous_secrets_back_and_no_number_is_used_twice(store: Store) {
    let row = connected(&store).await;
    let second = next(&row);
    store
        .write(&[put(1, &second, Some(at(100)))])
        .await
        .unwrap();
    let rollback = Change::RollbackConnection {
        id: row.id,
        at: at(50),
    };
    store.write(std::slice::from_ref(&rollback)).await.unwrap();
    let (back, generations) = found(&store).await;
    assert_eq!((back.generation, back.latest_generation), (1, 2));
    assert_eq!((back.previous, generations), (None, vec![1]));
    assert_eq!(back.updated_at, at(50));
    let secrets = store
        .find_connection(row.id)
        .await
        .unwrap()
        .unwrap()
        .secrets;
    assert_eq!(secrets, [secret(1, 1, "token")]);

    let again = store.write(&[rollback]).await;
    assert!(matches!(again, Err(StoreError::NoSuchRow { index: 0 })));
    let reused = store.write(&[put(1, &second, None)]).await;
    assert!(matches!(reused, Err(StoreError::Conflict)));
    store.write(&[put(1, &next(&back), None)]).await.unwrap();
    assert_eq!(found(&store).await.0.generation, 3);
    assert_eq!(store.connection_generations().await.unwrap(), [(row.id, 3)]);
}

async fn a_rollback_after_the_grace_is_refused(store: Store) {
    let row = connected(&store).await;
    store
        .write(&[put(1, &next(&row), Some(at(100)))])
        .await
        .unwrap();
    let late = Change::RollbackConnection {
        id: row.id,
        at: at(100),
    };
    let refused = store.write(&[late]).await;
    assert!(matches!(refused, Err(StoreError::NoSuchRow { index: 0 })));
    assert_eq!(found(&store).await.1, [2]);
}

async fn a_deleted_connection_leaves_no_secret(store: Store) {
    let row = connected(&store).await;
    store
        .write(&[put(1, &next(&row), Some(at(100)))])
        .await
        .unwrap();
    let hits = store
        .write(&[Change::DeleteConnection { id: row.id }])
        .await;
    assert_eq!(hits.unwrap(), [1]);
    assert_eq!(store.find_connection(row.id).await.unwrap(), None);
    let hits = store
        .write(&[Change::DestroyExpiredSecrets { before: at(9_999) }])
        .await;
    assert_eq!(hits.unwrap(), [0]);
}

async fn a_reassigned_connection_has_only_its_new_secrets(store: Store) {
    let row = connected(&store).await;
    store
        .write(&[put(1, &next(&row), Some(at(100)))])
        .await
        .unwrap();
    let reassign = |generation| Change::ReassignConnection {
        id: row.id,
        owner: owner(2),
        generation,
        secrets: vec![secret(1, generation, "token")],
        at: at(60),
    };
    let stale = store.write(&[reassign(2)]).await;
    assert!(matches!(stale, Err(StoreError::NoSuchRow { index: 0 })));
    store.write(&[reassign(3)]).await.unwrap();
    let (moved, generations) = found(&store).await;
    assert_eq!(
        (moved.owner, moved.previous, generations),
        (owner(2), None, vec![3])
    );
    assert_eq!(store.list_previous_secrets(row.id).await.unwrap(), []);
}

async fn credentials_of_two_owners_come_in_one_statement(store: Store) {
    let mut changes = ground();
    let mut platform = connection(2, Owner::Platform);
    platform.instance = "default".parse().unwrap();
    let mut elsewhere = connection(3, owner(1));
    elsewhere.connection = "other".parse().unwrap();
    let two_fields = Change::PutConnection {
        row: connection(1, owner(1)),
        secrets: vec![secret(1, 1, "username"), secret(1, 1, "password")],
        previous_expires_at: None,
    };
    changes.extend([
        two_fields,
        put(2, &platform, None),
        put(3, &elsewhere, None),
        put(4, &connection(4, owner(2)), None),
    ]);
    store.write(&changes).await.unwrap();

    let name = "default".parse().unwrap();
    let owners = [owner(1), Owner::Platform];
    let search = store.find_credentials(&owners, plugin_id(0), &name);
    let (found, statements) = Store::counted(search).await;
    assert_eq!(statements, 1);
    let found = found.unwrap();
    let rows: Vec<_> = found.iter().map(|stored| stored.row.clone()).collect();
    assert_eq!(rows, [platform, connection(1, owner(1))]);
    let fields: Vec<_> = found[1]
        .secrets
        .iter()
        .map(|secret| &*secret.field)
        .collect();
    assert_eq!(fields, ["password", "username"]);

    let own = store
        .find_credentials(&owners[..1], plugin_id(0), &name)
        .await
        .unwrap();
    assert_eq!(own.len(), 1);
    let none = store
        .find_credentials(&[], plugin_id(0), &name)
        .await
        .unwrap();
    assert_eq!(none, []);
    let none = store
        .find_credentials(&owners, plugin_id(1), &name)
        .await
        .unwrap();
    assert_eq!(none, []);
}

async fn a_connection_without_secrets_is_found(store: Store) {
    let mut changes = ground();
    changes.push(Change::PutConnection {
        row: connection(1, owner(1)),
        secrets: Vec::new(),
        previous_expires_at: None,
    });
    store.write(&changes).await.unwrap();
    assert_eq!(found(&store).await, (connection(1, owner(1)), vec![]));
}

async fn state_and_checks_are_noted(store: Store) {
    let row = connected(&store).await;
    let state = Change::SetConnectionState {
        id: row.id,
        state: State::NeedsReauth,
        reason: Some("the upstream said 401".into()),
        at: at(20),
    };
    store.write(&[state]).await.unwrap();
    let noted = found(&store).await.0;
    assert_eq!(
        (noted.state, noted.updated_at),
        (State::NeedsReauth, at(20))
    );
    assert_eq!(noted.state_reason.as_deref(), Some("the upstream said 401"));
    let checked = Change::SetConnectionChecked {
        id: row.id,
        nickname: Some("ada".into()),
        at: at(30),
        state: State::Connected,
        reason: None,
    };
    store.write(&[checked]).await.unwrap();
    let noted = found(&store).await.0;
    assert_eq!((noted.state, noted.state_reason), (State::Connected, None));
    assert_eq!(
        (noted.nickname.as_deref(), noted.checked_at),
        (Some("ada"), Some(at(30)))
    );
}

async fn connections_are_counted_by_kind(store: Store) {
    let row = connected(&store).await;
    let basic = ConnectionRow {
        auth_kind: "basic".into(),
        ..connection(3, owner(2))
    };
    store
        .write(&[put(2, &connection(2, owner(2)), None), put(3, &basic, None)])
        .await
        .unwrap();
    let counted = store.count_connections_by_kind().await.unwrap();
    let expected = [("basic", 1), ("bearer", 2)]
        .map(|(kind, count)| (row.plugin, row.connection.clone(), kind.to_owned(), count));
    assert_eq!(counted, expected);
}

async fn connections_come_in_complete_pages(store: Store) {
    let mut changes = ground();
    for number in 0..7 {
        changes.push(put(number, &connection(number, owner(number % 2)), None));
    }
    store.write(&changes).await.unwrap();
    let check = async |filter: ConnectionFilter, expected: &[u32]| {
        let all = all_pages!(page => store.list_connections(&filter, &page));
        let ids: Vec<_> = all.iter().map(|row| row.id).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|number| connection_id(*number))
            .collect();
        assert_eq!(ids, expected, "{filter:?}");
    };
    let owners = |owners: &[Owner]| ConnectionFilter {
        owners: Some(owners.into()),
        plugin: None,
    };
    check(ConnectionFilter::default(), &[6, 5, 4, 3, 2, 1, 0]).await;
    check(owners(&[]), &[]).await;
    check(owners(&[owner(1)]), &[5, 3, 1]).await;
    check(
        owners(&[owner(1), owner(0), Owner::Platform]),
        &[6, 5, 4, 3, 2, 1, 0],
    )
    .await;
    let plugin = ConnectionFilter {
        plugin: Some(plugin_id(5)),
        ..owners(&[owner(1)])
    };
    check(plugin, &[]).await;
}
