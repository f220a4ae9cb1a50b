//! AES-256-GCM with a nonce made inside, for everything that is sealed.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use gestalt_core::{Entropy, SecretBytes};
use zeroize::{Zeroize, Zeroizing};

use crate::error::VaultError;

/// Length of the authentication tag, in bytes.
pub(crate) const TAG_LEN: usize = 16;

/// What sealing adds to a plaintext, in bytes: nonce and tag.
pub(crate) const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// A key set up for sealing and opening; the library wipes it when it is dropped.
pub(crate) struct AeadKey(LessSafeKey);

impl AeadKey {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self, VaultError> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| VaultError::Library)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Appends nonce, ciphertext and tag to `header`.
    pub(crate) fn seal(
        &self,
        header: &[u8],
        aad: &[u8],
        plaintext: &[u8],
        entropy: &Entropy,
    ) -> Result<Vec<u8>, VaultError> {
        let nonce: [u8; NONCE_LEN] = entropy.array()?;
        // Reserved in full, so that the plaintext never moves and leaves a copy behind.
        let mut out = Vec::with_capacity(header.len() + plaintext.len() + OVERHEAD);
        out.extend_from_slice(header);
        out.extend_from_slice(&nonce);
        let start = out.len();
        out.extend_from_slice(plaintext);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), &mut out[start..]);
        let Ok(tag) = sealed else {
            out.zeroize();
            return Err(VaultError::Library);
        };
        out.extend_from_slice(tag.as_ref());
        Ok(out)
    }

    /// Opens nonce, ciphertext and tag; `None` if they are not authentic.
    pub(crate) fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<SecretBytes> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut plaintext = Zeroizing::new(vec![0; ciphertext.len()]);
        self.0
            .open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, &mut plaintext)
            .ok()?;
        Some(SecretBytes::new(std::mem::take(&mut *plaintext)))
    }
}
