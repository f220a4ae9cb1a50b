//! MCP servers behind a plugin, as configured.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

/// An MCP server: what it offers is learned from itself, not from the config.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct McpServer {
    /// How it is reached.
    pub transport: McpTransport,
    /// Which of its tools are offered, and as what; all as they are if `None`.
    pub allowed_tools: Option<Vec<AllowedTool>>,
    /// Whether a changed description or schema waits for an admin.
    pub approval: Approval,
    /// How long a list is taken for fresh where the server does not say.
    pub list_ttl: Duration,
    /// Longest wait for the head of an answer, or for the next event of a call under way; the
    /// upstream's default if `None`.
    pub timeout: Option<Duration>,
}

/// How an MCP server is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum McpTransport {
    /// Streamable HTTP.
    Http(McpHttp),
    /// A process of our own, spoken to over its standard input and output.
    Stdio(McpProcess),
}

/// An MCP server over streamable HTTP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct McpHttp {
    /// Its endpoint.
    pub url: Url,
    /// Fixed headers of every request; never a credential.
    pub headers: Vec<(String, String)>,
}

/// An MCP server that is started here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct McpProcess {
    /// The program: an absolute path, or a name that is looked up in the fixed path of the
    /// child's environment.
    pub command: PathBuf,
    /// Its arguments. `{name}` stands for the credential's field of that name, which must not
    /// be a secret: arguments can be read by every process of the machine.
    pub arguments: Vec<String>,
    /// Its environment besides what every child is given. A value may hold `{name}` for the
    /// credential's field of that name, secret or not.
    pub environment: Vec<(String, String)>,
    /// Its working directory; a private one, made for it, if `None`.
    pub directory: Option<PathBuf>,
    /// Folders and files besides the system's libraries that it may read, and execute from.
    pub readable: Vec<PathBuf>,
    /// Folders that it may write to, besides its private one.
    pub writable: Vec<PathBuf>,
    /// One process serves every caller. Otherwise each subject and credential has its own.
    pub shared: bool,
    /// Most processes of this plugin at the same time.
    pub max_processes: usize,
    /// A process that was not asked anything for this long is ended.
    pub idle_timeout: Duration,
    /// It is not started where the kernel cannot confine it as it should be.
    pub sandbox_required: bool,
}

/// One tool that is offered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllowedTool {
    /// What the server calls it.
    pub source_name: String,
    /// What callers say instead, if anything.
    pub alias: Option<String>,
}

/// Whether a changed description or schema waits for an admin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Approval {
    /// What the server says is offered as it is.
    #[default]
    None,
    /// What an admin approved stays until a change is approved, too.
    Pinned,
}

/// The names of fields that a text holds as `{name}`: letters, digits and `_`. Other braces
/// stand for themselves.
pub fn fields_of(text: &str) -> impl Iterator<Item = &str> {
    let pieces = text.split('{').skip(1);
    pieces.filter_map(|piece| {
        let (name, _) = piece.split_once('}')?;
        let formed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        (!name.is_empty() && name.bytes().all(formed)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_in_braces_are_fields() {
        let of = |text| fields_of(text).collect::<Vec<_>>();
        assert!(of("{} { a } {a-b} {open").is_empty());
        assert_eq!(of("--root={root}/{sub_1}"), ["root", "sub_1"]);
        assert!(of("{\"a\":\"b\"}").is_empty());
    }
}
