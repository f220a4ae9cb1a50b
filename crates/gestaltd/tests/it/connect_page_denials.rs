//! What the page that connects refuses, and what it never says.

use serde_json::json;

use crate::connect_page::{Browser, KEY, encoded, tracker};
use crate::house::{House, Plan};

const FIELDS: &str = "for=anonymous&connection=default";

fn body(key: &str) -> String {
    format!("{FIELDS}&field.api_key={key}")
}

#[tokio::test]
async fn a_link_for_somebody_else_is_refused_when_opened_and_when_sent() {
    let house = Plan::local().build().await;
    let browser = Browser::logged_in(&house).await;
    let others = [
        "anonymous",
        "user:usr_00000000000000000000000000000001",
        "platform",
        "<script>alert(1)</script>",
    ];
    for other in others {
        let page = browser
            .get(&format!("/connect/demo?for={}", encoded(other)))
            .await;
        assert_eq!(page.status, 403, "{other}");
        let html = page.text();
        assert!(html.contains("This link is for somebody else"), "{html}");
        assert!(!html.contains(other) && !html.contains("<form"), "{html}");
        let sent = format!(
            "for={}&connection=default&field.api_key={KEY}",
            encoded(other)
        );
        let page = browser.post("/connect/demo", &sent).await;
        assert_eq!(page.status, 403, "{other}");
    }
    let page = browser
        .post("/connect/demo", &format!("field.api_key={KEY}"))
        .await;
    assert_eq!(
        page.status, 400,
        "it does not say whom the form was shown to"
    );
    assert!(browser.connections().await.is_empty());
}

#[tokio::test]
async fn a_token_or_a_session_as_a_bearer_is_no_browser() {
    let house = House::open().await;
    let token = house.token(&["connect", "invoke"]).await;
    let browser = Browser::new(&house).await;
    for ask in [
        house.get("/connect/demo").token(&token),
        house.get("/connect/demo").with("x-api-key", &token),
        house.get("/connect/demo").token("gst_ses_nonsense"),
        house
            .get("/connect/demo")
            .with("authorization", "Basic eA=="),
    ] {
        assert_eq!(ask.send().await.problem(403), "forbidden");
    }
    let sent = format!("form={}&{}", browser.form, body(KEY));
    let post = browser.ask("POST", "/connect/demo").token(&token);
    assert_eq!(post.form(&sent).await.status, 403);
    assert!(browser.connections().await.is_empty());
}

#[tokio::test]
async fn whoever_is_not_logged_in_connects_nothing() {
    let house = Plan::local().build().await;
    let browser = Browser::new(&house).await;
    for path in ["/connect/demo", "/connect/nothing", "/connect/%3Cscript%3E"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 401, "{path}");
        assert!(!page.text().contains("<script"), "{}", page.text());
        let page = browser.post(path, &body(KEY)).await;
        assert_eq!(page.status, 401, "{path}");
        assert!(!page.text().contains(KEY));
    }
}

