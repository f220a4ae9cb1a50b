//! Operations as tools: nobody sees what they may not invoke, and what they see is what they
//! can give.

use std::sync::Arc;

use gestalt_core::Code;
use gestalt_core::connection::Mode;
use gestalt_core::operation::{Operation, Security};
use gestalt_gateway::settings::{Effect, LoginSettings, PolicySettings};
use gestalt_gateway::{OpenError, Tool, ToolSet};
use gestalt_store::Store;
use http::Method;
use serde_json::{Value, json};

use crate::clients::{Client, code, connect, token, words};
use crate::gateway::{Person, TestGateway};
use crate::plugins::{connection, operation, plugin};
use crate::reload::rule;

async fn tools(client: &Client, plugin: Option<&str>) -> Arc<ToolSet> {
    let caller = client.caller().await.unwrap();
    client.gateway.tools(&caller, plugin).await.unwrap()
}

fn names(set: &ToolSet) -> Vec<&str> {
    set.tools().iter().map(|tool| &*tool.name).collect()
}

fn find<'a>(set: &'a ToolSet, name: &str) -> &'a Tool {
    set.tools().iter().find(|tool| &*tool.name == name).unwrap()
}

fn schema(tool: &Tool) -> Value {
    serde_json::from_str(&tool.input_schema).unwrap()
}

/// A token that is limited to these scopes.
async fn scoped(test: &TestGateway, person: &Person, scopes: &str) -> Client {
    let mut new = token("scoped");
    new.scopes = Some(scopes.to_owned());
    let made = test.cookie(person).make_token(&new).await.unwrap();
    test.bearer(&made.1)
}

/// Two plugins, and a policy that lets nobody but ada note anything.
async fn two() -> TestGateway {
    TestGateway::with(|setup, peer| {
        let other = plugin("other", peer.address, Vec::new());
        setup.catalogue.plugins.push(other);
        let only = rule(Effect::Deny, "user:bob@example.com", &["create_note"]);
        setup.catalogue.policy = PolicySettings {
            default: Effect::Allow,
            rules: vec![only],
        };
    })
    .await
}

#[tokio::test]
async fn s27_a_credential_that_may_not_invoke_has_no_tools() {
    let test = TestGateway::new().await;
    let mut new = token("audit");
    new.permissions = Some(words(&["audit"]));
    let made = test.cookie(&test.bob).make_token(&new).await.unwrap();
    let client = test.bearer(&made.1);
    let caller = client.caller().await.unwrap();
    for plugin in [None, Some("tracker"), Some("nothing")] {
        let refused = code(test.gateway.tools(&caller, plugin).await);
        assert_eq!(refused, Code::InsufficientScope);
        let refused = code(test.gateway.find_tool(&caller, plugin, "echo").await);
        assert_eq!(refused, Code::InsufficientScope);
    }
}

#[tokio::test]
async fn s27_what_policy_or_scopes_forbid_is_no_tool() {
    let test = two().await;
    let bob = test.cookie(&test.bob);
    let all = tools(&bob, None).await;
    assert!(all.filtered());
    assert!(!names(&all).iter().any(|name| name.ends_with("create_note")));
    let ada = tools(&test.cookie(&test.ada), None).await;
    assert!(names(&ada).contains(&"tracker_create_note"));
    assert_ne!(all.fingerprint(), ada.fingerprint());

    let narrow = scoped(&test, &test.ada, "tracker:who* other:open").await;
    assert_eq!(
        names(&*tools(&narrow, None).await),
        ["other_open", "tracker_whoami"]
    );
    assert_eq!(names(&*tools(&narrow, Some("other")).await), ["open"]);
    let elsewhere = scoped(&test, &test.ada, "other").await;
    let caller = elsewhere.caller().await.unwrap();
    let refused = test.gateway.tools(&caller, Some("tracker")).await;
    assert_eq!(code(refused), Code::InsufficientScope);
    let refused = test.gateway.tools(&caller, Some("trackr")).await;
    assert!(refused.unwrap_err().hint.is_none(), "it names a hidden one");
}

