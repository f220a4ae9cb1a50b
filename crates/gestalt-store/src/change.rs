//! Everything that changes state.

use gestalt_core::Timestamp;
use gestalt_core::connection::{Owner, State};
use gestalt_core::id::{ConnectionId, PluginId, SessionId, TokenId, UserId, WriterId};
use gestalt_core::name::PluginName;

use crate::audit::{self, CheckpointRow};
use crate::auth_failures::{self, AuthFailureRow};
use crate::connections::{self, ConnectionRow, SecretRow};
use crate::error::StoreError;
use crate::keys::{self, KeyRow};
use crate::login_codes::{self, LoginCodeRow};
use crate::pool::{Transaction, within_time};
use crate::sessions::{self, SessionRow};
use crate::store::Store;
use crate::tokens::{self, TokenRow};
use crate::tool_approvals::{self, ToolApprovalRow};
use crate::users::{self, UserRow};
use crate::value::sql;
use crate::{meta, plugins};

/// One change of state. Several are applied in order, all or none.
///
/// Those marked *must hit* fail with [`StoreError::NoSuchRow`] where the row is not there, or
/// not in a state that the change can start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Makes a user.
    CreateUser(UserRow),
    /// Links an issuer's subject to a user, who must be there.
    LinkIdentity {
        /// The issuer.
        issuer: String,
        /// The issuer's name for the user.
        subject: String,
        /// The user.
        user: UserId,
        /// When.
        at: Timestamp,
    },
    /// Begins a session.
    CreateSession(SessionRow),
    /// Revokes a session; *must hit*. Once more changes nothing and hits.
    RevokeSession {
        /// The session.
        id: SessionId,
        /// Whose it is, as text.
        owner: String,
        /// When.
        at: Timestamp,
    },
    /// Revokes what of a subject's sessions still holds.
    RevokeSessions {
        /// Whose they are, as text.
        owner: String,
        /// The one that stays.
        except: Option<SessionId>,
        /// When.
        at: Timestamp,
    },
    /// Makes a token.
    CreateToken(TokenRow),
    /// Revokes a token; *must hit*. Once more changes nothing and hits.
    RevokeToken {
        /// The token.
        id: TokenId,
        /// Whose it is, as text.
        owner: String,
        /// When.
        at: Timestamp,
    },
    /// Revokes what of a subject's tokens still holds.
    RevokeTokens {
        /// Whose they are, as text.
        owner: String,
        /// When.
        at: Timestamp,
    },
    /// Makes the successor of a token that is not revoked; *must hit*. The old one's end is
    /// brought forward, never put off.
    RotateToken {
        /// The token to replace.
        old: TokenId,
        /// Whose it is, as text.
        owner: String,
        /// Its successor.
        new: TokenRow,
        /// When the old one ends at the latest.
        old_expires_at: Timestamp,
    },
    /// Stores a connection (generation 1, or any where none is there), or the next generation
    /// of the one with the same id: `latest_generation + 1`, else [`StoreError::Conflict`].
    /// `created_at`, `latest_generation` and `previous` of the row, and `expires_at` of the
    /// secrets, are the store's to say.
    PutConnection {
        /// The connection.
        row: ConnectionRow,
        /// Its secrets.
        secrets: Vec<SecretRow>,
        /// How long the replaced secrets stay; they are destroyed at once without it.
        previous_expires_at: Option<Timestamp>,
    },
    /// Goes back to the previous generation while it is kept; *must hit*.
    RollbackConnection {
        /// The connection.
        id: ConnectionId,
        /// When.
        at: Timestamp,
    },
    /// Removes a connection with all its secrets; *must hit*.
    DeleteConnection {
        /// The connection.
        id: ConnectionId,
    },
    /// Notes how a connection is doing; *must hit*.
    SetConnectionState {
        /// The connection.
        id: ConnectionId,
        /// How it is doing.
        state: State,
        /// Why.
        reason: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// Notes what a check at the upstream has found; *must hit*.
    SetConnectionChecked {
        /// The connection.
        id: ConnectionId,
        /// The account, as the upstream calls it.
        nickname: Option<String>,
        /// When.
        at: Timestamp,
        /// How the connection is doing.
        state: State,
        /// Why.
        reason: Option<String>,
    },
    /// Gives a connection to another owner, its secrets sealed anew for the next generation;
    /// *must hit*.
    ReassignConnection {
        /// The connection.
        id: ConnectionId,
        /// Its new owner.
        owner: Owner,
        /// `latest_generation + 1`.
        generation: u64,
        /// The secrets, sealed for the new place.
        secrets: Vec<SecretRow>,
        /// When.
        at: Timestamp,
    },
    /// Destroys the replaced secrets whose time is over.
    DestroyExpiredSecrets {
        /// The present.
        before: Timestamp,
    },
    /// Forgets tokens, sessions and login codes that ended before a moment.
    ForgetEnded {
        /// The moment.
        before: Timestamp,
    },
    /// Makes a login code.
    CreateLoginCode(LoginCodeRow),
    /// Uses a login code up that was not used and has not ended; *must hit*.
    RedeemLoginCode {
        /// The keyed hash of its text.
        hash: [u8; 32],
        /// When.
        at: Timestamp,
    },
    /// Stores a data key, or its new state and wrapping.
    PutKey(KeyRow),
    /// Stores a fact about the deployment.
    PutMeta {
        /// Its key.
        key: String,
        /// The fact.
        value: Vec<u8>,
    },
    /// Stores a fact about the deployment where there is none under that key.
    PutMetaIfAbsent {
        /// Its key.
        key: String,
        /// The fact.
        value: Vec<u8>,
    },
    /// Notes a plugin seen for the first time.
    PutPlugin {
        /// Its id.
        id: PluginId,
        /// Its name.
        name: PluginName,
    },
    /// Renames a plugin; *must hit*.
    RenamePlugin {
        /// Its id.
        id: PluginId,
        /// Its new name.
        name: PluginName,
    },
    /// Notes a tool's definition as approved, in place of an earlier one.
    PutToolApproval(ToolApprovalRow),
    /// Forgets what was approved of a tool; *must hit*.
    ForgetToolApproval {
        /// The plugin.
        plugin: PluginId,
        /// What the server calls the tool.
        tool: String,
        /// Of the definition that was approved.
        digest: [u8; 32],
    },
    /// Stores a signed checkpoint of a chain.
    PutCheckpoint(CheckpointRow),
    /// Notes when tokens were last used; an older time changes nothing.
    TouchTokens(Vec<(TokenId, Timestamp)>),
    /// Notes when sessions were last used; an older time changes nothing.
    TouchSessions(Vec<(SessionId, Timestamp)>),
    /// Adds to the counts of failed authentications; the oldest rows beyond 10,000 go.
    CountAuthFailures(Vec<AuthFailureRow>),
    /// Notes how a writer of the audit trail works, making its chain if there is none.
    SetWriterFlags {
        /// The writer.
        writer: WriterId,
        /// It has stopped in good order.
        clean: bool,
        /// `buffered` or `strict`.
        durability: String,
    },
}

