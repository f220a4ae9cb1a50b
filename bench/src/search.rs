//! How well operations are found by what somebody wants done, and what a model has to read
//! for it.
//!
//! The questions are in `bench/search/`. All were written before they were first asked. The ranking
//! was worked on with those about GitHub, and its table of words that mean the same with those
//! about Stripe and `DigitalOcean`, too; those about Zoom tell what holds for a document that
//! nobody had in mind.

use std::collections::HashMap;
use std::fs;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Result;
use crate::documents::{config, installed};
use crate::gateway::{Gateway, Home, meta};
use crate::process::Part;
use crate::report::{Search, median};

const QUESTIONS: [(&str, &str); 4] = [
    ("github", include_str!("../search/github.json")),
    ("stripe", include_str!("../search/stripe.json")),
    ("digitalocean", include_str!("../search/digitalocean.json")),
    ("zoom", include_str!("../search/zoom.json")),
];

/// Words of this length or less are left out of the plain search.
const SHORT: usize = 2;

/// Asks every question of a daemon that has the document, and of a plain search.
///
/// # Errors
///
/// When a document is not installed, or the daemon refuses.
pub(crate) async fn measure() -> Result<Vec<Search>> {
    let upstream = Part::of_bench(&["upstream"])?;
    let mut found = Vec::new();
    for (name, questions) in QUESTIONS {
        found.push(document(name, &serde_json::from_str(questions)?).await?);
    }
    drop(upstream);
    Ok(found)
}

async fn document(name: &'static str, questions: &Value) -> Result<Search> {
    let file = installed(questions["document"].as_str().ok_or("no document")?)?;
    let home = Home::with(&config(Some((name, &file))))?;
    let gateway = home.start().await?;
    let token = gateway.token().await?;
    let ids = ids(&serde_json::from_slice(&fs::read(&file)?)?);
    let tools = gateway.tools_by_address(name).await?;
    let names: HashMap<&str, &str> = tools
        .iter()
        .filter_map(|(address, tool)| Some((&**ids.get(address)?, &**tool)))
        .collect();
    let (whole, whole_bytes) = list(&gateway, &token, "/mcp?tools=list").await?;
    let (_, few_bytes) = list(&gateway, &token, "/mcp?tools=search").await?;
    let mut search = Search {
        name,
        tools: whole.len(),
        whole_bytes,
        read_bytes: whole.iter().map(read_bytes).sum(),
        few_bytes,
        ..Search::default()
    };
    let texts: Vec<(String, String)> = whole.iter().map(text).collect();
    let mut micros = Vec::new();
    for question in questions["questions"].as_array().into_iter().flatten() {
        let ask = question["ask"].as_str().ok_or("a question has no `ask`")?;
        let accepted: Vec<&str> = question["accept"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|id| names.get(id.as_str()?).copied())
            .collect();
        if accepted.is_empty() {
            return Err(format!("{name} offers nothing that answers `{ask}`").into());
        }
        let start = Instant::now();
        let ranked = asked(&gateway, &token, ask).await?;
        micros.push(start.elapsed().as_secs_f64() * 1e6);
        search.answer_bytes += ranked.1;
        let at = ranked.0.iter().position(|name| accepted.contains(&&**name));
        search.questions += 1;
        search.first += usize::from(at == Some(0));
        search.of_five += usize::from(at.is_some_and(|at| at < 5));
        search.of_ten += usize::from(at.is_some());
        if at.is_none_or(|at| at >= 5) {
            search.missed.push(ask.to_owned());
        }
        let plain = plainly(&texts, ask);
        let plain = plain.iter().take(5);
        search.plainly_of_five +=
            usize::from(plain.into_iter().any(|name| accepted.contains(name)));
    }
    // The first makes the index.
    search.first_micros = micros.first().copied().unwrap_or_default();
    search.micros = median(micros.into_iter().skip(1));
    Ok(search)
}

/// Operations' ids by method and path.
fn ids(document: &Value) -> HashMap<String, String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.filter_map(move |(method, operation)| {
            let id = operation["operationId"].as_str()?;
            Some((format!("{} {path}", method.to_uppercase()), id.to_owned()))
        })
    });
    operations.collect()
}

/// All tools of a list, and its bytes.
async fn list(gateway: &Gateway, token: &str, path: &str) -> Result<(Vec<Value>, usize)> {
    let (mut tools, mut bytes) = (Vec::new(), 0);
    let mut cursor = Value::Null;
    loop {
        let mut params = json!({ "_meta": meta() });
        if cursor.is_string() {
            params["cursor"] = cursor;
        }
        let message = message("tools/list", &params);
        let mut page: Value =
            serde_json::from_slice(&gateway.message_at(path, token, &message).await?)?;
        let page = page["result"].take();
        bytes += page["tools"].to_string().len();
        tools.extend(page["tools"].as_array().into_iter().flatten().cloned());
        cursor = page["nextCursor"].clone();
        if !cursor.is_string() {
            return Ok((tools, bytes));
        }
    }
}

/// The names that are found, the best first, and the bytes of the answer's text.
async fn asked(gateway: &Gateway, token: &str, question: &str) -> Result<(Vec<String>, usize)> {
    let params = json!({
        "name": "search_operations",
        "arguments": { "query": question, "limit": 10 },
        "_meta": meta(),
    });
    let message = message("tools/call", &params);
    let answer: Value =
        serde_json::from_slice(&gateway.message_at("/mcp", token, &message).await?)?;
    let result = &answer["result"];
    let found = result["structuredContent"]["operations"].as_array();
    let found = found.ok_or_else(|| format!("nothing was searched: {answer}"))?;
    let names = found.iter().filter_map(|one| one["name"].as_str());
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    Ok((names.map(str::to_owned).collect(), text.len()))
}

fn message(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

/// Bytes of what a model reads of a tool at least.
fn read_bytes(tool: &Value) -> usize {
    let parts = ["name", "description", "inputSchema"];
    parts.map(|part| tool[part].to_string().len()).iter().sum()
}

/// A tool's name, and all that it says of itself in small letters.
fn text(tool: &Value) -> (String, String) {
    let said = ["name", "title", "description"].map(|part| tool[part].as_str().unwrap_or_default());
    (said[0].to_owned(), said.join(" ").to_lowercase())
}

/// The tools that hold the most words of a question.
fn plainly<'a>(texts: &'a [(String, String)], question: &str) -> Vec<&'a str> {
    let words: Vec<String> = question
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > SHORT)
        .map(str::to_lowercase)
        .collect();
    let count = |text: &str| words.iter().filter(|word| text.contains(&***word)).count();
    let counted = texts.iter().map(|(name, text)| (count(text), &**name));
    let mut counted: Vec<(usize, &str)> = counted.filter(|(count, _)| *count > 0).collect();
    counted.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    counted.into_iter().map(|(_, name)| name).collect()
}
