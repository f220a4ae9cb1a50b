//! What the form sends. Its fields are secrets from here on.

use std::collections::BTreeMap;

use axum::body::Body;
use gestalt_core::{Refusal, Secret};
use gestalt_gateway::IntegrationView;
use http::HeaderMap;

use super::Link;
use super::shown::Entered;
use crate::http::Limits;
use crate::http::input::{collect, content_type};
use crate::http::problem::Refused;
use crate::pages::login::not_a_form;

const URL_ENCODED: &str = "application/x-www-form-urlencoded";

/// Largest form, in bytes: several fields of the longest, percent-encoded.
const MAX_FORM_BYTES: usize = 256 * 1024;

/// What stands before a credential field's name in the form.
pub(super) const FIELD: &str = "field.";

/// The form, as a browser sends it.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) form: String,
    /// Whom the form was shown to.
    subject: String,
    pub(super) connection: Option<String>,
    pub(super) instance: Option<String>,
    /// The credential is for everybody.
    pub(super) shared: bool,
    pub(super) credentials: BTreeMap<String, Secret>,
}

impl Sent {
    /// Reads the body of a form.
    ///
    /// # Errors
    /// Another type, a body beyond [`MAX_FORM_BYTES`], members that the form does not have.
    pub(super) async fn read(
        headers: &HeaderMap,
        body: Body,
        limits: &Limits,
    ) -> Result<Self, Refused> {
        if !content_type(headers).is_some_and(|kind| kind.eq_ignore_ascii_case(URL_ENCODED)) {
            return Err(Refused::media_type(URL_ENCODED));
        }
        let bytes = collect(body, MAX_FORM_BYTES, limits).await?;
        Ok(Self::parse(&bytes)?)
    }

    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let (mut form, mut subject, mut whose) = (None, None, None);
        let (mut connection, mut instance) = (None, None);
        let mut credentials = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(bytes) {
            if let Some(field) = name.strip_prefix(FIELD) {
                let secret = Secret::new(value);
                if credentials.insert(field.to_owned(), secret).is_some() {
                    return Err(not_a_form());
                }
                continue;
            }
            let place = match &*name {
                "form" => &mut form,
                "for" => &mut subject,
                "whose" => &mut whose,
                "connection" => &mut connection,
                "instance" => &mut instance,
                _ => return Err(not_a_form()),
            };
            if place.replace(value.trim().to_owned()).is_some() {
                return Err(not_a_form());
            }
        }
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Self {
            form: given(form).ok_or_else(not_a_form)?,
            subject: given(subject).ok_or_else(not_a_form)?,
            shared: match given(whose).as_deref() {
                None | Some("own") => false,
                Some("shared") => true,
                Some(_) => return Err(not_a_form()),
            },
            connection: given(connection),
            instance: given(instance),
            credentials,
        })
    }

    /// The link to the page that the form stands on.
    pub(super) fn link(&self) -> Link {
        Link {
            connection: self.connection.clone(),
            instance: self.instance.clone(),
            subject: Some(self.subject.clone()),
        }
    }

    /// What the form may show again: nothing that is secret, or that the connection does not know.
    pub(super) fn shown(&self, view: &IntegrationView) -> Entered {
        let methods = view.connections.iter();
        let mut methods = methods.filter(|method| Some(&method.name) == self.connection.as_ref());
        let fields = methods.next().map_or(&[][..], |method| &method.fields);
        let open = fields.iter().filter(|field| !field.secret);
        let values = open.filter_map(|field| {
            let value = self.credentials.get(&field.name)?;
            Some((field.name.clone(), value.expose().to_owned()))
        });
        Entered {
            instance: self.instance.clone(),
            shared: self.shared,
            values: values.collect(),
            failure: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> bool {
        Sent::parse(text.as_bytes()).is_err()
    }

    #[test]
    fn what_the_form_does_not_have_is_refused() {
        for text in [
            "",
            "form=a",
            "for=anonymous",
            "form=a&for=",
            "form=a&for=b&other=c",
            "form=a&form=a&for=b",
            "form=a&for=b&field.x=1&field.x=2",
            "form=a&for=b&whose=everybody",
            "form=a&for=b&connection=x&connection=y",
        ] {
            assert!(refused(text), "{text}");
        }
        assert!(!refused("form=a&for=b"));
    }

    #[test]
    fn fields_are_taken_as_they_are_and_names_trimmed() {
        let text = "form=a&for=b&instance=+work+&field.user+name=%20x%26y%20&whose=shared";
        let sent = Sent::parse(text.as_bytes()).unwrap();
        assert_eq!(sent.instance.as_deref(), Some("work"));
        assert_eq!(sent.credentials["user name"].expose(), " x&y ");
        assert!(sent.shared && sent.connection.is_none());
    }
}
