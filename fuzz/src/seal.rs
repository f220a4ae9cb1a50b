//! Sealed records, wrapped keys and the canary, from whoever may write to the database.

use std::sync::LazyLock;

use gestalt_core::{Entropy, Secret, SecretBytes, Timestamp};
use gestalt_vault::{Argon2Cost, Keyring, Place, Purpose, RootKey, Sealed, WrappedKey};

const PLAINTEXT: &[u8] = b"a secret that must stay where it is";

const PLACE: Place<'static> = Place {
    table: "credential_secrets",
    record: "con_1",
    subject: "user:usr_1",
    plugin: "plg_1",
    connection: "default",
    field: "token",
    generation: 7,
};

struct Vault {
    root: RootKey,
    canary: Vec<u8>,
    rows: Vec<WrappedKey>,
    ring: Keyring,
    sealed: Sealed,
}

static VAULT: LazyLock<Vault> = LazyLock::new(|| {
    let (now, entropy) = (Timestamp::from_micros(1), Entropy::seeded(1));
    let root = || {
        let setting = Secret::new("5a".repeat(32));
        RootKey::from_setting(&setting, &[0; 16], Argon2Cost::cheap_for_tests()).unwrap()
    };
    let rows: Vec<_> = Purpose::ALL
        .into_iter()
        .map(|purpose| Keyring::create_key(&root(), purpose, now, &entropy).unwrap())
        .collect();
    let ring = Keyring::open(&[root()], &rows).unwrap();
    Vault {
        canary: root().make_canary(&entropy).unwrap(),
        root: root(),
        sealed: ring
            .seal(Purpose::Credential, &PLACE, PLAINTEXT, &entropy)
            .unwrap(),
        rows,
        ring,
    }
});

/// What somebody did to stored bytes: changed, cut, lengthened.
type Edits = (Vec<(u16, u8)>, Option<u16>, Vec<u8>);

fn edited(bytes: &[u8], (changes, cut, more): &Edits) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, change) in changes {
        let at = usize::from(*at) % bytes.len();
        bytes[at] ^= change;
    }
    if let Some(cut) = cut {
        bytes.truncate(usize::from(*cut));
    }
    bytes.extend_from_slice(more);
    bytes
}

#[test]
fn arbitrary_bytes_open_nothing() {
    let vault = &*VAULT;
    bolero::check!()
        .with_iterations(20_000)
        .for_each(|bytes: &[u8]| {
            let head = &vault.sealed.bytes[..18];
            let behind_a_header = [head, bytes].concat();
            for sealed in [bytes, &behind_a_header] {
                if sealed != vault.sealed.bytes {
                    let opened = vault.ring.unseal(&PLACE, vault.sealed.key, sealed);
                    assert!(opened.is_err());
                }
            }
        });
}

#[test]
fn edited_record_opens_only_if_nothing_was_changed() {
    let vault = &*VAULT;
    bolero::check!()
        .with_type::<Edits>()
        .with_iterations(20_000)
        .for_each(|edits| {
            let bytes = edited(&vault.sealed.bytes, edits);
            let opened = vault.ring.unseal(&PLACE, vault.sealed.key, &bytes).ok();
            let expected = (bytes == vault.sealed.bytes).then_some(PLAINTEXT);
            assert_eq!(opened.as_ref().map(SecretBytes::expose), expected);
        });
}

#[test]
fn edited_keyring_and_canary_open_only_if_nothing_was_changed() {
    let vault = &*VAULT;
    bolero::check!()
        .with_type::<(u8, Edits)>()
        .with_iterations(5_000)
        .for_each(|(which, edits)| {
            let canary = edited(&vault.canary, edits);
            assert_eq!(
                vault.root.check_canary(&canary).is_ok(),
                canary == vault.canary
            );
            let mut rows = vault.rows.clone();
            let row = &mut rows[usize::from(*which) % 3];
            row.wrapped = edited(&row.wrapped, edits);
            let opened = Keyring::open(std::slice::from_ref(&vault.root), &rows);
            assert_eq!(opened.is_ok(), rows == vault.rows);
        });
}
