//! The form of a caller's credential.
//!
//! A prefix that says whose and what it is, 32 random bytes as 43 base62 characters
//! (`0-9A-Za-z`, big-endian, zero-padded), then 6 base62 characters of CRC-32/ISO-HDLC over
//! everything before. The checksum finds a mistyped token before any lookup and lets a secret
//! scanner verify a hit offline; it proves nothing else.

use gestalt_core::{Entropy, Secret};
use zeroize::Zeroizing;

use crate::error::VaultError;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BODY_LEN: usize = 43;
const CHECKSUM_LEN: usize = 6;

/// 2^256 − 1: the largest body. The alphabet is in ASCII order and the length fixed, so that
/// bodies compare as their numbers do.
const LARGEST: &[u8; BODY_LEN] = b"yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1";

/// What a token of ours is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TokenKind {
    /// An API token.
    Api,
    /// The value of a session cookie.
    Session,
    /// A single-use code of a login link.
    LoginCode,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Api, Self::Session, Self::LoginCode];

    /// What every token of this kind starts with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Api => "gst_api_",
            Self::Session => "gst_ses_",
            Self::LoginCode => "gst_log_",
        }
    }
}

/// What a presented text is, by its form alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recognised {
    /// It has none of our prefixes.
    NotOurs,
    /// It has a prefix of ours and no token's form: mistyped, cut or made up.
    Malformed(TokenKind),
    /// It has the form of a token; whether there is such a token is another question.
    WellFormed(TokenKind),
}

/// Makes a new token.
///
/// # Errors
/// [`VaultError::NoEntropy`] without random bytes.
pub fn mint(kind: TokenKind, entropy: &Entropy) -> Result<Secret, VaultError> {
    let random = Zeroizing::new(entropy.array::<32>()?);
    Ok(write(kind, &random))
}

/// Says what a presented text is. Looks at its form only, and at no secret.
pub fn recognise(text: &str) -> Recognised {
    let kind = TokenKind::ALL
        .into_iter()
        .find(|kind| text.starts_with(kind.prefix()));
    match kind {
        None => Recognised::NotOurs,
        Some(kind) if is_well_formed(kind, text.as_bytes()) => Recognised::WellFormed(kind),
        Some(kind) => Recognised::Malformed(kind),
    }
}

fn write(kind: TokenKind, random: &[u8; 32]) -> Secret {
    let prefix = kind.prefix();
    // Reserved in full, so that the text never moves and leaves a copy behind.
    let mut text = String::with_capacity(prefix.len() + BODY_LEN + CHECKSUM_LEN);
    text.push_str(prefix);
    text.extend(body(random).iter().copied().map(char::from));
    let sum = checksum(text.as_bytes());
    text.extend(sum.into_iter().map(char::from));
    Secret::new(text)
}

fn is_well_formed(kind: TokenKind, text: &[u8]) -> bool {
    let Some((before, sum)) = text.split_last_chunk::<CHECKSUM_LEN>() else {
        return false;
    };
    let body = &before[kind.prefix().len().min(before.len())..];
    body.len() == BODY_LEN
        && body.iter().all(u8::is_ascii_alphanumeric)
        && body <= LARGEST.as_slice()
        && *sum == checksum(before)
}

/// 32 bytes as a number in base 62, by long division.
fn body(random: &[u8; 32]) -> Zeroizing<[u8; BODY_LEN]> {
    let mut number = Zeroizing::new(*random);
    let mut digits = Zeroizing::new([b'0'; BODY_LEN]);
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_usize;
        for byte in number.iter_mut() {
            let dividend = rest << 8 | usize::from(*byte);
            *byte = low_byte(dividend / 62);
            rest = dividend % 62;
        }
        *digit = ALPHABET[rest];
    }
    digits
}

/// A quotient of the long division: below 256, because the remainder before is below 62.
fn low_byte(quotient: usize) -> u8 {
    u8::try_from(quotient).unwrap_or(u8::MAX)
}

fn checksum(text: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut rest = u64::from(crc32fast::hash(text));
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(rest % 62).unwrap_or(0)];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_known_bytes() {
        let counting: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        for (kind, random, text) in [
            (
                TokenKind::Api,
                counting,
                "gst_api_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf09vzhV",
            ),
            (
                TokenKind::Session,
                [0; 32],
                "gst_ses_0000000000000000000000000000000000000000000325qbY",
            ),
            (
                TokenKind::LoginCode,
                [0xff; 32],
                "gst_log_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp12EZvS0",
            ),
        ] {
            assert_eq!(write(kind, &random).expose(), text);
            assert_eq!(recognise(text), Recognised::WellFormed(kind));
        }
    }

    #[test]
    fn largest_body_is_that_of_all_ones() {
        assert_eq!(*body(&[0xff; 32]), *LARGEST);
    }
}
