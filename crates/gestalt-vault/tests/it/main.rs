//! The vault through its public door.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod keys;
mod roots;
mod seals;
mod tokens;
mod vectors;

use gestalt_core::{Entropy, Secret, SecretBytes, Timestamp};
use gestalt_vault::{Argon2Cost, Keyring, Place, Purpose, RootKey, Sealed, VaultError, WrappedKey};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn root(setting: &str) -> RootKey {
    let setting = Secret::new(setting);
    RootKey::from_setting(&setting, &[7; 16], Argon2Cost::cheap_for_tests()).unwrap()
}

fn our_root() -> RootKey {
    root(&"0123456789abcdef".repeat(4))
}

/// The purposes that a keyring needs a key of.
const NEEDED: [Purpose; 3] = [Purpose::Credential, Purpose::TokenPepper, Purpose::Audit];

/// One active key of each of them.
fn rows(root: &RootKey, entropy: &Entropy) -> Vec<WrappedKey> {
    NEEDED
        .into_iter()
        .map(|purpose| Keyring::create_key(root, purpose, NOW, entropy).unwrap())
        .collect()
}

fn keyring() -> (Keyring, Entropy) {
    let (root, entropy) = (our_root(), Entropy::seeded(1));
    let rows = rows(&root, &entropy);
    (Keyring::open(&[root], &rows).unwrap(), entropy)
}

const PLACE: Place<'static> = Place {
    table: "credential_secrets",
    record: "con_018bcfe5680070008000000000000001",
    subject: "user:usr_018bcfe5680070008000000000000001",
    plugin: "plg_018bcfe5680070008000000000000001",
    connection: "default",
    field: "token",
    generation: 7,
};

fn seal(ring: &Keyring, place: &Place<'_>, text: &[u8], entropy: &Entropy) -> Sealed {
    ring.seal(Purpose::Credential, place, text, entropy)
        .unwrap()
}

/// A result's error, of results whose value must not be shown.
fn refusal(result: Result<SecretBytes, VaultError>) -> VaultError {
    result.err().unwrap()
}
