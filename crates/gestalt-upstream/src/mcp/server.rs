//! One MCP server: messages go to it in the era of the client where it speaks that, and are
//! bridged where it does not.

use std::sync::{Arc, Mutex, PoisonError};

use gestalt_core::mcp::{McpServer, McpTransport};
use gestalt_core::plugin::Plugin;
use http::StatusCode;
use tokio::sync::OnceCell;

use super::ask::Asking;
use super::bridge::to_legacy::Bridge;
use super::bridge::{Far, to_modern};
use super::exchange::{Answer, AnswerBody, Authority, Era, Eras, Listening, Message, Whose};
use super::http::Http;
use super::listing::{Collecting, Listing};
use super::probe;
use super::sessions::Sessions;
use super::stdio::Stdio;
use super::transport::Transport;
use crate::egress::Egress;
use crate::{McpLimits, Settings, Upstream, UpstreamError};

/// One MCP server, and what is known of it.
#[derive(Debug)]
pub struct Server {
    definition: McpServer,
    egress: Egress,
    settings: Arc<Settings>,
    transport: Arc<Transport>,
    /// The eras once they are known. The cell is replaced to forget them.
    eras: Mutex<Arc<OnceCell<Eras>>>,
    /// Sessions of the legacy era for clients of the other.
    sessions: Sessions,
}

impl Server {
    /// Makes one of its definition; connects to nothing.
    ///
    /// # Errors
    /// [`UpstreamError::Config`], with the place in the definition.
    pub(crate) fn new(
        upstream: &Upstream,
        plugin: &Plugin,
        definition: &McpServer,
        egress: Egress,
    ) -> Result<Self, UpstreamError> {
        let (settings, ..) = upstream.parts();
        let transport = match &definition.transport {
            McpTransport::Http(http) => Transport::Http(Box::new(Http::new(
                http,
                definition.timeout,
                egress.clone(),
                Arc::clone(&settings),
            )?)),
            McpTransport::Stdio(process) => Transport::Stdio(Stdio::new(
                upstream,
                &plugin.name,
                process,
                &plugin.egress,
                definition.timeout,
            )),
        };
        let transport = Arc::new(transport);
        let McpLimits {
            max_sessions,
            session_idle,
            ..
        } = settings.mcp;
        Ok(Self {
            definition: definition.clone(),
            egress,
            sessions: Sessions::new(Arc::clone(&transport), max_sessions, session_idle),
            settings,
            transport,
            eras: Mutex::default(),
        })
    }

    /// Says whether it was made of this definition and may reach the same.
    pub(crate) fn is(&self, definition: &McpServer, egress: &Egress) -> bool {
        self.definition == *definition && self.egress.shares_connections(egress)
    }

    /// The definition it was made of.
    pub fn definition(&self) -> &McpServer {
        &self.definition
    }

    /// The eras that the server speaks: asked once, by one caller for all, and remembered
    /// until an answer contradicts it. A failure is not remembered.
    ///
    /// # Errors
    /// What keeps the server from being asked, [`UpstreamError::Unauthorized`] among it.
    pub async fn eras(&self, whose: &Whose, authority: &Authority) -> Result<Eras, UpstreamError> {
        let cell = self.known();
        let asking = self.asking(whose, authority);
        cell.get_or_try_init(|| probe::probe(&asking))
            .await
            .copied()
    }

    /// Sends one message of a client. Where the server speaks the client's era, the body
    /// passes as it is, and so does what comes back. 401 is told by the answer's status, and
    /// so is 404 for a session that the server no longer knows.
    ///
    /// # Errors
    /// What keeps the message from being sent, and what is wrong with the answer; a status
    /// that is no success and comes without a JSON-RPC error is [`UpstreamError::InvalidAnswer`].
    pub async fn send(
        &self,
        message: Message,
        whose: &Whose,
        authority: &Authority,
    ) -> Result<Answer, UpstreamError> {
        let eras = match self.eras(whose, authority).await {
            Ok(eras) => eras,
            Err(UpstreamError::Unauthorized) => return Ok(Answer::of(StatusCode::UNAUTHORIZED)),
            Err(error) => return Err(error),
        };
        match message.era {
            Era::Modern if !eras.modern => {
                let bridge = Bridge {
                    far: Arc::new(self.far(whose, authority)),
                    sessions: &self.sessions,
                    list_ttl: self.definition.list_ttl,
                    max_call: self.settings.mcp.max_call,
                };
                let answer = bridge.send(message).await;
                if matches!(answer, Err(UpstreamError::InvalidAnswer { .. })) {
                    self.forget();
                }
                return self.judge(answer?, false);
            }
            Era::Legacy if !eras.legacy => {
                let asking = self.asking(whose, authority);
                let answer = to_modern::send(asking, &self.settings.mcp, message).await?;
                self.check(Era::Modern, false, &answer);
                return self.judge(answer, false);
            }
            Era::Modern | Era::Legacy => {}
        }
        let (era, session) = (message.era, message.session.is_some());
        let opening = message.method == "initialize";
        let mut answer = self.transport.send(message, whose, authority).await?;
        if era == Era::Modern {
            // There are no sessions in it, whatever a server says.
            answer.session = None;
        }
        self.check(era, opening, &answer);
        self.judge(answer, session)
    }

