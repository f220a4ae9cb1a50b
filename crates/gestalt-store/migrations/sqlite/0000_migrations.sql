CREATE TABLE schema_migrations (
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (version)
) STRICT, WITHOUT ROWID;
