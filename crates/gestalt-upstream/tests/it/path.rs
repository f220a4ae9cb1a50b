//! What arguments may put into a URL or header.

use gestalt_core::Secret;
use gestalt_core::operation::{Location, Style};
use serde_json::json;

use crate::server::Server;
use crate::world::{World, get, is_invalid, parameter, text};

fn item(style: Style) -> gestalt_core::operation::Operation {
    let mut operation = get("/items/{id}/parts");
    let mut id = text("id", Location::Path);
    id.style = style;
    operation.parameters = vec![id];
    operation
}

#[tokio::test]
async fn s36_dot_segments_in_a_path_parameter_are_refused() {
    let server = Server::quiet().await;
    for style in [Style::Simple, Style::Label, Style::Matrix] {
        let world = World::new(&server, item(style));
        for value in [
            "../admin",
            "a/../../b",
            "%2e%2e/x",
            "%252e%252e%252f",
            "..%2fadmin",
            "..\\x",
            "..;/x",
            "\u{ff0e}\u{ff0e}\u{ff0f}x",
            "\u{2024}\u{2024}/x",
            "x/.",
            "",
        ] {
            let result = world.query(&[("id", value)]).await;
            if value.is_empty() && style != Style::Simple {
                continue;
            }
            is_invalid(&result, "id");
        }
    }
    let world = World::new(&server, item(Style::Simple));
    for value in [".", "..", "\u{2025}", "%2e", "..\r\n"] {
        is_invalid(&world.query(&[("id", value)]).await, "id");
    }
    let paths: Vec<String> = server.seen().into_iter().map(|seen| seen.path).collect();
    assert!(
        paths.iter().all(|path| path.split('/').count() == 4),
        "{paths:?}"
    );
}

#[tokio::test]
async fn s36_delimiters_in_a_path_parameter_are_encoded() {
    for (value, expect) in [
        ("a/b", "/items/a%2Fb/parts"),
        ("a%2fb", "/items/a%252fb/parts"),
        ("a?x=1", "/items/a%3Fx%3D1/parts"),
        ("a#b", "/items/a%23b/parts"),
        ("@evil.example.com", "/items/%40evil.example.com/parts"),
        ("x:y@h", "/items/x%3Ay%40h/parts"),
        ("a\r\nHost: evil", "/items/a%0D%0AHost%3A%20evil/parts"),
        ("a\0b", "/items/a%00b/parts"),
        ("ü", "/items/%C3%BC/parts"),
    ] {
        let server = Server::quiet().await;
        World::new(&server, item(Style::Simple))
            .query(&[("id", value)])
            .await
            .unwrap();
        let seen = server.only();
        assert_eq!((seen.path.as_str(), seen.query.as_str()), (expect, ""));
    }
}

#[tokio::test]
async fn s36_line_breaks_in_a_header_are_refused() {
    let server = Server::quiet().await;
    let mut operation = get("/");
    operation.parameters = vec![
        text("X-Note", Location::Header),
        text("c", Location::Cookie),
    ];
    let world = World::new(&server, operation);
    for value in ["a\r\nX-Evil: 1", "a\nb", "a\0", "a\u{7f}", " a", "a\t"] {
        is_invalid(&world.query(&[("X-Note", value)]).await, "X-Note");
    }
    world
        .query(&[("c", "a\r\n; d=e"), ("X-Note", "é")])
        .await
        .unwrap();
    let seen = server.only();
    assert_eq!(seen.header("cookie"), Some("c=a%0D%0A%3B%20d%3De"));
    assert_eq!(seen.headers["x-note"].as_bytes(), "é".as_bytes());
}

#[tokio::test]
async fn s36_a_query_value_stays_a_value() {
    let server = Server::quiet().await;
    let mut operation = get("/search");
    let mut q = text("q", Location::Query);
    q.allow_reserved = true;
    operation.parameters = vec![q];
    operation.query = vec![("fixed".to_owned(), "a b".to_owned())];
    let world = World::new(&server, operation);
    world.query(&[("q", "x&admin=true#f+g/h?")]).await.unwrap();
    let pairs = server.only().pairs();
    let expect = [("fixed", "a b"), ("q", "x&admin=true#f+g/h?")];
    assert_eq!(pairs, expect.map(|(n, v)| (n.to_owned(), v.to_owned())));
}