    /// Opens the stream of what the server says unasked in the legacy era, or takes a stream
    /// up again. A server that has none answers 405 with nothing.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn listen(
        &self,
        listening: Listening,
        whose: &Whose,
        authority: &Authority,
    ) -> Result<Answer, UpstreamError> {
        let answer = match self.eras(whose, authority).await {
            Ok(eras) if !eras.legacy => {
                let asking = self.asking(whose, authority);
                return to_modern::listen(asking).await;
            }
            Ok(_) => self.transport.listen(&listening, whose, authority).await?,
            Err(UpstreamError::Unauthorized) => Answer::of(StatusCode::UNAUTHORIZED),
            Err(error) => return Err(error),
        };
        if answer.status == StatusCode::METHOD_NOT_ALLOWED {
            return Ok(answer);
        }
        self.judge(answer, true)
    }

    /// Ends a session of the legacy era. A session that is not known is content.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn end(
        &self,
        session: &str,
        whose: &Whose,
        authority: &Authority,
    ) -> Result<(), UpstreamError> {
        if !self.eras(whose, authority).await?.legacy {
            return Ok(());
        }
        self.transport.end(session, whose, authority).await
    }

    /// Everything that the server lists, all pages, in whichever era it speaks.
    ///
    /// # Errors
    /// What keeps the server from being asked, [`UpstreamError::Unauthorized`] among it; what
    /// is wrong with an answer; a limit of the settings.
    pub async fn listing(
        &self,
        whose: &Whose,
        authority: &Authority,
    ) -> Result<Listing, UpstreamError> {
        let eras = self.eras(whose, authority).await?;
        let whose = unasked(whose);
        let sessions = (!eras.modern).then_some(&self.sessions);
        let asking = self.asking(&whose, authority);
        Collecting::new(asking, sessions, &self.settings.mcp)
            .all()
            .await
    }

    fn asking<'a>(&'a self, whose: &'a Whose, authority: &'a Authority) -> Asking<'a> {
        Asking {
            transport: &self.transport,
            whose,
            authority,
            max_depth: self.settings.mcp.max_depth,
        }
    }

    /// The server for a client that is asked nothing.
    fn far(&self, whose: &Whose, authority: &Authority) -> Far {
        Far {
            transport: Arc::clone(&self.transport),
            whose: unasked(whose),
            authority: authority.clone(),
            max_depth: self.settings.mcp.max_depth,
        }
    }

    fn known(&self) -> Arc<OnceCell<Eras>> {
        let cell = self.eras.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&cell)
    }

    /// Forgets the eras, so that the server is asked again.
    fn forget(&self) {
        *self.eras.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    /// Forgets the eras if an answer contradicts them.
    fn check(&self, era: Era, opening: bool, answer: &Answer) {
        let body = match &answer.body {
            AnswerBody::Message(bytes) => Some(&**bytes),
            AnswerBody::Empty => None,
            AnswerBody::Events(_) => return,
        };
        let max_depth = self.settings.mcp.max_depth;
        let denied = match era {
            Era::Modern => probe::denies_modern(answer.status, body, max_depth),
            Era::Legacy => opening && probe::denies_legacy(answer.status, body, max_depth),
        };
        if denied {
            self.forget();
        }
    }

    /// Makes an error of a status that says nothing in the protocol.
    fn judge(&self, answer: Answer, in_session: bool) -> Result<Answer, UpstreamError> {
        let told = answer.status.is_success()
            || !matches!(answer.body, AnswerBody::Empty)
            || answer.status == StatusCode::UNAUTHORIZED
            || (in_session && answer.status == StatusCode::NOT_FOUND);
        if told {
            return Ok(answer);
        }
        Err(self.transport.refused(answer.status))
    }
}

/// The same caller, of whose client nothing is asked.
fn unasked(whose: &Whose) -> Whose {
    Whose {
        capabilities: "{}".to_owned(),
        ..whose.clone()
    }
}

impl Answer {
    /// A status with nothing.
    pub(crate) fn of(status: StatusCode) -> Self {
        Self {
            status,
            session: None,
            body: AnswerBody::Empty,
        }
    }

    /// A success with a message.
    pub(crate) fn message(text: String) -> Self {
        Self {
            status: StatusCode::OK,
            session: None,
            body: AnswerBody::Message(text.into()),
        }
    }
}