impl Change {
    const fn must_hit(&self) -> bool {
        matches!(
            self,
            Self::RevokeSession { .. }
                | Self::RevokeToken { .. }
                | Self::RotateToken { .. }
                | Self::RollbackConnection { .. }
                | Self::DeleteConnection { .. }
                | Self::SetConnectionState { .. }
                | Self::SetConnectionChecked { .. }
                | Self::ReassignConnection { .. }
                | Self::RedeemLoginCode { .. }
                | Self::RenamePlugin { .. }
                | Self::ForgetToolApproval { .. }
        )
    }

    async fn apply(&self, on: &mut Transaction) -> Result<u64, StoreError> {
        match self {
            Self::CreateUser(user) => users::create(on, user).await,
            Self::LinkIdentity {
                issuer,
                subject,
                user,
                at,
            } => users::link_identity(on, (issuer, subject), *user, *at).await,
            Self::CreateSession(session) => sessions::create(on, session).await,
            Self::RevokeSession { id, owner, at } => sessions::revoke(on, *id, owner, *at).await,
            Self::RevokeSessions { owner, except, at } => {
                sessions::revoke_all(on, owner, *except, *at).await
            }
            Self::TouchSessions(used) => sessions::touch(on, used).await,
            Self::CreateToken(token) => tokens::create(on, token).await,
            Self::RevokeToken { id, owner, at } => tokens::revoke(on, *id, owner, *at).await,
            Self::RevokeTokens { owner, at } => tokens::revoke_all(on, owner, *at).await,
            Self::RotateToken {
                old,
                owner,
                new,
                old_expires_at,
            } => tokens::rotate(on, (*old, owner), new, *old_expires_at).await,
            Self::TouchTokens(used) => tokens::touch(on, used).await,
            Self::ForgetEnded { before } => forget_ended(on, *before).await,
            Self::CreateLoginCode(code) => login_codes::create(on, code).await,
            Self::RedeemLoginCode { hash, at } => login_codes::redeem(on, *hash, *at).await,
            Self::PutKey(key) => keys::put(on, key).await,
            Self::PutMeta { key, value } => meta::put(on, key, value).await,
            Self::PutMetaIfAbsent { key, value } => meta::put_if_absent(on, key, value).await,
            Self::PutPlugin { id, name } => plugins::put(on, *id, name).await,
            Self::RenamePlugin { id, name } => plugins::rename(on, *id, name).await,
            Self::PutToolApproval(row) => tool_approvals::put(on, row).await,
            Self::ForgetToolApproval {
                plugin,
                tool,
                digest,
            } => tool_approvals::forget(on, *plugin, tool, *digest).await,
            Self::PutCheckpoint(checkpoint) => audit::put_checkpoint(on, checkpoint).await,
            Self::CountAuthFailures(failures) => auth_failures::count(on, failures).await,
            Self::SetWriterFlags {
                writer,
                clean,
                durability,
            } => audit::set_flags(on, *writer, *clean, durability).await,
            Self::PutConnection { .. }
            | Self::RollbackConnection { .. }
            | Self::DeleteConnection { .. }
            | Self::SetConnectionState { .. }
            | Self::SetConnectionChecked { .. }
            | Self::ReassignConnection { .. }
            | Self::DestroyExpiredSecrets { .. } => self.apply_to_connections(on).await,
        }
    }

