//! Finding tools: nobody finds, or learns from what they find of, what they may not invoke.

use std::sync::Arc;

use gestalt_core::Code;
use gestalt_core::operation::Operation;
use gestalt_gateway::settings::{Effect, PolicySettings};
use gestalt_gateway::{ToolMatch, ToolSearch};
use http::Method;

use crate::clients::{Client, code, token, words};
use crate::gateway::TestGateway;
use crate::plugins::{operation, plugin};
use crate::reload::rule;

fn asking(query: &str) -> ToolSearch<'_> {
    ToolSearch {
        query,
        plugin: None,
        limit: 50,
    }
}

async fn found(client: &Client, plugin: Option<&str>, search: ToolSearch<'_>) -> Vec<ToolMatch> {
    let caller = client.caller().await.unwrap();
    let found = client.gateway.search_tools(&caller, plugin, search).await;
    found.unwrap()
}

async fn names(client: &Client, plugin: Option<&str>, query: &str) -> Vec<String> {
    let found = found(client, plugin, asking(query)).await;
    let names = found.iter().map(|found| found.tool.name.to_string());
    names.collect()
}

fn said(name: &str, description: &str) -> Arc<Operation> {
    let mut made = operation(name, Method::GET, "/open");
    made.description = Some(description.to_owned());
    Arc::new(made)
}

/// A shop whose vault nobody but ada may open, and with `hidden` a plugin beside it.
async fn shop(with_vault: bool) -> TestGateway {
    TestGateway::with(|setup, peer| {
        let mut shop = plugin("shop", peer.address, Vec::new());
        shop.operations = vec![
            said("list_orders", "Orders of the shop, the newest first."),
            said("count_orders", "How many orders there are."),
            said("ship_parcel", "Sends an order on its way."),
        ];
        if with_vault {
            shop.operations.insert(
                0,
                said("open_vault", "Opens the vault with orders of emeralds."),
            );
            let mut hidden = plugin("mint", peer.address, Vec::new());
            hidden.operations = vec![said("strike_coin", "Strikes a coin for an order.")];
            setup.catalogue.plugins.push(hidden);
        }
        setup.catalogue.plugins.push(shop);
        setup.catalogue.policy = PolicySettings {
            default: Effect::Allow,
            rules: vec![
                rule(Effect::Deny, "user:bob@example.com", &["open_vault"]),
                rule(Effect::Deny, "user:bob@example.com", &["strike_coin"]),
            ],
        };
    })
    .await
}

#[tokio::test]
async fn s27_a_credential_that_may_not_invoke_finds_nothing() {
    let test = TestGateway::new().await;
    let mut new = token("audit");
    new.permissions = Some(words(&["audit"]));
    let made = test.cookie(&test.bob).make_token(&new).await.unwrap();
    let client = test.bearer(&made.1);
    let caller = client.caller().await.unwrap();
    for plugin in [None, Some("tracker"), Some("nothing")] {
        let refused = test.gateway.search_tools(&caller, plugin, asking("echo"));
        assert_eq!(code(refused.await), Code::InsufficientScope);
        let refused = test.gateway.get_tool(&caller, plugin, "echo");
        assert_eq!(code(refused.await), Code::InsufficientScope);
    }
}

