//! What can go wrong in the vault.

use gestalt_core::entropy::NoEntropy;
use gestalt_core::id::KeyId;

use crate::keyring::Purpose;

/// What can go wrong in the vault. No text holds key material, plaintext or ciphertext.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The root key's setting is not usable.
    #[error("the root key {0}")]
    BadRootKey(&'static str),
    /// Argon2id refused its cost or ran out of memory.
    #[error("the root key could not be derived")]
    Derivation(#[source] argon2::Error),
    /// The root key is not the one that this deployment was made with.
    #[error("the root key is not the one that this deployment's data was sealed under")]
    WrongRootKey,
    /// A data key is wrapped by a root key that is neither the current nor a previous one.
    #[error("{key} is wrapped by root key {root_id}, which is neither current nor previous")]
    UnknownRoot {
        /// The data key.
        key: KeyId,
        /// The root key that it names.
        root_id: String,
    },
    /// A data key does not unwrap: its row was altered.
    #[error("{0} does not unwrap: its row was altered")]
    UnwrapRefused(KeyId),
    /// The keyring has no key of this purpose that new work may use.
    #[error("no active key for {}", .0.as_str())]
    NoActiveKey(Purpose),
    /// More than three peppers are live: a token could need any of them.
    #[error("{0} token peppers are live, at most 3 may be")]
    TooManyPeppers(usize),
    /// The keyring does not know the key. Reload it once; if it stays unknown, refuse.
    #[error("{0} is not in the keyring")]
    UnknownKey(KeyId),
    /// The bytes are no sealed record of a known version and suite.
    #[error("not a sealed record")]
    Malformed,
    /// The record does not open: altered, of another place, or sealed by another key.
    #[error("the sealed record does not open in this place")]
    Refused,
    /// No random bytes.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// The cryptographic library refused what it must be able to do.
    #[error("the cryptographic library refused")]
    Library,
}
