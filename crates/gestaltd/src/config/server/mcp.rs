//! `server.mcp`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::scalars::{Period, Size};
use crate::mcp::{Catalogue, ContentLimits, HeldLimits, Limits, ListLimits};

/// Shortest time between two notifications.
const SHORTEST: Duration = Duration::from_secs(1);

/// Shortest life of a session: one that ends at once would be of no use.
const SHORTEST_SESSION: Duration = Duration::from_mins(1);

/// Bounds of what is said over MCP.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct McpSection {
    /// Text of a result that is given at once. 256 KiB unless set.
    max_text_bytes: Option<Size>,
    /// Largest image, sound or file in a result. 4 MiB unless set.
    max_blob_bytes: Option<Size>,
    /// Text that is read of an answer. 8 MiB unless set.
    max_read_bytes: Option<Size>,
    /// Tools on a page of a list. 1000 unless set.
    page_tools: Option<u32>,
    /// Bytes of a page of a list. 4 MiB unless set.
    page_bytes: Option<Size>,
    /// How often a client that asked for it hears of a call under way, at least a second. 5
    /// seconds unless set.
    progress_interval: Option<Period>,
    /// How long a session of an older client lasts, used or not, at least a minute. 24 hours
    /// unless set.
    session_life: Option<Period>,
    /// How long the rest of a result can be asked for. 10 minutes unless set.
    held_for: Option<Period>,
    /// What is kept of results for that, of everybody's. 64 MiB unless set.
    held_bytes: Option<Size>,
    /// What is kept of results for that, of one subject's. 16 MiB unless set.
    held_bytes_of_one: Option<Size>,
    /// How tools are listed unless the client says: at `/mcp` as three tools that find the others
    /// where there are many (`auto`), whole (`list`), or always as those three (`search`).
    catalogue: CatalogueWord,
    /// How many tools of a caller are listed whole under `auto`. 60 unless set.
    search_threshold: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum CatalogueWord {
    #[default]
    Auto,
    List,
    Search,
}

impl McpSection {
    pub(super) fn effective(&self) -> Limits {
        let size = |given: Option<Size>, default: usize| {
            given.map_or(default, |size| {
                usize::try_from(size.0).unwrap_or(usize::MAX)
            })
        };
        let usual = Limits::default();
        Limits {
            lists: ListLimits {
                max_tools: self
                    .page_tools
                    .map_or(usual.lists.max_tools, |tools| tools.max(1) as usize),
                max_bytes: size(self.page_bytes, usual.lists.max_bytes),
                ..usual.lists
            },
            content: ContentLimits {
                max_text_bytes: size(self.max_text_bytes, usual.content.max_text_bytes),
                max_blob_bytes: size(self.max_blob_bytes, usual.content.max_blob_bytes),
                max_read_bytes: size(self.max_read_bytes, usual.content.max_read_bytes),
            },
            held: HeldLimits {
                life: self.held_for.map_or(usual.held.life, |period| period.0),
                max_bytes: size(self.held_bytes, usual.held.max_bytes),
                max_subject_bytes: size(self.held_bytes_of_one, usual.held.max_subject_bytes),
            },
            catalogue: match self.catalogue {
                CatalogueWord::Auto => Catalogue::Auto,
                CatalogueWord::List => Catalogue::List,
                CatalogueWord::Search => Catalogue::Search,
            },
            search_threshold: self
                .search_threshold
                .map_or(usual.search_threshold, |tools| tools as usize),
            progress_interval: self
                .progress_interval
                .map_or(usual.progress_interval, |period| period.0.max(SHORTEST)),
            session_life: self
                .session_life
                .map_or(usual.session_life, |life| life.0.max(SHORTEST_SESSION)),
            ..usual
        }
    }
}
