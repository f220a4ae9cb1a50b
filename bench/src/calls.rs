//! What a call costs, in processor time and in waiting.
//!
//! Rounds alternate between the upstream itself, the proxy, the daemon by HTTP
//! and the daemon by MCP, so that a noisy neighbour hits all four; every figure is a median of rounds,
//! every ratio a median of the rounds' own ratios.

use crate::Result;
use crate::gateway::{DIRECT, Gateway, Home, Kind};
use crate::options::Options;
use crate::process::{Load, Part, Took};
use crate::report::{Level, Target, median};

const CONNECTIONS: [usize; 3] = [1, 8, 32];

/// Everything that runs while calls are measured.
struct Stage {
    upstream: Part,
    proxy: Part,
    gateway: Gateway,
    home: Home,
}

/// One target's round.
pub(crate) struct Round {
    pub(crate) took: Took,
    /// Processor time of the target, in microseconds a call.
    pub(crate) cpu: f64,
    pub(crate) statements: f64,
}

/// Measures at every number of connections.
///
/// # Errors
///
/// When a part does not start, or a call fails.
pub(crate) async fn measure(options: &Options) -> Result<Vec<Level>> {
    let upstream = Part::of_bench(&["upstream"])?;
    let proxy = Part::of_bench(&["proxy", "--to", &upstream.url])?;
    let home = Home::new(&upstream.url, 10, Kind::Usual)?;
    let gateway = home.start().await?;
    gateway.prepare(&home, 1).await?;
    let stage = Stage {
        upstream,
        proxy,
        gateway,
        home,
    };
    let mut levels = Vec::new();
    for connections in CONNECTIONS {
        levels.push(stage.level(connections, options).await?);
    }
    Ok(levels)
}

impl Stage {
    async fn level(&self, connections: usize, options: &Options) -> Result<Level> {
        let calls = match (connections, options.quick) {
            (1, true) => 1_000,
            (1, false) | (_, true) => 4_000,
            (_, false) => 20_000,
        };
        let mut rounds: [Vec<Round>; 4] = Default::default();
        let message = tool_call();
        // The first round warms up and does not count.
        for round in 0..=options.rounds() {
            let forward = round % 2 == 0;
            let order = if forward { [0, 1, 2, 3] } else { [3, 2, 1, 0] };
            for target in order {
                let (part, url) = match target {
                    0 => (&self.upstream, format!("{}{DIRECT}", self.upstream.url)),
                    1 => (&self.proxy, format!("{}{DIRECT}", self.proxy.url)),
                    2 => (&self.gateway.part, self.gateway.call()),
                    _ => (&self.gateway.part, self.gateway.mcp()),
                };
                let load = Load {
                    url: &url,
                    tokens: &self.home.tokens(),
                    connections,
                    calls,
                    in_turn: false,
                    message: (target == 3).then_some(message.as_str()),
                };
                let measured = round_of(&self.gateway, part, &load).await?;
                if let (true, Some(rounds)) = (round > 0, rounds.get_mut(target)) {
                    rounds.push(measured);
                }
            }
        }
        Ok(compare(connections, calls, &rounds))
    }
}

/// Measures one round of a part.
///
/// # Errors
///
/// When a call fails.
pub(crate) async fn round_of(gateway: &Gateway, part: &Part, load: &Load<'_>) -> Result<Round> {
    let asked = gateway.statements().await?;
    let before = part.settled_cpu_nanos().await?;
    let took = load.run().await?;
    let after = part.settled_cpu_nanos().await?;
    let statements = gateway.statements().await? - asked;
    Ok(Round {
        took,
        cpu: micros(after - before) / count(load.calls),
        statements: statements / count(load.calls),
    })
}

fn compare(connections: usize, calls: usize, rounds: &[Vec<Round>; 4]) -> Level {
    let [direct, proxy, gateway, mcp] = rounds;
    let over = |figure: fn(&Round) -> f64, base: &[Round]| {
        let pairs = gateway.iter().zip(base);
        median(pairs.map(|(own, base)| figure(own) - figure(base)))
    };
    let cpu_ratio = |own: &[Round], base: &[Round]| {
        let pairs = own.iter().zip(base);
        median(pairs.map(|(own, base)| own.cpu / base.cpu))
    };
    Level {
        connections,
        direct: target(direct, calls),
        proxy: target(proxy, calls),
        gateway: target(gateway, calls),
        mcp: target(mcp, calls),
        cpu_ratio: cpu_ratio(gateway, proxy),
        mcp_cpu_ratio: cpu_ratio(mcp, gateway),
        mcp_cpu_over_proxy: cpu_ratio(mcp, proxy),
        p50_over_direct_micros: over(|round| round.took.p50_micros, direct),
        p99_over_direct_micros: over(|round| round.took.p99_micros, direct),
        p50_over_proxy_micros: over(|round| round.took.p50_micros, proxy),
        statements_per_call: median(gateway.iter().map(|round| round.statements)),
    }
}

/// The measured call as a message of MCP.
fn tool_call() -> String {
    serde_json::json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "bench_getItem",
            "arguments": { "id": 4711 },
            "_meta": crate::gateway::meta(),
        },
    })
    .to_string()
}

/// The medians of one target's rounds.
pub(crate) fn target(rounds: &[Round], calls: usize) -> Target {
    Target {
        cpu_micros: median(rounds.iter().map(|round| round.cpu)),
        p50_micros: median(rounds.iter().map(|round| round.took.p50_micros)),
        p99_micros: median(rounds.iter().map(|round| round.took.p99_micros)),
        calls_per_second: median(rounds.iter().map(|round| count(calls) / round.took.seconds)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures of a report")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

#[expect(clippy::cast_precision_loss, reason = "figures of a report")]
fn count(calls: usize) -> f64 {
    calls as f64
}
