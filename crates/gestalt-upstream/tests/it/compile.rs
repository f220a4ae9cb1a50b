//! What compiling refuses, and what it takes over.

use std::sync::Arc;

use gestalt_core::host::EgressRules;
use gestalt_core::operation::{Location, MediaKind};
use gestalt_core::plugin::Plugin;
use gestalt_upstream::{CompiledOperation, Resolver, Settings, Upstream, UpstreamError};
use serde_json::json;
use url::Url;

use crate::server::Server;
use crate::world::{World, body, get, is_invalid, parameter, plugin, post, settings, text};

fn upstream(settings: Settings) -> Upstream {
    Upstream::new(settings, Resolver::System).unwrap()
}

fn two() -> Plugin {
    let mut made = plugin("https://example.com/v1", EgressRules::default(), get("/a"));
    let mut other = get("/b");
    other.name = "other".parse().unwrap();
    made.operations.push(Arc::new(other));
    made
}

#[test]
fn s36_a_base_url_that_is_more_than_one_is_refused() {
    for base in [
        "https://example.com/?a=b",
        "https://example.com/#a",
        "https://user@example.com",
        "https://user:pass@example.com",
        "ftp://example.com",
        "file:///etc/passwd",
    ] {
        let base: Url = base.parse().unwrap();
        let mut operation = get("/a");
        let result = CompiledOperation::check(&Arc::new(operation.clone()), &base);
        assert!(
            matches!(result, Err(UpstreamError::Config { .. })),
            "{base}"
        );
        operation.base_url = Some(base.clone());
        let plugin = plugin("https://example.com", EgressRules::default(), operation);
        let result = upstream(settings()).compile(&plugin, None);
        assert!(
            matches!(result, Err(UpstreamError::Config { .. })),
            "{base}"
        );
    }
}

#[test]
fn an_operation_that_cannot_be_called_is_told_from_the_others() {
    let base: Url = "https://example.com".parse().unwrap();
    let broken = [
        text("Authorization", Location::Header),
        text("no header", Location::Header),
        parameter("a", Location::Query, json!({ "pattern": "(" })),
    ];
    for parameter in broken {
        let mut operation = get("/");
        operation.parameters = vec![parameter];
        assert!(CompiledOperation::check(&Arc::new(operation), &base).is_err());
    }
    assert!(CompiledOperation::check(&Arc::new(get("/")), &base).is_ok());
}

#[test]
fn what_did_not_change_is_taken_over() {
    let upstream = upstream(settings());
    let mut plugin = two();
    let first = upstream.compile(&plugin, None).unwrap();
    plugin.operations[1] = Arc::new((*plugin.operations[1]).clone());
    let second = upstream.compile(&plugin, Some(&first)).unwrap();
    let same =
        |a: &gestalt_upstream::CompiledPlugin, b: &gestalt_upstream::CompiledPlugin, name| {
            std::ptr::eq(a.operation(name).unwrap(), b.operation(name).unwrap())
        };
    assert!(same(&first, &second, "run"));
    assert!(!same(&first, &second, "other"));
    plugin.operations.swap(0, 1);
    let third = upstream.compile(&plugin, Some(&second)).unwrap();
    assert!(same(&second, &third, "run") && same(&second, &third, "other"));
    let names: Vec<&str> = third
        .operations()
        .map(|o| o.definition().name.as_str())
        .collect();
    assert_eq!(names, ["other", "run"]);
}

#[test]
fn another_base_url_or_user_agent_is_compiled_anew() {
    let mut plugin = two();
    let first = upstream(settings()).compile(&plugin, None).unwrap();
    let renamed = Settings {
        user_agent: "other/1".to_owned(),
        ..settings()
    };
    let second = upstream(renamed).compile(&plugin, Some(&first)).unwrap();
    plugin.base_url = "https://example.com/v2".parse().unwrap();
    let third = upstream(settings()).compile(&plugin, Some(&first)).unwrap();
    for other in [&second, &third] {
        let one = first.operation("run").unwrap();
        assert!(!std::ptr::eq(one, other.operation("run").unwrap()));
    }
}

#[test]
fn what_a_plugin_may_no_longer_reach_is_refused_although_it_was_compiled() {
    let upstream = upstream(settings());
    let mut operation = get("/");
    operation.base_url = Some("https://other.example.com".parse().unwrap());
    let mut plugin = plugin("https://example.com", EgressRules::default(), operation);
    plugin.egress.allowed_hosts = vec!["other.example.com".parse().unwrap()];
    let first = upstream.compile(&plugin, None).unwrap();
    plugin.egress.allowed_hosts.clear();
    let second = upstream.compile(&plugin, Some(&first)).unwrap();
    let may = |plugin: &gestalt_upstream::CompiledPlugin| {
        plugin.check(plugin.operation("run").unwrap()).is_ok()
    };
    assert!(may(&first) && !may(&second));
}

#[tokio::test]
async fn rules_hold_from_the_first_call_on() {
    let server = Server::quiet().await;
    let mut operation = post("/");
    let even = json!({ "type": "integer", "multipleOf": 2 });
    operation.parameters = vec![parameter("n", Location::Query, even)];
    let schema = json!({
        "type": "object",
        "properties": { "s": { "$ref": "#/$defs/short" } },
        "$defs": { "short": { "type": "string", "maxLength": 2 } },
    });
    operation.body = Some(body("application/json", MediaKind::Json, Some(schema)));
    let world = World::new(&server, operation);
    is_invalid(&world.json(r#"{"n": 3}"#).await, "n");
    is_invalid(&world.json(r#"{"s": "long"}"#).await, "s");
    assert!(server.seen().is_empty());
    world.json(r#"{"n": 2, "s": "ok"}"#).await.unwrap();
    let schema = world.schema();
    assert_eq!(schema["$defs"]["short"]["maxLength"], 2);
    assert_eq!(schema["properties"]["s"]["$ref"], "#/$defs/short");
}
