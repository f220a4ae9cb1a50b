//! A token's scopes: `integration`, `integration:operation-pattern`, `integration/connection`.

use gestalt_core::plugin::Plugin;

use super::pattern::Pattern;

/// What a token's scopes let it invoke.
#[derive(Clone, Debug)]
pub(crate) struct Scopes {
    text: String,
    entries: Vec<Scope>,
}

#[derive(Clone, Debug)]
struct Scope {
    plugin: String,
    limit: Limit,
}

#[derive(Clone, Debug)]
enum Limit {
    Nothing,
    Operations(Pattern),
    Connection(String),
}

impl Scopes {
    /// Reads a space-separated list; a sentence says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let entries = text
            .split_ascii_whitespace()
            .map(Scope::parse)
            .collect::<Result<Vec<_>, _>>()?;
        if entries.is_empty() {
            return Err("it is empty; leave it out for no limit".to_owned());
        }
        let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Self { text, entries })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the scopes name the plugin at all.
    pub(crate) fn names(&self, plugin: &Plugin) -> bool {
        self.entries.iter().any(|scope| scope.is_of(plugin))
    }

    pub(crate) fn allow(&self, plugin: &Plugin, operation: &str, connection: Option<&str>) -> bool {
        self.entries.iter().any(|scope| {
            scope.is_of(plugin)
                && match &scope.limit {
                    Limit::Nothing => true,
                    Limit::Operations(pattern) => pattern.matches(operation),
                    Limit::Connection(name) => connection == Some(name),
                }
        })
    }

    /// Whether the scopes name something over a connection of the plugin.
    pub(crate) fn reach(&self, plugin: &Plugin, connection: &str) -> bool {
        self.entries.iter().any(|scope| {
            scope.is_of(plugin)
                && match &scope.limit {
                    Limit::Nothing | Limit::Operations(_) => true,
                    Limit::Connection(name) => name == connection,
                }
        })
    }

    /// Whether every scope of `narrower` lies within one of these.
    pub(crate) fn cover(&self, narrower: &Self) -> bool {
        narrower
            .entries
            .iter()
            .all(|inner| self.entries.iter().any(|outer| outer.covers(inner)))
    }
}

/// Whether a pattern can be one of operations. Resources are named by their URIs, prompts as
/// their servers like.
fn is_operation(pattern: &str) -> bool {
    let live = ["resource:", "prompt:"];
    let named = live.iter().find_map(|kind| pattern.strip_prefix(kind));
    if let Some(name) = named {
        return !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'*');
    !pattern.is_empty() && pattern.bytes().all(plain)
}

impl Scope {
    fn parse(text: &str) -> Result<Self, String> {
        let of = |plugin: &str, limit| -> Result<Self, String> {
            plugin
                .parse::<gestalt_core::name::PluginName>()
                .map(|_| Self {
                    plugin: plugin.to_owned(),
                    limit,
                })
                .map_err(|error| format!("in `{text}`: {error}"))
        };
        if let Some((plugin, pattern)) = text.split_once(':') {
            if !is_operation(pattern) {
                return Err(format!(
                    "in `{text}`: an operation pattern has letters, digits, `_`, `.`, `-` and `*`, \
                     or is `resource:` with a URI, or `prompt:` with a name"
                ));
            }
            return of(plugin, Limit::Operations(Pattern::new(pattern)));
        }
        if let Some((plugin, connection)) = text.split_once('/') {
            let name: gestalt_core::name::ConnectionName = connection
                .parse()
                .map_err(|error| format!("in `{text}`: {error}"))?;
            return of(plugin, Limit::Connection(name.as_str().to_owned()));
        }
        of(text, Limit::Nothing)
    }

    fn is_of(&self, plugin: &Plugin) -> bool {
        plugin.name.as_str() == self.plugin
            || plugin
                .formerly
                .iter()
                .any(|old| old.as_str() == self.plugin)
    }

    fn covers(&self, inner: &Self) -> bool {
        self.plugin == inner.plugin
            && match (&self.limit, &inner.limit) {
                (Limit::Nothing, _) => true,
                (Limit::Operations(outer), Limit::Operations(inner)) => outer.covers(inner),
                (Limit::Connection(outer), Limit::Connection(inner)) => outer == inner,
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(outer: &str, inner: &str) -> bool {
        Scopes::parse(outer)
            .unwrap()
            .cover(&Scopes::parse(inner).unwrap())
    }

    #[test]
    fn what_does_not_parse_is_refused() {
        for bad in [
            "",
            "  ",
            "Tracker",
            "tracker:",
            "tracker:a b:",
            "tracker/",
            "tracker/a/b",
            "tracker:x y$",
            "tracker:x:y",
            "tracker:resource:",
            "tracker:prompt:\u{e4}",
            "tracker:tool:x",
        ] {
            assert!(Scopes::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_scope_names_resources_and_prompts() {
        assert!(!cover(
            "tracker:resource:x://a/*",
            "tracker:resource:x://b/1"
        ));
        assert!(!cover("tracker:resource:*", "tracker:prompt:a"));
        assert!(cover(
            "tracker:resource:x://a/*",
            "tracker:resource:x://a/1?b=c"
        ));
        assert!(cover("tracker:*", "tracker:prompt:a"));
    }

    #[test]
    fn a_scope_never_covers_what_is_wider() {
        assert!(!cover("tracker:list_*", "tracker"));
        assert!(!cover("tracker:list_*", "tracker:*"));
        assert!(!cover("tracker/work", "tracker:list_*"));
        assert!(!cover("tracker", "tracker other"));
        assert!(cover("tracker other", "tracker:list_* other/work"));
        assert!(cover("tracker:list_*", "tracker:list_issues"));
    }
}
