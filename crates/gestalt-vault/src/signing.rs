//! A single signing key, for a purpose whose keys come and go while the keyring is open.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use gestalt_core::id::KeyId;

use crate::derive::RootKey;
use crate::error::VaultError;
use crate::keyring::{Purpose, WrappedKey, unwrap_with};

/// An opened key that signs bytes (Ed25519, RFC 8032). Which of several signs, and for how
/// long, is its holder's to say.
pub struct SigningKey {
    id: KeyId,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// Opens a stored key. The first root key is the current one, the rest may still unwrap.
    ///
    /// # Errors
    /// [`VaultError::NoActiveKey`] for a purpose whose keys do not sign,
    /// [`VaultError::UnknownRoot`] and [`VaultError::UnwrapRefused`] when it does not unwrap.
    pub fn open(roots: &[RootKey], row: &WrappedKey) -> Result<Self, VaultError> {
        match row.purpose {
            Purpose::IdentityJwt => {}
            Purpose::Credential | Purpose::TokenPepper | Purpose::Audit => {
                return Err(VaultError::NoActiveKey(row.purpose));
            }
        }
        let pair = unwrap_with(roots, row, |seed| {
            Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| VaultError::Library)
        })?;
        Ok(Self { id: row.id, pair })
    }

    /// Its id, which stays as long as the key does.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Signs a message; takes tens of microseconds.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        bytes
    }

    /// The public half, as RFC 8032 encodes it.
    pub fn public_key(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        public
    }
}
