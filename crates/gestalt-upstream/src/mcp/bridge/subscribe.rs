//! `subscriptions/listen` at a legacy server: what it says unasked in a session goes to
//! everybody who listens in that session, each hearing what they asked for.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::StatusCode;
use tokio::runtime::Handle;
use tokio::sync::broadcast::{self, Receiver, Sender};

use super::super::envelope::{self, Envelope, Kind, Object, member, text_member};
use super::super::exchange::{Answer, AnswerBody, Event, Events, Listening, Message};
use super::super::sessions::Session;
use super::super::version::META_SUBSCRIPTION;
use super::Far;
use super::to_legacy::{has, refuse};
use crate::UpstreamError;
use crate::rest::json;

/// Notifications that wait for a slow listener. One that is further behind is cut off, and
/// listens again.
const WAITING: usize = 256;
/// Most resources that one client listens to at once.
const MAX_RESOURCES: usize = 256;

/// Who listens in a session.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    stream: tokio::sync::Mutex<Option<Sender<Bytes>>>,
    /// How many listen to each resource.
    resources: Mutex<HashMap<String, usize>>,
}

/// What a client wants to hear of.
#[derive(Default)]
struct Filter {
    tools: bool,
    prompts: bool,
    lists: bool,
    resources: HashSet<String>,
}

impl Filter {
    fn read(notifications: &str) -> Option<Self> {
        let wants = |name| member(notifications, name) == Some("true");
        let resources = match member(notifications, "resourceSubscriptions") {
            Some(list) => {
                let texts = json::items(list)?.into_iter().map(json::string);
                texts
                    .map(|text| text.map(Into::into))
                    .collect::<Option<_>>()?
            }
            None => HashSet::new(),
        };
        notifications.starts_with('{').then(|| Self {
            tools: wants("toolsListChanged"),
            prompts: wants("promptsListChanged"),
            lists: wants("resourcesListChanged"),
            resources,
        })
    }

    fn to_text(&self) -> String {
        let mut all = Object::default();
        let lists = [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.lists),
        ];
        for (name, _) in lists.into_iter().filter(|(_, wanted)| *wanted) {
            all.set(name, "true");
        }
        if !self.resources.is_empty() {
            let mut uris: Vec<String> = self.resources.iter().map(|u| json::quoted(u)).collect();
            uris.sort_unstable();
            all.set("resourceSubscriptions", format!("[{}]", uris.join(",")));
        }
        all.to_text()
    }

    fn wants(&self, message: &Envelope<'_>) -> bool {
        match message.method.as_deref() {
            Some("notifications/tools/list_changed") => self.tools,
            Some("notifications/prompts/list_changed") => self.prompts,
            Some("notifications/resources/list_changed") => self.lists,
            Some("notifications/resources/updated") => {
                let uri = message.params.and_then(|params| text_member(params, "uri"));
                uri.is_some_and(|uri| self.resources.contains(&*uri))
            }
            _ => false,
        }
    }
}

/// Opens a subscription in a session.
///
/// # Errors
/// What keeps the server from being listened to.
pub(super) async fn open(
    far: &Arc<Far>,
    session: Arc<Session>,
    message: &Message,
    id: &str,
) -> Result<Answer, UpstreamError> {
    let read = Envelope::read(&message.body, far.max_depth).ok();
    let params = read.and_then(|read| read.params).unwrap_or_default();
    let filter = member(params, "notifications").and_then(Filter::read);
    let Some(mut filter) = filter.filter(|filter| filter.resources.len() <= MAX_RESOURCES) else {
        let text = "`notifications` must be an object that says what to listen to, and short.";
        return Ok(Answer::message(envelope::error(id, -32602, text)));
    };
    let about = &session.about;
    filter.tools &= has(about, "tools", "listChanged");
    filter.prompts &= has(about, "prompts", "listChanged");
    filter.lists &= has(about, "resources", "listChanged");
    let wanted = std::mem::take(&mut filter.resources);
    let Some(receiver) = join(far, &session).await? else {
        // There is nothing to listen to: none of it is agreed on, and the stream ends.
        let acknowledged = acknowledged(id, "{}");
        let result =
            format!(r#"{{"resultType":"complete","_meta":{{"{META_SUBSCRIPTION}":{id}}}}}"#);
        let over = envelope::result(id, &result);
        let both = [acknowledged, over].map(|text| Ok(of_data(text.into())));
        return Ok(answer(Events::new(stream::iter(both))));
    };
    let mut listener = Listener {
        far: Arc::clone(far),
        session,
        receiver,
        filter,
        id: id.to_owned(),
    };
    if has(&listener.session.about, "resources", "subscribe") {
        for uri in wanted {
            listener.subscribe(uri).await?;
        }
    }
    let first = of_data(acknowledged(id, &listener.filter.to_text()).into());
    let rest = stream::unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    });
    let first = stream::iter([Ok(first)]);
    Ok(answer(Events::new(first.chain(rest))))
}

fn answer(events: Events) -> Answer {
    Answer {
        status: StatusCode::OK,
        session: None,
        body: AnswerBody::Events(events),
    }
}

fn of_data(data: Bytes) -> Event {
    Event {
        data,
        ..Event::default()
    }
}