#[tokio::test]
async fn a_credential_cannot_be_overridden_by_an_argument() {
    let server = Server::quiet().await;
    let mut operation = get("/");
    let object = json!({ "type": "object" });
    operation.parameters = vec![
        text("api_key", Location::Query),
        text("X-Key", Location::Header),
        parameter("filter", Location::Query, object),
    ];
    let mut world = World::new(&server, operation).with_key("the-real-key");
    world.injection.query = vec![("api_key".to_owned(), Secret::new("the-real-key"))];
    let result = world.json(r#"{"filter": {"api_key": "mine"}}"#).await;
    is_invalid(&result, "filter");
    world
        .query(&[("api_key", "mine"), ("X-Key", "mine")])
        .await
        .unwrap();
    let seen = server.only();
    assert_eq!(seen.query, "api_key=the-real-key");
    let keys: Vec<_> = seen.headers.get_all("x-key").iter().collect();
    assert_eq!(keys, ["the-real-key"]);
}

#[tokio::test]
async fn s36_an_argument_never_leads_to_another_host() {
    let server = Server::quiet().await;
    let mut operation = get("/{id}");
    operation.parameters = vec![text("id", Location::Path)];
    let world = World::new(&server, operation);
    let values = [
        "@evil.example.com",
        ":80@evil.example.com",
        "/evil.example.com",
        "//evil.example.com/x",
        "https://evil.example.com",
        "\\\\evil.example.com",
        "?@evil.example.com",
        "#@evil.example.com",
    ];
    for value in values {
        world.query(&[("id", value)]).await.unwrap();
    }
    let seen = server.seen();
    assert_eq!(seen.len(), values.len());
    for (seen, value) in seen.iter().zip(values) {
        assert_eq!(seen.query, "");
        assert_eq!(seen.header("host"), Some(&*server.address.to_string()));
        let path = percent_encoding::percent_decode_str(&seen.path);
        assert_eq!(path.decode_utf8().unwrap(), format!("/{value}"));
        assert_eq!(seen.path.matches('/').count(), 1);
    }
}

#[tokio::test]
async fn s36_a_value_never_becomes_two() {
    let server = Server::quiet().await;
    let list = json!({ "type": "array", "items": { "type": "string" } });
    let make = |name: &str, location, style, explode| {
        let mut made = parameter(name, location, list.clone());
        (made.style, made.explode) = (style, explode);
        made
    };
    let mut operation = get("/{label}");
    operation.parameters = vec![
        make("label", Location::Path, Style::Label, true),
        make("spaced", Location::Query, Style::SpaceDelimited, false),
        make("piped", Location::Query, Style::PipeDelimited, false),
        make("X-List", Location::Header, Style::Simple, false),
        make("joined", Location::Query, Style::Form, false),
        make("c", Location::Cookie, Style::Form, true),
    ];
    let world = World::new(&server, operation);
    let call = async |name: &str, value: &str| {
        let mut arguments = json!({ "label": ["l"] });
        arguments[name] = json!(["x", value]);
        world.json(&arguments.to_string()).await
    };
    is_invalid(&call("label", "a.b").await, "label");
    is_invalid(&call("spaced", "a b").await, "spaced");
    is_invalid(&call("piped", "a|b").await, "piped");
    is_invalid(&call("X-List", "a,b").await, "X-List");
    is_invalid(&call("X-List", "a ").await, "X-List");
    is_invalid(&call("X-List", "a\r\nb").await, "X-List");
    assert!(server.seen().is_empty());
    call("joined", "a,b&joined=c").await.unwrap();
    call("c", "a; c=d&c=e,f").await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].query, "joined=x,a%2Cb%26joined%3Dc");
    assert_eq!(
        seen[1].header("cookie"),
        Some("c=x; c=a%3B%20c%3Dd%26c%3De%2Cf")
    );
}

#[tokio::test]
async fn s36_keys_of_an_object_name_nothing_else() {
    let server = Server::quiet().await;
    let object = json!({ "type": "object" });
    let mut deep = parameter("deep", Location::Query, object.clone());
    deep.style = Style::DeepObject;
    let mut operation = get("/");
    operation.parameters = vec![
        deep,
        parameter("open", Location::Query, object.clone()),
        parameter("jar", Location::Cookie, object),
        text("admin", Location::Query),
        text("session", Location::Cookie),
    ];
    let world = World::new(&server, operation);
    for (name, key) in [
        ("deep", "a][b"),
        ("deep", "]&admin=1&x["),
        ("deep", ""),
        ("open", "admin"),
        ("open", "deep[a]"),
        ("jar", "session"),
    ] {
        let mut arguments = json!({});
        arguments[name] = json!({ key: "x" });
        is_invalid(&world.json(&arguments.to_string()).await, name);
    }
    assert!(server.seen().is_empty());
    let given = json!({ "open": { "a&admin": "1" }, "jar": { "a; session": "1" } });
    world.json(&given.to_string()).await.unwrap();
    let seen = server.only();
    assert_eq!(seen.query, "a%26admin=1");
    assert_eq!(seen.header("cookie"), Some("a%3B%20session=1"));
}

#[tokio::test]
async fn s36_a_cookie_of_the_credential_cannot_be_overridden() {
    let server = Server::quiet().await;
    let mut operation = get("/");
    operation.parameters = vec![
        text("session", Location::Cookie),
        text("theme", Location::Cookie),
    ];
    let mut world = World::new(&server, operation);
    let cookie = Secret::new("session=the-real-one");
    world.injection.headers = vec![(http::header::COOKIE, cookie)];
    world
        .query(&[("session", "mine"), ("theme", "dark")])
        .await
        .unwrap();
    let seen = server.only();
    let cookies: Vec<_> = seen.headers.get_all("cookie").iter().collect();
    assert_eq!(cookies, ["theme=dark; session=the-real-one"]);
}
