-- Text compares by bytes (COLLATE "C"), as in SQLite.
-- The primary key's columns come first in every table: backup and restore read in that order.

CREATE TABLE meta (
    key text COLLATE "C" NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (key)
);

CREATE TABLE data_keys (
    id text COLLATE "C" NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    root_id text COLLATE "C" NOT NULL,
    wrapped bytea NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE plugins (
    id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX plugins_name ON plugins (name);

CREATE TABLE users (
    id text COLLATE "C" NOT NULL,
    email text COLLATE "C",
    display_name text COLLATE "C",
    admin bigint NOT NULL,
    created_at bigint NOT NULL,
    disabled_at bigint,
    PRIMARY KEY (id)
);
CREATE INDEX users_email ON users (email);

CREATE TABLE identities (
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at bigint NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_user ON identities (user_id);

CREATE TABLE sessions (
    id text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    hash bytea NOT NULL,
    pepper text COLLATE "C" NOT NULL REFERENCES data_keys (id),
    created_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    idle_timeout_secs bigint NOT NULL,
    revoked_at bigint,
    address text COLLATE "C",
    user_agent text COLLATE "C",
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX sessions_hash ON sessions (hash);
CREATE INDEX sessions_owner ON sessions (owner, id);
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE login_codes (
    hash bytea NOT NULL,
    pepper text COLLATE "C" NOT NULL REFERENCES data_keys (id),
    owner text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    redeemed_at bigint,
    PRIMARY KEY (hash)
);
CREATE INDEX login_codes_expires ON login_codes (expires_at);

CREATE TABLE api_tokens (
    id text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    hash bytea NOT NULL,
    pepper text COLLATE "C" NOT NULL REFERENCES data_keys (id),
    scopes text COLLATE "C",
    permissions text COLLATE "C" NOT NULL,
    cidrs text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    last_used_at bigint,
    revoked_at bigint,
    rotated_to text COLLATE "C",
    made_by text COLLATE "C",
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX api_tokens_hash ON api_tokens (hash);
CREATE INDEX api_tokens_owner ON api_tokens (owner, id);
CREATE INDEX api_tokens_expires ON api_tokens (expires_at);

CREATE TABLE connections (
    id text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    plugin text COLLATE "C" NOT NULL REFERENCES plugins (id),
    connection text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    auth_kind text COLLATE "C" NOT NULL,
    generation bigint NOT NULL,
    latest_generation bigint NOT NULL,
    previous_generation bigint,
    previous_expires_at bigint,
    nickname text COLLATE "C",
    state text COLLATE "C" NOT NULL,
    state_reason text COLLATE "C",
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    checked_at bigint,
    made_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX connections_place ON connections (owner, plugin, connection, instance);
CREATE INDEX connections_plugin ON connections (plugin, connection);
CREATE INDEX connections_previous ON connections (previous_expires_at);

CREATE TABLE credential_secrets (
    connection text COLLATE "C" NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    generation bigint NOT NULL,
    field text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL REFERENCES data_keys (id),
    sealed bytea NOT NULL,
    expires_at bigint,
    PRIMARY KEY (connection, generation, field)
);
CREATE INDEX credential_secrets_key ON credential_secrets (key_id);
CREATE INDEX credential_secrets_expires ON credential_secrets (expires_at);

CREATE TABLE audit_writers (
    writer text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    clean bigint NOT NULL,
    durability text COLLATE "C" NOT NULL,
    PRIMARY KEY (writer)
);

CREATE TABLE audit_records (
    writer text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    at bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    phase text COLLATE "C",
    subject text COLLATE "C",
    plugin text COLLATE "C",
    operation text COLLATE "C",
    request text COLLATE "C",
    record text COLLATE "C" NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (writer, seq)
);
CREATE INDEX audit_records_at ON audit_records (at, writer, seq);
CREATE INDEX audit_records_subject ON audit_records (subject, at, writer, seq);

CREATE TABLE audit_checkpoints (
    writer text COLLATE "C" NOT NULL REFERENCES audit_writers (writer),
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    at bigint NOT NULL,
    key_id text COLLATE "C" NOT NULL REFERENCES data_keys (id),
    signature bytea NOT NULL,
    PRIMARY KEY (writer, seq)
);

CREATE TABLE auth_failures (
    minute bigint NOT NULL,
    reason text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (minute, reason, address)
);
