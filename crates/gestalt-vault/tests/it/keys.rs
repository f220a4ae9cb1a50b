//! The keyring's rows: which keys are used for what, and which rows are refused.

use std::time::Duration;

use gestalt_core::Entropy;
use gestalt_vault::{
    KeyState, Keyring, Purpose, RootKey, SigningKey, VaultError, WrappedKey, verify_signature,
};

use crate::{NEEDED, NOW, PLACE, keyring, our_root, root, rows, seal};

const TOKEN: &str = "gst_api_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf09vzhV";

/// A key made `days` later than the first ones.
fn key(root: &RootKey, purpose: Purpose, state: KeyState, days: u64) -> WrappedKey {
    let at = NOW.after(Duration::from_secs(days * 86_400));
    let row = Keyring::create_key(root, purpose, at, &Entropy::seeded(100 + days)).unwrap();
    WrappedKey { state, ..row }
}

/// What somebody with the database does to the rows.
type Alteration = fn(&mut [WrappedKey]);

fn refused(root: RootKey, rows: &[WrappedKey]) -> VaultError {
    Keyring::open(&[root], rows).err().unwrap()
}

#[test]
fn s18_altered_rows_of_the_keyring_are_refused() {
    let good = rows(&our_root(), &Entropy::seeded(1));
    let alterations: [(&str, Alteration); 6] = [
        ("id", |rows| rows[0].id = rows[1].id),
        ("wrapped keys swapped", |rows| {
            rows[0].wrapped = rows[1].wrapped.clone();
        }),
        ("cut", |rows| {
            rows[0].wrapped.pop();
        }),
        ("empty", |rows| rows[0].wrapped.clear()),
        ("bare key", |rows| rows[0].wrapped = vec![7; 32]),
        ("suite", |rows| rows[0].wrapped[1] ^= 1),
    ];
    for (what, alter) in alterations {
        let mut rows = good.clone();
        alter(&mut rows);
        let error = refused(our_root(), &rows);
        assert!(
            matches!(error, VaultError::UnwrapRefused(_)),
            "{what}: {error}"
        );
    }
    for bit in 0..good[0].wrapped.len() * 8 {
        let mut rows = good.clone();
        rows[0].wrapped[bit / 8] ^= 1 << (bit % 8);
        let error = refused(our_root(), &rows);
        assert!(
            matches!(error, VaultError::UnwrapRefused(_)),
            "bit {bit}: {error}"
        );
    }
}

#[test]
fn key_does_not_change_its_purpose() {
    let root = our_root();
    let mut rows = rows(&root, &Entropy::seeded(1));
    let mut moved = key(&root, Purpose::Credential, KeyState::DecryptOnly, 1);
    moved.purpose = Purpose::TokenPepper;
    rows.push(moved);
    assert!(matches!(refused(root, &rows), VaultError::UnwrapRefused(_)));
}

#[test]
fn every_purpose_needs_an_active_key() {
    for purpose in NEEDED {
        for state in [
            KeyState::Prepublished,
            KeyState::DecryptOnly,
            KeyState::Destroyed,
        ] {
            let root = our_root();
            let mut rows = rows(&root, &Entropy::seeded(1));
            for row in rows.iter_mut().filter(|row| row.purpose == purpose) {
                row.state = state;
            }
            let error = refused(root, &rows);
            assert!(matches!(error, VaultError::NoActiveKey(p) if p == purpose));
        }
    }
}

#[test]
fn four_live_peppers_are_refused_and_destroyed_ones_do_not_count() {
    let root = our_root();
    let mut rows = rows(&root, &Entropy::seeded(1));
    for (days, state) in [
        (1, KeyState::DecryptOnly),
        (2, KeyState::Prepublished),
        (3, KeyState::Prepublished),
    ] {
        rows.push(key(&root, Purpose::TokenPepper, state, days));
    }
    assert!(matches!(
        refused(our_root(), &rows),
        VaultError::TooManyPeppers(4)
    ));
    rows[3].state = KeyState::Destroyed;
    rows[3].wrapped.clear();
    assert!(Keyring::open(&[root], &rows).is_ok());
}

#[test]
fn tokens_are_hashed_under_the_active_pepper_and_looked_for_under_all() {
    let root = our_root();
    let mut rows = rows(&root, &Entropy::seeded(1));
    let active = rows[1].id;
    let old = key(&root, Purpose::TokenPepper, KeyState::DecryptOnly, 0);
    let next = key(&root, Purpose::TokenPepper, KeyState::Prepublished, 2);
    let old = WrappedKey {
        created_at: NOW.before(Duration::from_secs(1)),
        ..old
    };
    let order = [next.id, active, old.id];
    rows.extend([old, next]);
    let ring = Keyring::open(&[root], &rows).unwrap();

    let (id, hash) = ring.hash_token(TOKEN);
    let candidates = ring.hash_candidates(TOKEN);
    assert_eq!(id, active);
    assert_eq!(candidates.iter().map(|c| c.0).collect::<Vec<_>>(), order);
    assert_eq!(candidates[1], (id, hash));
    assert_ne!(candidates[0].1, candidates[1].1);
    assert_ne!(candidates[1].1, candidates[2].1);
    assert_ne!(ring.hash_token("gst_api_another").1, hash);
}

