//! Who calls, as an upstream's own library of tokens reads it.

use gestalt_e2e::{Daemon, Echo, cli, peers};
use serde_json::json;

use crate::actions::{connect, create_token};

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_verifies_who_calls_with_a_library_of_others() {
    let echo = Echo::start().await;
    let daemon = Daemon::start(&echo.config("    identity: {}\n")).await;
    let created = create_token(&daemon.client()).await;
    let token = created["token"].as_str().unwrap();
    let client = daemon.client().bearer(token);
    connect(&client, "default", "key-of-alice")
        .await
        .expect(201);
    // An argument of such a name is none of the operation's.
    let body = json!({ "text": "x", "X-Gestalt-User": "eve" });
    client.post("/api/v1/echo/write", &body).await.expect(400);
    let forged = client
        .clone()
        .with("x-gestalt-user".parse().unwrap(), "eve");
    forged.get("/api/v1/echo/read?id=7").await.expect(200);
    let seen = echo.seen();
    let told = &seen.last().unwrap()["told"];
    assert_eq!(told["x-gestalt-user"], "anonymous");
    assert!(!format!("{seen:?}").contains(token));
    let (url, signed) = (daemon.url(), told["x-gestalt-jwt"].as_str().unwrap());
    let mut verify = peers::python();
    verify.arg(peers::script("verify_identity.py"));
    verify.args([
        &format!("{url}/.well-known/jwks.json"),
        url,
        &echo.url,
        signed,
    ]);
    let claims = cli::finish(verify, None).await.json();
    assert_eq!(claims["sub"], "anonymous");
    assert_eq!(
        claims["exp"].as_i64(),
        claims["iat"].as_i64().map(|at| at + 300)
    );
}
