use crate::house::{House, Plan};

#[tokio::test]
async fn figures_are_for_admins_or_on_the_management_listener() {
    let house = Plan::local().build().await;
    assert_eq!(
        house.get("/metrics").send().await.problem(401),
        "unauthenticated"
    );
    let open = house.manage("GET", "/metrics").send().await;
    assert_eq!(open.status, 200);
    assert!(open.text().contains("# TYPE"), "{}", open.text());
    let house = House::open().await;
    let token = house.token(&["invoke"]).await;
    assert_eq!(
        house
            .get("/metrics")
            .token(&token)
            .send()
            .await
            .problem(403),
        "forbidden"
    );
    assert_eq!(house.get("/metrics").send().await.status, 200);
}

#[tokio::test]
async fn both_listeners_say_whether_it_lives_and_is_ready() {
    let house = Plan::local().build().await;
    for path in ["/health", "/ready"] {
        assert_eq!(house.get(path).send().await.status, 200);
        assert_eq!(house.manage("GET", path).send().await.status, 200);
    }
}

#[tokio::test]
async fn the_management_listener_is_not_open_and_not_the_api() {
    let house = Plan::local().build().await;
    for path in [
        "/api/v1/admin/reload",
        "/api/v1/admin/login-code",
        "/api/v1/audit/verify",
    ] {
        assert_eq!(
            house.manage("POST", path).send().await.problem(401),
            "unauthenticated",
            "{path}"
        );
    }
    for path in ["/api/v1/me", "/api/v1/demo/whoami", "/login"] {
        assert_eq!(
            house.manage("GET", path).send().await.problem(404),
            "not_found",
            "{path}"
        );
    }
    let house = House::open().await;
    assert_eq!(
        house
            .manage("POST", "/api/v1/admin/reload")
            .send()
            .await
            .status,
        204
    );
    let foreign = house
        .manage("GET", "/metrics")
        .host("evil.example")
        .send()
        .await;
    assert_eq!(foreign.problem(403), "forbidden");
}

#[tokio::test]
async fn the_keys_that_say_who_calls_are_public_and_may_be_kept() {
    let house = Plan::local().build().await;
    let keys = house.get("/.well-known/jwks.json").send().await;
    assert_eq!(keys.status, 200);
    assert_eq!(keys.header("content-type"), "application/jwk-set+json");
    assert_eq!(keys.header("cache-control"), "public, max-age=300");
    assert_eq!(keys.header("x-content-type-options"), "nosniff");
    let keys = keys.json();
    let key = keys["keys"][0].as_object().unwrap();
    // RFC 8037: `d` would be the private half.
    assert!(!key.contains_key("d"), "{key:?}");
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&"OKP".into(), &"Ed25519".into())
    );
    let written = house.post("/.well-known/jwks.json").send().await;
    assert_eq!(written.status, 405);
}

#[tokio::test]
async fn it_drains_and_ends() {
    let house = House::open().await;
    assert_eq!(house.get("/health").send().await.status, 200);
    house.stop.cancel();
    assert!(house.served.await.unwrap().is_ok());
}
