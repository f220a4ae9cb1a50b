//! The commands' side of the admin socket.

use std::io;
use std::path::Path;

use bytes::Bytes;
use gestalt_api::audit::{AuditVerification, VerifyAudit};
use gestalt_api::problem::Problem;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::{BackupMade, BackupOrder, KeyRotated, RotationOrder};
use crate::http::api::admin::LoginLink;

/// A running daemon did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nobody listens: no daemon runs on this store.
    #[error("no daemon runs here")]
    NotRunning(#[source] io::Error),
    /// The socket belongs to another user.
    #[error("the running daemon belongs to another user")]
    NotPermitted(#[source] io::Error),
    /// The connection broke.
    #[error("the running daemon did not answer")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It refused; the sentence says why.
    #[error("{}", .0.detail.as_deref().unwrap_or(&.0.title))]
    Refused(Box<Problem>),
}

/// Has the daemon read its configuration again.
///
/// # Errors
/// [`AdminError::Refused`] if it cannot be honoured; the old one stays.
pub async fn reload(socket: &Path) -> Result<(), AdminError> {
    ask(socket, "/reload", &()).await.map(drop)
}

/// Has the daemon make a single-use login link.
///
/// # Errors
/// As [`AdminError`] says.
pub async fn login_link(socket: &Path) -> Result<LoginLink, AdminError> {
    read(ask(socket, "/login-code", &()).await?).await
}

/// Has the daemon verify its audit trail.
///
/// # Errors
/// As [`AdminError`] says.
pub async fn verify_audit(
    socket: &Path,
    asked: &VerifyAudit,
) -> Result<AuditVerification, AdminError> {
    read(ask(socket, "/audit/verify", asked).await?).await
}

/// Has the daemon write a backup to a file that is not there yet; `path` is absolute.
///
/// # Errors
/// As [`AdminError`] says.
pub async fn backup(socket: &Path, path: &Path) -> Result<BackupMade, AdminError> {
    let order = BackupOrder {
        path: path.to_owned(),
    };
    read(ask(socket, "/backup", &order).await?).await
}

/// Has the daemon make a new key of a purpose.
///
/// # Errors
/// [`AdminError::Refused`] for a purpose whose keys are not rotated like this, and while a new
/// key waits for its time.
pub async fn rotate_key(socket: &Path, purpose: &str) -> Result<KeyRotated, AdminError> {
    let order = RotationOrder {
        purpose: purpose.to_owned(),
    };
    read(ask(socket, "/keys/rotate", &order).await?).await
}

async fn ask<T: Serialize>(
    socket: &Path,
    route: &str,
    body: &T,
) -> Result<Response<Incoming>, AdminError> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => AdminError::NotPermitted(error),
            _ => AdminError::NotRunning(error),
        })?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(broken)?;
    tokio::spawn(connection);
    let body = serde_json::to_vec(body).map_err(broken)?;
    let request = Request::post(route)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(broken)?;
    let response = sender.send_request(request).await.map_err(broken)?;
    if response.status().is_success() {
        return Ok(response);
    }
    Err(AdminError::Refused(Box::new(read(response).await?)))
}

async fn read<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, AdminError> {
    let bytes = response
        .into_body()
        .collect()
        .await
        .map_err(broken)?
        .to_bytes();
    serde_json::from_slice(&bytes).map_err(broken)
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> AdminError {
    AdminError::Broken(error.into())
}
