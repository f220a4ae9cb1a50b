//! What is known of a caller, in forms that a header can carry.

use std::fmt::Write as _;

use gestalt_core::identity::IdentityField;
use gestalt_core::{Code, Refusal};
use http::HeaderValue;
use serde_json::{Map, Value};

use crate::authenticate::caller::Identity;

/// What is known of a caller, apart from the request's id, which is no caller's.
///
/// # Errors
/// `forbidden` where it holds a control character (S36): whoever decodes the value would write
/// it into a log or a header of their own.
pub(super) fn known(field: IdentityField, identity: &Identity) -> Result<Option<String>, Refusal> {
    let text = match field {
        IdentityField::User => Some(identity.subject.to_string()),
        IdentityField::Email => identity.email.clone(),
        IdentityField::Name => identity.display_name.clone(),
        // No login tells these yet, so they are left out.
        IdentityField::Organization
        | IdentityField::Teams
        | IdentityField::Roles
        | IdentityField::Attributes
        | IdentityField::RequestId => None,
    };
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().any(char::is_control) {
        let what = field.as_str();
        return Err(Refusal::new(
            Code::Forbidden,
            format!("The upstream is told who calls, and your account's `{what}` holds a control character."),
        )
        .hint("Whoever administers your account can correct it."));
    }
    Ok(Some(text))
}

/// A text as the value of a header: what is not printable ASCII is percent-encoded UTF-8 (RFC
/// 3986 §2.1), and so are `%` itself and a space at either end, so that decoding gives the
/// very text.
pub(super) fn header_value(text: &str) -> Result<HeaderValue, Refusal> {
    let mut out = String::with_capacity(text.len());
    let last = text.len().saturating_sub(1);
    for (at, byte) in text.bytes().enumerate() {
        let at_an_end = at == 0 || at == last;
        match byte {
            b' ' if at_an_end => out.push_str("%20"),
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => {
                let _infallible = write!(out, "%{byte:02X}");
            }
        }
    }
    HeaderValue::try_from(out).map_err(Refusal::internal)
}

/// An object as JSON in ASCII alone (RFC 8259 §7: what is not is escaped), which a header can
/// carry as it is.
pub(super) fn ascii_json(object: &Map<String, Value>) -> String {
    let mut out = String::new();
    for letter in Value::from(object.clone()).to_string().chars() {
        if letter.is_ascii() {
            out.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            let _infallible = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s36_what_a_header_cannot_carry_is_encoded() {
        for (text, expected) in [
            ("ada@example.com", "ada@example.com"),
            ("Ada Lovelace", "Ada Lovelace"),
            ("Zoë", "Zo%C3%AB"),
            ("100%", "100%25"),
            (" a b ", "%20a b%20"),
            ("鍵", "%E9%8D%B5"),
            ("%0d%0aX: y", "%250d%250aX: y"),
        ] {
            let value = header_value(text).unwrap();
            assert_eq!(value.to_str().unwrap(), expected);
        }
    }

    #[test]
    fn s36_a_control_character_is_refused_in_every_field() {
        for text in ["a\r\nX-Admin: 1", "a\nb", "a\0", "a\u{7f}", "a\u{85}b"] {
            let with = |email: Option<&str>, name: Option<&str>| Identity {
                email: email.map(str::to_owned),
                display_name: name.map(str::to_owned),
                ..Identity::anonymous()
            };
            for (field, identity) in [
                (IdentityField::Email, with(Some(text), None)),
                (IdentityField::Name, with(None, Some(text))),
            ] {
                let refused = known(field, &identity).err().unwrap();
                assert_eq!(refused.code, Code::Forbidden);
                assert!(!refused.message.contains("X-Admin"));
            }
        }
    }

    #[test]
    fn claims_are_ascii_and_read_back_as_they_were() {
        let object = serde_json::json!({ "name": "Zoë 🗝 \"q\" \\" });
        let text = ascii_json(object.as_object().unwrap());
        assert!(text.is_ascii(), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), object);
    }
}
