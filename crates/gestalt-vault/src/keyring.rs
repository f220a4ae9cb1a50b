//! The keyring: the data keys, opened and set up for use.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use gestalt_core::id::KeyId;
use gestalt_core::{Entropy, SecretBytes, Timestamp};
use zeroize::Zeroizing;

use crate::aead::AeadKey;
use crate::derive::RootKey;
use crate::error::VaultError;
use crate::seal::{self, Place, Sealed};

/// Most peppers that may be live at once: each costs every unknown token one HMAC.
const MAX_PEPPERS: usize = 3;

/// What a data key is for; a key serves one purpose only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Purpose {
    /// Seals credentials and whatever else must be read again (AES-256-GCM).
    Credential,
    /// Hashes callers' tokens (HMAC-SHA-256).
    TokenPepper,
    /// Signs checkpoints of the audit trail (Ed25519).
    Audit,
    /// Signs what upstreams are told of callers (Ed25519); see [`crate::SigningKey`].
    IdentityJwt,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [
        Self::Credential,
        Self::TokenPepper,
        Self::Audit,
        Self::IdentityJwt,
    ];

    /// The word used in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::TokenPepper => "token_pepper",
            Self::Audit => "audit",
            Self::IdentityJwt => "identity_jwt",
        }
    }

    /// Reads the word used in the database.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
    }
}

/// How far a data key has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyState {
    /// Known to every replica before any of them uses it for new work.
    Prepublished,
    /// New work uses it.
    Active,
    /// Only what was made under it uses it.
    DecryptOnly,
    /// Gone; the row remains.
    Destroyed,
}

impl KeyState {
    /// Every state, in the order of a key's life.
    pub const ALL: [Self; 4] = [
        Self::Prepublished,
        Self::Active,
        Self::DecryptOnly,
        Self::Destroyed,
    ];

    /// The word used in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepublished => "prepublished",
            Self::Active => "active",
            Self::DecryptOnly => "decrypt_only",
            Self::Destroyed => "destroyed",
        }
    }

    /// Reads the word used in the database.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A data key as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrappedKey {
    /// Its id, in the header of everything sealed by it.
    pub id: KeyId,
    /// What it is for.
    pub purpose: Purpose,
    /// How far it has come.
    pub state: KeyState,
    /// The root key that wraps it.
    pub root_id: String,
    /// The 32 bytes of the key, wrapped; bound to id, purpose and root key.
    pub wrapped: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A signature and the key that made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// The signing key.
    pub key_id: KeyId,
    /// Ed25519 (RFC 8032).
    pub bytes: [u8; 64],
}

/// The keys of one purpose, newest first.
struct Ring<K> {
    keys: Vec<(KeyId, K)>,
    active: usize,
}

impl<K> Ring<K> {
    fn find(&self, id: KeyId) -> Option<&K> {
        self.keys.iter().find(|(k, _)| *k == id).map(|(_, key)| key)
    }

    fn active(&self) -> (KeyId, &K) {
        let (id, key) = &self.keys[self.active];
        (*id, key)
    }
}

/// The opened keyring. It has at least one active key of every purpose but
/// [`Purpose::IdentityJwt`], whose keys come and go while it is open.
///
/// Sealing, opening and hashing take about a microsecond each. Share it behind an `Arc`; a
/// reload makes another.
pub struct Keyring {
    credentials: Ring<AeadKey>,
    peppers: Ring<hmac::Key>,
    signers: Ring<Ed25519KeyPair>,
}

impl Keyring {
    /// Makes a new data key, [`KeyState::Active`]; a rotation stores it as
    /// [`KeyState::Prepublished`] first.
    ///
    /// # Errors
    /// [`VaultError::NoEntropy`] without random bytes.
    pub fn create_key(
        root: &RootKey,
        purpose: Purpose,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<WrappedKey, VaultError> {
        let id = KeyId::generate(now, entropy)?;
        let key = Zeroizing::new(entropy.array::<32>()?);
        Ok(WrappedKey {
            id,
            purpose,
            state: KeyState::Active,
            root_id: root.id().to_owned(),
            wrapped: root.wrap(id, purpose, &key, entropy)?,
            created_at: now,
        })
    }

    /// Opens the stored keys. The first root key is the current one, the rest may still unwrap.
    /// Of several active keys of a purpose the newest is used, by every replica alike.
    ///
    /// # Errors
    /// [`VaultError::UnknownRoot`] and [`VaultError::UnwrapRefused`] when any key that is not
    /// destroyed does not unwrap, [`VaultError::NoActiveKey`] when a purpose has none,
    /// [`VaultError::TooManyPeppers`] beyond three: nothing may be served then.
    pub fn open(roots: &[RootKey], rows: &[WrappedKey]) -> Result<Self, VaultError> {
        Ok(Self {
            credentials: ring(roots, rows, Purpose::Credential, AeadKey::new)?,
            peppers: ring(roots, rows, Purpose::TokenPepper, |key| {
                Ok(hmac::Key::new(hmac::HMAC_SHA256, key))
            })
            .and_then(bounded)?,
            signers: ring(roots, rows, Purpose::Audit, |seed| {
                Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| VaultError::Library)
            })?,
        })
    }

