//! Sessions at a legacy server for clients that know none: one for each caller and
//! credential, opened once, ended when unused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::about::About;
use super::ask::{Asking, Response, Within};
use super::bridge::Notices;
use super::exchange::{Authority, Whose};
use super::probe::opening;
use super::transport::Transport;
use super::version::LEGACY;
use crate::UpstreamError;

/// What is told once a session is open.
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    /// What the server calls it; nothing if it keeps none.
    pub(crate) id: Option<String>,
    /// The version that it settled on.
    pub(crate) version: String,
    /// What the server said of itself.
    pub(crate) about: About,
    /// Who listens in it.
    pub(crate) notices: Notices,
    next: AtomicU64,
}

impl Session {
    /// Opens one. The client's capabilities are none, so the server asks nothing.
    ///
    /// # Errors
    /// What keeps it from being opened.
    pub(crate) async fn open(asking: &Asking<'_>) -> Result<Self, UpstreamError> {
        let within = Within {
            session: None,
            version: LEGACY[0],
            id: "0",
        };
        let response = asking
            .legacy(within, "initialize", &opening(LEGACY[0]))
            .await?;
        let about = About::initialized(&asking.result(&response)?)?;
        let version = about.versions.first().cloned().unwrap_or_default();
        if !LEGACY.contains(&version.as_str()) {
            return Err(UpstreamError::answer(
                "The MCP server settled on a version of the protocol that is not spoken here.",
            ));
        }
        let session = Self {
            id: response.session,
            version,
            about,
            notices: Notices::default(),
            next: AtomicU64::new(1),
        };
        asking
            .tell(session.within("0"), INITIALIZED.to_owned())
            .await?;
        Ok(session)
    }

    /// An id that no other request in this session has: different clients share it.
    pub(crate) fn next_id(&self) -> String {
        self.next.fetch_add(1, Ordering::Relaxed).to_string()
    }

    /// A request in this session.
    pub(crate) fn within<'a>(&'a self, id: &'a str) -> Within<'a> {
        Within {
            session: self.id.as_deref(),
            version: &self.version,
            id,
        }
    }

    /// Says whether a status means that the server no longer knows the session (2025-11-25
    /// transports §Session Management).
    pub(crate) fn is_gone(&self, status: StatusCode) -> bool {
        self.id.is_some() && status == StatusCode::NOT_FOUND
    }
}

/// The sessions kept at one server. Those that are left when it is no longer configured are
/// ended, unless something is under way in them.
#[derive(Debug)]
pub(crate) struct Sessions {
    transport: Arc<Transport>,
    max: usize,
    idle: Duration,
    kept: Mutex<All>,
}

#[derive(Debug)]
struct All {
    by_caller: HashMap<Whose, Kept>,
    /// When those unused for too long were last looked for.
    swept: Instant,
}

#[derive(Debug)]
struct Kept {
    cell: Arc<OnceCell<Arc<Session>>>,
    /// With what it can be ended.
    authority: Authority,
    used: Instant,
}

impl All {
    /// Takes out those unused for too long, now and then.
    fn sweep(&mut self, now: Instant, idle: Duration) -> Vec<(Whose, Kept)> {
        if now.duration_since(self.swept) < idle / 8 {
            return Vec::new();
        }
        self.swept = now;
        let old = self
            .by_caller
            .extract_if(|_, known| now.duration_since(known.used) >= idle && !known.is_in_use());
        old.collect()
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        let mut all = self.lock();
        let left = std::mem::take(&mut all.by_caller).into_iter();
        let unused: Vec<(Whose, Kept)> = left.filter(|(_, known)| !known.is_in_use()).collect();
        drop(all);
        self.end_all(unused);
    }
}

impl Kept {
    /// Says whether a call is under way in it, or somebody listens, or it is being opened.
    fn is_in_use(&self) -> bool {
        match self.cell.get() {
            Some(session) => Arc::strong_count(session) > 1,
            None => Arc::strong_count(&self.cell) > 1,
        }
    }
}

