//! One security scheme of a document.

use gestalt_core::connection::{AuthKind, AuthMapping, CredentialField, MappedValue};
use gestalt_core::identity::is_identity_header;
use gestalt_core::operation::Location;
use http::HeaderName;
use serde_json::Value;

use crate::openapi::findings::Spot;
use crate::openapi::names;

/// Headers that no credential can be: the connection's own, and the body's.
const NOT_A_CREDENTIAL: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A security scheme.
pub(in crate::openapi) struct Scheme {
    pub(super) name: String,
    kind: Kind,
    description: Option<String>,
    /// Why no connection can be made of it.
    pub(super) unusable: Option<String>,
    pub(super) spot: Spot,
}

enum Kind {
    Key(Location, String),
    Basic,
    Bearer(Option<String>),
    Oauth,
}

impl Scheme {
    /// Reads a scheme; `description` has been bounded already.
    pub(in crate::openapi) fn new(
        name: &str,
        definition: &Value,
        description: Option<String>,
        spot: Spot,
    ) -> Self {
        let (kind, unusable) = match kind_of(definition) {
            Ok(kind) => (kind, None),
            Err(why) => (Kind::Oauth, Some(why)),
        };
        Self {
            name: name.to_owned(),
            kind,
            description,
            unusable,
            spot,
        }
    }

    pub(super) fn is_oauth(&self) -> bool {
        matches!(self.kind, Kind::Oauth)
    }

    /// Says whether the scheme sends what a parameter would.
    pub(super) fn is_sent_as(&self, location: Location, wire: &str) -> bool {
        match &self.kind {
            Kind::Key(Location::Header, name) => {
                location == Location::Header && name.eq_ignore_ascii_case(wire)
            }
            Kind::Key(place, name) => location == *place && name == wire,
            Kind::Basic | Kind::Bearer(_) | Kind::Oauth => false,
        }
    }

    /// What the scheme asks for and sends when it stands alone.
    pub(super) fn alone(&self) -> (AuthKind, Vec<CredentialField>, AuthMapping) {
        let (kind, name) = match &self.kind {
            Kind::Key(..) => (AuthKind::Manual, "key"),
            Kind::Bearer(_) => (AuthKind::Bearer, "token"),
            Kind::Basic => (AuthKind::Basic, ""),
            Kind::Oauth => (AuthKind::Oauth2, ""),
        };
        let (mut fields, mut mapping) = (Vec::new(), AuthMapping::default());
        self.add(name, &mut fields, &mut mapping);
        (kind, fields, mapping)
    }

    /// Adds what the scheme asks for and sends; the fields are called by a prefix.
    fn add(&self, name: &str, fields: &mut Vec<CredentialField>, mapping: &mut AuthMapping) {
        let field = |name: &str, label: &str, secret| CredentialField {
            name: name.to_owned(),
            label: Some(label.to_owned()),
            description: self.description.clone(),
            placeholder: None,
            secret,
            required: true,
            pattern: None,
        };
        let value = |name: &str, prefix: String| MappedValue::Field {
            name: name.to_owned(),
            prefix,
        };
        match &self.kind {
            Kind::Key(location, wire) => {
                fields.push(field(name, wire, true));
                match location {
                    Location::Query => mapping
                        .query
                        .push((wire.clone(), value(name, String::new()))),
                    Location::Cookie => mapping
                        .headers
                        .push(("Cookie".to_owned(), value(name, format!("{wire}=")))),
                    Location::Header | Location::Path => mapping
                        .headers
                        .push((wire.clone(), value(name, String::new()))),
                }
            }
            Kind::Bearer(format) => {
                let mut token = field(name, "Token", true);
                token.placeholder.clone_from(format);
                fields.push(token);
                mapping.headers.push((
                    "Authorization".to_owned(),
                    value(name, "Bearer ".to_owned()),
                ));
            }
            Kind::Basic => {
                let prefix = if name.is_empty() {
                    String::new()
                } else {
                    format!("{name}_")
                };
                let (user, password) = (format!("{prefix}username"), format!("{prefix}password"));
                fields.push(field(&user, "User name", false));
                fields.push(field(&password, "Password", true));
                mapping.basic =
                    Some((value(&user, String::new()), value(&password, String::new())));
            }
            Kind::Oauth => {}
        }
    }
}

/// What several schemes ask for and send together; `None` if two want the same place.
pub(super) fn joined(schemes: &[&Scheme]) -> Option<(Vec<CredentialField>, AuthMapping)> {
    let (mut fields, mut mapping) = (Vec::new(), AuthMapping::default());
    for scheme in schemes {
        let name: String = names::field(&scheme.name).chars().take(48).collect();
        scheme.add(&name, &mut fields, &mut mapping);
    }
    let mut places: Vec<(u8, String)> = Vec::new();
    let headers = mapping.headers.iter();
    places.extend(headers.map(|(name, _)| (0, name.to_ascii_lowercase())));
    places.extend(
        mapping
            .basic
            .iter()
            .map(|_| (0, "authorization".to_owned())),
    );
    places.extend(mapping.query.iter().map(|(name, _)| (1, name.clone())));
    places.extend(fields.iter().map(|field| (2, field.name.clone())));
    let basics = schemes.iter().filter(|s| matches!(s.kind, Kind::Basic));
    let count = places.len();
    places.sort_unstable();
    places.dedup();
    (places.len() == count && basics.count() < 2).then_some((fields, mapping))
}

fn kind_of(definition: &Value) -> Result<Kind, String> {
    let text = |key: &str| definition.get(key).and_then(Value::as_str);
    match text("type").unwrap_or_default() {
        "apiKey" => key(
            text("in").unwrap_or_default(),
            text("name").unwrap_or_default(),
        ),
        "http" => {
            let scheme = text("scheme").unwrap_or_default();
            match scheme.to_ascii_lowercase().as_str() {
                "basic" => Ok(Kind::Basic),
                "bearer" => Ok(Kind::Bearer(text("bearerFormat").map(shorten))),
                _ => Err(format!(
                    "the HTTP authentication scheme `{}` is not known",
                    shorten(scheme)
                )),
            }
        }
        "oauth2" | "openIdConnect" => Ok(Kind::Oauth),
        "mutualTLS" => Err("client certificates are not known".to_owned()),
        "" => Err("the security scheme has no type".to_owned()),
        other => Err(format!(
            "the security scheme type `{}` is not known",
            shorten(other)
        )),
    }
}

fn key(place: &str, name: &str) -> Result<Kind, String> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err("the API key has no name".to_owned());
    }
    let location = match place {
        "query" => Location::Query,
        "header" => Location::Header,
        "cookie" => Location::Cookie,
        _ => return Err("the API key is in no place that is known".to_owned()),
    };
    let lower = name.to_ascii_lowercase();
    let fits = match location {
        Location::Header => {
            HeaderName::try_from(name).is_ok()
                && !NOT_A_CREDENTIAL.contains(&lower.as_str())
                && !is_identity_header(&lower)
        }
        Location::Cookie => !name.contains(['=', ';', ',', ' ', '"', '\\']) && name.is_ascii(),
        _ => true,
    };
    if fits {
        Ok(Kind::Key(location, name.to_owned()))
    } else {
        Err(format!("`{}` cannot carry an API key", shorten(name)))
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}