#[tokio::test]
async fn s27_unknown_and_forbidden_tools_look_alike() {
    let test = two().await;
    let narrow = scoped(&test, &test.bob, "tracker").await;
    let caller = narrow.caller().await.unwrap();
    let long = "x".repeat(100_000);
    for (plugin, name) in [
        // Policy, scopes, and what is not there.
        (None, "tracker_create_note"),
        (None, "other_echo"),
        (None, "tracker_nothing_like_it"),
        (None, "echo"),
        (None, ""),
        (None, &*long),
        (Some("tracker"), "create_note"),
        (Some("tracker"), "tracker_echo"),
    ] {
        let refusal = test
            .gateway
            .find_tool(&caller, plugin, name)
            .await
            .unwrap_err();
        let told = (refusal.code, &*refusal.message);
        assert_eq!(told, (Code::NotFound, "There is no such tool."));
        let hint = refusal.hint.unwrap_or_default();
        assert!(
            !hint.contains("create_note") && !hint.contains("other"),
            "{hint}"
        );
    }
    let near = test.gateway.find_tool(&caller, None, "tracker_ecco");
    let hint = near.await.unwrap_err().hint;
    assert_eq!(hint.as_deref(), Some("Did you mean `tracker_echo`?"));
    // What was asked for is in the trail.
    let trail = test.cookie(&test.bob).invocations().await;
    let denied = trail.iter().find(|record| {
        (record.integration.as_deref(), record.operation.as_deref())
            == (Some("tracker"), Some("create_note"))
    });
    assert_eq!(denied.unwrap().outcome.as_deref(), Some("not_found"));
}

#[tokio::test]
async fn a_name_leads_to_its_operation_by_the_table() {
    let test = two().await;
    let bob = test.cookie(&test.bob);
    let caller = bob.caller().await.unwrap();
    for (plugin, name) in [(None, "tracker_echo"), (Some("tracker"), "echo")] {
        let found = test.gateway.find_tool(&caller, plugin, name).await.unwrap();
        assert_eq!((&*found.plugin, &*found.operation), ("tracker", "echo"));
        assert!(found.read_only && !found.paginated && !found.structured);
    }
    let listed = tools(&bob, None).await;
    let mut sorted = names(&listed);
    sorted.sort_unstable();
    assert_eq!(names(&listed), sorted);
    for tool in listed.tools() {
        let found = test
            .gateway
            .find_tool(&caller, None, &tool.name)
            .await
            .unwrap();
        assert_eq!(
            (found.plugin, found.operation),
            (tool.plugin.clone(), tool.operation.clone())
        );
    }
}

#[tokio::test]
async fn names_that_collide_are_refused_at_load_with_both_and_the_remedy() {
    let test = TestGateway::new().await;
    let mut catalogue = test.setup.catalogue.clone();
    let ops = &mut catalogue.plugins[0].operations;
    ops.push(Arc::new(operation("notes.list", Method::GET, "/open")));
    ops.push(Arc::new(operation("notes_list", Method::GET, "/open")));
    let error = test.gateway.reload(catalogue.clone()).await.unwrap_err();
    insta::assert_snapshot!(error, @r#"plugin `tracker`: operation `notes_list` and operation `notes.list` of plugin `tracker` would both be the tool `tracker_notes_list`. Give one another name: `allowedOperations: { notes_list: { alias: … } }`, with the others that it is to have beside it"#);

    // Over plugins too: `a` with `b_c`, and `a_b` with `c`.
    let address = test.peer.address;
    let of = |name: &str, op: &str| {
        let mut made = plugin(name, address, Vec::new());
        made.operations = vec![Arc::new(operation(op, Method::GET, "/open"))];
        made
    };
    catalogue.plugins = vec![of("a", "b_c"), of("a_b", "c")];
    let error = test.gateway.reload(catalogue).await.unwrap_err();
    assert!(matches!(&error, OpenError::Plugin { plugin, .. } if plugin == "a_b"));
    insta::assert_snapshot!(error, @r#"plugin `a_b`: operation `c` and operation `b_c` of plugin `a` would both be the tool `a_b_c`. Give one another name: `allowedOperations: { c: { alias: … } }`, with the others that it is to have beside it"#);
}

fn described() -> Operation {
    let mut made = operation("delete.thing", Method::DELETE, "/open");
    made.title = Some("Delete a thing".to_owned());
    made.description = Some("Deletes it for good.".to_owned());
    made.deprecated = true;
    made.response.schema = Some(
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}})
            .into(),
    );
    made
}

