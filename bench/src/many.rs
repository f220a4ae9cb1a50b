//! What it costs that there are many: users, tokens, connections.

use std::path::PathBuf;

use gestalt_e2e::seed;
use gestalt_store::Database;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Result;
use crate::gateway::{Gateway, Home, Kind};
use crate::options::Options;
use crate::process::{Load, Part};
use crate::report::{Many, median};

const CONNECTIONS: usize = 8;
const CONNECTORS: usize = 64;

/// Measures with every user's token called in turn, then at random.
///
/// # Errors
///
/// When a part does not start, or a call fails.
pub(crate) async fn measure(options: &Options) -> Result<Many> {
    let users = if options.quick { 5_000 } else { 100_000 };
    let upstream = Part::of_bench(&["upstream"])?;
    let home = Home::new(&upstream.url, 10, Kind::Many)?;
    // The first start makes the keys that tokens are hashed with.
    home.start().await?.part.stop()?;
    let seeded = seed::users(Database::Sqlite(home.database()), users).await?;
    let tokens: Vec<&str> = seeded.iter().map(|user| user.token.as_str()).collect();
    std::fs::write(home.tokens(), tokens.join("\n"))?;
    let gateway = home.start().await?;
    let connects_per_second = connect(&gateway, &home).await?;
    gateway.part.stop()?;

    let gateway = home.start().await?;
    let idle_mebibytes = gateway.part.mebibytes("VmRSS:")?;
    let all = home.tokens();
    let (missed_micros, missed_statements) = round(&gateway, &all, users, true).await?;
    let alone = all.with_file_name("token");
    let first = std::fs::read_to_string(&all)?;
    std::fs::write(&alone, first.lines().next().unwrap_or_default())?;
    let (mut one, mut held, mut statements) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds() {
        one.push(round(&gateway, &alone, 20_000, false).await?.0);
        let (cpu, asked) = round(&gateway, &all, 20_000, false).await?;
        held.push(cpu);
        statements.push(asked);
    }
    Ok(Many {
        users,
        connects_per_second,
        one_micros: median(one.iter().copied()),
        missed_micros,
        held_micros: median(held.iter().copied()),
        ratio: median(held.iter().zip(&one).map(|(held, one)| held / one)),
        missed_statements,
        held_statements: median(statements),
        idle_mebibytes,
        held_mebibytes: gateway.part.mebibytes("VmRSS:")?,
    })
}

/// Stores a connection for every token, by requests; returns how many a second.
async fn connect(gateway: &Gateway, home: &Home) -> Result<f64> {
    let tokens = std::fs::read_to_string(home.tokens())?;
    let tokens: Vec<String> = tokens.lines().map(str::to_owned).collect();
    let start = Instant::now();
    let mut tasks: JoinSet<Result> = JoinSet::new();
    for share in tokens.chunks(tokens.len().div_ceil(CONNECTORS)) {
        let (caller, share) = (gateway.client(), share.to_vec());
        tasks.spawn(async move {
            for token in share {
                caller.connect(Some(&token)).await?;
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure of a report")]
    let count = tokens.len() as f64;
    Ok(count / start.elapsed().as_secs_f64())
}

/// Returns the daemon's processor time, in microseconds, and its statements a
/// call.
async fn round(
    gateway: &Gateway,
    tokens: &PathBuf,
    calls: usize,
    in_turn: bool,
) -> Result<(f64, f64)> {
    let load = Load {
        url: &gateway.call(),
        tokens,
        connections: CONNECTIONS,
        calls,
        in_turn,
        message: None,
    };
    let asked = gateway.statements().await?;
    let before = gateway.part.settled_cpu_nanos().await?;
    load.run().await?;
    let after = gateway.part.settled_cpu_nanos().await?;
    let asked = gateway.statements().await? - asked;
    #[expect(clippy::cast_precision_loss, reason = "figures of a report")]
    let (nanos, calls) = ((after - before) as f64, calls as f64);
    Ok((nanos / 1e3 / calls, asked / calls))
}
