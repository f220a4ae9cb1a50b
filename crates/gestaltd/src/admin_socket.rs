//! A Unix socket for whoever owns the process: the commands of `gestaltd` reach a running
//! daemon through it.
//!
//! It has mode 0600 from its first moment, and the peer's user id is checked besides. What
//! comes through it acts as the gateway itself.

use std::fs;
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use gestalt_api::audit::{AuditVerification, VerifyAudit};
use gestalt_core::id::RequestId;
use gestalt_gateway::Caller;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::http::Door;
use crate::http::api::admin::{self, LoginLink};
use crate::http::input::{Input, MaybeInput};
use crate::http::problem::{self, Refused};

pub mod client;

/// A bound socket; its file is removed when this is dropped.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl AdminSocket {
    /// Binds the socket. The caller holds the store's lock, so that a socket that is there is
    /// what a dead daemon left.
    ///
    /// # Errors
    /// When the folder cannot be written, the path is too long for a socket (about 100
    /// bytes), or something else has its name.
    pub fn bind(path: &Path) -> io::Result<Self> {
        if let Ok(old) = fs::symlink_metadata(path)
            && !old.file_type().is_socket()
        {
            return Err(io::Error::other(
                "something that is not a socket has its name",
            ));
        }
        // Between bind and chmod anyone could connect, so both happen where nobody else may look.
        let folder = path.parent().unwrap_or(Path::new("."));
        let private = folder.join(".adm");
        let _stale = fs::remove_dir_all(&private);
        fs::DirBuilder::new().mode(0o700).create(&private)?;
        let bound = Self::bind_in(&private, path);
        let _gone = fs::remove_dir_all(&private);
        bound
    }

    fn bind_in(private: &Path, path: &Path) -> io::Result<Self> {
        let first = private.join("s");
        let listener = UnixListener::bind(&first)?;
        fs::set_permissions(&first, fs::Permissions::from_mode(0o600))?;
        let owner = fs::metadata(&first)?.uid();
        fs::rename(&first, path)?;
        let path = path.to_owned();
        Ok(Self {
            listener,
            path,
            owner,
        })
    }

    /// Serves until `stop` is cancelled.
    pub async fn serve(self, door: Door, stop: CancellationToken) {
        let routes = routes(&door);
        loop {
            let stream = tokio::select! {
                () = stop.cancelled() => return,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "no connection on the admin socket");
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            if stream.peer_cred().is_ok_and(|peer| self.may(peer.uid())) {
                tokio::spawn(answer(stream, door.clone(), routes.clone()));
            } else {
                tracing::warn!("another user tried the admin socket");
            }
        }
    }

    /// The process's own user, and root, who may read its memory anyway.
    fn may(&self, user: u32) -> bool {
        user == self.owner || user == 0
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.path);
    }
}

fn routes(door: &Door) -> Router {
    Router::new()
        .route("/reload", post(reload))
        .route("/login-code", post(login_code))
        .route("/audit/verify", post(verify_audit))
        .route("/backup", post(backup))
        .route("/keys/rotate", post(rotate_key))
        .fallback(problem::no_such_route)
        .with_state(door.clone())
}

async fn answer(stream: UnixStream, door: Door, routes: Router) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (door, routes) = (door.clone(), routes.clone());
        async move {
            let request_id = RequestId::generate(door.clock().now(), door.entropy());
            let mut response = routes
                .oneshot(request)
                .await
                .unwrap_or_else(|never| match never {});
            if let (Some(refused), Ok(id)) =
                (response.extensions_mut().remove::<Refused>(), request_id)
            {
                problem::log(&refused, id);
                response = problem::answer(&refused, door.site(), id, false);
            }
            Ok::<Response, std::convert::Infallible>(response)
        }
    });
    let mut server = http1::Builder::new();
    let connection = server
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "connection on the admin socket ended");
    }
}

fn owner() -> Caller {
    Caller::system("admin socket")
}

async fn reload(door: State<Door>) -> Result<StatusCode, Refused> {
    door.reload().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn login_code(door: State<Door>) -> Result<Json<LoginLink>, Refused> {
    Ok(Json(admin::login_link(&door, &owner()).await?))
}

async fn verify_audit(
    door: State<Door>,
    MaybeInput(asked): MaybeInput<VerifyAudit>,
) -> Result<Json<AuditVerification>, Refused> {
    Ok(Json(admin::verify_audit(&door, &owner(), asked).await?))
}

/// Asks for a backup into a file that is not there yet.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupOrder {
    /// Absolute: the daemon's folder is not the command's.
    path: PathBuf,
}

/// What a backup holds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct BackupMade {
    /// Rows written.
    pub rows: u64,
}

async fn backup(
    door: State<Door>,
    Input(order): Input<BackupOrder>,
) -> Result<Json<BackupMade>, Refused> {
    let rows = door.gateway().backup(&owner(), &order.path).await?;
    Ok(Json(BackupMade { rows }))
}

/// Asks for a new key of a purpose.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotationOrder {
    /// What the key is for.
    purpose: String,
}

/// A key that was made to take another's place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyRotated {
    /// Its id.
    pub id: String,
    /// When it begins to sign (RFC 3339).
    pub signs_from: String,
}

async fn rotate_key(
    door: State<Door>,
    Input(order): Input<RotationOrder>,
) -> Result<Json<KeyRotated>, Refused> {
    let rotated = door.gateway().rotate_key(&owner(), &order.purpose).await?;
    Ok(Json(KeyRotated {
        id: rotated.id,
        signs_from: rotated.signs_from.to_string(),
    }))
}
