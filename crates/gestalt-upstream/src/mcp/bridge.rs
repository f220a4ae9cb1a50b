//! Messages between a client of one era and a server of the other. What has an equivalent is
//! translated, what has none is not advertised and not known.

mod subscribe;
pub(crate) mod to_legacy;
pub(crate) mod to_modern;

use std::sync::Arc;

use http::StatusCode;

use super::ask::Asking;
use super::envelope;
use super::exchange::{Answer, AnswerBody, Authority, Message, Whose};
use super::transport::Transport;

pub(crate) use subscribe::Notices;

/// One server on behalf of one caller, for as long as an answer streams.
#[derive(Clone, Debug)]
pub(crate) struct Far {
    pub(crate) transport: Arc<Transport>,
    pub(crate) whose: Whose,
    pub(crate) authority: Authority,
    pub(crate) max_depth: usize,
}

impl Far {
    pub(crate) fn asking(&self) -> Asking<'_> {
        Asking {
            transport: &self.transport,
            whose: &self.whose,
            authority: &self.authority,
            max_depth: self.max_depth,
        }
    }
}

/// Nothing, gladly: a notification or a response that has no equivalent.
fn taken() -> Answer {
    Answer::of(StatusCode::ACCEPTED)
}

/// The answer to a method that the client's era does not have, or that has no equivalent.
fn unknown_method(message: &Message, status: StatusCode) -> Answer {
    let method: String = message.method.chars().take(80).collect();
    let text = format!("The method `{method}` is not known here.");
    let id = message.id.as_deref().unwrap_or("null");
    Answer {
        status,
        session: None,
        body: AnswerBody::Message(envelope::error(id, -32601, &text).into()),
    }
}