    async fn apply_to_connections(&self, on: &mut Transaction) -> Result<u64, StoreError> {
        match self {
            Self::PutConnection {
                row,
                secrets,
                previous_expires_at,
            } => connections::put(on, row, secrets, *previous_expires_at).await,
            Self::RollbackConnection { id, at } => connections::rollback(on, *id, *at).await,
            Self::DeleteConnection { id } => connections::delete(on, *id).await,
            Self::SetConnectionState {
                id,
                state,
                reason,
                at,
            } => connections::set_state(on, *id, *state, reason.as_deref(), *at).await,
            Self::SetConnectionChecked {
                id,
                nickname,
                at,
                state,
                reason,
            } => {
                let found = (*state, reason.as_deref());
                connections::set_checked(on, *id, nickname.as_deref(), found, *at).await
            }
            Self::ReassignConnection {
                id,
                owner,
                generation,
                secrets,
                at,
            } => connections::reassign(on, (*id, *owner), *generation, secrets, *at).await,
            Self::DestroyExpiredSecrets { before } => {
                connections::destroy_expired(on, *before).await
            }
            _ => Ok(0),
        }
    }
}

/// Applies changes in order and says how many rows each has hit.
pub(crate) async fn apply(
    transaction: &mut Transaction,
    changes: &[Change],
) -> Result<Vec<u64>, StoreError> {
    let mut hits = Vec::with_capacity(changes.len());
    for (index, change) in changes.iter().enumerate() {
        match change.apply(transaction).await {
            Ok(0) if change.must_hit() => return Err(StoreError::NoSuchRow { index }),
            Ok(hit) => hits.push(hit),
            Err(StoreError::NoSuchRow { .. }) => return Err(StoreError::NoSuchRow { index }),
            Err(error) => return Err(error),
        }
    }
    Ok(hits)
}

async fn forget_ended(on: &mut Transaction, before: Timestamp) -> Result<u64, StoreError> {
    let statements = [
        sql!("DELETE FROM api_tokens WHERE expires_at < $1", before),
        sql!("DELETE FROM sessions WHERE expires_at < $1", before),
        sql!("DELETE FROM login_codes WHERE expires_at < $1", before),
    ];
    let mut forgotten = 0;
    for statement in statements {
        forgotten += on.execute(statement).await?;
    }
    Ok(forgotten)
}

impl Store {
    /// Commits changes without an audit record, all or none: last-used times, sweeps, counts
    /// of failures. Gives the number of rows that each has hit.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRow`], [`StoreError::Conflict`], and what the database says.
    pub async fn write(&self, changes: &[Change]) -> Result<Vec<u64>, StoreError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let work = async {
            let mut transaction = self.pool.begin().await?;
            let hits = apply(&mut transaction, changes).await?;
            transaction.commit().await?;
            Ok(hits)
        };
        within_time(Box::pin(work)).await
    }
}