    /// Seals a plaintext into its place, under the purpose's active key and a fresh nonce.
    ///
    /// # Errors
    /// [`VaultError::NoActiveKey`] when the purpose's keys do not seal,
    /// [`VaultError::NoEntropy`] without random bytes.
    pub fn seal(
        &self,
        purpose: Purpose,
        place: &Place<'_>,
        plaintext: &[u8],
        entropy: &Entropy,
    ) -> Result<Sealed, VaultError> {
        match purpose {
            Purpose::Credential => seal::seal(self.credentials.active(), place, plaintext, entropy),
            Purpose::TokenPepper | Purpose::Audit | Purpose::IdentityJwt => {
                Err(VaultError::NoActiveKey(purpose))
            }
        }
    }

    /// Opens what was sealed into a place. `row_key` is the data key that the row names; the
    /// record's header must name the same.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`] when the keyring does not have that key: the caller may reload
    /// the keyring once and must then refuse. [`VaultError::Malformed`] and
    /// [`VaultError::Refused`] for everything that does not open, plaintext included.
    pub fn unseal(
        &self,
        place: &Place<'_>,
        row_key: KeyId,
        sealed: &[u8],
    ) -> Result<SecretBytes, VaultError> {
        let record = seal::parse(sealed, row_key)?;
        let key = self
            .credentials
            .find(row_key)
            .ok_or(VaultError::UnknownKey(row_key))?;
        seal::open(key, place, record)
    }

    /// Hashes a new token under the active pepper, which its row must name.
    pub fn hash_token(&self, token: &str) -> (KeyId, [u8; 32]) {
        let (id, pepper) = self.peppers.active();
        (id, hash(pepper, token))
    }

    /// Hashes a presented token under every live pepper, newest first, at most three.
    pub fn hash_candidates(&self, token: &str) -> Vec<(KeyId, [u8; 32])> {
        self.peppers
            .keys
            .iter()
            .map(|(id, pepper)| (*id, hash(pepper, token)))
            .collect()
    }

    /// Signs a message under the active audit key.
    pub fn sign(&self, message: &[u8]) -> Signature {
        let (key_id, key) = self.signers.active();
        let mut bytes = [0; 64];
        bytes.copy_from_slice(key.sign(message).as_ref());
        Signature { key_id, bytes }
    }

    /// The public halves of the audit keys, newest first. Audit keys are never destroyed, so
    /// that an old checkpoint can still be verified.
    pub fn public_keys(&self) -> Vec<(KeyId, [u8; 32])> {
        self.signers
            .keys
            .iter()
            .map(|(id, key)| {
                let mut public = [0; 32];
                public.copy_from_slice(key.public_key().as_ref());
                (*id, public)
            })
            .collect()
    }
}

/// Says whether an Ed25519 signature holds; `false` for a signature of any other length.
pub fn verify_signature(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public)
        .verify(message, signature)
        .is_ok()
}

fn hash(pepper: &hmac::Key, token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hmac::sign(pepper, token.as_bytes()).as_ref());
    bytes
}

fn ring<K>(
    roots: &[RootKey],
    rows: &[WrappedKey],
    purpose: Purpose,
    set_up: impl Fn(&[u8; 32]) -> Result<K, VaultError>,
) -> Result<Ring<K>, VaultError> {
    let mut rows: Vec<_> = rows
        .iter()
        .filter(|row| row.purpose == purpose && row.state != KeyState::Destroyed)
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
    let active = rows
        .iter()
        .position(|row| row.state == KeyState::Active)
        .ok_or(VaultError::NoActiveKey(purpose))?;
    let keys = rows
        .into_iter()
        .map(|row| Ok((row.id, unwrap_with(roots, row, &set_up)?)))
        .collect::<Result<_, VaultError>>()?;
    Ok(Ring { keys, active })
}

/// Opens a row and sets its key up; the bare bytes are gone afterwards.
pub(crate) fn unwrap_with<K>(
    roots: &[RootKey],
    row: &WrappedKey,
    set_up: impl Fn(&[u8; 32]) -> Result<K, VaultError>,
) -> Result<K, VaultError> {
    let key = unwrap(roots, row)?;
    let key = <&[u8; 32]>::try_from(key.expose()).map_err(|_| VaultError::UnwrapRefused(row.id))?;
    set_up(key)
}

fn bounded(peppers: Ring<hmac::Key>) -> Result<Ring<hmac::Key>, VaultError> {
    match peppers.keys.len() {
        0..=MAX_PEPPERS => Ok(peppers),
        many => Err(VaultError::TooManyPeppers(many)),
    }
}

fn unwrap(roots: &[RootKey], row: &WrappedKey) -> Result<SecretBytes, VaultError> {
    let root = roots.iter().find(|root| root.id() == row.root_id);
    root.ok_or_else(|| VaultError::UnknownRoot {
        key: row.id,
        root_id: row.root_id.clone(),
    })?
    .unwrap(row.id, row.purpose, &row.wrapped)
}
