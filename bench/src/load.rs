//! The part that calls: as many calls as asked, over as many connections, each
//! as soon as the one before it is answered.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Uri;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::ask::Ask;
use crate::{Result, options};

/// Calls `--url` over `--connections`, `--calls` times in all, each call with
/// a random line of `--tokens` as its bearer token (one after the other with
/// `--in-turn`), and prints what it took. With `--message` it posts that message
/// of MCP instead of getting; one that does not say its version in a session that
/// each connection opens first.
///
/// # Errors
///
/// When a connection fails or an answer is not 200.
pub(crate) async fn run(arguments: &[String]) -> Result {
    let url: Uri = options::value(arguments, "--url")?.parse()?;
    let connections: usize = options::value(arguments, "--connections")?.parse()?;
    let calls: usize = options::value(arguments, "--calls")?.parse()?;
    let tokens = std::fs::read_to_string(options::value(arguments, "--tokens")?)?;
    let bearers = tokens.lines().map(|token| format!("Bearer {token}"));
    let bearers: Vec<HeaderValue> = bearers
        .map(HeaderValue::try_from)
        .collect::<std::result::Result<_, _>>()?;
    let bearers: &'static [HeaderValue] = bearers.leak();
    let in_turn = arguments.iter().any(|word| word == "--in-turn");
    let message = arguments.iter().any(|word| word == "--message");
    let message = message.then(|| options::value(arguments, "--message"));
    let ask = Ask::new(&url, message.transpose()?)?;

    let first = bearers.first().ok_or("--tokens names an empty file")?;
    let mut senders = Vec::new();
    for _ in 0..connections {
        let (mut sender, mut ask) = (connect(&url).await?, ask.clone());
        ask.open(&mut sender, first).await?;
        senders.push((sender, ask));
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (index, (sender, ask)) in senders.into_iter().enumerate() {
        let share = calls / connections + usize::from(index < calls % connections);
        let pick = if in_turn {
            Pick::in_turn(bearers, index, connections)
        } else {
            Pick::at_random(bearers, index)
        };
        tasks.spawn(call(sender, ask, pick, share));
    }
    let mut micros = Vec::with_capacity(calls);
    while let Some(done) = tasks.join_next().await {
        micros.extend(done??);
    }
    let seconds = start.elapsed().as_secs_f64();
    micros.sort_unstable_by(f64::total_cmp);
    println!(
        "{}",
        json!({
            "calls": calls,
            "seconds": seconds,
            "p50_micros": at(&micros, 50),
            "p99_micros": at(&micros, 99),
        })
    );
    Ok(())
}

pub(crate) async fn connect(url: &Uri) -> Result<SendRequest<Full<Bytes>>> {
    let authority = url.authority().ok_or("--url names no host")?;
    let stream = TcpStream::connect(authority.as_str()).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn call(
    mut sender: SendRequest<Full<Bytes>>,
    ask: Ask,
    mut pick: Pick,
    calls: usize,
) -> Result<Vec<f64>> {
    let mut micros = Vec::with_capacity(calls);
    for _ in 0..calls {
        let mut request = ask.request();
        request.headers_mut().insert(AUTHORIZATION, pick.next());
        let start = Instant::now();
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        micros.push(start.elapsed().as_secs_f64() * 1e6);
        if status != 200 || ask.failed(&body) {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
        }
    }
    Ok(micros)
}

/// Picks tokens: at random, the same ones in every run (xorshift64), or in
/// turn with the other connections.
struct Pick {
    bearers: &'static [HeaderValue],
    state: u64,
    step: Option<u64>,
}

impl Pick {
    fn at_random(bearers: &'static [HeaderValue], connection: usize) -> Self {
        Self {
            bearers,
            state: 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(connection as u64 + 1),
            step: None,
        }
    }

    fn in_turn(bearers: &'static [HeaderValue], connection: usize, connections: usize) -> Self {
        Self {
            bearers,
            state: connection as u64,
            step: Some(connections as u64),
        }
    }

    fn next(&mut self) -> HeaderValue {
        let number = self.state;
        if let Some(step) = self.step {
            self.state += step;
        } else {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
        }
        let count = self.bearers.len() as u64;
        let index = usize::try_from(number % count.max(1)).unwrap_or_default();
        let picked = self.bearers.get(index);
        picked
            .cloned()
            .unwrap_or_else(|| HeaderValue::from_static(""))
    }
}

/// The value below which `percent` of the sorted values lie.
fn at(sorted: &[f64], percent: usize) -> f64 {
    let index = sorted.len() * percent / 100;
    let last = sorted.len().saturating_sub(1);
    sorted.get(index.min(last)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use hyper::header::HeaderValue;

    use super::{Pick, at};

    #[test]
    fn percentiles_of_few_and_of_many() {
        assert!(at(&[], 99).abs() < f64::EPSILON);
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        assert!((at(&values, 50) - 50.0).abs() < f64::EPSILON);
        assert!((at(&values, 99) - 99.0).abs() < f64::EPSILON);
    }

    #[test]
    fn every_token_is_picked_at_random_and_in_turn() {
        let bearers: Vec<HeaderValue> = (0..8_u16).map(HeaderValue::from).collect();
        let bearers: &'static [HeaderValue] = bearers.leak();
        let mut pick = Pick::at_random(bearers, 0);
        let picked: HashSet<_> = (0..200).map(|_| pick.next()).collect();
        assert_eq!(picked.len(), 8);
        let mut picks = [0, 1].map(|connection| Pick::in_turn(bearers, connection, 2));
        let picked: HashSet<_> = picks
            .iter_mut()
            .flat_map(|pick| [pick.next(), pick.next(), pick.next(), pick.next()])
            .collect();
        assert_eq!(picked.len(), 8);
    }
}