#[tokio::test]
async fn a_tool_says_what_it_does() {
    let test = TestGateway::with(|setup, _| {
        let ops = &mut setup.catalogue.plugins[0].operations;
        ops.push(Arc::new(described()));
    })
    .await;
    let bob = test.cookie(&test.bob);
    let all = tools(&bob, None).await;
    let own = tools(&bob, Some("tracker")).await;
    assert_eq!(all.tools().len(), own.tools().len());
    let tool = find(&own, "delete.thing");
    let shown = json!({
        "names": [&*find(&all, "tracker_delete_thing").name, &*tool.name],
        "title": tool.title.as_deref(),
        "description": &*tool.description,
        "input": schema(tool),
        "output": tool.output_schema.as_deref(),
        "annotations": format!("{:?}", tool.annotations),
    });
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap(), @r#"
{
  "names": [
    "tracker_delete_thing",
    "delete.thing"
  ],
  "title": "Delete a thing",
  "description": "Deprecated: the upstream advises against it. Deletes it for good.",
  "input": {
    "type": "object",
    "properties": {
      "_continuation": {
        "type": "string",
        "description": "From an earlier result of this tool: asks for its next page or the rest of it. Give the other arguments again."
      }
    },
    "additionalProperties": false
  },
  "output": "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"string\",\"null\"]}}}",
  "annotations": "ToolAnnotations { read_only: false, destructive: Some(true), idempotent: Some(true) }"
}
"#);
    let undescribed = find(&own, "create_note");
    assert_eq!(&*undescribed.description, "POST /notes");
    assert_eq!(undescribed.annotations.destructive, None);
}

/// A tracker with three connections, and operations that want some of them.
async fn choosing() -> TestGateway {
    TestGateway::with(|setup, _| {
        let tracker = &mut setup.catalogue.plugins[0];
        tracker.connections = vec![
            connection("default", Mode::User),
            connection("shared", Mode::Platform),
            connection("none", Mode::None),
        ];
        let security = |name: &str, security| {
            let mut made = operation(name, Method::GET, "/open");
            made.security = security;
            Arc::new(made)
        };
        let of = |names: &[&str]| {
            Security::OneOf(names.iter().map(|name| name.parse().unwrap()).collect())
        };
        tracker
            .operations
            .push(security("with_none", Security::None));
        tracker
            .operations
            .push(security("with_own", of(&["default"])));
        tracker
            .operations
            .push(security("with_two", of(&["shared", "default"])));
    })
    .await
}

