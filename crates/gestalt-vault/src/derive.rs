//! The root key: from the operator's setting to the key that wraps the data keys.

use argon2::{Algorithm, Argon2, Block, ParamsBuilder, Version};
use aws_lc_rs::hmac;
use gestalt_core::id::KeyId;
use gestalt_core::{Entropy, Secret, SecretBytes};
use zeroize::{Zeroize, Zeroizing};

use crate::aead::AeadKey;
use crate::digest::{from_hex, hex};
use crate::error::VaultError;
use crate::keyring::Purpose;
use crate::seal::{SUITE, VERSION, push_field};

/// Fewest characters of a passphrase.
const MIN_PASSPHRASE: usize = 16;

/// What the canary holds; only that it opens matters.
const CANARY: &[u8] = b"gestalt canary";

/// What Argon2id (RFC 9106) costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Argon2Cost {
    /// Passes over the memory.
    pub iterations: u32,
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Argon2Cost {
    /// What a deployment uses. Changing it changes every root key made from a passphrase.
    fn default() -> Self {
        Self {
            iterations: 3,
            memory_kib: 65_536,
            lanes: 4,
        }
    }
}

impl Argon2Cost {
    /// The least that Argon2id takes; protects nothing.
    pub const fn cheap_for_tests() -> Self {
        Self {
            iterations: 1,
            memory_kib: 8,
            lanes: 1,
        }
    }
}

/// The key that wraps the data keys; it comes from the configuration and is never stored.
///
/// The 32 bytes themselves are not kept: what is held is the wrapping key derived from them
/// and an id that leads back to neither.
pub struct RootKey {
    id: String,
    wrapping: AeadKey,
}

impl RootKey {
    /// Makes the root key of a setting: 64 hexadecimal characters are the key, anything else is
    /// a passphrase for Argon2id with the deployment's stored salt.
    ///
    /// # Errors
    /// [`VaultError::BadRootKey`] when the setting is empty, shorter than 16 characters, or has
    /// white space around it; [`VaultError::Derivation`] when Argon2id refuses.
    pub fn from_setting(
        text: &Secret,
        salt: &[u8; 16],
        cost: Argon2Cost,
    ) -> Result<Self, VaultError> {
        let text = text.expose();
        if text.trim().is_empty() {
            return Err(VaultError::BadRootKey("is empty"));
        }
        // A line break from a file would silently make another key.
        if text.trim().len() != text.len() {
            return Err(VaultError::BadRootKey("has white space around it"));
        }
        if text.chars().count() < MIN_PASSPHRASE {
            return Err(VaultError::BadRootKey("is shorter than 16 characters"));
        }
        match from_hex(text) {
            Some(key) => Self::from_bytes(&key),
            None => Self::from_bytes(&*stretch(text, salt, cost)?),
        }
    }

    fn from_bytes(key: &[u8; 32]) -> Result<Self, VaultError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let mut wrapping = Zeroizing::new([0; 32]);
        hmac::sign_to_buffer(&key, b"gestalt root key: wrapping", &mut *wrapping)
            .map_err(|_| VaultError::Library)?;
        let id = hmac::sign(&key, b"gestalt root key: id");
        Ok(Self {
            id: hex(&id.as_ref()[..8]),
            wrapping: AeadKey::new(&wrapping)?,
        })
    }

    /// The key's name in the keyring's rows: 16 hexadecimal characters.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Makes the record that proves this root key at the next start.
    ///
    /// # Errors
    /// [`VaultError::NoEntropy`] without random bytes.
    pub fn make_canary(&self, entropy: &Entropy) -> Result<Vec<u8>, VaultError> {
        self.wrapping
            .seal(&[VERSION, SUITE], &self.canary_aad()?, CANARY, entropy)
    }

    /// Proves this root key against a stored canary.
    ///
    /// # Errors
    /// [`VaultError::WrongRootKey`] when it does not open: nothing may be served then.
    pub fn check_canary(&self, canary: &[u8]) -> Result<(), VaultError> {
        let aad = self.canary_aad()?;
        let opened = canary
            .strip_prefix(&[VERSION, SUITE])
            .and_then(|sealed| self.wrapping.open(&aad, sealed));
        match opened {
            Some(text) if text.expose() == CANARY => Ok(()),
            _ => Err(VaultError::WrongRootKey),
        }
    }

    pub(crate) fn wrap(
        &self,
        id: KeyId,
        purpose: Purpose,
        key: &[u8; 32],
        entropy: &Entropy,
    ) -> Result<Vec<u8>, VaultError> {
        let aad = self.wrap_aad(id, purpose)?;
        self.wrapping.seal(&[VERSION, SUITE], &aad, key, entropy)
    }

    pub(crate) fn unwrap(
        &self,
        id: KeyId,
        purpose: Purpose,
        wrapped: &[u8],
    ) -> Result<SecretBytes, VaultError> {
        let aad = self.wrap_aad(id, purpose)?;
        wrapped
            .strip_prefix(&[VERSION, SUITE])
            .and_then(|sealed| self.wrapping.open(&aad, sealed))
            .ok_or(VaultError::UnwrapRefused(id))
    }

    fn canary_aad(&self) -> Result<Vec<u8>, VaultError> {
        let mut aad = vec![VERSION, SUITE];
        push_field(&mut aad, b"canary")?;
        push_field(&mut aad, self.id.as_bytes())?;
        Ok(aad)
    }

    fn wrap_aad(&self, id: KeyId, purpose: Purpose) -> Result<Vec<u8>, VaultError> {
        let mut aad = vec![VERSION, SUITE];
        push_field(&mut aad, b"data key")?;
        push_field(&mut aad, id.as_bytes())?;
        push_field(&mut aad, purpose.as_str().as_bytes())?;
        push_field(&mut aad, self.id.as_bytes())?;
        Ok(aad)
    }
}

fn stretch(
    text: &str,
    salt: &[u8; 16],
    cost: Argon2Cost,
) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let mut params = ParamsBuilder::new();
    let params = params
        .t_cost(cost.iterations)
        .m_cost(cost.memory_kib)
        .p_cost(cost.lanes)
        .output_len(32)
        .build()
        .map_err(VaultError::Derivation)?;
    let mut memory = vec![Block::default(); params.block_count()];
    let mut key = Zeroizing::new([0; 32]);
    let derived = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(text.as_bytes(), salt, &mut *key, &mut memory);
    // The last block alone makes the key again.
    memory.zeroize();
    derived.map_err(VaultError::Derivation)?;
    Ok(key)
}