#[tokio::test]
async fn s27_what_policy_or_scopes_forbid_is_not_found() {
    let test = shop(true).await;
    let (ada, bob) = (test.cookie(&test.ada), test.cookie(&test.bob));
    for (query, first) in [
        ("open the vault", "shop_open_vault"),
        ("emeralds", "shop_open_vault"),
        ("strike a coin", "mint_strike_coin"),
    ] {
        assert_eq!(names(&ada, None, query).await[0], first, "{query}");
        for plugin in [None, Some("shop")] {
            for name in names(&bob, plugin, query).await {
                let hidden = name.ends_with("open_vault") || name.ends_with("strike_coin");
                assert!(!hidden, "{query} {name}");
            }
        }
    }
    let mut new = token("narrow");
    new.scopes = Some("shop:count*".to_owned());
    let made = test.cookie(&test.ada).make_token(&new).await.unwrap();
    let narrow = test.bearer(&made.1);
    assert_eq!(names(&narrow, None, "order").await, ["shop_count_orders"]);
    let caller = narrow.caller().await.unwrap();
    let elsewhere = ToolSearch {
        plugin: Some("mint"),
        ..asking("coin")
    };
    let refused = test.gateway.search_tools(&caller, None, elsewhere).await;
    assert_eq!(code(refused), Code::InsufficientScope);
    let bob = bob.caller().await.unwrap();
    for name in ["shop_open_vault", "shop_nothing"] {
        let refusal = test.gateway.get_tool(&bob, None, name).await.unwrap_err();
        let told = (refusal.code, &*refusal.message, refusal.hint);
        assert_eq!(told, (Code::NotFound, "There is no such tool.", None));
    }
}

#[tokio::test]
async fn s27_a_search_answers_as_if_what_is_forbidden_were_not_there() {
    let (with, without) = (shop(true).await, shop(false).await);
    let (with, without) = (with.cookie(&with.bob), without.cookie(&without.bob));
    for query in [
        "order",
        "orders of the shop",
        "emeralds",
        "emralds",
        "vualt",
        "coin",
        "open",
        "how many",
        "newest",
        "parcl",
    ] {
        for plugin in [None, Some("shop")] {
            assert_eq!(
                names(&with, plugin, query).await,
                names(&without, plugin, query).await,
                "{query}"
            );
        }
    }
}

#[tokio::test]
async fn a_question_that_says_nothing_or_too_much_is_refused() {
    let test = TestGateway::new().await;
    let caller = test.cookie(&test.bob).caller().await.unwrap();
    for query in ["", "  \n", &"x".repeat(1_001)] {
        let refused = test.gateway.search_tools(&caller, None, asking(query));
        let refusal = refused.await.unwrap_err();
        assert_eq!(refusal.code, Code::InvalidRequest);
        assert_eq!(refusal.field.as_deref(), Some("query"));
    }
}

#[tokio::test]
async fn a_tool_is_found_where_it_is_listed_and_says_whether_an_account_is_there() {
    let test = shop(true).await;
    let bob = test.cookie(&test.bob);
    test.gateway.prepare_search();
    assert_eq!(
        names(&bob, None, "ship a parcel").await[0],
        "shop_ship_parcel"
    );
    assert_eq!(
        names(&bob, Some("shop"), "ship a parcel").await[0],
        "ship_parcel"
    );
    let narrowed = ToolSearch {
        plugin: Some("tracker"),
        ..asking("order note")
    };
    for found in found(&bob, None, narrowed).await {
        assert_eq!(&*found.tool.plugin, "tracker");
    }
    let limited = ToolSearch {
        limit: 1,
        ..asking("order")
    };
    assert_eq!(found(&bob, None, limited).await.len(), 1);
    // The tracker wants an account.
    let ready = async || {
        let found = found(&bob, Some("tracker"), asking("whoami")).await;
        found[0].ready
    };
    assert!(!ready().await);
    test.connect(&test.bob, "key-of-bob", "bob").await;
    assert!(ready().await);
}

#[tokio::test]
async fn the_names_of_the_tools_that_find_are_nobody_elses() {
    let test = TestGateway::new().await;
    let mut catalogue = test.setup.catalogue.clone();
    let mut made = plugin("call", test.peer.address, Vec::new());
    made.operations = vec![said("operation", "Calls it.")];
    catalogue.plugins.push(made);
    let error = test.gateway.reload(catalogue.clone()).await.unwrap_err();
    insta::assert_snapshot!(error, @r#"plugin `call`: operation `operation` would be the tool `call_operation`, which finds or calls other tools. Give it another name: `allowedOperations: { operation: { alias: … } }`, with the others that it is to have beside it"#);
}
