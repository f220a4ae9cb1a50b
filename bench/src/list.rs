//! What a list of a thousand tools costs, beside a static answer of the same bytes.

use std::fs;

use serde_json::{Value, json};

use crate::Result;
use crate::gateway::{Gateway, Home, Kind};
use crate::options::Options;
use crate::process::{Load, Part};
use crate::relay;
use crate::report::{List, median};

/// Plugins of ten tools each.
const PLUGINS: usize = 100;
const CONNECTIONS: usize = 8;

/// What is listed, and how it is asked for.
struct Asked<'a> {
    of: &'static str,
    gateway: &'a Gateway,
    home: &'a Home,
    endpoint: &'static str,
}

/// Lists by MCP, page by page, and serves the same bytes from a file: tools made of
/// operations, and those of an MCP server.
///
/// # Errors
///
/// When a part does not start, or an answer is not whole.
pub(crate) async fn measure(options: &Options) -> Result<Vec<List>> {
    let upstream = Part::of_bench(&["upstream"])?;
    let home = Home::new(&upstream.url, PLUGINS, Kind::Listed)?;
    let gateway = home.start().await?;
    gateway.prepare(&home, 1).await?;
    let operations = Asked {
        of: "operations",
        gateway: &gateway,
        home: &home,
        // Whole, also where there are so many that they would be found instead.
        endpoint: "/mcp?tools=list",
    };
    let mut lists = vec![operations.measure(options).await?];
    drop((upstream, gateway));

    let upstream = Part::fixture(&["--big-list", "1000"])?;
    let home = Home::with(&relay::config(&upstream.url)?)?;
    let gateway = home.start().await?;
    gateway.prepare(&home, 1).await?;
    let served = Asked {
        of: "tools of an MCP server",
        gateway: &gateway,
        home: &home,
        endpoint: relay::ENDPOINT,
    };
    lists.push(served.measure(options).await?);
    Ok(lists)
}

impl Asked<'_> {
    async fn measure(&self, options: &Options) -> Result<List> {
        let Self { gateway, home, .. } = self;
        let token = fs::read_to_string(home.tokens())?;
        let calls = if options.quick { 200 } else { 1_000 };
        let mut list = List {
            of: self.of,
            ..List::default()
        };
        let mut cursor = None;
        loop {
            let message = page(cursor.as_deref());
            let url = format!("{}{}", gateway.part.url, self.endpoint);
            let answer = gateway
                .message_at(self.endpoint, token.trim(), &message)
                .await?;
            let read: Value = serde_json::from_slice(&answer)?;
            let tools = read["result"]["tools"].as_array();
            list.tools += tools.ok_or("the answer lists no tools")?.len();
            list.pages += 1;
            list.bytes += answer.len();
            let file = home.folder().join("page.json");
            fs::write(&file, &answer)?;
            let fixed = Part::of_bench(&["upstream", "--file", &file.display().to_string()])?;
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for round in 0..=options.rounds() {
                let tokens = home.tokens();
                let of = |url, message| Load {
                    url,
                    tokens: &tokens,
                    connections: CONNECTIONS,
                    calls,
                    in_turn: false,
                    message,
                };
                let base = cpu(&fixed, &of(&fixed.url, None)).await?;
                let own = cpu(&gateway.part, &of(&url, Some(&message))).await?;
                // The first round warms up and does not count.
                if round > 0 {
                    ours.push(own);
                    theirs.push(base);
                }
            }
            let pairs = ours.iter().zip(&theirs);
            list.ratios
                .push(median(pairs.map(|(own, base)| own / base)));
            list.cpu_micros += median(ours);
            list.static_micros += median(theirs);
            cursor = read["result"]["nextCursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(list);
            }
        }
    }
}

/// Processor time of a part for one call of the load, in microseconds.
#[expect(clippy::cast_precision_loss, reason = "figures of a report")]
async fn cpu(part: &Part, load: &Load<'_>) -> Result<f64> {
    let before = part.settled_cpu_nanos().await?;
    load.run().await?;
    let nanos = part.settled_cpu_nanos().await? - before;
    Ok(nanos as f64 / 1e3 / load.calls as f64)
}

fn page(cursor: Option<&str>) -> String {
    let mut message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/list",
        "params": { "_meta": crate::gateway::meta() },
    });
    if let Some(cursor) = cursor {
        message["params"]["cursor"] = json!(cursor);
    }
    message.to_string()
}