impl Sessions {
    pub(crate) fn new(transport: Arc<Transport>, max: usize, idle: Duration) -> Self {
        Self {
            transport,
            max,
            idle,
            kept: Mutex::new(All {
                by_caller: HashMap::new(),
                swept: Instant::now(),
            }),
        }
    }

    /// The session of a caller, opened if there is none; whoever comes meanwhile waits for
    /// the same.
    ///
    /// # Errors
    /// What keeps it from being opened. That is not remembered.
    pub(crate) async fn get(&self, asking: &Asking<'_>) -> Result<Arc<Session>, UpstreamError> {
        let cell = self.cell(asking);
        let opened = cell.get_or_try_init(|| async { Session::open(asking).await.map(Arc::new) });
        match opened.await {
            Ok(session) => Ok(Arc::clone(session)),
            Err(error) => {
                let kept = &mut self.lock().by_caller;
                let same = |known: &Kept| Arc::ptr_eq(&known.cell, &cell);
                if !cell.initialized() && kept.get(asking.whose).is_some_and(same) {
                    kept.remove(asking.whose);
                }
                Err(error)
            }
        }
    }

    /// Asks in the caller's session, in a new one if the server no longer knows it.
    ///
    /// # Errors
    /// What keeps it from being asked.
    pub(crate) async fn ask(
        &self,
        asking: &Asking<'_>,
        method: &str,
        params: &str,
    ) -> Result<Response, UpstreamError> {
        let session = self.get(asking).await?;
        let id = session.next_id();
        let response = asking.legacy(session.within(&id), method, params).await?;
        if !session.is_gone(response.status) {
            return Ok(response);
        }
        self.forget(asking.whose, &session);
        let session = self.get(asking).await?;
        let id = session.next_id();
        asking.legacy(session.within(&id), method, params).await
    }

    /// Forgets a session that the server no longer knows.
    pub(crate) fn forget(&self, whose: &Whose, session: &Arc<Session>) {
        let kept = &mut self.lock().by_caller;
        let same = |known: &Kept| known.cell.get().is_some_and(|s| Arc::ptr_eq(s, session));
        if kept.get(whose).is_some_and(same) {
            kept.remove(whose);
        }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The caller's cell, after those unused for too long have gone.
    fn cell(&self, asking: &Asking<'_>) -> Arc<OnceCell<Arc<Session>>> {
        let now = Instant::now();
        let mut all = self.lock();
        let mut gone = all.sweep(now, self.idle);
        let kept = &mut all.by_caller;
        if let Some(known) = kept.get_mut(asking.whose) {
            known.used = now;
            let cell = Arc::clone(&known.cell);
            drop(all);
            self.end_all(gone);
            return cell;
        }
        while kept.len() >= self.max.max(1) {
            let oldest = kept
                .iter()
                .min_by_key(|(_, known)| (known.is_in_use(), known.used));
            let Some(whose) = oldest.map(|(whose, _)| whose.clone()) else {
                break;
            };
            gone.extend(kept.remove_entry(&whose));
        }
        let cell = Arc::<OnceCell<Arc<Session>>>::default();
        let new = Kept {
            cell: Arc::clone(&cell),
            authority: asking.authority.clone(),
            used: now,
        };
        kept.insert(asking.whose.clone(), new);
        drop(all);
        self.end_all(gone);
        cell
    }

    /// Ends sessions in the background. One that cannot be ended is left to the server.
    fn end_all(&self, gone: Vec<(Whose, Kept)>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        for (whose, kept) in gone {
            let Some(id) = kept.cell.get().and_then(|session| session.id.clone()) else {
                continue;
            };
            let transport = Arc::clone(&self.transport);
            runtime.spawn(async move {
                let _ = transport.end(&id, &whose, &kept.authority).await;
            });
        }
    }
}
