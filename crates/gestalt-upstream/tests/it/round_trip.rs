//! Whatever text an argument is, the upstream gets that text.

use gestalt_core::operation::{Location, MediaKind};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::server::{Seen, Server};
use crate::world::{World, body, parameter, post, text};

/// What arrived, by where it stood.
fn arrived(seen: &Seen) -> Value {
    let segment = seen
        .path
        .strip_prefix("/a/")
        .and_then(|rest| rest.strip_suffix("/z"));
    let cookie = seen
        .header("cookie")
        .and_then(|cookie| cookie.strip_prefix("c="));
    let decode = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    json!({
        "p": decode(segment.unwrap()),
        "q": seen.pairs(),
        "h": seen.headers.get("x-h").map(|h| String::from_utf8(h.as_bytes().to_vec()).unwrap()),
        "c": cookie.map(decode),
    })
}

struct Loop {
    runtime: Runtime,
    server: Server,
    json: World,
    form: World,
}

impl Loop {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(Server::quiet());
        let list = json!({ "type": "array", "items": { "type": "string" } });
        let make = |content_type: &str, kind| {
            let mut operation = post("/a/{p}/z");
            operation.parameters = vec![
                text("p", Location::Path),
                parameter("q", Location::Query, list.clone()),
                text("X-H", Location::Header),
                text("c", Location::Cookie),
            ];
            let schema = json!({ "type": "object", "properties": { "f": { "type": "string" } } });
            operation.body = Some(body(content_type, kind, Some(schema)));
            World::new(&server, operation)
        };
        let json = make("application/json", MediaKind::Json);
        let form = make("application/x-www-form-urlencoded", MediaKind::Form);
        Self {
            runtime,
            server,
            json,
            form,
        }
    }

    /// Sends the texts as JSON and as a query, in the path, query, header, cookie and body.
    fn check(&self, world: &World, texts: [&str; 5]) -> Result<Seen, TestCaseError> {
        let [path, query, header, cookie, field] = texts;
        let before = self.server.seen().len();
        let typed = json!({
            "p": path, "q": [query, path], "X-H": header, "c": cookie, "f": field,
        });
        let pairs = [
            ("p", path),
            ("q", query),
            ("X-H", header),
            ("c", cookie),
            ("f", field),
            ("q", path),
        ];
        self.runtime
            .block_on(world.json(&typed.to_string()))
            .unwrap();
        self.runtime.block_on(world.query(&pairs)).unwrap();
        let seen = self.server.seen();
        let expect = json!({
            "p": path, "q": [["q", query], ["q", path]], "h": header, "c": cookie,
        });
        prop_assert_eq!(&arrived(&seen[before]), &expect);
        prop_assert_eq!(&arrived(&seen[before + 1]), &expect);
        prop_assert_eq!(seen[before].text(), seen[before + 1].text());
        Ok(seen[before].clone())
    }
}

/// A path segment that is neither empty nor, in some reading, one of dots.
fn segments() -> impl Strategy<Value = String> {
    "\\PC{1,20}|[ -~]{1,20}".prop_filter("dots are refused", |text| {
        !text.contains("%2")
            && !text.split(['/', '\\', ';', '\u{ff0f}']).any(|part| {
                let part = part.trim();
                part.chars().all(|c| !c.is_alphanumeric())
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn s36_arguments_arrive_as_they_are(
        p in segments(),
        q in any::<String>(),
        h in "|[!-~]|[!-~][ -~]{0,20}[!-~]|[!-~]\\PC{0,10}[!-~]",
        c in any::<String>(),
        f in any::<String>(),
    ) {
        thread_local!(static LOOP: Loop = Loop::new());
        LOOP.with(|it| -> Result<(), TestCaseError> {
            let seen = it.check(&it.json, [&p, &q, &h, &c, &f])?;
            let sent: Value = serde_json::from_slice(&seen.body).unwrap();
            prop_assert_eq!(&sent["f"], &f);
            let seen = it.check(&it.form, [&p, &q, &h, &c, &f])?;
            let pairs: Vec<_> = url::form_urlencoded::parse(&seen.body).collect();
            prop_assert_eq!(pairs, vec![("f".into(), f.clone().into())]);
            Ok(())
        })?;
    }
}
