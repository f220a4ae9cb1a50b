//! Identity forwarding: what an upstream is told of who calls, and under which names.

use http::HeaderName;

/// What every header of identity forwarding begins with unless it is given another name. No
/// argument, fixed header or credential ever has such a name.
pub const HEADER_PREFIX: &str = "x-gestalt-";

/// One thing that may be known of a caller.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IdentityField {
    /// The subject: `user:usr_…`, `anonymous`.
    User,
    /// The e-mail address.
    Email,
    /// What people call them.
    Name,
    /// The organization they belong to.
    Organization,
    /// The teams they are in.
    Teams,
    /// The roles they have.
    Roles,
    /// Further attributes, from the claims of their login.
    Attributes,
    /// The id of this one request.
    RequestId,
}

impl IdentityField {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::User,
        Self::Email,
        Self::Name,
        Self::Organization,
        Self::Teams,
        Self::Roles,
        Self::Attributes,
        Self::RequestId,
    ];

    /// The word used in config and in MCP's `_meta`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Email => "email",
            Self::Name => "name",
            Self::Organization => "organization",
            Self::Teams => "teams",
            Self::Roles => "roles",
            Self::Attributes => "attributes",
            Self::RequestId => "requestId",
        }
    }

    /// Reads the word used in config.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == text)
    }

    /// Its header unless another is named.
    pub const fn default_header(self) -> HeaderName {
        HeaderName::from_static(match self {
            Self::User => "x-gestalt-user",
            Self::Email => "x-gestalt-email",
            Self::Name => "x-gestalt-name",
            Self::Organization => "x-gestalt-organization",
            Self::Teams => "x-gestalt-teams",
            Self::Roles => "x-gestalt-roles",
            Self::Attributes => "x-gestalt-attributes",
            Self::RequestId => "x-gestalt-request-id",
        })
    }

    /// Its claim unless another is named. The request's id is none: a token serves several
    /// requests.
    pub const fn default_claim(self) -> Option<&'static str> {
        match self {
            Self::User => Some("sub"),
            Self::RequestId => None,
            other => Some(other.as_str()),
        }
    }
}

/// What an upstream is told of who calls, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentityForwarding {
    /// Whether anything is told at all.
    pub forward: bool,
    /// What is told, where it is known.
    pub fields: Vec<IdentityField>,
    /// Whether each field has a header of its own.
    pub plain: bool,
    /// Headers of fields that are not called by their default names.
    pub headers: Vec<(IdentityField, HeaderName)>,
    /// The signed token, if one is sent.
    pub jwt: Option<IdentityJwt>,
    /// The header that carries all claims as one JSON object, if one does.
    pub claims_header: Option<HeaderName>,
    /// Claims of fields that are not called by their default names; none is of a registered
    /// name (RFC 7519 §4.1).
    pub claims: Vec<(IdentityField, String)>,
}

/// The signed token that says who calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentityJwt {
    /// The header that carries it.
    pub header: HeaderName,
    /// Whom it is for (`aud`); the plugin's base URL unless set.
    pub audience: Option<String>,
}

impl IdentityJwt {
    /// The header that carries the token unless another is named.
    pub const HEADER: HeaderName = HeaderName::from_static("x-gestalt-jwt");
}

impl Default for IdentityForwarding {
    /// Everything that is known, in headers of the default names and in a token.
    fn default() -> Self {
        Self {
            forward: true,
            fields: IdentityField::ALL.into(),
            plain: true,
            headers: Vec::new(),
            jwt: Some(IdentityJwt {
                header: IdentityJwt::HEADER,
                audience: None,
            }),
            claims_header: None,
            claims: Vec::new(),
        }
    }
}

impl IdentityForwarding {
    /// The header of a field.
    pub fn header(&self, field: IdentityField) -> HeaderName {
        let mut named = self.headers.iter();
        let found = named.find(|(named, _)| *named == field);
        found.map_or_else(|| field.default_header(), |(_, name)| name.clone())
    }

    /// The claim of a field; `None` for what is no claim.
    pub fn claim(&self, field: IdentityField) -> Option<&str> {
        let mut named = self.claims.iter();
        let found = named.find(|(named, _)| *named == field);
        found.map_or_else(|| field.default_claim(), |(_, name)| Some(name))
    }

    /// Every header that is set, those of fields among them whose value is not known.
    pub fn header_names(&self) -> impl Iterator<Item = HeaderName> {
        let fields = IdentityField::ALL.into_iter();
        let jwt = self.jwt.as_ref().map(|jwt| jwt.header.clone());
        fields
            .map(|field| self.header(field))
            .chain(jwt)
            .chain(self.claims_header.clone())
    }
}

/// Says whether a header belongs to identity forwarding whatever the config says.
pub fn is_identity_header(name: &str) -> bool {
    let prefix = HEADER_PREFIX.len();
    name.get(..prefix)
        .is_some_and(|start| start.eq_ignore_ascii_case(HEADER_PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_name_is_reserved() {
        let usual = IdentityForwarding::default();
        assert_eq!(usual.header_names().count(), 9);
        for name in usual.header_names() {
            assert!(is_identity_header(name.as_str()), "{name}");
        }
        assert!(is_identity_header("X-GESTALT-anything"));
        assert!(!is_identity_header("x-gestal"));
        assert!(!is_identity_header("x-gestält-user"));
    }

    #[test]
    fn fields_are_read_by_their_words() {
        for field in IdentityField::ALL {
            assert_eq!(IdentityField::parse(field.as_str()), Some(field));
        }
        assert_eq!(IdentityField::parse("User"), None);
    }
}
