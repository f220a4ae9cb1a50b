//! The form of a sealed record, and what it is bound to.
//!
//! `version (1) · suite (1) · data key's id (16) · nonce (12) · ciphertext · tag (16)`.
//! The additional data is the header without the nonce, then every field of the [`Place`],
//! each behind its length (32 bits, big-endian), so that no two places make the same bytes.

use gestalt_core::id::KeyId;
use gestalt_core::{Entropy, SecretBytes};

use crate::aead::{AeadKey, OVERHEAD};
use crate::error::VaultError;

/// Version of every sealed form of this room.
pub(crate) const VERSION: u8 = 1;

/// AES-256-GCM with a 96-bit random nonce.
pub(crate) const SUITE: u8 = 1;

/// Version, suite and the data key's id.
const HEAD_LEN: usize = 18;

/// Where a sealed record belongs. It opens nowhere else.
///
/// The ids are the immutable ones, so that renaming reseals nothing and moving reseals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// The id of the row's record, a connection's for instance.
    pub record: &'a str,
    /// Whose it is.
    pub subject: &'a str,
    /// The plugin's id.
    pub plugin: &'a str,
    /// The plugin's connection.
    pub connection: &'a str,
    /// The column or the credential's field.
    pub field: &'a str,
    /// Which version of the record; an older one does not open in a newer row.
    pub generation: u64,
}

/// A sealed record and the data key that its row must name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// The data key, for the row's own column.
    pub key: KeyId,
    /// Header, ciphertext and tag.
    pub bytes: Vec<u8>,
}

pub(crate) fn seal(
    (id, key): (KeyId, &AeadKey),
    place: &Place<'_>,
    plaintext: &[u8],
    entropy: &Entropy,
) -> Result<Sealed, VaultError> {
    let mut head = [0; HEAD_LEN];
    head[0] = VERSION;
    head[1] = SUITE;
    head[2..].copy_from_slice(id.as_bytes());
    let bytes = key.seal(&head, &place.bound_to(&head)?, plaintext, entropy)?;
    Ok(Sealed { key: id, bytes })
}

/// Checks a record's header against its row and takes it off: the head, then what a key opens.
pub(crate) fn parse(sealed: &[u8], row_key: KeyId) -> Result<(&[u8; HEAD_LEN], &[u8]), VaultError> {
    let (head, rest) = sealed
        .split_first_chunk::<HEAD_LEN>()
        .ok_or(VaultError::Malformed)?;
    if head[..2] != [VERSION, SUITE] || rest.len() < OVERHEAD {
        return Err(VaultError::Malformed);
    }
    if head[2..] != row_key.as_bytes()[..] {
        return Err(VaultError::Refused);
    }
    Ok((head, rest))
}

pub(crate) fn open(
    key: &AeadKey,
    place: &Place<'_>,
    (head, rest): (&[u8; HEAD_LEN], &[u8]),
) -> Result<SecretBytes, VaultError> {
    key.open(&place.bound_to(head)?, rest)
        .ok_or(VaultError::Refused)
}

impl Place<'_> {
    fn bound_to(&self, head: &[u8; HEAD_LEN]) -> Result<Vec<u8>, VaultError> {
        let texts = [
            self.table,
            self.record,
            self.subject,
            self.plugin,
            self.connection,
            self.field,
        ];
        let length: usize = texts.iter().map(|text| 4 + text.len()).sum();
        let mut aad = Vec::with_capacity(HEAD_LEN + length + 12);
        aad.extend_from_slice(head);
        for text in texts {
            push_field(&mut aad, text.as_bytes())?;
        }
        push_field(&mut aad, &self.generation.to_be_bytes())?;
        Ok(aad)
    }
}

/// Appends a field behind its length, so that fields cannot run into each other.
pub(crate) fn push_field(aad: &mut Vec<u8>, field: &[u8]) -> Result<(), VaultError> {
    let length = u32::try_from(field.len()).map_err(|_| VaultError::Library)?;
    aad.extend_from_slice(&length.to_be_bytes());
    aad.extend_from_slice(field);
    Ok(())
}
