//! What one client is told: results, faults and refusals, each in the client's own era.

use std::fmt::Write as _;

use gestalt_core::{Kind, Refusal};
use http::{Response, StatusCode};
use serde_json::json;

use super::{CONNECT, Exchange};
use crate::http::Door;
use crate::http::guard::Outgoing;
use crate::http::problem::Refused;
use crate::mcp::answer::{self, Accepts};
use crate::mcp::call::Sender;
use crate::mcp::content;
use crate::mcp::era::Era;
use crate::mcp::fault::Fault;
use crate::mcp::problem::{self, Shown};

/// The version whose clients are sent to a link by an error.
const LINKS_BY_ERROR: &str = "2025-11-25";

/// The code that says so.
const URL_ELICITATION_REQUIRED: i32 = -32042;

/// How one client is told.
pub(in crate::mcp) struct Told {
    door: Door,
    request_id: gestalt_core::id::RequestId,
    accepts: Accepts,
    era: Era,
    version: String,
    id: Option<String>,
    /// A refusal can be a result that a model is shown.
    tool: bool,
}

impl Told {
    pub(super) fn new(exchange: &Exchange<'_>, era: Era) -> Self {
        Self::of(
            (exchange.door, exchange.sender),
            (era, exchange.version()),
            exchange.id().map(|id| id.json().to_owned()),
            exchange.frame.method == "tools/call",
        )
    }

    pub(in crate::mcp) fn of(
        (door, sender): (&Door, &Sender),
        (era, version): (Era, &str),
        id: Option<String>,
        tool: bool,
    ) -> Self {
        Self {
            door: door.clone(),
            request_id: sender.request_id,
            accepts: sender.accepts,
            era,
            version: version.to_owned(),
            id,
            tool,
        }
    }

    /// What is wrong with the message.
    pub(in crate::mcp) fn fault(&self, fault: &Fault) -> Response<Outgoing> {
        let status = match self.era {
            Era::Modern => fault.status(),
            Era::Legacy => fault.status_for_an_older_client(),
        };
        let message = fault.message(self.id.as_deref());
        self.accepts.message(status, message)
    }

    /// A result of these members.
    pub(in crate::mcp) fn result(&self, members: &str) -> Response<Outgoing> {
        let id = self.id.as_deref().unwrap_or("null");
        let message = answer::result(self.era, id, "complete", members);
        self.accepts.message(StatusCode::OK, message)
    }

    /// Why it is not done. `capabilities`: what the client can be asked, and whether it has
    /// not been asked for this call already.
    ///
    /// # Errors
    /// [`Refused`] where the answer is one of HTTP's own.
    pub(in crate::mcp) fn refused(
        &self,
        refusal: Refusal,
        shows_links: bool,
    ) -> Result<Response<Outgoing>, Refused> {
        let refused = Refused::from(refusal);
        if matches!(problem::shown(refused.refusal().code), Shown::Http) {
            return Err(refused);
        }
        let (status, message) = self.refusal_text(&refused, shows_links);
        Ok(self.accepts.message(status, message))
    }

    /// The same as a message, where a stream is open already.
    pub(in crate::mcp) fn refused_in_stream(&self, refusal: Refusal) -> String {
        self.refusal_text(&Refused::from(refusal), false).1
    }

    fn refusal_text(&self, refused: &Refused, shows_links: bool) -> (StatusCode, String) {
        crate::http::problem::log(refused, self.request_id);
        let refusal = refused.refusal();
        let id = self.id.as_deref().unwrap_or("null");
        let link = problem::link(refusal, self.door.site());
        if shows_links
            && refusal.kind() == Kind::NotConnected
            && let Some(link) = &link
        {
            let asked = json!({
                "mode": "url",
                "message": refusal.message,
                "url": link,
            });
            if self.era == Era::Modern {
                let asked = json!({ CONNECT: { "method": "elicitation/create", "params": asked } });
                let members = format!(r#""inputRequests":{asked}"#);
                let message = answer::result(self.era, id, "input_required", &members);
                return (StatusCode::OK, message);
            }
            if self.version == LINKS_BY_ERROR {
                let mut asked = asked;
                asked["elicitationId"] = self.request_id.to_string().into();
                let data = json!({ "elicitations": [asked] });
                let text = refusal.message.clone();
                let fault = Fault::of_refusal(URL_ELICITATION_REQUIRED, text, data);
                return (StatusCode::OK, fault.message(Some(id)));
            }
        }
        let code = match problem::shown(refusal.code) {
            Shown::Result if self.tool => {
                let object = content::refused(refusal, self.door.site());
                let members = object.strip_prefix('{').unwrap_or(&object);
                let members = members.strip_suffix('}').unwrap_or(members);
                let message = answer::result(self.era, id, "complete", members);
                return (StatusCode::OK, message);
            }
            Shown::Error(code) => code,
            Shown::Result | Shown::Http => -32603,
        };
        let mut fault = problem::fault(code, refusal, self.request_id);
        if let Some(link) = link {
            let mut text = String::new();
            let _infallible = write!(text, " Open {link}");
            fault.add(&text);
        }
        (fault.status(), fault.message(Some(id)))
    }
}
