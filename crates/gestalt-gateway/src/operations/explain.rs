//! Why a call would be made or refused, without making it.

use gestalt_core::{Code, Refusal, Subject};

use super::action;
use super::views::{ExplainInput, ExplanationView};
use crate::Gateway;
use crate::audit::from_store;
use crate::authenticate::caller::{Caller, Permission};
use crate::authorize::{Action, explain};

const EXPLAIN_OTHERS: Action = action("policy", "policy.explain", Permission::Admin);

impl Gateway {
    /// Explains the decision on a call, for the caller or, for admins, for another subject.
    ///
    /// # Errors
    /// `invalid_request` for a text that is no subject, `not_found` for one that is not there,
    /// `forbidden` for others' decisions.
    pub async fn explain(
        &self,
        caller: &Caller,
        input: ExplainInput,
    ) -> Result<ExplanationView, Refusal> {
        let gateway = &*self.inner;
        let other = match &input.subject {
            Some(text) if *text != caller.subject().to_string() => {
                gateway.manage(caller, EXPLAIN_OTHERS)?;
                let subject: Subject =
                    text.parse()
                        .map_err(|error: gestalt_core::subject::BadSubject| {
                            Refusal::new(Code::InvalidRequest, error.to_string()).field("subject")
                        })?;
                let user = match subject {
                    Subject::User(id) => {
                        let user = gateway.store.find_user(id).await.map_err(from_store)?;
                        Some(user.ok_or_else(|| super::not_found("subject"))?)
                    }
                    Subject::Anonymous => None,
                    Subject::ServiceAccount(_) | Subject::System(_) => {
                        return Err(super::not_found("subject"));
                    }
                };
                Some(Caller::standing_for(subject, user))
            }
            _ => None,
        };
        let whom = other.as_ref().unwrap_or(caller);
        explain::explain(gateway, whom, &input).await
    }
}