#[tokio::test]
async fn a_choice_is_declared_where_there_is_one() {
    let test = choosing().await;
    let bob = test.cookie(&test.bob);
    let properties = |set: &ToolSet, name: &str| {
        let schema = schema(find(set, name));
        let (properties, required) = (&schema["properties"], &schema["required"]);
        json!([properties["_connection"], properties["_instance"], required])
    };
    let before = tools(&bob, Some("tracker")).await;
    let choice = |names: &[&str], default: &str| json!({"type": "string", "enum": names, "description": "Which connection of the integration is used.", "default": default});
    let any = choice(&["default", "shared", "none"], "default");
    assert_eq!(properties(&before, "echo"), json!([any, null, null]));
    assert_eq!(properties(&before, "with_none"), json!([null, null, null]));
    assert_eq!(properties(&before, "with_own"), json!([null, null, null]));
    let two = choice(&["shared", "default"], "shared");
    assert_eq!(properties(&before, "with_two"), json!([two, null, null]));

    // One account is no choice, two are; others' are not named.
    test.peer.knows("key-of-bob", "bob");
    for (person, instance) in [
        (&test.bob, "home"),
        (&test.eve, "eves"),
        (&test.bob, "work"),
    ] {
        let mut request = connect("tracker", "key-of-bob");
        request.instance = Some(instance.to_owned());
        test.cookie(person).connect_with(request).await.unwrap();
        let listed = tools(&bob, Some("tracker")).await;
        let instance = properties(&listed, "with_own")[1].clone();
        if instance.is_null() {
            assert_eq!(listed.fingerprint(), before.fingerprint());
        }
    }
    let after = tools(&bob, Some("tracker")).await;
    let accounts = json!({"type": "string", "enum": ["home", "work"], "description": "Which of the connected accounts is used."});
    assert_eq!(
        properties(&after, "with_own"),
        json!([null, accounts, ["_instance"]])
    );
    assert_eq!(properties(&after, "echo"), json!([any, accounts, null]));
    assert_eq!(properties(&after, "with_none"), json!([null, null, null]));
    let eves = tools(&test.cookie(&test.eve), Some("tracker")).await;
    assert_eq!(eves.fingerprint(), before.fingerprint());

    // Disconnecting takes the choice back; scopes narrow it.
    let caller = bob.caller().await.unwrap();
    let gone = test
        .gateway
        .disconnect_integration(&caller, "tracker", None, Some("work"));
    gone.await.unwrap();
    let again = tools(&bob, Some("tracker")).await;
    assert_eq!(again.fingerprint(), before.fingerprint());
    let narrow = tools(
        &scoped(&test, &test.bob, "tracker/shared").await,
        Some("tracker"),
    )
    .await;
    let only = json!({"type": "string", "enum": ["shared"], "description": "Which connection of the integration is used."});
    assert_eq!(
        properties(&narrow, "echo"),
        json!([only, null, ["_connection"]])
    );
    assert_eq!(properties(&narrow, "with_two"), json!([null, null, null]));
}

#[tokio::test]
async fn a_warm_list_costs_no_statement_and_follows_every_change() {
    let test = TestGateway::new().await;
    let bob = test.token_of(&test.bob).await;
    let caller = bob.caller().await.unwrap();
    let (first, cold) = Store::counted(test.gateway.tools(&caller, None)).await;
    assert_eq!(cold, 1);
    let (second, warm) = Store::counted(test.gateway.tools(&caller, None)).await;
    assert_eq!(warm, 0);
    assert!(Arc::ptr_eq(&first.unwrap(), second.as_ref().unwrap()));
    // Somebody else with the same tools shares them.
    let eve = tools(&test.cookie(&test.eve), None).await;
    assert!(Arc::ptr_eq(&eve, second.as_ref().unwrap()));
    // A change of somebody else's touches nothing of bob's.
    test.connect(&test.eve, "key-of-eve", "eve").await;
    let (_, warm) = Store::counted(test.gateway.tools(&caller, None)).await;
    assert_eq!(warm, 0);
    // A reload is followed, though nobody's connections changed.
    let mut catalogue = test.setup.catalogue.clone();
    catalogue.policy.rules = vec![rule(Effect::Deny, "user:*", &["create_*"])];
    test.gateway.reload(catalogue).await.unwrap();
    let after = test.gateway.tools(&caller, None).await.unwrap();
    assert!(!names(&after).contains(&"tracker_create_note"));
}

#[tokio::test]
async fn without_a_login_the_whole_list_is_everybodys() {
    let test = TestGateway::with(|setup, _| setup.login = LoginSettings::None).await;
    let mut anonymous = test.nobody();
    anonymous.same_origin = None;
    let all = tools(&anonymous, None).await;
    assert!(!all.filtered());
    assert!(!all.tools().is_empty());
    // With a token the same list is the token's.
    let made = anonymous.make_token(&token("own")).await.unwrap();
    let own = tools(&test.bearer(&made.1), None).await;
    assert!(own.filtered());
    assert_eq!(own.fingerprint(), all.fingerprint());
}
