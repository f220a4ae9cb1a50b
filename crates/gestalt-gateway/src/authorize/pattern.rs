//! Patterns over names: `*` stands for any run of characters, everything else for itself.

/// A pattern over names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pattern(String);

impl Pattern {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        matches(self.0.as_bytes(), text.as_bytes())
    }

    /// Whether everything that `narrower` matches is matched by this pattern too. A `*` of
    /// the narrower pattern is only ever taken by a `*` of this one, as names hold no `*`.
    pub(crate) fn covers(&self, narrower: &Self) -> bool {
        matches(self.0.as_bytes(), narrower.0.as_bytes())
    }
}

/// Glob matching with one level of backtracking: linear for a single `*`, and never worse
/// than the product of the lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            retry = Some((p + 1, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] && text[t] != b'*' {
            p += 1;
            t += 1;
        } else if let Some((after_star, taken)) = retry {
            p = after_star;
            t = taken + 1;
            retry = Some((after_star, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_stand_for_any_run() {
        let check = |pattern: &str, text: &str| Pattern::new(pattern).matches(text);
        assert!(!check("list_*", "delete_issue"));
        assert!(!check("list", "list_issues"));
        assert!(!check("", "x"));
        assert!(check("list_*", "list_issues"));
        assert!(check("*", "") && check("*_issue*", "create_issues") && check("a*b*c", "aXbYbZc"));
    }

    proptest! {
        #[test]
        fn what_a_pattern_covers_matches_no_more(wide in "[ab*]{0,5}", narrow in "[ab*]{0,5}", text in "[ab]{0,6}") {
            let (wide, narrow) = (Pattern::new(wide), Pattern::new(narrow));
            if wide.covers(&narrow) && narrow.matches(&text) {
                prop_assert!(wide.matches(&text));
            }
        }
    }
}
