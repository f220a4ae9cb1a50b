//! How fast the daemon starts and how much memory it takes.

use crate::Result;
use crate::gateway::{Home, Kind};
use crate::options::Options;
use crate::process::{Load, Part};
use crate::report::{Size, median};

const PLUGINS: [usize; 3] = [1, 10, 100];
const TOKENS: usize = 1_000;

/// Measures with every number of plugins and a thousand active tokens.
///
/// # Errors
///
/// When a part does not start, or a call fails.
pub(crate) async fn measure(options: &Options) -> Result<Vec<Size>> {
    let upstream = Part::of_bench(&["upstream"])?;
    let mut sizes = Vec::new();
    for plugins in PLUGINS {
        sizes.push(size(&upstream, plugins, options).await?);
    }
    Ok(sizes)
}

async fn size(upstream: &Part, plugins: usize, options: &Options) -> Result<Size> {
    let home = Home::new(&upstream.url, plugins, Kind::Usual)?;
    let gateway = home.start().await?;
    let first = gateway.start.as_secs_f64();
    gateway.prepare(&home, TOKENS).await?;
    gateway.part.stop()?;
    let mut starts = Vec::new();
    for _ in 0..options.rounds() {
        let gateway = home.start().await?;
        starts.push(gateway.start.as_secs_f64());
        gateway.part.stop()?;
    }
    let gateway = home.start().await?;
    let idle = gateway.part.mebibytes("VmRSS:")?;
    let load = Load {
        url: &gateway.call(),
        tokens: &home.tokens(),
        connections: 8,
        calls: if options.quick { 10_000 } else { 50_000 },
        in_turn: false,
        message: None,
    };
    load.run().await?;
    Ok(Size {
        plugins,
        tokens: TOKENS,
        first_start_seconds: first,
        start_seconds: median(starts),
        idle_mebibytes: idle,
        loaded_mebibytes: gateway.part.mebibytes("VmRSS:")?,
        peak_mebibytes: gateway.part.mebibytes("VmHWM:")?,
    })
}
