//! The root key's setting, its canary, and what a wrong one opens: nothing.

use gestalt_core::{Entropy, Secret};
use gestalt_vault::{Argon2Cost, Keyring, RootKey, VaultError};

use crate::{our_root, root, rows};

#[test]
fn s20_wrong_root_key_opens_neither_canary_nor_keyring() {
    let (right, entropy) = (our_root(), Entropy::seeded(1));
    let canary = right.make_canary(&entropy).unwrap();
    let rows = rows(&right, &entropy);
    for wrong in [
        root(&"0123456789abcdee".repeat(4)),
        root("a passphrase, not the key"),
    ] {
        let refused = wrong.check_canary(&canary);
        assert!(matches!(refused, Err(VaultError::WrongRootKey)));
        let opened = Keyring::open(&[wrong], &rows).err().unwrap();
        assert!(
            matches!(&opened, VaultError::UnknownRoot { root_id, .. } if root_id == right.id()),
            "{opened}"
        );
    }
    assert!(right.check_canary(&canary).is_ok());
    assert!(Keyring::open(&[right], &rows).is_ok());
}

#[test]
fn s20_wrong_root_key_that_claims_the_rows_is_refused() {
    let (right, entropy) = (our_root(), Entropy::seeded(1));
    let wrong = root("a passphrase, not the key");
    let mut rows = rows(&right, &entropy);
    for row in &mut rows {
        wrong.id().clone_into(&mut row.root_id);
    }
    let opened = Keyring::open(&[wrong], &rows).err().unwrap();
    assert!(matches!(opened, VaultError::UnwrapRefused(_)), "{opened}");
}

#[test]
fn s20_missing_root_key_opens_nothing() {
    let (right, entropy) = (our_root(), Entropy::seeded(1));
    let opened = Keyring::open(&[], &rows(&right, &entropy)).err().unwrap();
    assert!(matches!(opened, VaultError::UnknownRoot { .. }), "{opened}");
}

#[test]
fn s20_altered_canary_is_refused() {
    let (right, entropy) = (our_root(), Entropy::seeded(1));
    let canary = right.make_canary(&entropy).unwrap();
    for bit in 0..canary.len() * 8 {
        let mut altered = canary.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(right.check_canary(&altered).is_err(), "bit {bit}");
    }
    for length in 0..canary.len() {
        assert!(right.check_canary(&canary[..length]).is_err(), "{length}");
    }
    // A wrapped key is authentic under the same root key, and is no canary.
    let wrapped = &rows(&right, &entropy)[0].wrapped;
    assert!(right.check_canary(wrapped).is_err());
}

#[test]
fn unusable_settings_are_refused_with_the_reason() {
    let refused = |setting: &str| {
        let setting = Secret::new(setting);
        let cost = Argon2Cost::cheap_for_tests();
        let error = RootKey::from_setting(&setting, &[7; 16], cost).err();
        error.map(|error| error.to_string()).unwrap_or_default()
    };
    let hex = "0123456789abcdef".repeat(4);
    assert_eq!(refused(""), "the root key is empty");
    assert_eq!(refused(" \n"), "the root key is empty");
    assert_eq!(
        refused("fifteen letters"),
        "the root key is shorter than 16 characters"
    );
    for setting in [format!("{hex}\n"), format!(" {hex}")] {
        assert_eq!(refused(&setting), "the root key has white space around it");
    }
}

#[test]
fn hexadecimal_is_the_key_and_everything_else_is_a_passphrase() {
    let id = |setting: &str, salt: u8| {
        let cost = Argon2Cost::cheap_for_tests();
        let root = RootKey::from_setting(&Secret::new(setting), &[salt; 16], cost).unwrap();
        root.id().to_owned()
    };
    let hex = "0123456789abcdef".repeat(4);
    assert_eq!(id(&hex, 1), id(&hex, 2), "a key needs no salt");
    assert_eq!(id(&hex, 1), id(&hex.to_uppercase(), 1));
    for passphrase in ["correct horse battery", &hex[..63], &format!("{hex}0")] {
        assert_ne!(id(passphrase, 1), id(passphrase, 2), "{passphrase}");
        assert_eq!(id(passphrase, 1), id(passphrase, 1), "{passphrase}");
    }
}

#[test]
fn impossible_costs_are_errors() {
    let cost = Argon2Cost {
        iterations: 0,
        ..Argon2Cost::cheap_for_tests()
    };
    let made = RootKey::from_setting(&Secret::new("correct horse battery"), &[7; 16], cost);
    assert!(matches!(made, Err(VaultError::Derivation(_))));
}
