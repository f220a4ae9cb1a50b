//! What a call of an MCP server's tool costs on its way through the daemon, beside a proxy that
//! only forwards.
//!
//! Two servers: the fixture of the official SDK, whose answers are streams of events, and a
//! plain one that answers with whole JSON. Rounds alternate as those of `calls.rs` do.

use gestalt_e2e::seed::ROOT_KEY;
use serde_json::json;

use crate::Result;
use crate::calls::{Round, round_of, target};
use crate::gateway::{Gateway, Home};
use crate::options::Options;
use crate::process::{Load, Part};
use crate::report::{Relayed, median};

const CONNECTIONS: [usize; 3] = [1, 8, 32];

/// What is called: a tool that both servers have.
pub(crate) const TOOL: &str = "test_simple_text";

/// Where the daemon relays to the server.
pub(crate) const ENDPOINT: &str = "/mcp/bench";

/// One server and what stands before it.
struct Stage {
    name: &'static str,
    upstream: Part,
    proxy: Part,
    gateway: Gateway,
    home: Home,
}

/// Measures both servers, in both eras, at every number of connections.
///
/// # Errors
///
/// When a part does not start, or a call fails.
pub(crate) async fn measure(options: &Options) -> Result<Vec<Relayed>> {
    let mut all = Vec::new();
    for name in ["plain JSON", "official SDK"] {
        let upstream = match name {
            "plain JSON" => Part::of_bench(&["mcp"])?,
            _ => Part::fixture(&[])?,
        };
        let proxy = Part::of_bench(&["proxy", "--to", &upstream.url])?;
        let home = Home::with(&config(&upstream.url)?)?;
        let gateway = home.start().await?;
        gateway.prepare(&home, 1).await?;
        let stage = Stage {
            name,
            upstream,
            proxy,
            gateway,
            home,
        };
        for older in [false, true] {
            for connections in CONNECTIONS {
                all.push(stage.level(older, connections, options).await?);
            }
        }
    }
    Ok(all)
}

impl Stage {
    async fn level(&self, older: bool, connections: usize, options: &Options) -> Result<Relayed> {
        let calls = match (connections, options.quick) {
            (1, true) => 500,
            (1, false) | (_, true) => 2_000,
            (_, false) => 8_000,
        };
        let message = call(older);
        let mut rounds: [Vec<Round>; 3] = Default::default();
        // The first round warms up and does not count.
        for round in 0..=options.rounds() {
            let forward = round % 2 == 0;
            for target in if forward { [0, 1, 2] } else { [2, 1, 0] } {
                let (part, path) = match target {
                    0 => (&self.upstream, "/mcp"),
                    1 => (&self.proxy, "/mcp"),
                    _ => (&self.gateway.part, ENDPOINT),
                };
                let load = Load {
                    url: &format!("{}{path}", part.url),
                    tokens: &self.home.tokens(),
                    connections,
                    calls,
                    in_turn: false,
                    message: Some(&message),
                };
                let measured = round_of(&self.gateway, part, &load).await?;
                if let (true, Some(rounds)) = (round > 0, rounds.get_mut(target)) {
                    rounds.push(measured);
                }
            }
        }
        let [direct, proxy, gateway] = &rounds;
        let pairs = || gateway.iter().zip(proxy);
        Ok(Relayed {
            server: self.name,
            era: if older { "2025-11-25" } else { "2026-07-28" },
            connections,
            direct: target(direct, calls),
            proxy: target(proxy, calls),
            gateway: target(gateway, calls),
            cpu_ratio: median(pairs().map(|(own, base)| own.cpu / base.cpu)),
            p50_over_proxy_micros: median(
                pairs().map(|(own, base)| own.took.p50_micros - base.took.p50_micros),
            ),
            statements_per_call: median(gateway.iter().map(|round| round.statements)),
        })
    }
}

/// The measured call; what does not say its version is sent in a session.
pub(crate) fn call(older: bool) -> String {
    let mut params = json!({ "name": TOOL, "arguments": {} });
    if !older {
        params["_meta"] = crate::gateway::meta();
    }
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    call.to_string()
}

/// A daemon whose plugin `bench` is the MCP server at `upstream`, with the caller's own
/// credential, policy and audit.
///
/// # Errors
///
/// When the address names no port.
pub(crate) fn config(upstream: &str) -> Result<String> {
    let port = upstream.rsplit(':').next().ok_or("no port")?;
    Ok(format!(
        r#"  public: {{ host: 127.0.0.1, port: 0 }}
  encryptionKey: "{ROOT_KEY}"
connections:
  bench-key: {{ mode: user, auth: {{ type: bearer }} }}
authorization:
  default: deny
  rules:
    - {{ effect: deny, subjects: ["user:*"], plugins: ["*"], operations: ["delete*"] }}
    - {{ effect: allow, subjects: ["*"], plugins: [bench] }}
plugins:
  bench:
    connections: {{ default: {{ ref: bench-key }} }}
    egress: {{ allowedCidrs: ["127.0.0.1/32:{port}"] }}
    surfaces: {{ mcp: {{ url: "{upstream}/mcp" }} }}
"#
    ))
}