/// The first message of a subscription; `agreed` is what will be heard of.
fn acknowledged(id: &str, agreed: &str) -> String {
    let method = "notifications/subscriptions/acknowledged";
    format!(
        r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"_meta":{{"{META_SUBSCRIPTION}":{id}}},"notifications":{agreed}}}}}"#
    )
}

/// Joins those who listen in a session, and opens its stream for the first of them; nothing
/// if the server has none.
async fn join(
    far: &Arc<Far>,
    session: &Arc<Session>,
) -> Result<Option<Receiver<Bytes>>, UpstreamError> {
    let mut stream = session.notices.stream.lock().await;
    if let Some(sender) = stream.as_ref().filter(|sender| sender.receiver_count() > 0) {
        return Ok(Some(sender.subscribe()));
    }
    let listening = Listening {
        session: session.id.clone(),
        last_event_id: None,
        version: session.version.clone(),
    };
    let answer = far
        .transport
        .listen(&listening, &far.whose, &far.authority)
        .await?;
    let AnswerBody::Events(events) = answer.body else {
        return match answer.status {
            StatusCode::UNAUTHORIZED => Err(UpstreamError::Unauthorized),
            _ => Ok(None),
        };
    };
    let (sender, receiver) = broadcast::channel(WAITING);
    *stream = Some(sender.clone());
    drop(stream);
    tokio::spawn(read(Arc::clone(far), Arc::clone(session), events, sender));
    Ok(Some(receiver))
}

/// Hands on what comes for as long as anybody listens.
async fn read(far: Arc<Far>, session: Arc<Session>, mut events: Events, sender: Sender<Bytes>) {
    loop {
        let event = tokio::select! {
            () = sender.closed() => break,
            event = events.next() => event,
        };
        let Some(Ok(event)) = event else {
            break;
        };
        let Ok(message) = Envelope::read(&event.data, far.max_depth) else {
            continue;
        };
        match message.kind {
            Kind::Notification => {
                let _ = sender.send(event.data.clone());
            }
            Kind::Request => refuse(&far, &session, &message),
            Kind::Result | Kind::Error => {}
        }
    }
    drop(events);
    let mut stream = session.notices.stream.lock().await;
    // Those who joined last have their own stream by now, unless this is it.
    if stream
        .as_ref()
        .is_some_and(|known| known.same_channel(&sender))
    {
        *stream = None;
    }
}

/// One who listens.
struct Listener {
    far: Arc<Far>,
    session: Arc<Session>,
    receiver: Receiver<Bytes>,
    filter: Filter,
    /// JSON text.
    id: String,
}

impl Listener {
    /// The next notification that is wanted; nothing when it is over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let data = self.receiver.recv().await.ok()?;
            if let Some(tagged) = self.tagged(&data) {
                return Some(of_data(tagged));
            }
        }
    }

    /// A wanted notification that says which subscription it belongs to.
    fn tagged(&self, data: &Bytes) -> Option<Bytes> {
        let message = Envelope::read(data, self.far.max_depth).ok()?;
        if !self.filter.wants(&message) {
            return None;
        }
        let mut params = Object::read(message.params.unwrap_or("{}"))?;
        let meta = params.get("_meta").unwrap_or("{}").to_owned();
        let mut meta = Object::read(&meta)?;
        meta.set(META_SUBSCRIPTION, &*self.id);
        params.set("_meta", meta.to_text());
        let mut whole = Object::read(std::str::from_utf8(data).ok()?)?;
        whole.set("params", params.to_text());
        Some(whole.to_text().into())
    }

    /// Listens to a resource, if the server agrees.
    async fn subscribe(&mut self, uri: String) -> Result<(), UpstreamError> {
        // Counted first, so that whoever leaves meanwhile does not end it.
        *self.counts().entry(uri.clone()).or_default() += 1;
        self.filter.resources.insert(uri.clone());
        let id = self.session.next_id();
        let params = of_uri(&uri);
        let within = self.session.within(&id);
        let asking = self.far.asking();
        let response = asking
            .legacy(within, "resources/subscribe", &params)
            .await?;
        if asking.result(&response).is_err() {
            self.filter.resources.remove(&uri);
            self.leave(&uri);
        }
        Ok(())
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, HashMap<String, usize>> {
        let resources = self.session.notices.resources.lock();
        resources.unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether nobody listens to a resource any more.
    fn leave(&self, uri: &str) -> bool {
        let mut counts = self.counts();
        let Some(count) = counts.get_mut(uri) else {
            return false;
        };
        *count -= 1;
        let last = *count == 0;
        if last {
            counts.remove(uri);
        }
        last
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let resources = std::mem::take(&mut self.filter.resources);
        let over: Vec<String> = resources
            .into_iter()
            .filter(|uri| self.leave(uri))
            .collect();
        let (false, Ok(runtime)) = (over.is_empty(), Handle::try_current()) else {
            return;
        };
        let (far, session) = (Arc::clone(&self.far), Arc::clone(&self.session));
        runtime.spawn(async move {
            for uri in over {
                let id = session.next_id();
                let within = session.within(&id);
                let params = of_uri(&uri);
                let _ = far
                    .asking()
                    .legacy(within, "resources/unsubscribe", &params)
                    .await;
            }
        });
    }
}

fn of_uri(uri: &str) -> String {
    format!("{{\"uri\":{}}}", json::quoted(uri))
}
