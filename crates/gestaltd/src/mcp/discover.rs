//! What the server says of itself: `server/discover`, and `initialize` of older clients.

use serde_json::json;

use super::era::{SUPPORTED, negotiate};

/// What a model is told of these tools as a whole.
const INSTRUCTIONS: &str = "\
Each tool is one operation of a system behind this gateway, called with the user's own \
connected account. If a tool answers that nothing is connected, show the user the link in \
its answer and call the tool again once they have connected. If it answers that there are \
several accounts, choose one with `_instance`. If it answers that there is more, call it \
again with the `_continuation` it gives. Where only `search_operations`, `describe_operation` and \
`call_operation` are listed, there are many more operations: find one with the first, read what it \
takes with the second, call it with the third.";

/// How long a client may take a list for fresh, in milliseconds. What a caller may call is
/// decided at each call, whatever was listed.
pub(super) const TTL_MS: u32 = 60_000;

/// How lists that never change, and are the same for everybody, end in the modern era.
const EMPTY_HINTS: &str = r#","ttlMs":3600000,"cacheScope":"public""#;

/// The members of `server/discover`'s result. `live`: MCP servers stand behind the endpoint.
pub(super) fn discovered(live: bool) -> String {
    let capabilities = capabilities(live);
    let instructions = json!(INSTRUCTIONS);
    let versions = json!(SUPPORTED);
    format!(
        r#""supportedVersions":{versions},"capabilities":{capabilities},"instructions":{instructions}{EMPTY_HINTS}"#
    )
}

/// The members of `initialize`'s result.
pub(super) fn initialized(wanted: Option<&str>, live: bool) -> String {
    let capabilities = capabilities(live);
    let version = negotiate(wanted);
    let instructions = json!(INSTRUCTIONS);
    let server = env!("CARGO_PKG_VERSION");
    format!(
        r#""protocolVersion":"{version}","capabilities":{capabilities},"serverInfo":{{"name":"gestalt","title":"Gestalt","version":"{server}"}},"instructions":{instructions}"#
    )
}

/// Resources and prompts are answered, with empty lists: some clients ask for them unasked.
const CAPABILITIES: &str = r#"{"tools":{},"resources":{},"prompts":{}}"#;

/// With MCP servers behind it the endpoint tells of changes, and completes.
const LIVE_CAPABILITIES: &str = r#"{"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"prompts":{"listChanged":true},"completions":{}}"#;

const fn capabilities(live: bool) -> &'static str {
    if live {
        LIVE_CAPABILITIES
    } else {
        CAPABILITIES
    }
}

/// The members of a list that has nothing in it.
pub(super) fn empty(member: &str, modern: bool) -> String {
    let hints = if modern { EMPTY_HINTS } else { "" };
    format!(r#""{member}":[]{hints}"#)
}
