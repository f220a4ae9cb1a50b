//! Presented tokens, from anybody. The vault's answer is held against a second way to compute
//! it: the number digit by digit, the checksum bit by bit.

use gestalt_vault::token::{Recognised, TokenKind, recognise};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn digit(character: u8) -> Option<u32> {
    let at = ALPHABET.iter().position(|other| *other == character)?;
    u32::try_from(at).ok()
}

/// Reads base 62 as big-endian bytes; `None` for other characters or beyond `N` bytes.
fn number<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    text.iter().try_fold([0; N], |mut number, character| {
        let mut carry = digit(*character)?;
        for byte in number.iter_mut().rev() {
            carry += u32::from(*byte) * 62;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        (carry == 0).then_some(number)
    })
}

fn expected(text: &str) -> Recognised {
    let kind = TokenKind::ALL
        .into_iter()
        .find(|kind| text.starts_with(kind.prefix()));
    let Some(kind) = kind else {
        return Recognised::NotOurs;
    };
    let text = text.as_bytes();
    if text.len() == 57
        && number::<32>(&text[8..51]).is_some()
        && number::<4>(&text[51..]) == Some(crc(&text[..51]).to_be_bytes())
    {
        Recognised::WellFormed(kind)
    } else {
        Recognised::Malformed(kind)
    }
}

#[test]
fn arbitrary_texts_are_recognised_for_what_they_are() {
    bolero::check!()
        .with_iterations(20_000)
        .for_each(|bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            for prefix in ["", "gst_api_", "gst_ses_", "gst_log_"] {
                let text = format!("{prefix}{text}");
                assert_eq!(recognise(&text), expected(&text), "{text}");
            }
        });
}

#[test]
fn near_tokens_are_recognised_for_what_they_are() {
    bolero::check!()
        .with_type::<(u8, Vec<u8>, bool, Option<(u8, u8)>)>()
        .with_iterations(20_000)
        .for_each(|(kind, body, overflow, change)| {
            let mut text = TokenKind::ALL[usize::from(*kind) % 3].prefix().to_owned();
            let first = if *overflow { 'z' } else { '0' };
            text.push(first);
            for at in 1..43 {
                let byte = body.get(at).copied().unwrap_or(0);
                text.push(char::from(ALPHABET[usize::from(byte) % 62]));
            }
            let mut rest = crc(text.as_bytes());
            let mut sum = [0; 6];
            for digit in sum.iter_mut().rev() {
                *digit = ALPHABET[usize::try_from(rest % 62).unwrap()];
                rest /= 62;
            }
            text.push_str(std::str::from_utf8(&sum).unwrap());
            assert_eq!(
                matches!(expected(&text), Recognised::WellFormed(_)),
                !*overflow
            );
            if let Some((at, character)) = change {
                let at = usize::from(*at) % text.len();
                let character = char::from(character & 0x7f).to_string();
                text.replace_range(at..=at, &character);
            }
            assert_eq!(recognise(&text), expected(&text), "{text}");
        });
}
