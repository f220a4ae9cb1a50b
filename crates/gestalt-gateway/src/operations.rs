//! Operations on tokens, sessions, connections, integrations and the audit trail.
//!
//! Each begins with a grant from `authorize`, and what changes something commits through
//! `audit` together with its record. What belongs to others is not found.

mod approvals;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod connect;
mod connections;
mod explain;
mod integrations;
pub(crate) mod keys;
mod login;
mod me;
mod sessions;
pub(crate) mod signing;
mod tokens;
pub(crate) mod tools;
mod views;

pub use approvals::{ApprovedToolsView, ToolApproval, ToolDifferenceView};
pub use views::{
    AuditQuery, AuditView, ConnectRequest, ConnectionMethodView, ConnectionView, DisconnectedView,
    ExplainInput, ExplainStepView, ExplanationView, FaultView, FieldView, IntegrationView, MeView,
    NewToken, OperationView, PageQuery, Paged, SessionView, TokenView, VerificationView,
    VerifyInput,
};

use gestalt_core::{Code, Refusal};
use gestalt_store::{Change, Page, PageRequest};

use crate::Inner;
use crate::audit::record::Entry;
use crate::authenticate::caller::{Caller, Permission};
use crate::authorize::{self, Action, Grant};

/// Items of a page when none are named.
const PAGE: u32 = 50;

impl PageQuery {
    fn request(self) -> Result<PageRequest, Refusal> {
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=1_000).contains(&limit) {
            return Err(
                Refusal::new(Code::InvalidRequest, "A page holds 1 to 1000 items.").field("limit"),
            );
        }
        Ok(PageRequest {
            cursor: self.cursor,
            limit,
        })
    }
}

impl<T> Paged<T> {
    fn of<R>(page: Page<R>, view: impl FnMut(R) -> T) -> Self {
        Self {
            items: page.items.into_iter().map(view).collect(),
            next: page.next,
        }
    }
}

/// An action of the audit trail.
const fn action(kind: &'static str, name: &'static str, needs: Permission) -> Action {
    Action { kind, name, needs }
}

impl Inner {
    /// Authorizes a piece of management; a refusal is recorded.
    fn manage(&self, caller: &Caller, action: Action) -> Result<Grant, Refusal> {
        authorize::manage(caller, action).or_else(|refusal| {
            self.audit
                .record(Entry::management(caller, action, self.clock.now()).refused(&refusal))?;
            Err(refusal)
        })
    }

    /// The record of what a grant allows.
    fn entry(&self, caller: &Caller, grant: &Grant) -> Entry {
        Entry::management(caller, grant.action(), self.clock.now())
    }

    /// Records a refusal that was met after the grant and gives it back.
    fn refuse(&self, caller: &Caller, grant: &Grant, refusal: Refusal) -> Refusal {
        match self
            .audit
            .record(self.entry(caller, grant).refused(&refusal))
        {
            Ok(()) => refusal,
            Err(unavailable) => unavailable,
        }
    }

    async fn commit(&self, changes: Vec<Change>, entry: Entry) -> Result<Vec<u64>, Refusal> {
        self.audit.commit(changes, entry).await
    }
}

/// What is not there, or belongs to others.
fn not_found(what: &str) -> Refusal {
    Refusal::new(Code::NotFound, format!("There is no such {what}."))
}

/// Reads an id of a path; what is no id is not found.
fn read_id<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, Refusal> {
    text.parse().map_err(|_| not_found(what))
}
