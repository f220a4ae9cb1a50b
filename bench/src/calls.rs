//! What a call costs, in processor time and in waiting.
//!
//! Rounds alternate between the upstream itself, the proxy and the daemon, so
//! that a noisy neighbour hits all three; every figure is a median of rounds,
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
struct Round {
    took: Took,
    /// Processor time of the target, in microseconds a call.
    cpu: f64,
    statements: f64,
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
        let (mut direct, mut proxy, mut gateway) = (Vec::new(), Vec::new(), Vec::new());
        // The first round warms up and does not count.
        for round in 0..=options.rounds() {
            let forward = round % 2 == 0;
            let order = if forward { [0, 1, 2] } else { [2, 1, 0] };
            for target in order {
                let (part, url) = match target {
                    0 => (&self.upstream, format!("{}{DIRECT}", self.upstream.url)),
                    1 => (&self.proxy, format!("{}{DIRECT}", self.proxy.url)),
                    _ => (&self.gateway.part, self.gateway.call()),
                };
                let measured = self.round(part, &url, connections, calls).await?;
                let rounds = [&mut direct, &mut proxy, &mut gateway];
                if let (true, Some(rounds)) = (round > 0, rounds.into_iter().nth(target)) {
                    rounds.push(measured);
                }
            }
        }
        Ok(compare(connections, calls, &[direct, proxy, gateway]))
    }

    async fn round(
        &self,
        part: &Part,
        url: &str,
        connections: usize,
        calls: usize,
    ) -> Result<Round> {
        let load = Load {
            url,
            tokens: &self.home.tokens(),
            connections,
            calls,
            in_turn: false,
        };
        let asked = self.gateway.statements().await?;
        let before = part.settled_cpu_nanos().await?;
        let took = load.run().await?;
        let after = part.settled_cpu_nanos().await?;
        let statements = self.gateway.statements().await? - asked;
        Ok(Round {
            took,
            cpu: micros(after - before) / count(calls),
            statements: statements / count(calls),
        })
    }
}

fn compare(connections: usize, calls: usize, rounds: &[Vec<Round>; 3]) -> Level {
    let [direct, proxy, gateway] = rounds;
    let over = |figure: fn(&Round) -> f64, base: &[Round]| {
        let pairs = gateway.iter().zip(base);
        median(pairs.map(|(own, base)| figure(own) - figure(base)))
    };
    let ratio = |figure: fn(&Round) -> f64| {
        let pairs = gateway.iter().zip(proxy);
        median(pairs.map(|(own, base)| figure(own) / figure(base)))
    };
    Level {
        connections,
        direct: target(direct, calls),
        proxy: target(proxy, calls),
        gateway: target(gateway, calls),
        cpu_ratio: ratio(|round| round.cpu),
        p50_over_direct_micros: over(|round| round.took.p50_micros, direct),
        p99_over_direct_micros: over(|round| round.took.p99_micros, direct),
        p50_over_proxy_micros: over(|round| round.took.p50_micros, proxy),
        statements_per_call: median(gateway.iter().map(|round| round.statements)),
    }
}

fn target(rounds: &[Round], calls: usize) -> Target {
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
