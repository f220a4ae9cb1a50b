//! Rows to store.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use gestalt_core::connection::{Owner, State};
use gestalt_core::id::{ConnectionId, KeyId, PluginId, SessionId, TokenId, UserId, WriterId};
use gestalt_core::{Entropy, Subject, Timestamp};
use gestalt_store::{
    AuditRow, Change, ConnectionRow, KeyRow, LoginCodeRow, SecretRow, SessionRow, Store, TokenRow,
    ToolApprovalRow, UserRow, WriterHead,
};

/// A moment, in seconds of the tests' own time.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + second * 1_000_000)
}

macro_rules! ids {
    ($($name:ident: $type:ident),+ $(,)?) => {$(
        /// The same number gives the same id; later numbers sort later.
        pub(crate) fn $name(number: u32) -> $type {
            let entropy = Entropy::seeded(u64::from(number));
            $type::generate(at(i64::from(number)), &entropy).expect("seeded entropy")
        }
    )+};
}

ids! {
    user_id: UserId,
    token_id: TokenId,
    session_id: SessionId,
    connection_id: ConnectionId,
    plugin_id: PluginId,
    key_id: KeyId,
    writer_id: WriterId,
}

pub(crate) fn hash(number: u32) -> [u8; 32] {
    let mut hash = [7; 32];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    hash
}

pub(crate) fn owner(user: u32) -> Owner {
    Owner::Subject(Subject::User(user_id(user)))
}

pub(crate) fn user(number: u32) -> UserRow {
    UserRow {
        id: user_id(number),
        email: Some(format!("user{number}@example.com")),
        display_name: None,
        admin: number == 1,
        created_at: at(0),
        disabled_at: None,
    }
}

pub(crate) fn key(number: u32) -> KeyRow {
    KeyRow {
        id: key_id(number),
        purpose: "credential".into(),
        state: "active".into(),
        root_id: "00112233".into(),
        wrapped: vec![0, 1, 255],
        created_at: at(0),
    }
}

pub(crate) fn token(number: u32, owner: &str) -> TokenRow {
    TokenRow {
        id: token_id(number),
        owner: owner.into(),
        name: format!("token {number}"),
        hash: hash(number),
        pepper: key_id(0),
        scopes: Some("demo".into()),
        permissions: "[]".into(),
        cidrs: "[]".into(),
        created_at: at(0),
        expires_at: at(1_000),
        last_used_at: None,
        revoked_at: None,
        rotated_to: None,
        made_by: None,
    }
}

pub(crate) fn session(number: u32, owner: &str) -> SessionRow {
    SessionRow {
        id: session_id(number),
        owner: owner.into(),
        hash: hash(number),
        pepper: key_id(0),
        created_at: at(0),
        last_seen_at: at(0),
        expires_at: at(1_000),
        idle_timeout_secs: 600,
        revoked_at: None,
        address: Some("127.0.0.1".into()),
        user_agent: None,
    }
}

pub(crate) fn login_code(number: u32) -> LoginCodeRow {
    LoginCodeRow {
        hash: hash(number),
        pepper: key_id(0),
        owner: "anonymous".into(),
        created_at: at(0),
        expires_at: at(100),
        redeemed_at: None,
    }
}

/// A connection of generation 1 to plugin 0.
pub(crate) fn connection(number: u32, owner: Owner) -> ConnectionRow {
    ConnectionRow {
        id: connection_id(number),
        owner,
        plugin: plugin_id(0),
        connection: "default".parse().expect("a name"),
        instance: format!("account-{number}").parse().expect("a name"),
        auth_kind: "bearer".into(),
        generation: 1,
        latest_generation: 1,
        previous: None,
        nickname: None,
        state: State::Connected,
        state_reason: None,
        created_at: at(0),
        updated_at: at(0),
        checked_at: None,
        made_by: "anonymous".into(),
    }
}

pub(crate) fn secret(connection: u32, generation: u64, field: &str) -> SecretRow {
    SecretRow {
        connection: connection_id(connection),
        generation,
        field: field.into(),
        key: key_id(0),
        sealed: format!("sealed {connection} {generation} {field}").into_bytes(),
        expires_at: None,
    }
}

/// Stores a connection with one secret, `token`, of its row's generation.
pub(crate) fn put(
    number: u32,
    row: &ConnectionRow,
    previous_expires_at: Option<Timestamp>,
) -> Change {
    Change::PutConnection {
        row: row.clone(),
        secrets: vec![secret(number, row.generation, "token")],
        previous_expires_at,
    }
}

/// An approval of plugin 0; the number tells definitions apart.
pub(crate) fn tool_approval(tool: &str, number: u32) -> ToolApprovalRow {
    ToolApprovalRow {
        plugin: plugin_id(0),
        tool: tool.into(),
        definition: format!(r#"{{"name":"{tool}","description":"ü {number}"}}"#),
        digest: hash(number),
        approved_by: format!("user:{}", user_id(1)),
        approved_at: at(i64::from(number)),
    }
}

/// What every other row refers to: key 0 and plugin 0.
pub(crate) fn ground() -> Vec<Change> {
    vec![
        Change::PutKey(key(0)),
        Change::PutPlugin {
            id: plugin_id(0),
            name: "demo".parse().expect("a name"),
        },
    ]
}

/// `count` records that follow a head; the hash of each says its place.
pub(crate) fn records(head: &WriterHead, count: u64) -> Vec<AuditRow> {
    (head.seq + 1..=head.seq + count)
        .map(|seq| record(head.writer, seq))
        .collect()
}

pub(crate) fn record(writer: WriterId, seq: u64) -> AuditRow {
    let number = u32::try_from(seq).expect("few records");
    AuditRow {
        writer,
        seq,
        at: at(i64::from(number)),
        kind: "invocation".into(),
        phase: Some("complete".into()),
        subject: Some("anonymous".into()),
        plugin: Some("demo".into()),
        operation: Some("listNotes".into()),
        request: Some(format!("req_{seq}")),
        record: format!(r#"{{"seq":{seq},"outcome":"ok"}}"#),
        hash: hash(number),
    }
}

pub(crate) async fn grounded(store: &Store) {
    store.write(&ground()).await.unwrap();
}
