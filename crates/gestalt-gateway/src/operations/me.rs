//! The caller itself.

use gestalt_core::Refusal;

use super::views::MeView;
use crate::authenticate::caller::{Caller, Method};
use crate::{Gateway, LoginKind};

impl Gateway {
    /// Says who the gateway takes the caller for.
    ///
    /// # Errors
    /// None today; the result leaves room for a credential that may not ask.
    pub fn me(&self, caller: &Caller) -> Result<MeView, Refusal> {
        let identity = caller.identity();
        Ok(MeView {
            subject: caller.subject().to_string(),
            email: identity.email.clone(),
            display_name: identity.display_name.clone(),
            admin: caller.is_admin(),
            authenticated_by: match caller.method() {
                Method::None => "none",
                Method::Session(_) => "session",
                Method::Token(_) => "api_token",
                Method::System => "system",
            },
            credential: caller.credential_id(),
            permissions: identity
                .permissions
                .iter()
                .map(|p| p.as_str().to_owned())
                .collect(),
            scopes: identity
                .scopes
                .as_ref()
                .map(|scopes| scopes.as_str().to_owned()),
            expires_at: identity.expires_at.map(|end| end.to_string()),
            login: match self.login() {
                LoginKind::None => "none",
                LoginKind::Local => "local",
            },
            version: env!("CARGO_PKG_VERSION"),
        })
    }
}
