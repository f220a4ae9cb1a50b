//! Keys and seals: what was moved, changed or put back does not open; a wrong root key serves
//! nothing.

use gestalt_core::{Code, Secret};
use gestalt_gateway::{Gateway, OpenError, VerifyInput};
use gestalt_store::{Change, Store, StoredConnection};

use crate::clients::{AT_ONCE, code, connect, of_kind};
use crate::gateway::{Seed, TestGateway};
use crate::plugins::field;

/// Two people, each connected with two fields.
async fn two_connected() -> (TestGateway, [String; 2]) {
    let test = TestGateway::with(|setup, _| {
        let connection = &mut setup.catalogue.plugins[0].connections[0];
        connection.fields.push(field("extra"));
    })
    .await;
    let mut ids = Vec::new();
    for (person, key) in [(&test.bob, "key-of-bob"), (&test.eve, "key-of-eve")] {
        test.peer.knows(key, key);
        let mut request = connect("tracker", key);
        let extra = Secret::new(format!("extra of {key}"));
        request.credentials.insert("extra".to_owned(), extra);
        let view = test.cookie(person).connect_with(request).await;
        ids.push(view.unwrap().id);
    }
    (test, ids.try_into().unwrap())
}

async fn stored(seed: &Seed, id: &str) -> StoredConnection {
    let found = seed.store.find_connection(id.parse().unwrap()).await;
    found.unwrap().unwrap()
}

/// Writes a row as somebody with the database could: nothing is sealed anew.
async fn put(seed: &Seed, stored: StoredConnection) {
    let StoredConnection { row, secrets } = stored;
    let gone = Change::DeleteConnection { id: row.id };
    let back = Change::PutConnection {
        row,
        secrets,
        previous_expires_at: None,
    };
    seed.store.write(&[gone, back]).await.unwrap();
}

/// The call is refused before the upstream hears of it, and the trail says why.
async fn refused(test: &TestGateway) {
    let bob = test.cookie(&test.bob);
    let asked = test.peer.requests();
    assert_eq!(code(bob.call("echo").await), Code::Internal);
    assert_eq!(test.peer.requests(), asked);
    let last = bob.invocations().await.pop().unwrap();
    assert_eq!(last.outcome.as_deref(), Some("seal_refused"));
    assert_eq!(last.phase.as_deref(), Some("complete"));
}

#[tokio::test]
async fn s16_ciphertext_moved_to_another_row_does_not_open() {
    let (mut test, [bob, eve]) = two_connected().await;
    test.reopen(async |seed| {
        let (mut to, from) = (stored(seed, &bob).await, stored(seed, &eve).await);
        for (to, from) in to.secrets.iter_mut().zip(from.secrets) {
            (to.sealed, to.key) = (from.sealed, from.key);
        }
        put(seed, to).await;
    })
    .await;
    refused(&test).await;
    let caller = test.cookie(&test.bob).caller().await.unwrap();
    let checked = test.gateway.check_connection(&caller, &bob).await;
    assert_eq!(code(checked), Code::Internal);
    let record = test
        .cookie(&test.bob)
        .trail(of_kind("connection"))
        .await
        .pop();
    assert_eq!(record.unwrap().outcome.as_deref(), Some("seal_refused"));
    assert!(test.cookie(&test.eve).call("echo").await.is_ok());
}

#[tokio::test]
async fn s16_a_row_given_to_another_user_does_not_open() {
    let (mut test, [bob, eve]) = two_connected().await;
    test.reopen(async |seed| {
        let (own, mut other) = (stored(seed, &bob).await, stored(seed, &eve).await);
        other.row.owner = own.row.owner;
        seed.write(Change::DeleteConnection { id: own.row.id })
            .await;
        put(seed, other).await;
    })
    .await;
    refused(&test).await;
}

#[tokio::test]
async fn s16_ciphertext_moved_to_another_field_does_not_open() {
    let (mut test, [bob, _]) = two_connected().await;
    test.reopen(async |seed| {
        let mut moved = stored(seed, &bob).await;
        let [first, second] = moved.secrets.as_mut_slice() else {
            panic!("two fields")
        };
        std::mem::swap(&mut first.sealed, &mut second.sealed);
        put(seed, moved).await;
    })
    .await;
    refused(&test).await;
}

#[tokio::test]
async fn s17_older_ciphertext_in_a_newer_row_does_not_open() {
    let (mut test, [bob, _]) = two_connected().await;
    let old = test.reopen(async |seed| stored(seed, &bob).await).await;
    let mut request = connect("tracker", "key-of-bob");
    request
        .credentials
        .insert("extra".to_owned(), Secret::new("another extra"));
    request.grace = Some(AT_ONCE);
    test.cookie(&test.bob).connect_with(request).await.unwrap();
    test.reopen(async |seed| {
        let mut newer = stored(seed, &bob).await;
        for (to, from) in newer.secrets.iter_mut().zip(old.secrets) {
            (to.sealed, to.key) = (from.sealed, from.key);
        }
        put(seed, newer).await;
    })
    .await;
    refused(&test).await;
}

