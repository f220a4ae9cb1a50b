//! Where the secrets come in: by real use, by mistake, and by a config that does not hold.

use std::fs;

use gestalt_e2e::{Client, Daemon};
use hyper::Request;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderName};
use serde_json::json;

use super::{ARGUMENT, Heard, REPLACED, canary};
use crate::browser;

/// Plants a credential and makes an upstream give it away.
pub(super) async fn plant(client: &Client, admin: &Client, heard: &Heard, number: usize) {
    let canary = canary(number);
    let (connection, credentials) = match number % 8 {
        0..=3 => (
            "keyed",
            json!({ "key": canary, "pin": format!("pin-of-{canary}") }),
        ),
        4 | 5 => (
            "basic",
            json!({ "username": format!("user{number}"), "password": canary }),
        ),
        6 => ("bearer", json!({ "token": canary })),
        _ => ("shared", json!({ "token": canary })),
    };
    let shared = connection == "shared";
    let instance = if shared {
        "default".to_owned()
    } else {
        format!("i{}", number % REPLACED)
    };
    let body = json!({
        "integration": "mirror", "connection": connection, "instance": instance,
        "credentials": credentials, "platform": shared,
    });
    let connecting = if shared { admin } else { client };
    let connected = connecting.post("/api/v1/auth/connect-manual", &body).await;
    heard.hear(connected).expect(201);
    let operation = match number / 8 % 8 {
        0 => "say?",
        1 => "status?code=501&",
        2 => "status?code=404&",
        3 => "headers?",
        4 => "redirect?",
        5 => "cut?",
        6 => "paged?",
        // From here on the connection is to be renewed.
        _ => "status?code=401&",
    };
    let path = format!(
        "/api/v1/mirror/{operation}word={ARGUMENT}{number}&_connection={connection}&_instance={instance}"
    );
    let request = Request::get(&path).body(String::new().into()).unwrap();
    // An answer that the upstream cut off is no whole answer to us either.
    match client.try_request(request).await {
        Ok(answer) => assert_ne!(heard.hear(answer).status, 500, "a fault of ours"),
        Err(error) => heard.note(&error),
    }
}

/// Sends secrets where they do not belong.
pub(super) async fn blunder(daemon: &Daemon, client: &Client, heard: &Heard, dead: &str) {
    let canary = canary(9_999);
    let connect = "/api/v1/auth/connect-manual";
    let bodies = [
        json!({ "integration": "mirror", "connection": "keyed", "credentials": { "key": format!("bad form {canary}"), "pin": canary } }),
        json!({ "integration": "mirror", "connection": "keyed", "credentials": { "key": canary } }),
        json!({ "integration": "mirror", "connection": "keyed", "credentials": { "kay": canary } }),
        json!({ "integration": "mirror", "connection": "keyed", "credentials": { "key": [canary] } }),
        json!({ "integration": "mirror", "connection": "keyed", "credentials": canary }),
        json!({ "integration": "mirror", "connection": "bearer", "credentials": { "token": format!("{canary}\nX: y") } }),
        json!({ "integration": "mirror", "secret": canary }),
        json!({ "integration": "absent", "credentials": { "key": canary } }),
        json!([canary]),
    ];
    for body in bodies {
        let answer = heard.hear(client.post(connect, &body).await);
        assert!((400..=404).contains(&answer.status), "{}", answer.text());
    }
    let broken = [
        format!("{{\"integration\": \"mirror\", \"credentials\": {{\"key\": \"{canary}\" nope"),
        format!("{{\"credentials\": {{\"key\": \"{canary}\", \"key\": \"{canary}\"}}}}"),
    ];
    for text in broken {
        let request = Request::post(connect).header("content-type", "application/json");
        let answer = client.request(request.body(text.into()).unwrap()).await;
        heard.hear(answer).expect(400);
    }
    for query in ["api_key", "_token", "code"] {
        let path = format!("/api/v1/mirror/say?_connection=keyed&_instance=i0&{query}={canary}");
        assert_eq!(heard.hear(client.get(&path).await).status / 100, 4);
    }
    let nobody = daemon.client();
    let presented = [
        (AUTHORIZATION, format!("Bearer {canary}")),
        (AUTHORIZATION, format!("Basic {canary}")),
        (AUTHORIZATION, format!("Bearer {dead}")),
        (HeaderName::from_static("x-api-key"), canary.clone()),
        (
            HeaderName::from_static("x-api-key"),
            format!("gst_api_{canary}"),
        ),
        (COOKIE, format!("session_token=gst_ses_{canary}")),
        (COOKIE, format!("session_token={canary}")),
    ];
    for (name, value) in presented {
        let answer = nobody.clone().with(name, &value).get("/api/v1/me").await;
        heard.hear(answer).expect(401);
    }
    let page = browser::open(daemon, "/login").await;
    heard.hear(page.send(daemon, &canary).await);
    heard.hear(page.send(daemon, &format!("gst_log_{canary}")).await);
}

/// Gives the daemon and its commands configs that do not hold and are full of secrets.
pub(super) async fn misconfigure(daemon: &mut Daemon, admin: &Client, heard: &Heard) {
    let file = daemon.config_files().remove(0);
    let good = fs::read_to_string(&file).unwrap();
    let canary = canary(8_888);
    let bad = [
        format!("{good}\nnonsense: {canary}\n"),
        format!("{good}\n  broken: [{canary}\n"),
        format!("{good}\n{canary}\n"),
        good.replace("public:", &format!("encryptionKey: {canary}\n  public:")),
        good.replace(
            "type: bearer",
            &format!("type: bearer, clientSecret: {canary}"),
        ),
        good.replace("type: bearer", &format!("type: [{canary}]")),
        good.replace("${STATIC}", &format!("${{STATIC:-{canary}")),
        good.replace(
            "local: {}",
            &format!("oidc: {{ config: {{ clientSecret: {canary}, issuerUrl: 7 }} }}"),
        ),
    ];
    for text in bad {
        assert_ne!(text, good);
        fs::write(&file, &text).unwrap();
        let refused = admin.post("/api/v1/admin/reload", &json!({})).await;
        assert_ne!(heard.hear(refused).status, 204, "{text}");
        daemon.program().signal("HUP");
        for command in [
            &["validate"][..],
            &["config", "print"],
            &["doctor"],
            &["login-code"],
        ] {
            let ran = daemon.command(command).await;
            heard.note(&format!("{command:?} {}\n{}\n", ran.out, ran.err));
        }
    }
    fs::write(&file, good).unwrap();
    heard
        .hear(admin.post("/api/v1/admin/reload", &json!({})).await)
        .expect(204);
}
