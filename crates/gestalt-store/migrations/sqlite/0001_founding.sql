-- The primary key's columns come first in every table: backup and restore read in that order.

CREATE TABLE meta (
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (key)
) STRICT, WITHOUT ROWID;

CREATE TABLE data_keys (
    id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    root_id TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE plugins (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX plugins_name ON plugins (name);

CREATE TABLE users (
    id TEXT NOT NULL,
    email TEXT,
    display_name TEXT,
    admin INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX users_email ON users (email);

CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_user ON identities (user_id);

CREATE TABLE sessions (
    id TEXT NOT NULL,
    owner TEXT NOT NULL,
    hash BLOB NOT NULL,
    pepper TEXT NOT NULL REFERENCES data_keys (id),
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    idle_timeout_secs INTEGER NOT NULL,
    revoked_at INTEGER,
    address TEXT,
    user_agent TEXT,
    PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sessions_hash ON sessions (hash);
CREATE INDEX sessions_owner ON sessions (owner, id);
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE login_codes (
    hash BLOB NOT NULL,
    pepper TEXT NOT NULL REFERENCES data_keys (id),
    owner TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    redeemed_at INTEGER,
    PRIMARY KEY (hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX login_codes_expires ON login_codes (expires_at);

CREATE TABLE api_tokens (
    id TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    pepper TEXT NOT NULL REFERENCES data_keys (id),
    scopes TEXT,
    permissions TEXT NOT NULL,
    cidrs TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER,
    rotated_to TEXT,
    made_by TEXT,
    PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX api_tokens_hash ON api_tokens (hash);
CREATE INDEX api_tokens_owner ON api_tokens (owner, id);
CREATE INDEX api_tokens_expires ON api_tokens (expires_at);

CREATE TABLE connections (
    id TEXT NOT NULL,
    owner TEXT NOT NULL,
    plugin TEXT NOT NULL REFERENCES plugins (id),
    connection TEXT NOT NULL,
    instance TEXT NOT NULL,
    auth_kind TEXT NOT NULL,
    generation INTEGER NOT NULL,
    latest_generation INTEGER NOT NULL,
    previous_generation INTEGER,
    previous_expires_at INTEGER,
    nickname TEXT,
    state TEXT NOT NULL,
    state_reason TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    checked_at INTEGER,
    made_by TEXT NOT NULL,
    PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX connections_place ON connections (owner, plugin, connection, instance);
CREATE INDEX connections_plugin ON connections (plugin, connection);
CREATE INDEX connections_previous ON connections (previous_expires_at);

CREATE TABLE credential_secrets (
    connection TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    field TEXT NOT NULL,
    key_id TEXT NOT NULL REFERENCES data_keys (id),
    sealed BLOB NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (connection, generation, field)
) STRICT, WITHOUT ROWID;
CREATE INDEX credential_secrets_key ON credential_secrets (key_id);
CREATE INDEX credential_secrets_expires ON credential_secrets (expires_at);

CREATE TABLE audit_writers (
    writer TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    clean INTEGER NOT NULL,
    durability TEXT NOT NULL,
    PRIMARY KEY (writer)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_records (
    writer TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    phase TEXT,
    subject TEXT,
    plugin TEXT,
    operation TEXT,
    request TEXT,
    record TEXT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (writer, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_records_at ON audit_records (at, writer, seq);
CREATE INDEX audit_records_subject ON audit_records (subject, at, writer, seq);

CREATE TABLE audit_checkpoints (
    writer TEXT NOT NULL REFERENCES audit_writers (writer),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    at INTEGER NOT NULL,
    key_id TEXT NOT NULL REFERENCES data_keys (id),
    signature BLOB NOT NULL,
    PRIMARY KEY (writer, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE auth_failures (
    minute INTEGER NOT NULL,
    reason TEXT NOT NULL,
    address TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (minute, reason, address)
) STRICT, WITHOUT ROWID;
