//! The caller itself.

use crate::shape;

shape! {
    /// Who the gateway takes the caller for.
    pub struct Me {
        /// `user:usr_…` or `anonymous`.
        pub subject: String,
        /// The person's e-mail.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email: Option<String>,
        /// What people call them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub display_name: Option<String>,
        /// Whether they administer the gateway.
        pub admin: bool,
        /// `none`, `session` or `api_token`.
        pub authenticated_by: String,
        /// The token's or session's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub credential: Option<String>,
        /// What this credential may do.
        pub permissions: Vec<String>,
        /// The token's scopes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub scopes: Option<String>,
        /// RFC 3339; when the credential expires.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub expires_at: Option<String>,
        /// How people log in here: `none` or `local`.
        pub login: String,
        /// The server's version.
        pub version: String,
    }
}
