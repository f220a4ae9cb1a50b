//! What is sealed opens in its own place, whole and unaltered, and nowhere else.

use gestalt_core::Entropy;
use gestalt_core::id::KeyId;
use gestalt_vault::{Keyring, Place, Purpose, VaultError};
use proptest::prelude::*;

use crate::{NOW, PLACE, keyring, our_root, refusal, rows, seal};

/// A change of one field of a place.
type Change = fn(Place<'static>) -> Place<'static>;

#[test]
fn s16_ciphertext_of_another_row_user_or_field_is_refused() {
    let (ring, entropy) = keyring();
    let sealed = seal(&ring, &PLACE, b"hunter2-hunter2", &entropy);
    let elsewhere: [(&str, Change); 6] = [
        ("table", |p| Place {
            table: "flows",
            ..p
        }),
        ("record", |p| Place {
            record: "con_2",
            ..p
        }),
        ("subject", |p| Place {
            subject: "platform",
            ..p
        }),
        ("plugin", |p| Place {
            plugin: "plg_2",
            ..p
        }),
        ("connection", |p| Place {
            connection: "work",
            ..p
        }),
        ("field", |p| Place {
            field: "refresh_token",
            ..p
        }),
    ];
    for (what, change) in elsewhere {
        let error = refusal(ring.unseal(&change(PLACE), sealed.key, &sealed.bytes));
        assert!(matches!(error, VaultError::Refused), "{what}: {error}");
    }
    let opened = ring.unseal(&PLACE, sealed.key, &sealed.bytes).unwrap();
    assert_eq!(opened.expose(), b"hunter2-hunter2");
}

#[test]
fn s16_fields_do_not_run_into_each_other() {
    let (ring, entropy) = keyring();
    let place = |connection, field| Place {
        connection,
        field,
        ..PLACE
    };
    let sealed = seal(&ring, &place("ab", "c"), b"x", &entropy);
    for (connection, field) in [("a", "bc"), ("abc", ""), ("", "abc"), ("c", "ab")] {
        let opened = ring.unseal(&place(connection, field), sealed.key, &sealed.bytes);
        assert!(matches!(refusal(opened), VaultError::Refused));
    }
}

#[test]
fn s16_row_that_names_another_key_than_its_header_is_refused() {
    let (root, entropy) = (our_root(), Entropy::seeded(1));
    let mut rows = rows(&root, &entropy);
    rows.push(Keyring::create_key(&root, Purpose::Credential, NOW, &entropy).unwrap());
    let ring = Keyring::open(&[root], &rows).unwrap();
    let sealed = seal(&ring, &PLACE, b"x", &entropy);
    for row in rows.iter().filter(|row| row.id != sealed.key) {
        let error = refusal(ring.unseal(&PLACE, row.id, &sealed.bytes));
        assert!(matches!(error, VaultError::Refused), "{error}");
    }
}

#[test]
fn s17_older_ciphertext_in_a_newer_row_is_refused() {
    let (ring, entropy) = keyring();
    let at = |generation| Place {
        generation,
        ..PLACE
    };
    let old = seal(&ring, &at(7), b"old", &entropy);
    let new = seal(&ring, &at(8), b"new", &entropy);
    for (generation, sealed) in [(8, &old), (7, &new), (7 << 8, &old), (u64::MAX, &old)] {
        let error = refusal(ring.unseal(&at(generation), sealed.key, &sealed.bytes));
        assert!(matches!(error, VaultError::Refused), "{error}");
    }
    assert!(ring.unseal(&at(8), new.key, &new.bytes).is_ok());
}

#[test]
fn s18_every_flipped_bit_is_refused() {
    let (ring, entropy) = keyring();
    for plaintext in [b"".as_slice(), b"k", &[0x5a; 100]] {
        let sealed = seal(&ring, &PLACE, plaintext, &entropy);
        for bit in 0..sealed.bytes.len() * 8 {
            let mut bytes = sealed.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = refusal(ring.unseal(&PLACE, sealed.key, &bytes));
            match bit / 8 {
                0 | 1 => assert!(matches!(error, VaultError::Malformed), "bit {bit}: {error}"),
                _ => assert!(matches!(error, VaultError::Refused), "bit {bit}: {error}"),
            }
        }
    }
}

#[test]
fn s18_every_truncation_and_extension_is_refused() {
    let (ring, entropy) = keyring();
    let sealed = seal(&ring, &PLACE, b"hunter2-hunter2", &entropy);
    for length in 0..sealed.bytes.len() {
        let opened = ring.unseal(&PLACE, sealed.key, &sealed.bytes[..length]);
        assert!(opened.is_err(), "cut to {length}");
        let opened = ring.unseal(&PLACE, sealed.key, &sealed.bytes[length + 1..]);
        assert!(opened.is_err(), "first {length} cut off");
    }
    let longer = [&sealed.bytes, [0].as_slice()].concat();
    assert!(ring.unseal(&PLACE, sealed.key, &longer).is_err());
}

#[test]
fn s18_unknown_key_is_named_so_that_the_keyring_can_be_reloaded_once() {
    let (root, entropy) = (our_root(), Entropy::seeded(1));
    let mut rows = rows(&root, &entropy);
    let stale = Keyring::open(std::slice::from_ref(&root), &rows).unwrap();
    rows.push(Keyring::create_key(&root, Purpose::Credential, NOW, &entropy).unwrap());
    let fresh = Keyring::open(&[root], &rows).unwrap();

    let sealed = seal(&fresh, &PLACE, b"x", &entropy);
    let unknown = |ring: &Keyring, key: KeyId, bytes: &[u8]| matches!(refusal(ring.unseal(&PLACE, key, bytes)), VaultError::UnknownKey(id) if id == key);
    assert!(unknown(&stale, sealed.key, &sealed.bytes));
    // A key of another purpose is as unknown, whatever the header says.
    let mut forged = sealed.bytes.clone();
    forged[2..18].copy_from_slice(rows[1].id.as_bytes());
    assert!(unknown(&fresh, rows[1].id, &forged));
    assert!(fresh.unseal(&PLACE, sealed.key, &sealed.bytes).is_ok());
}

#[test]
fn s21_plaintext_in_a_secret_column_is_refused() {
    let (ring, entropy) = keyring();
    let sealed = seal(&ring, &PLACE, b"x", &entropy);
    let head = &sealed.bytes[..18];
    let plain = b"trk_a-token-that-somebody-wrote-into-the-column-by-hand";
    for bytes in [
        b"".to_vec(),
        b"hunter2".to_vec(),
        plain.to_vec(),
        vec![0; 64],
        head.to_vec(),
        [head, plain.as_slice()].concat(),
        [head, &[0; 12], plain.as_slice(), &[0; 16]].concat(),
        [head, &[0; 28]].concat(),
    ] {
        let error = refusal(ring.unseal(&PLACE, sealed.key, &bytes));
        assert!(
            matches!(error, VaultError::Malformed | VaultError::Refused),
            "{bytes:?}: {error}"
        );
    }
}

#[test]
fn keys_of_other_purposes_do_not_seal() {
    let (ring, entropy) = keyring();
    for purpose in [Purpose::TokenPepper, Purpose::Audit, Purpose::IdentityJwt] {
        let sealed = ring.seal(purpose, &PLACE, b"x", &entropy);
        assert!(matches!(sealed, Err(VaultError::NoActiveKey(p)) if p == purpose));
    }
}

#[test]
fn sealing_twice_makes_different_bytes_and_shows_nothing() {
    let (ring, entropy) = keyring();
    let secret = b"a secret of some length";
    let (one, two) = (
        seal(&ring, &PLACE, secret, &entropy),
        seal(&ring, &PLACE, secret, &entropy),
    );
    assert_ne!(one.bytes[18..30], two.bytes[18..30], "the nonce repeats");
    assert_ne!(one.bytes[30..], two.bytes[30..]);
    assert!(!one.bytes.windows(8).any(|part| secret.starts_with(part)));
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_in_its_place_only(
        plaintext in proptest::collection::vec(any::<u8>(), 0..300),
        [table, record, subject, plugin, connection, field] in proptest::array::uniform6(".{0,12}"),
        generation: u64,
        moved in 0..7_usize,
        seed: u64,
    ) {
        let (ring, _) = keyring();
        let entropy = Entropy::seeded(seed);
        let place = Place {
            table: &table,
            record: &record,
            subject: &subject,
            plugin: &plugin,
            connection: &connection,
            field: &field,
            generation,
        };
        let sealed = seal(&ring, &place, &plaintext, &entropy);
        let opened = ring.unseal(&place, sealed.key, &sealed.bytes).unwrap();
        prop_assert_eq!(opened.expose(), plaintext);

        let texts = [&table, &record, &subject, &plugin, &connection, &field];
        let other = texts.get(moved).map(|text| format!("{text}."));
        let other = other.as_deref().unwrap_or_default();
        let elsewhere = match moved {
            0 => Place { table: other, ..place },
            1 => Place { record: other, ..place },
            2 => Place { subject: other, ..place },
            3 => Place { plugin: other, ..place },
            4 => Place { connection: other, ..place },
            5 => Place { field: other, ..place },
            _ => Place { generation: generation.wrapping_add(1), ..place },
        };
        let refused = ring.unseal(&elsewhere, sealed.key, &sealed.bytes);
        prop_assert!(matches!(refused, Err(VaultError::Refused)));
    }

    #[test]
    fn s18_any_altered_bytes_are_refused(
        plaintext in proptest::collection::vec(any::<u8>(), 0..200),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..5),
    ) {
        let (ring, entropy) = keyring();
        let sealed = seal(&ring, &PLACE, &plaintext, &entropy);
        let mut bytes = sealed.bytes.clone();
        for (index, change) in changes {
            let at = index.index(bytes.len());
            bytes[at] ^= change;
        }
        prop_assume!(bytes != sealed.bytes);
        prop_assert!(ring.unseal(&PLACE, sealed.key, &bytes).is_err());
    }
}
