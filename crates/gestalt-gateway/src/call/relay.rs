//! Messages to MCP servers and what comes back.

use gestalt_core::Refusal;
use gestalt_upstream::UpstreamError;
use gestalt_upstream::mcp::{
    Answer, AnswerBody, Authority, Listening, Listing, Message, Server, Whose,
};
use http::StatusCode;

use super::{Caller, from_upstream, refused_credential};
use crate::authorize::Permit;
use crate::identity::Told;
use crate::resolve::Credential;

/// What is sent to an MCP server.
#[derive(Clone, Debug)]
pub enum Sent {
    /// One message.
    Message(Message),
    /// The wish to hear what the server says by itself, in a legacy session.
    Listen(Listening),
    /// The end of a legacy session.
    End {
        /// The session at the server.
        session: String,
    },
}

/// With whose authority, and on whose behalf.
pub(crate) struct Behalf {
    pub(crate) whose: Whose,
    pub(crate) credential: Credential,
    pub(crate) told: Told,
}

impl Caller {
    /// Sends what a permit allows to the MCP server of its plugin.
    pub(crate) async fn relay(
        &self,
        permit: &Permit,
        on: Behalf,
        sent: Sent,
    ) -> Result<Answer, Refusal> {
        let had_credential = on.credential.source().is_some();
        let (whose, authority) = on.split();
        let server = server_of(permit)?;
        let answer = match sent {
            Sent::Message(message) => server.send(message, &whose, &authority).await,
            Sent::Listen(listening) => server.listen(listening, &whose, &authority).await,
            Sent::End { session } => {
                let ended = server.end(&session, &whose, &authority).await;
                ended.map(|()| Answer {
                    status: StatusCode::OK,
                    session: None,
                    body: AnswerBody::Empty,
                })
            }
        };
        let answer = answer.map_err(from_upstream)?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return Err(refused_credential(&permit.plugin().name, had_credential));
        }
        Ok(answer)
    }

    /// Asks the MCP server of a permit's plugin for everything that it lists.
    pub(crate) async fn listing(&self, permit: &Permit, on: Behalf) -> Result<Listing, Refusal> {
        let had_credential = on.credential.source().is_some();
        let (whose, authority) = on.split();
        let listed = server_of(permit)?.listing(&whose, &authority).await;
        listed.map_err(|error| match error {
            UpstreamError::Unauthorized => {
                refused_credential(&permit.plugin().name, had_credential)
            }
            other => from_upstream(other),
        })
    }
}

impl Behalf {
    fn split(self) -> (Whose, Authority) {
        let (mut injection, fields) = self.credential.into_parts();
        let identity = self.told.with(&mut injection);
        let authority = Authority {
            injection,
            fields,
            identity,
        };
        (self.whose, authority)
    }
}

fn server_of(permit: &Permit) -> Result<&Server, Refusal> {
    let server = permit.plugin().compiled.mcp();
    server
        .map(|server| &**server)
        .ok_or_else(|| Refusal::internal("the plugin has no MCP server".to_owned()))
}