#[tokio::test]
async fn s17_a_whole_row_rolled_back_is_found_by_verify() {
    let (mut test, [bob, _]) = two_connected().await;
    let old = test.reopen(async |seed| stored(seed, &bob).await).await;
    let verify = async |gateway: &Gateway, caller| {
        gateway
            .verify_audit(&caller, VerifyInput::default())
            .await
            .unwrap()
    };
    let ada = test.cookie(&test.ada).caller().await.unwrap();
    assert!(verify(&test.gateway, ada).await.ok);
    let mut request = connect("tracker", "key-of-bob");
    request
        .credentials
        .insert("extra".to_owned(), Secret::new("another extra"));
    test.cookie(&test.bob).connect_with(request).await.unwrap();
    test.reopen(async |seed| put(seed, old).await).await;
    // The seal cannot know.
    assert!(test.cookie(&test.bob).call("echo").await.is_ok());
    let ada = test.cookie(&test.ada).caller().await.unwrap();
    let found = verify(&test.gateway, ada).await;
    let [fault] = found.faults.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!((found.ok, fault.kind), (false, "rolled_back"));
    assert!(fault.detail.contains(&bob), "{}", fault.detail);
}

#[tokio::test]
async fn a_rollback_of_ours_and_a_disconnect_are_no_fault() {
    let (test, [bob, eve]) = two_connected().await;
    let mut request = connect("tracker", "key-of-bob");
    request
        .credentials
        .insert("extra".to_owned(), Secret::new("another extra"));
    test.cookie(&test.bob).connect_with(request).await.unwrap();
    let caller = test.cookie(&test.bob).caller().await.unwrap();
    test.gateway
        .rollback_connection(&caller, &bob)
        .await
        .unwrap();
    let caller = test.cookie(&test.eve).caller().await.unwrap();
    test.gateway.disconnect(&caller, &eve).await.unwrap();
    let ada = test.cookie(&test.ada).caller().await.unwrap();
    let found = test
        .gateway
        .verify_audit(&ada, VerifyInput::default())
        .await
        .unwrap();
    assert!(found.ok, "{found:?}");
}

#[tokio::test]
async fn s18_a_changed_or_unknown_header_is_refused() {
    let (mut test, [bob, _]) = two_connected().await;
    let good = test.reopen(async |seed| stored(seed, &bob).await).await;
    let changes: [fn(&mut Vec<u8>); 4] = [
        |sealed| sealed[0] ^= 1,
        |sealed| sealed[2] ^= 1,
        |sealed| sealed.truncate(20),
        |sealed| sealed.clear(),
    ];
    for change in changes {
        test.reopen(async |seed| {
            let mut bad = good.clone();
            change(&mut bad.secrets[0].sealed);
            put(seed, bad).await;
        })
        .await;
        refused(&test).await;
    }
}

#[tokio::test]
async fn s21_plaintext_in_a_secret_column_is_refused() {
    let (mut test, [bob, _]) = two_connected().await;
    test.reopen(async |seed| {
        let mut plain = stored(seed, &bob).await;
        for secret in &mut plain.secrets {
            secret.sealed = b"key-of-bob".to_vec();
        }
        put(seed, plain).await;
    })
    .await;
    refused(&test).await;
}

#[tokio::test]
async fn s20_wrong_root_key_refuses_and_touches_nothing() {
    let (test, _) = two_connected().await;
    test.gateway.shutdown(std::time::Duration::MAX).await;
    let contents = async || {
        let store = Store::open(&test.setup.store()).await.unwrap();
        let mut backup = Vec::new();
        store.backup(&mut backup).await.unwrap();
        store.close().await;
        backup
    };
    let before = contents().await;
    for wrong in [
        "ff".repeat(32),
        "another passphrase of some length".to_owned(),
    ] {
        let mut setup = test.setup.clone();
        setup.root_key = wrong;
        let refused = setup.open().await.err().unwrap();
        assert!(matches!(refused, OpenError::WrongRootKey), "{refused}");
    }
    for missing in ["", "too short"] {
        let mut setup = test.setup.clone();
        setup.root_key = missing.to_owned();
        let refused = setup.open().await.err().unwrap();
        assert!(matches!(refused, OpenError::Vault(_)), "{refused}");
    }
    assert_eq!(contents().await, before);
    let gateway = test.setup.open().await.unwrap();
    let bob = crate::clients::Client::new(gateway).cookie(&test.bob.session);
    assert!(bob.call("echo").await.is_ok());
}

#[tokio::test]
async fn s20_keys_without_a_canary_are_refused() {
    let (test, _) = two_connected().await;
    test.gateway.shutdown(std::time::Duration::MAX).await;
    let seed = Seed::open(&test.setup).await;
    let bad = |key: &str| Change::PutMeta {
        key: key.to_owned(),
        value: b"nonsense".to_vec(),
    };
    seed.write(bad("root_key_canary")).await;
    seed.close().await;
    let refused = test.setup.open().await.err().unwrap();
    assert!(matches!(refused, OpenError::WrongRootKey), "{refused}");
}

#[tokio::test]
async fn a_previous_root_key_still_opens() {
    let (test, _) = two_connected().await;
    test.gateway.shutdown(std::time::Duration::MAX).await;
    let mut settings = test.setup.settings();
    let old = std::mem::replace(&mut settings.root_key, Secret::new("ff".repeat(32)));
    settings.previous_root_keys = vec![old];
    let gateway = Gateway::open(settings).await.unwrap();
    let bob = crate::clients::Client::new(gateway).cookie(&test.bob.session);
    assert!(bob.call("echo").await.is_ok());
}
