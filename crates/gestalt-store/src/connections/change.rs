//! What changes connections.

use std::sync::LazyLock;

use gestalt_core::Timestamp;
use gestalt_core::connection::{Owner, State};
use gestalt_core::id::ConnectionId;

use super::{ConnectionRow, SecretRow};
use crate::dialect::{ManyRows, ManyRowsStatement};
use crate::error::StoreError;
use crate::pool::Transaction;
use crate::value::{Value, sql};

/// Stores a connection, or the next generation of one that is there. The replaced secrets
/// stay until `previous_expires_at`; older ones are destroyed.
pub(crate) async fn put(
    transaction: &mut Transaction,
    row: &ConnectionRow,
    secrets: &[SecretRow],
    previous_expires_at: Option<Timestamp>,
) -> Result<u64, StoreError> {
    // A generation that is not the next one was made from a row that somebody has replaced
    // meanwhile.
    let upsert = sql!(
        "INSERT INTO connections AS c (id, owner, plugin, connection, instance, auth_kind, \
         generation, latest_generation, nickname, state, state_reason, created_at, updated_at, \
         checked_at, made_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (id) DO UPDATE SET auth_kind = excluded.auth_kind, \
         previous_generation = CASE WHEN $15 IS NULL THEN NULL ELSE c.generation END, \
         previous_expires_at = $15, \
         generation = excluded.generation, latest_generation = excluded.generation, \
         nickname = excluded.nickname, state = excluded.state, \
         state_reason = excluded.state_reason, updated_at = excluded.updated_at, \
         checked_at = excluded.checked_at, made_by = excluded.made_by \
         WHERE c.latest_generation = excluded.generation - 1 AND c.owner = excluded.owner \
         AND c.plugin = excluded.plugin AND c.connection = excluded.connection \
         AND c.instance = excluded.instance \
         RETURNING previous_generation",
        row.id,
        row.owner,
        row.plugin,
        &row.connection,
        &row.instance,
        &row.auth_kind,
        row.generation,
        row.nickname.as_deref(),
        row.state,
        row.state_reason.as_deref(),
        row.created_at,
        row.updated_at,
        row.checked_at,
        &row.made_by,
        previous_expires_at
    );
    let Some(stored) = transaction.row(upsert).await? else {
        return Err(StoreError::Conflict);
    };
    let previous = stored.columns().opt_number()?;
    keep_generations(transaction, row.id, previous, previous_expires_at).await?;
    insert_secrets(transaction, row.id, row.generation, secrets).await?;
    Ok(1)
}

/// Gives one generation's secrets an end, or none, and destroys those of all others.
async fn keep_generations(
    transaction: &mut Transaction,
    id: ConnectionId,
    kept: Option<u64>,
    expires_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    // No generation is called 0.
    let kept = kept.unwrap_or(0);
    let destroy = sql!(
        "DELETE FROM credential_secrets WHERE connection = $1 AND generation <> $2",
        id,
        kept
    );
    transaction.execute(destroy).await?;
    let keep = sql!(
        "UPDATE credential_secrets SET expires_at = $3 WHERE connection = $1 AND generation = $2",
        id,
        kept,
        expires_at
    );
    transaction.execute(keep).await?;
    Ok(())
}

static INSERT_SECRETS: ManyRowsStatement = LazyLock::new(|| {
    ManyRows::new(
        "INSERT INTO credential_secrets (connection, generation, field, key_id, sealed) VALUES",
        5,
        "",
    )
});

async fn insert_secrets(
    transaction: &mut Transaction,
    id: ConnectionId,
    generation: u64,
    secrets: &[SecretRow],
) -> Result<(), StoreError> {
    let rows = secrets.iter().map(|secret| {
        vec![
            Value::from(id),
            Value::from(generation),
            Value::from(&secret.field),
            Value::from(secret.key),
            Value::from(&secret.sealed),
        ]
    });
    transaction.execute_many(&INSERT_SECRETS, rows).await?;
    Ok(())
}

/// Makes the previous generation the one in use, while it is kept; the replaced secrets are
/// destroyed.
pub(crate) async fn rollback(
    transaction: &mut Transaction,
    id: ConnectionId,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "UPDATE connections SET generation = previous_generation, previous_generation = NULL, \
         previous_expires_at = NULL, state = $3, state_reason = NULL, updated_at = $2 \
         WHERE id = $1 AND previous_expires_at > $2 RETURNING generation",
        id,
        at,
        State::Connected
    );
    let Some(row) = transaction.row(statement).await? else {
        return Ok(0);
    };
    let generation = row.columns().number()?;
    keep_generations(transaction, id, Some(generation), None).await?;
    Ok(1)
}

/// Gives a connection to another owner, with secrets sealed anew for the next generation;
/// those of all others are destroyed.
pub(crate) async fn reassign(
    transaction: &mut Transaction,
    (id, owner): (ConnectionId, Owner),
    generation: u64,
    secrets: &[SecretRow],
    at: Timestamp,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "UPDATE connections SET owner = $2, generation = $3, latest_generation = $3, \
         previous_generation = NULL, previous_expires_at = NULL, updated_at = $4 \
         WHERE id = $1 AND latest_generation = $3 - 1",
        id,
        owner,
        generation,
        at
    );
    if transaction.execute(statement).await? == 0 {
        return Ok(0);
    }
    keep_generations(transaction, id, None, None).await?;
    insert_secrets(transaction, id, generation, secrets).await?;
    Ok(1)
}

/// Removes a connection with all its secrets.
pub(crate) async fn delete(
    transaction: &mut Transaction,
    id: ConnectionId,
) -> Result<u64, StoreError> {
    let statement = sql!("DELETE FROM connections WHERE id = $1", id);
    transaction.execute(statement).await
}

/// Notes how a connection is doing.
pub(crate) async fn set_state(
    transaction: &mut Transaction,
    id: ConnectionId,
    state: State,
    reason: Option<&str>,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "UPDATE connections SET state = $2, state_reason = $3, updated_at = $4 WHERE id = $1",
        id,
        state,
        reason,
        at
    );
    transaction.execute(statement).await
}

/// Notes what a check at the upstream has found.
pub(crate) async fn set_checked(
    transaction: &mut Transaction,
    id: ConnectionId,
    nickname: Option<&str>,
    (state, reason): (State, Option<&str>),
    at: Timestamp,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "UPDATE connections SET nickname = $2, state = $3, state_reason = $4, checked_at = $5 \
         WHERE id = $1",
        id,
        nickname,
        state,
        reason,
        at
    );
    transaction.execute(statement).await
}

/// Destroys the replaced secrets whose time is over.
pub(crate) async fn destroy_expired(
    transaction: &mut Transaction,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let forget = sql!(
        "UPDATE connections SET previous_generation = NULL, previous_expires_at = NULL \
         WHERE previous_expires_at <= $1",
        before
    );
    transaction.execute(forget).await?;
    let destroy = sql!(
        "DELETE FROM credential_secrets WHERE expires_at <= $1",
        before
    );
    transaction.execute(destroy).await
}
