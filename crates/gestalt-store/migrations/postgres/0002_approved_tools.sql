-- What an admin approved of the tools that MCP servers list.

CREATE TABLE tool_approvals (
    plugin text COLLATE "C" NOT NULL REFERENCES plugins (id),
    tool text COLLATE "C" NOT NULL,
    definition text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    approved_by text COLLATE "C" NOT NULL,
    approved_at bigint NOT NULL,
    PRIMARY KEY (plugin, tool)
);
