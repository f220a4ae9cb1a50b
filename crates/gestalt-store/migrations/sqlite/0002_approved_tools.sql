-- What an admin approved of the tools that MCP servers list.

CREATE TABLE tool_approvals (
    plugin TEXT NOT NULL REFERENCES plugins (id),
    tool TEXT NOT NULL,
    definition TEXT NOT NULL,
    digest BLOB NOT NULL,
    approved_by TEXT NOT NULL,
    approved_at INTEGER NOT NULL,
    PRIMARY KEY (plugin, tool)
) STRICT, WITHOUT ROWID;
