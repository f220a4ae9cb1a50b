//! Values that must never be printed, serialised or logged.
//!
//! Neither type has `Display`, a revealing `Debug` or `Serialize`; both are wiped when
//! dropped. Reading one takes an explicit `expose`, which is easy to find in a review.
//!
//! ```compile_fail
//! let secret = gestalt_core::Secret::new("hunter2".to_owned());
//! println!("{secret}");
//! ```
//! ```compile_fail
//! fn wire<T: serde::Serialize>(_: T) {}
//! wire(gestalt_core::Secret::new("hunter2".to_owned()));
//! ```

use std::fmt;
use zeroize::Zeroizing;

/// A secret text: a token, a password, a key as an operator writes it.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of a text that must not be shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Shows the text, for the one place that must use it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Says whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// Secret bytes: an opened seal, a key.
#[derive(Clone, Default)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes ownership of bytes that must not be shown.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Shows the bytes, for the one place that must use them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Turns UTF-8 bytes into a [`Secret`]; `None` if they are not UTF-8.
    pub fn into_text(self) -> Option<Secret> {
        std::str::from_utf8(&self.0).ok().map(Secret::new)
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_type_only() {
        let shown = format!(
            "{:?} {:?}",
            Secret::new("hunter2"),
            SecretBytes::new(*b"hunter2")
        );
        assert_eq!(shown, "Secret(…) SecretBytes(…)");
    }
}
