use serde_json::json;

use crate::house::{Ask, House, Plan};

/// Opens the login page as a browser would; gives its form token and the cookie it is bound to.
async fn form(house: &House, path: &str) -> (String, String) {
    let page = house.get(path).send().await;
    assert_eq!(page.status, 200, "{}", page.text());
    let cookie = page.cookie("gst_form").unwrap();
    let token = cookie.split_once('=').unwrap().1.to_owned();
    assert!(page.text().contains(&token));
    (token, cookie)
}

fn own(house: &House, ask: Ask) -> Ask {
    ask.with(
        "origin",
        &format!("http://localhost:{}", house.public.port()),
    )
}

#[tokio::test]
async fn a_login_form_from_elsewhere_redeems_nothing() {
    let house = Plan::local().build().await;
    let code = house.code().await;
    let (token, cookie) = form(&house, &format!("/login?code={code}")).await;
    let other = "0".repeat(64);
    let body = |token: &str| format!("code={code}&form={token}");
    let login = || house.post("/login");
    assert_eq!(login().form(&body(&token)).await.status, 403, "no cookie");
    assert_eq!(
        login()
            .with("cookie", &cookie)
            .form(&body(&other))
            .await
            .status,
        403
    );
    assert_eq!(
        login().with("cookie", &cookie).form(&body("")).await.status,
        403
    );
    assert_eq!(
        login().with("cookie", &cookie).form("code=x").await.status,
        400
    );
    let cross = login()
        .with("cookie", &cookie)
        .with("sec-fetch-site", "cross-site");
    assert_eq!(cross.form(&body(&token)).await.status, 403);
    let planted = format!("gst_form={other}; {cookie}");
    assert_eq!(
        login()
            .with("cookie", &planted)
            .form(&body(&token))
            .await
            .status,
        403
    );
    // The code still holds: nothing of the above consumed it, and neither did opening the link.
    let held = own(&house, login())
        .with("cookie", &cookie)
        .form(&body(&token))
        .await;
    assert_eq!(held.status, 303, "{}", held.text());
}

#[tokio::test]
async fn a_login_link_works_once_and_the_session_until_logout() {
    let house = Plan::local().build().await;
    assert_eq!(
        house.get("/api/v1/me").send().await.problem(401),
        "unauthenticated"
    );
    let code = house.code().await;
    let path = format!("/login?code={code}");
    let (token, cookie) = form(&house, &path).await;
    let body = format!("code={code}&form={token}");
    let opened = own(&house, house.post("/login"))
        .with("cookie", &cookie)
        .form(&body)
        .await;
    assert_eq!(
        (opened.status.as_u16(), opened.header("location")),
        (303, "/")
    );
    let set = opened.header("set-cookie").to_owned();
    assert!(
        set.contains("; HttpOnly; SameSite=Lax") && set.contains("; Path=/"),
        "{set}"
    );
    assert!(
        set.contains("; Max-Age=") && !set.contains("Secure"),
        "{set}"
    );
    let session = opened.cookie("session_token").unwrap();
    let me = house
        .get("/api/v1/me")
        .with("cookie", &session)
        .send()
        .await
        .json();
    assert_eq!(
        (&me["authenticatedBy"], &me["email"]),
        (&json!("session"), &json!("owner@example.com"))
    );
    let start = house.get("/").with("cookie", &session).send().await.text();
    assert!(
        start.contains("Log out") && start.contains("Demo notes"),
        "{start}"
    );
    let again = own(&house, house.post("/login"))
        .with("cookie", &cookie)
        .form(&body)
        .await;
    assert!(
        again.status.is_client_error() && again.cookie("session_token").is_none(),
        "{}",
        again.status
    );

    let both = format!("{cookie}; {session}");
    let foreign = house
        .post("/logout")
        .with("cookie", &both)
        .form("form=x")
        .await;
    assert_eq!(foreign.status, 403);
    let out = own(&house, house.post("/logout"))
        .with("cookie", &both)
        .form(&format!("form={token}"))
        .await;
    assert_eq!(
        (out.status.as_u16(), out.cookie("session_token").as_deref()),
        (303, Some("session_token="))
    );
    assert_eq!(
        house
            .get("/api/v1/me")
            .with("cookie", &session)
            .send()
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn with_https_only_the_cookie_that_no_other_host_can_set_is_read() {
    let plan = Plan {
        base_url: Some("https://gestalt.example.com"),
        ..Plan::local()
    };
    let house = plan.build().await;
    let host = "gestalt.example.com";
    let code = house.code().await;
    let page = house
        .get(&format!("/login?code={code}"))
        .host(host)
        .send()
        .await;
    let cookie = page.cookie("__Host-gst_form").unwrap();
    let token = cookie.split_once('=').unwrap().1;
    let login = house
        .post("/login")
        .host(host)
        .with("origin", "https://gestalt.example.com");
    let opened = login
        .with("cookie", &cookie)
        .form(&format!("code={code}&form={token}"))
        .await;
    assert!(opened.header("set-cookie").contains("; Secure"));
    let session = opened.cookie("__Host-session_token").unwrap();
    let me = |cookie: &str| house.get("/api/v1/me").host(host).with("cookie", cookie);
    assert_eq!(me(&session).send().await.status, 200);
    let bare = session.replace("__Host-", "");
    assert_eq!(me(&bare).send().await.status, 401);
}

#[tokio::test]
async fn a_cookie_of_another_form_is_ignored_and_cleared_on_pages() {
    let house = House::open().await;
    let foreign = "session_token=eyJhbGciOiJIUzI1NiJ9";
    assert_eq!(
        house
            .get("/api/v1/me")
            .with("cookie", foreign)
            .send()
            .await
            .status,
        200
    );
    for path in ["/", "/login"] {
        let page = house.get(path).with("cookie", foreign).send().await;
        assert_eq!(page.status, 200);
        assert_eq!(
            page.cookie("session_token").as_deref(),
            Some("session_token="),
            "{path}"
        );
    }
}

#[tokio::test]
async fn pages_hold_no_script_and_no_inline_style() {
    let house = House::open().await;
    for path in [
        "/",
        "/login",
        "/login?code=<script>alert(1)</script>",
        "/problems/not_connected",
    ] {
        let page = house
            .get(&path.replace('<', "%3C").replace('>', "%3E"))
            .send()
            .await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let html = page.text();
        for forbidden in ["<script", "style=", "<style", "onclick", "javascript:"] {
            assert!(!html.contains(forbidden), "{path} {forbidden}");
        }
        assert!(
            html.contains("lang=\"en\"") && html.contains("<main"),
            "{path}"
        );
    }
    let style = house.get("/assets/style.css").send().await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
}

#[tokio::test]
async fn every_code_has_its_page() {
    let house = House::open().await;
    for code in gestalt_core::Code::ALL {
        let page = house
            .get(&format!("/problems/{}", code.as_str()))
            .send()
            .await;
        assert_eq!(page.status, 200, "{}", code.as_str());
        assert!(page.text().contains(code.as_str()));
    }
    assert_eq!(
        house.get("/problems/nothing").send().await.problem(404),
        "not_found"
    );
}

#[tokio::test]
async fn the_start_page_opens_from_a_link_on_any_site() {
    let house = House::open().await;
    for site in ["cross-site", "same-site", "none"] {
        let page = house
            .get("/")
            .with("sec-fetch-site", site)
            .with("accept", "text/html");
        let page = page.send().await;
        assert_eq!(page.status, 200, "{site}");
        assert!(page.text().contains("Demo notes"), "{site}");
    }
}
