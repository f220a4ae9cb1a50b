//! The demo upstream: a tiny notes API inside the binary, so that the whole story works offline.
//!
//! It listens on a loopback port of its own and knows nothing of the gateway: the `demo`
//! plugin reaches it through the same guarded client as any other upstream. Notes live in
//! memory, within bounds, and are gone when the daemon stops.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, FromRef, FromRequestParts, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use self::notebook::{Full, NewNote, Note, Shelf};

mod notebook;

/// Header that carries an account's key.
pub const KEY_HEADER: &str = "x-demo-key";

/// Longest request body, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Its own description, for whoever asks.
const OPENAPI: &str = include_str!("demo/openapi.json");

const WELCOME: &str = "\
The demo upstream of gestaltd: a tiny notes API, in memory.

Any key of the form demo-... with 12 characters or more, in the header X-Demo-Key,
is an account of its own, with its own notes.

  GET    /whoami
  GET    /notes?limit=20&after=ID
  POST   /notes            {\"title\": \"...\", \"body\": \"...\"}
  GET    /notes/{id}
  DELETE /notes/{id}
  GET    /openapi.json
";

/// Serves the demo upstream until `stop` completes, then drains.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router())
        .with_graceful_shutdown(stop)
        .await
}

/// The demo upstream's routes, over an empty shelf.
pub fn router() -> Router {
    Router::new()
        .route("/", get(async || WELCOME))
        .route("/openapi.json", get(describe))
        .route("/whoami", get(whoami))
        .route("/notes", get(list_notes).post(create_note))
        .route("/notes/{id}", get(get_note).delete(delete_note))
        .fallback(async || Fault::NotFound)
        .method_not_allowed_fallback(async || Fault::Method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Demo::default())
}

/// All notebooks; clones share them.
#[derive(Clone, Default)]
struct Demo(Arc<Mutex<Shelf>>);

impl Demo {
    fn with<T>(&self, work: impl FnOnce(&mut Shelf) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The account that a request's key names.
struct Account(String);

impl<S: Send + Sync> FromRequestParts<S> for Account
where
    Demo: FromRef<S>,
{
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let key = parts.headers.get(KEY_HEADER).ok_or(Fault::NoKey)?;
        let key = key.to_str().map_err(|_| Fault::BadKey)?;
        let formed = key.starts_with("demo-")
            && (12..=128).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_graphic());
        if formed {
            Ok(Self(key.to_owned()))
        } else {
            Err(Fault::BadKey)
        }
    }
}

impl Account {
    /// What the account is called: told apart from others without repeating the key (FNV-1a).
    fn nickname(&self) -> String {
        let digest = self.0.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        format!("notebook-{digest:08x}")
    }
}

#[derive(Serialize)]
struct Whoami {
    account: String,
    notes: usize,
}

#[derive(Deserialize)]
struct PageOf {
    limit: Option<u32>,
    after: Option<u64>,
}

#[derive(Serialize)]
struct NotePage {
    notes: Vec<Note>,
    next: Option<u64>,
}

async fn describe() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], OPENAPI).into_response()
}

async fn whoami(demo: State<Demo>, account: Account) -> Json<Whoami> {
    let notes = demo.with(|shelf| shelf.count(&account.0));
    Json(Whoami {
        account: account.nickname(),
        notes,
    })
}

async fn list_notes(
    demo: State<Demo>,
    account: Account,
    page: Result<Query<PageOf>, QueryRejection>,
) -> Result<Json<NotePage>, Fault> {
    let Query(page) = page.map_err(|_| Fault::BadQuery)?;
    let limit = page.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Fault::BadQuery);
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (notes, next) = demo.with(|shelf| shelf.list(&account.0, page.after, limit));
    Ok(Json(NotePage { notes, next }))
}

async fn create_note(
    demo: State<Demo>,
    account: Account,
    note: Result<Json<NewNote>, JsonRejection>,
) -> Result<Response, Fault> {
    let Json(note) = note.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Fault::TooLarge,
        _ => Fault::BadNote,
    })?;
    if !note.fits() {
        return Err(Fault::BadNote);
    }
    let note = demo.with(|shelf| shelf.add(&account.0, note))?;
    let place = format!("/notes/{}", note.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(note)).into_response())
}

async fn get_note(
    demo: State<Demo>,
    account: Account,
    id: Result<Path<u64>, PathRejection>,
) -> Result<Json<Note>, Fault> {
    let Path(id) = id.map_err(|_| Fault::NotFound)?;
    demo.with(|shelf| shelf.find(&account.0, id))
        .map(Json)
        .ok_or(Fault::NotFound)
}

async fn delete_note(
    demo: State<Demo>,
    account: Account,
    id: Result<Path<u64>, PathRejection>,
) -> Result<StatusCode, Fault> {
    let Path(id) = id.map_err(|_| Fault::NotFound)?;
    if demo.with(|shelf| shelf.remove(&account.0, id)) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Fault::NotFound)
    }
}

/// Why the demo refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    NoKey,
    BadKey,
    BadQuery,
    BadNote,
    TooLarge,
    NotFound,
    Method,
    Full,
}

impl From<Full> for Fault {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (status, detail) = match self {
            Self::NoKey => (StatusCode::UNAUTHORIZED, "Send a key in X-Demo-Key."),
            Self::BadKey => (
                StatusCode::UNAUTHORIZED,
                "A key has the form demo-… and 12 to 128 characters.",
            ),
            Self::BadQuery => (
                StatusCode::BAD_REQUEST,
                "`limit` is 1 to 100, `after` the id of a note.",
            ),
            Self::BadNote => (
                StatusCode::BAD_REQUEST,
                "A note is a JSON object with a `title` of 1 to 200 characters and a `body` of up to 10,000.",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "A request has at most 64 KiB.",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "There is no such note."),
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                "This address does not know the method.",
            ),
            Self::Full => (
                StatusCode::INSUFFICIENT_STORAGE,
                "The demo keeps no more than this in memory; delete some notes.",
            ),
        };
        let problem = serde_json::json!({
            "title": status.canonical_reason(), "status": status.as_u16(), "detail": detail,
        });
        let kind = HeaderValue::from_static("application/problem+json");
        let mut answer =
            (status, [(header::CONTENT_TYPE, kind)], problem.to_string()).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge =
                HeaderValue::from_static("ApiKey realm=\"demo\", header=\"X-Demo-Key\"");
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}

#[cfg(test)]
mod tests;
