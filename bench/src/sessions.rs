//! What it takes that many sessions of the older era are open and idle.

use std::fs;

use http_body_util::BodyExt as _;
use hyper::Uri;
use hyper::header::{AUTHORIZATION, HeaderValue};
use tokio::task::JoinSet;

use crate::Result;
use crate::ask::Ask;
use crate::gateway::{Gateway, Home};
use crate::load::connect;
use crate::options::Options;
use crate::process::Part;
use crate::relay;
use crate::report::Sessions;

const CONNECTIONS: usize = 8;
/// Opened before anything is measured, so that pools and caches have their size.
const WARM: usize = 1_000;

/// Opens sessions at the endpoint of one server and at that of all, with a call in each.
///
/// # Errors
///
/// When a part does not start, or a session is not opened.
pub(crate) async fn measure(options: &Options) -> Result<Vec<Sessions>> {
    let sessions = if options.quick { 2_000 } else { 10_000 };
    let upstream = Part::of_bench(&["mcp"])?;
    let home = Home::with(&relay::config(&upstream.url)?)?;
    let gateway = home.start().await?;
    gateway.prepare(&home, 1).await?;
    gateway.part.stop()?;
    let mut all = Vec::new();
    for endpoint in [relay::ENDPOINT, "/mcp"] {
        let gateway = home.start().await?;
        open(&gateway, &home, (endpoint, WARM)).await?;
        gateway.part.settled_cpu_nanos().await?;
        let before = gateway.part.mebibytes("VmRSS:")?;
        open(&gateway, &home, (endpoint, sessions)).await?;
        gateway.part.settled_cpu_nanos().await?;
        let after = gateway.part.mebibytes("VmRSS:")?;
        gateway.part.stop()?;
        #[expect(clippy::cast_precision_loss, reason = "figures of a report")]
        let each = (after - before) * 1024.0 / sessions as f64;
        all.push(Sessions {
            endpoint,
            count: sessions,
            before_mebibytes: before,
            after_mebibytes: after,
            kibibytes_each: each,
        });
    }
    Ok(all)
}

async fn open(
    gateway: &Gateway,
    home: &Home,
    (endpoint, sessions): (&'static str, usize),
) -> Result {
    let url: Uri = format!("{}{endpoint}", gateway.part.url).parse()?;
    let token = fs::read_to_string(home.tokens())?;
    let bearer = HeaderValue::try_from(format!("Bearer {}", token.trim()))?;
    let message = match endpoint {
        "/mcp" => relay::call(true).replace(relay::TOOL, &format!("bench_{}", relay::TOOL)),
        _ => relay::call(true),
    };
    let ask = Ask::new(&url, Some(&message))?;
    let mut tasks: JoinSet<Result> = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (url, bearer, ask) = (url.clone(), bearer.clone(), ask.clone());
        tasks.spawn(async move {
            let mut sender = connect(&url).await?;
            for _ in 0..sessions / CONNECTIONS {
                let mut ask = ask.clone();
                ask.open(&mut sender, &bearer).await?;
                let mut request = ask.request();
                request.headers_mut().insert(AUTHORIZATION, bearer.clone());
                sender.ready().await?;
                let answer = sender.send_request(request).await?;
                let status = answer.status();
                let body = answer.into_body().collect().await?.to_bytes();
                if status != 200 || ask.failed(&body) {
                    let said = String::from_utf8_lossy(&body);
                    return Err(format!("{status}: {said}").into());
                }
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
