//! Seals and opens bytes, keeps the keyring, derives the root key, makes and hashes tokens.
//!
//! The room is pure: bytes and keys in, bytes out. It must never read a file, a database, the
//! environment or the clock (time and randomness are handed in), never log, and never show key
//! material: no type here that holds a key has `Debug`, `Display` or a way to read it back.
//! What does not open stays closed: there is no plaintext fallback and no trying of every key.
//!
//! Start reading at [`Keyring`], which is what the rest of the gateway holds; [`RootKey`] is
//! where the operator's setting enters, [`Place`] says what a ciphertext is bound to, and
//! [`token`] is the form of a caller's credential.
//!
//! ```
//! fn shown<T: std::fmt::Debug>() {}
//! shown::<gestalt_vault::WrappedKey>();
//! ```
//! ```compile_fail,E0277
//! fn shown<T: std::fmt::Debug>() {}
//! shown::<gestalt_vault::RootKey>();
//! ```
//! ```compile_fail,E0277
//! fn shown<T: std::fmt::Debug>() {}
//! shown::<gestalt_vault::Keyring>();
//! ```
//! ```compile_fail,E0277
//! fn shown<T: std::fmt::Debug>() {}
//! shown::<gestalt_vault::SigningKey>();
//! ```

mod aead;
mod derive;
mod digest;
mod error;
mod keyring;
mod seal;
mod signing;
pub mod token;

pub use derive::{Argon2Cost, RootKey};
pub use digest::{hex, sha256};
pub use error::VaultError;
pub use keyring::{KeyState, Keyring, Purpose, Signature, WrappedKey, verify_signature};
pub use seal::{Place, Sealed};
pub use signing::SigningKey;
