//! The form of a caller's credential.

use gestalt_core::Entropy;
use gestalt_vault::token::{Recognised, TokenKind, mint, recognise};
use proptest::prelude::*;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Writes a token with a right checksum around any body.
fn around(prefix: &str, body: &str) -> String {
    let text = format!("{prefix}{body}");
    let mut rest = crc32fast::hash(text.as_bytes()) as usize;
    let mut sum = [0; 6];
    for digit in sum.iter_mut().rev() {
        *digit = ALPHABET[rest % 62];
        rest /= 62;
    }
    text + std::str::from_utf8(&sum).unwrap()
}

#[test]
fn s24_bad_checksum_is_malformed() {
    let token = mint(TokenKind::Api, &Entropy::seeded(1)).unwrap();
    let token = token.expose();
    // Every other character in every place.
    for at in TokenKind::Api.prefix().len()..token.len() {
        for other in ALPHABET.iter().copied().chain(*b" -_\n") {
            let mut text = token.as_bytes().to_vec();
            if text[at] == other {
                continue;
            }
            text[at] = other;
            let text = String::from_utf8(text).unwrap();
            assert_eq!(
                recognise(&text),
                Recognised::Malformed(TokenKind::Api),
                "{text}"
            );
        }
    }
    assert_eq!(recognise(token), Recognised::WellFormed(TokenKind::Api));
}

#[test]
fn s24_wrong_length_and_other_characters_are_malformed() {
    let token = mint(TokenKind::Session, &Entropy::seeded(1)).unwrap();
    let token = token.expose();
    let malformed = Recognised::Malformed(TokenKind::Session);
    for length in TokenKind::Session.prefix().len()..token.len() {
        assert_eq!(recognise(&token[..length]), malformed, "{length}");
    }
    for text in [
        format!("{token}0"),
        format!("{token} "),
        format!("{token}\n"),
        token.replace(&token[20..22], "é"),
        around("gst_ses_", &"0".repeat(42)),
        around("gst_ses_", &"0".repeat(44)),
        around("gst_ses_", &"-".repeat(43)),
        around("gst_ses_", ""),
    ] {
        assert_eq!(recognise(&text), malformed, "{text}");
    }
}

#[test]
fn s24_number_beyond_32_bytes_is_malformed() {
    let largest = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1";
    let beyond = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp2";
    let malformed = Recognised::Malformed(TokenKind::Api);
    assert_eq!(recognise(&around("gst_api_", beyond)), malformed);
    assert_eq!(recognise(&around("gst_api_", &"z".repeat(43))), malformed);
    assert_eq!(
        recognise(&around("gst_api_", largest)),
        Recognised::WellFormed(TokenKind::Api)
    );
}

#[test]
fn other_credentials_are_not_ours() {
    for text in [
        "",
        "gst_",
        "gst_api",
        "GST_API_x",
        "gst_at_x",
        "ghp_x",
        " gst_api_x",
        "eyJhbGciOiJub25lIn0.e30.",
    ] {
        assert_eq!(recognise(text), Recognised::NotOurs, "{text}");
    }
}

#[test]
fn checksum_covers_the_prefix() {
    let token = mint(TokenKind::Api, &Entropy::seeded(1)).unwrap();
    let moved = token.expose().replace("gst_api_", "gst_ses_");
    assert_eq!(recognise(&moved), Recognised::Malformed(TokenKind::Session));
}

proptest! {
    #[test]
    fn every_minted_token_is_recognised(seed: u64, kind in prop::sample::select(&TokenKind::ALL)) {
        let entropy = Entropy::seeded(seed);
        let (one, two) = (mint(kind, &entropy).unwrap(), mint(kind, &entropy).unwrap());
        prop_assert_eq!(recognise(one.expose()), Recognised::WellFormed(kind));
        prop_assert_eq!(one.len(), 57);
        prop_assert_ne!(one.expose(), two.expose());
    }

    #[test]
    fn any_text_is_answered(text in "(gst_(api|ses|log)_)?.{0,60}") {
        prop_assert!(!matches!(recognise(&text), Recognised::WellFormed(_)));
    }
}
