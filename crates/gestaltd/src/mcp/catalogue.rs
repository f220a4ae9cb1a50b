//! Which tools an endpoint lists: all of them, or three that find and call the others.
//!
//! A model reads the whole list before it does anything; with hundreds of tools that is most
//! of what it can read. `?tools=list` and `?tools=search` of the address say what a client wants,
//! the config what it gets otherwise.

use gestalt_core::{Code, Refusal};

/// How the tools of an endpoint are listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Catalogue {
    /// At `/mcp` as three tools where there are many, else the whole list.
    #[default]
    Auto,
    /// The whole list.
    List,
    /// Three tools that find and call the others.
    Search,
}

/// The parameter of an endpoint's address.
const PARAMETER: &str = "tools";

impl Catalogue {
    /// Reads what an address asks for; nothing where it asks for nothing.
    ///
    /// # Errors
    /// `invalid_request` for what is neither `list` nor `search`, or both.
    pub(super) fn asked(query: Option<&str>) -> Result<Option<Self>, Refusal> {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let mut values = pairs.filter(|(name, _)| name == PARAMETER);
        let asked = match values.next() {
            None => return Ok(None),
            Some((_, value)) if value == "list" => Some(Self::List),
            Some((_, value)) if value == "search" => Some(Self::Search),
            Some(_) => None,
        };
        if let (Some(asked), None) = (asked, values.next()) {
            return Ok(Some(asked));
        }
        let text = "`tools` in the address is `list` or `search`, once.";
        Err(Refusal::new(Code::InvalidRequest, text).field(PARAMETER))
    }

    /// Whether three tools are listed; nothing where that depends on how many there are.
    /// `shared`: at the endpoint of all plugins.
    pub(super) fn searched(self, shared: bool) -> Option<bool> {
        match self {
            Self::Search => Some(true),
            Self::Auto if shared => None,
            Self::Auto | Self::List => Some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_address_asks_for() {
        for wrong in [
            "tools",
            "tools=",
            "tools=all",
            "tools=List",
            "tools=list&tools=list",
            "x=1&tools=list&tools=search",
        ] {
            let refusal = Catalogue::asked(Some(wrong)).unwrap_err();
            assert_eq!(refusal.field.as_deref(), Some("tools"), "{wrong}");
        }
        for (query, asked) in [
            (None, None),
            (Some(""), None),
            (Some("session=7"), None),
            (Some("tools=list"), Some(Catalogue::List)),
            (Some("session=7&tools=%73earch"), Some(Catalogue::Search)),
        ] {
            assert_eq!(Catalogue::asked(query).unwrap(), asked, "{query:?}");
        }
    }
}