#[tokio::test]
async fn s44_a_form_of_another_site_connects_nothing() {
    let house = Plan::local().build().await;
    let browser = Browser::logged_in(&house).await;
    let subject = browser.subject().await;
    let good = format!(
        "for={}&connection=default&field.api_key={KEY}",
        encoded(&subject)
    );
    let full = format!("form={}&{good}", browser.form);
    let own = format!("http://localhost:{}", house.public.port());
    let post = || browser.ask("POST", "/connect/demo");
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        assert_eq!(
            post().with(name, value).form(&full).await.status,
            403,
            "{name} {value}"
        );
    }
    let rebound = format!("evil.example:{}", house.public.port());
    assert_eq!(post().host(&rebound).form(&full).await.status, 403);
    assert_eq!(
        post().form(&full).await.status,
        403,
        "a cookie and no origin"
    );
    let other = format!("form={}&{good}", "0".repeat(64));
    assert_eq!(post().with("origin", &own).form(&other).await.status, 403);
    assert_eq!(post().with("origin", &own).form(&good).await.status, 400);
    assert_eq!(
        post()
            .with("origin", &own)
            .json(&json!({"form": browser.form}))
            .await
            .status,
        415
    );
    assert_eq!(browser.ask("PUT", "/connect/demo").send().await.status, 405);
    assert!(browser.connections().await.is_empty());
    assert_eq!(browser.post("/connect/demo", &good).await.status, 200);
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused() {
    let house = House::open().await;
    let browser = Browser::new(&house).await;
    let page = browser
        .post("/connect/demo", &body(&"x".repeat(300 * 1024)))
        .await;
    assert_eq!(page.status, 413);
    let page = browser
        .post("/connect/demo", &body(&"x".repeat(20 * 1024)))
        .await;
    assert_eq!(page.status, 413);
    assert!(page.text().contains("id=\"wrong-1\""), "{}", page.text());
    assert!(!page.text().contains("xxxx"), "{}", page.text());
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_no_secret_is_shown_again() {
    let house = tracker(Plan::default()).await;
    let browser = Browser::new(&house).await;
    let page = browser
        .post("/connect/demo", &body("hunter2-hunter2"))
        .await;
    assert_eq!(page.status, 400);
    let html = page.text();
    for part in [
        "role=\"alert\"",
        "id=\"wrong-1\"",
        "aria-invalid=\"true\"",
        "Not connected:",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("hunter2"), "{html}");

    let sent = "for=anonymous&connection=keyed&field.site=%22%3E%3Cscript%3E&field.key=hunter2-hunter2&field.note=kept";
    let page = browser.post("/connect/tracker", sent).await;
    assert_eq!(page.status, 400);
    let html = page.text();
    assert!(
        html.contains("id=\"wrong-1\"") && !html.contains("id=\"wrong-2\""),
        "{html}"
    );
    assert!(html.contains("value=\"kept\""), "{html}");
    assert!(
        html.contains("value=\"&#34;&#62;&#60;script&#62;\""),
        "{html}"
    );
    assert!(!html.contains("hunter2"), "{html}");

    let sent = "for=anonymous&connection=keyed&field.site=a&field.key=hunter2-hunter2&field.%3Cscript%3E=1";
    let html = browser.post("/connect/tracker", sent).await.text();
    assert!(
        !html.contains("<script") && !html.contains("hunter2"),
        "{html}"
    );

    let named = format!("{}&instance={}", body(KEY), encoded("a/\"><script>"));
    let page = browser.post("/connect/demo", &named).await;
    assert_eq!(page.status, 400);
    let html = page.text();
    assert!(
        html.contains("id=\"wrong-instance\"") && !html.contains("<script"),
        "{html}"
    );
    assert!(!html.contains(KEY), "{html}");
    assert!(browser.connections().await.is_empty());
}

#[tokio::test]
async fn what_a_plugin_says_of_itself_is_text() {
    let house = tracker(Plan::default()).await;
    let browser = Browser::new(&house).await;
    for query in [
        "",
        "?connection=keyed",
        "?connection=keyed&instance=%22%3E%3Cscript%3Ealert(1)",
    ] {
        let page = browser.get(&format!("/connect/tracker{query}")).await;
        assert_eq!(page.status, 200, "{query}");
        let html = page.text();
        for forbidden in [
            "<script",
            "<img",
            "<b ",
            "<style",
            "style=",
            " autofocus onfocus=\"",
            "=\"\"\"",
        ] {
            assert!(!html.contains(forbidden), "{query} {forbidden} in {html}");
        }
        assert!(
            html.contains("lang=\"en\"") && html.contains("<main"),
            "{query}"
        );
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self'"));
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
    }
}

#[tokio::test]
async fn an_unknown_plugin_or_connection_is_said_and_its_name_is_text() {
    let house = House::open().await;
    let browser = Browser::new(&house).await;
    assert_eq!(browser.get("/connect/nothing").await.status, 404);
    let page = browser.get("/connect/%3Cscript%3Ex").await;
    assert_eq!(page.status, 404);
    assert!(!page.text().contains("<script"), "{}", page.text());
    let page = browser.get("/connect/demo?connection=%3Cscript%3E").await;
    assert_eq!(page.status, 400);
    assert!(page.text().contains("It has: default.") && !page.text().contains("<script"));
    assert_eq!(browser.get("/connect/demo?for=a&for=b").await.status, 400);
}

#[tokio::test]
async fn a_login_leads_to_no_other_site() {
    let house = Plan::local().build().await;
    let browser = Browser::new(&house).await;
    for next in [
        "https://evil.example/",
        "//evil.example/connect/",
        "/\\evil.example",
        "/token",
    ] {
        let page = browser.get(&format!("/login?next={}", encoded(next))).await;
        assert!(!page.text().contains("evil.example"), "{next}");
        let code = house.code().await;
        let sent = format!("code={code}&next={}", encoded(next));
        let opened = browser.post("/login", &sent).await;
        assert_eq!(
            (opened.status.as_u16(), opened.header("location")),
            (303, "/"),
            "{next}"
        );
    }
}
