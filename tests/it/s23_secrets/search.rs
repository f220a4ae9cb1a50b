//! Finds secrets in bytes, however they were written down.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// The forms of some secrets.
#[derive(Default)]
pub(super) struct Searcher {
    needles: Vec<Needle>,
    /// Secrets that are no text, looked for as they are.
    binary: Vec<(String, Vec<u8>)>,
}

struct Needle {
    secret: String,
    form: &'static str,
    text: String,
}

impl Searcher {
    /// Looks for a secret from now on; `name` says which when it is found.
    pub(super) fn add(&mut self, name: &str, secret: &str) {
        assert!(
            secret.is_ascii(),
            "{name} would not be found among other bytes"
        );
        self.add_bytes(name, secret.as_bytes());
    }

    /// Looks for bytes that are no text.
    pub(super) fn add_bytes(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= 16, "{name} would be found by chance");
        if !secret.is_ascii() {
            self.binary.push((name.to_owned(), secret.to_owned()));
        }
        for (form, text) in forms(secret) {
            if form == "raw" && !secret.is_ascii() {
                continue;
            }
            let secret = name.to_owned();
            self.needles.push(Needle { secret, form, text });
        }
    }

    /// The first secret that stands in `bytes`, in words and with its surroundings.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<String> {
        let within = |secret: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
        if let Some((name, _)) = self.binary.iter().find(|(_, secret)| within(secret)) {
            return Some(format!("{name} as they are"));
        }
        // What is no UTF-8 is replaced; every form is ASCII and stays.
        let text = String::from_utf8_lossy(bytes);
        let needle = self.needles.iter().find(|one| text.contains(&one.text))?;
        let place = text.find(&needle.text)?;
        let around: String = text[..place].chars().rev().take(120).collect();
        let around: String = around.chars().rev().collect();
        Some(format!(
            "{} as {} behind `{around}`",
            needle.secret, needle.form
        ))
    }
}

/// Every way to write bytes that is searched for, by name.
pub(super) fn forms(secret: &[u8]) -> Vec<(&'static str, String)> {
    let each = |write: fn(u8) -> String| secret.iter().copied().map(write).collect::<String>();
    let mut forms = vec![
        ("raw", String::from_utf8_lossy(secret).into_owned()),
        ("percent", each(|byte| format!("%{byte:02X}"))),
        ("percent, lower", each(|byte| format!("%{byte:02x}"))),
        ("hex", each(|byte| format!("{byte:02x}"))),
        ("hex, upper", each(|byte| format!("{byte:02X}"))),
        ("JSON escapes", each(|byte| format!("\\u{byte:04x}"))),
        ("a list of bytes", each(|byte| format!("{byte}, "))),
    ];
    for before in 0..3 {
        forms.push(("base64", base64_at(before, secret, &STANDARD)));
        forms.push(("base64url", base64_at(before, secret, &URL_SAFE)));
    }
    forms
}

/// What base64 makes of the secret behind `before` unknown bytes, without the characters
/// that its neighbours have a part in.
fn base64_at(before: usize, secret: &[u8], alphabet: &base64::engine::GeneralPurpose) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(secret);
    let whole = alphabet.encode(&bytes);
    let (start, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    whole[start..end].to_owned()
}