#[test]
fn new_work_uses_the_newest_active_key_and_old_records_still_open() {
    let root = our_root();
    let entropy = Entropy::seeded(1);
    let mut rows = rows(&root, &entropy);
    let before = Keyring::open(std::slice::from_ref(&root), &rows).unwrap();
    let old = seal(&before, &PLACE, b"old", &entropy);

    rows.push(key(&root, Purpose::Credential, KeyState::Active, 2));
    rows.push(key(&root, Purpose::Credential, KeyState::Active, 1));
    rows.push(key(&root, Purpose::Credential, KeyState::Prepublished, 3));
    rows[0].state = KeyState::DecryptOnly;
    let ring = Keyring::open(std::slice::from_ref(&root), &rows).unwrap();
    assert_eq!(seal(&ring, &PLACE, b"new", &entropy).key, rows[3].id);
    let opened = ring.unseal(&PLACE, old.key, &old.bytes).unwrap();
    assert_eq!(opened.expose(), b"old");

    rows[0].state = KeyState::Destroyed;
    let ring = Keyring::open(&[root], &rows).unwrap();
    let gone = ring.unseal(&PLACE, old.key, &old.bytes);
    assert!(matches!(gone, Err(VaultError::UnknownKey(id)) if id == old.key));
}

#[test]
fn previous_root_key_still_unwraps() {
    let (old, new) = (root("a passphrase of before"), our_root());
    let mut rows = rows(&old, &Entropy::seeded(1));
    rows.push(key(&new, Purpose::Credential, KeyState::Active, 1));
    assert!(Keyring::open(&[new, old], &rows).is_ok());
    let error = refused(our_root(), &rows);
    assert!(matches!(error, VaultError::UnknownRoot { .. }), "{error}");
}

#[test]
fn signature_holds_for_its_message_and_key_only() {
    let (ring, _) = keyring();
    let signature = ring.sign(b"checkpoint 7");
    let (id, public) = ring.public_keys()[0];
    assert_eq!(id, signature.key_id);
    let mut altered = signature.bytes;
    altered[5] ^= 1;
    assert!(!verify_signature(
        &public,
        b"checkpoint 8",
        &signature.bytes
    ));
    assert!(!verify_signature(&public, b"checkpoint 7", &altered));
    assert!(!verify_signature(&public, b"checkpoint 7", &altered[..63]));
    assert!(!verify_signature(
        &[7; 32],
        b"checkpoint 7",
        &signature.bytes
    ));
    assert!(verify_signature(&public, b"checkpoint 7", &signature.bytes));
}

#[test]
fn words_of_the_database_round_trip() {
    for purpose in Purpose::ALL {
        assert_eq!(Purpose::parse(purpose.as_str()), Some(purpose));
    }
    for state in KeyState::ALL {
        assert_eq!(KeyState::parse(state.as_str()), Some(state));
    }
    assert_eq!(Purpose::parse("Credential"), None);
    assert_eq!(KeyState::parse(""), None);
}

#[test]
fn a_signing_key_is_opened_for_its_purpose_only() {
    let entropy = Entropy::seeded(1);
    for purpose in NEEDED {
        let row = Keyring::create_key(&our_root(), purpose, NOW, &entropy).unwrap();
        let refused = SigningKey::open(&[our_root()], &row).err().unwrap();
        assert!(matches!(refused, VaultError::NoActiveKey(p) if p == purpose));
        let moved = WrappedKey {
            purpose: Purpose::IdentityJwt,
            ..row
        };
        let refused = SigningKey::open(&[our_root()], &moved).err().unwrap();
        assert!(matches!(refused, VaultError::UnwrapRefused(_)));
    }
}

#[test]
fn what_a_signing_key_signs_verifies_by_its_public_half() {
    let row = key(&our_root(), Purpose::IdentityJwt, KeyState::Prepublished, 1);
    let other = root("another root key, of sixteen letters and more");
    assert!(SigningKey::open(&[other], &row).is_err());
    let signer = SigningKey::open(&[our_root()], &row).unwrap();
    assert_eq!(signer.id(), row.id);
    let signature = signer.sign(b"bytes");
    assert!(!verify_signature(&signer.public_key(), b"byte", &signature));
    assert!(verify_signature(&signer.public_key(), b"bytes", &signature));
}
