//! Names of several servers side by side: a resource is `gestalt://{plugin}/{its URI, percent-encoded}`,
//! a prompt `{plugin}_{its name}`. What a server wrote besides stays as it is.

use std::sync::Arc;

use gestalt_gateway::{Caller, Gateway, Offer, Offers, tool_name};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::value::RawValue;

use super::super::relay::edits::Edits;

const SCHEME: &str = "gestalt://";

/// What stands for itself in a wrapped URI. The braces of a template keep their meaning.
const KEPT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const KEPT_IN_TEMPLATE: AsciiSet = KEPT.remove(b'{').remove(b'}').remove(b'*').remove(b',');

/// What no URI holds as it is.
const NO_URI: AsciiSet = percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The URI that a server's resource has among all.
pub(in crate::mcp) fn wrapped(plugin: &str, uri: &str) -> String {
    format!("{SCHEME}{plugin}/{}", utf8_percent_encode(uri, &KEPT))
}

fn wrapped_template(plugin: &str, template: &str) -> String {
    let encoded = utf8_percent_encode(template, &KEPT_IN_TEMPLATE);
    format!("{SCHEME}{plugin}/{encoded}")
}

/// The plugin and URI that a wrapped one stands for.
pub(in crate::mcp) fn unwrapped(uri: &str) -> Option<(&str, String)> {
    let (plugin, encoded) = uri.strip_prefix(SCHEME)?.split_once('/')?;
    let decoded = percent_decode_str(encoded).decode_utf8().ok()?;
    // What an expression of a template was expanded to was encoded once more than the rest.
    Some((plugin, utf8_percent_encode(&decoded, &NO_URI).to_string()))
}

/// The same of a wrapped template, whose expressions stay.
pub(super) fn unwrapped_template(template: &str) -> Option<(String, String)> {
    let (plugin, encoded) = template.strip_prefix(SCHEME)?.split_once('/')?;
    let decoded = percent_decode_str(encoded).decode_utf8().ok()?;
    Some((plugin.to_owned(), decoded.into_owned()))
}

/// Renames what is offered to what it is called among all.
pub(super) fn renamed(kind: Offers, offers: Vec<Offer>) -> Vec<Offer> {
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        #[serde(borrow, default)]
        uri: Option<&'a RawValue>,
        #[serde(borrow, default, rename = "uriTemplate")]
        template: Option<&'a RawValue>,
        #[serde(borrow, default)]
        name: Option<&'a RawValue>,
    }
    let rename = |offer: Offer| {
        let named: Named<'_> = serde_json::from_str(&offer.json).ok()?;
        let (part, with) = match kind {
            Offers::Resources => (named.uri?, wrapped(&offer.plugin, &offer.key)),
            Offers::Templates => (named.template?, wrapped_template(&offer.plugin, &offer.key)),
            Offers::Prompts => (named.name?, tool_name(&offer.plugin, &offer.key)),
        };
        let mut edits = Edits::new(&offer.json);
        edits.replace(part.get(), serde_json::Value::from(with).to_string());
        let json: Arc<str> = edits.finish().into();
        Some(Offer { json, ..offer })
    };
    offers.into_iter().filter_map(rename).collect()
}

/// Where a name of a client's leads.
pub(super) enum Found {
    /// To this plugin, where it has this name.
    One(String, String),
    /// To several, each by the name that is meant among all.
    Several(Vec<String>),
    /// Nowhere.
    None,
}

/// Finds the resource that a URI means: a wrapped one, or one that exactly one server lists or
/// has a template for.
pub(super) async fn resource(gateway: &Gateway, caller: &Caller, uri: &str) -> Found {
    if let Some((plugin, own)) = unwrapped(uri) {
        return Found::One(plugin.to_owned(), own);
    }
    let mut plugins: Vec<Arc<str>> = Vec::new();
    for kind in [Offers::Resources, Offers::Templates] {
        let offers = gateway.offers(caller, None, kind).await.unwrap_or_default();
        for offer in offers {
            let is = match kind {
                Offers::Templates => matches(&offer.key, uri),
                _ => *offer.key == *uri,
            };
            if is && !plugins.contains(&offer.plugin) {
                plugins.push(offer.plugin);
            }
        }
    }
    match plugins.as_slice() {
        [] => Found::None,
        [only] => Found::One(only.to_string(), uri.to_owned()),
        several => Found::Several(several.iter().map(|plugin| wrapped(plugin, uri)).collect()),
    }
}

/// Finds the prompt of a name.
pub(super) async fn prompt(gateway: &Gateway, caller: &Caller, name: &str) -> Found {
    let offers = gateway.offers(caller, None, Offers::Prompts).await;
    let named = |offer: &Offer| tool_name(&offer.plugin, &offer.key) == name;
    let found = offers.unwrap_or_default().into_iter().find(named);
    match found {
        Some(offer) => Found::One(offer.plugin.to_string(), offer.key.to_string()),
        None => Found::None,
    }
}

/// Whether a URI can be one that a template (RFC 6570) expands to.
fn matches(template: &str, uri: &str) -> bool {
    let mut literals = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        literals.push(before);
        let Some((_, after)) = after.split_once('}') else {
            return false;
        };
        rest = after;
    }
    let Some(after_first) = literals
        .first()
        .map_or(Some(uri), |first| uri.strip_prefix(first))
    else {
        return false;
    };
    if literals.is_empty() {
        return template == uri;
    }
    let mut left = after_first;
    for literal in &literals[1..] {
        let Some(at) = left.find(literal) else {
            return false;
        };
        left = &left[at + literal.len()..];
    }
    left.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_uri_leads_back() {
        for uri in ["test://static-text", "file:///a%20b/c?d=e#f", "x:é"] {
            let wrapped = wrapped("docs", uri);
            assert!(wrapped.starts_with("gestalt://docs/"), "{wrapped}");
            let (plugin, own) = unwrapped(&wrapped).unwrap();
            assert_eq!(
                (plugin, &*own),
                ("docs", &*utf8_percent_encode(uri, &NO_URI).to_string())
            );
        }
        for other in ["test://x", "gestalt://docs", "gestalt:/docs/x"] {
            assert!(unwrapped(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_template_keeps_its_expressions() {
        let wrapped = wrapped_template("p", "test://t/{id}/data");
        assert_eq!(wrapped, "gestalt://p/test%3A%2F%2Ft%2F{id}%2Fdata");
        // A client encodes what it puts in their place.
        let (_, own) = unwrapped("gestalt://p/test%3A%2F%2Ft%2Fa%20b%2Fdata").unwrap();
        assert_eq!(own, "test://t/a%20b/data");
    }

    #[test]
    fn what_a_template_can_expand_to() {
        for (template, uri, is) in [
            ("a://b", "a://b", true),
            ("a://b", "a://c", false),
            ("a://{x}/c", "a://1/c", true),
            ("a://{x}/c", "a://1/d", false),
            ("a://{x}/c/{y}", "a://1/c/2", true),
            ("a://{x", "a://{x", false),
            ("{+x}", "anything", true),
        ] {
            assert_eq!(matches(template, uri), is, "{template} {uri}");
        }
    }
}
