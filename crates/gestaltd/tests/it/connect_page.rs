//! Connecting in the browser: what the page shows, and what its form does.

use serde_json::Value;

use crate::house::{Answer, Ask, House, Plan};

/// Plugins that say hostile things of themselves, with a connection of each mode.
const TRACKER: &str = r#"
plugins:
  demo: { source: demo }
  open:
    displayName: Open
    surfaces: &surfaces { rest: { baseUrl: "https://tracker.invalid", operations: [{ name: list, method: GET, path: /, readOnly: true }] } }
  tracker:
    displayName: "<img src=x onerror=alert(1)>Tracker"
    description: '"><script>alert(2)</script>'
    surfaces: *surfaces
    connections:
      keyed:
        auth:
          type: manual
          credentials:
            - { name: site, label: "<b onclick='x'>Site</b>", description: "</p><style>*{}</style>", placeholder: '" autofocus onfocus="alert(3)', secret: false, pattern: '^[a-z"]+$' }
            - { name: key, label: Key, required: true }
            - { name: note, required: false, secret: false }
          authMapping: { headers: { X-Key: { valueFrom: { credentialFieldRef: { name: key } } }, X-Site: { valueFrom: { credentialFieldRef: { name: site } } } } }
      everyone: { mode: platform, auth: { type: bearer } }
      both: { mode: either, auth: { type: basic } }
"#;

/// A key that the demo takes, and that no page may show.
pub(crate) const KEY: &str = "demo-not-to-be-shown";

/// A daemon with hostile plugins.
pub(crate) async fn tracker(plan: Plan) -> House {
    let plan = Plan {
        config: TRACKER,
        ..plan
    };
    plan.build().await
}

/// A text as it stands in a form or a query.
pub(crate) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A person's browser that keeps the form's cookie and the session's.
pub(crate) struct Browser<'a> {
    pub(crate) house: &'a House,
    pub(crate) form: String,
    cookies: String,
}

impl<'a> Browser<'a> {
    /// A browser that has seen a page but is not logged in.
    pub(crate) async fn new(house: &'a House) -> Self {
        let cookie = house.get("/login").send().await.cookie("gst_form").unwrap();
        let form = cookie.split_once('=').unwrap().1.to_owned();
        Self {
            house,
            form,
            cookies: cookie,
        }
    }

    /// A browser that is logged in.
    pub(crate) async fn logged_in(house: &'a House) -> Self {
        let mut browser = Self::new(house).await;
        let code = house.code().await;
        let opened = browser.post("/login", &format!("code={code}")).await;
        browser.keep(&opened);
        browser
    }

    pub(crate) fn keep(&mut self, opened: &Answer) {
        let session = opened.cookie("session_token").unwrap();
        self.cookies = format!("{}; {session}", self.cookies);
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        let ask = self.house.ask(method, path).with("cookie", &self.cookies);
        ask.with("accept", "text/html")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).send().await
    }

    /// Sends a form of this site.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        let own = format!("http://localhost:{}", self.house.public.port());
        let ask = self.ask("POST", path).with("origin", &own);
        ask.form(&format!("form={}&{body}", self.form)).await
    }

    /// Who is logged in.
    pub(crate) async fn subject(&self) -> String {
        let me: Value = self.get("/api/v1/me").await.json();
        me["subject"].as_str().unwrap().to_owned()
    }

    /// What is connected.
    pub(crate) async fn connections(&self) -> Vec<Value> {
        let list: Value = self.get("/api/v1/connections").await.json();
        list["items"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_form_of_the_page_connects_and_sends_back_to_the_agent() {
    let house = Plan::local().build().await;
    let browser = Browser::logged_in(&house).await;
    let subject = browser.subject().await;
    let link = format!("/connect/demo?for={}&instance=work", encoded(&subject));
    let page = browser.get(&link).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let html = page.text();
    for part in [
        "<title>Connect Demo notes · Gestalt</title>",
        "<label for=\"field-1\">API key</label>",
        "type=\"password\" autocomplete=\"off\"",
        "placeholder=\"demo-your-name\"",
        "aria-describedby=\"about-1\"",
        " required",
        "name=\"instance\" value=\"work\"",
        &format!("name=\"for\" value=\"{subject}\""),
        &format!("name=\"form\" value=\"{}\"", browser.form),
        "owner@example.com",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }

    let body = format!(
        "for={}&connection=default&instance=work&field.api_key={KEY}",
        encoded(&subject)
    );
    let done = browser.post("/connect/demo", &body).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let html = done.text();
    assert!(html.contains("Go back to your agent"), "{html}");
    assert!(
        html.contains("which is notebook-") && !html.contains(KEY),
        "{html}"
    );
    let stored = browser.connections().await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0]["owner"], subject.as_str());
    assert_eq!(stored[0]["instance"], "work");

    // It works for the agent that gave the link.
    let called = browser.get("/api/v1/demo/whoami").await;
    assert_eq!(called.status, 200, "{}", called.text());
}

#[tokio::test]
async fn what_is_connected_is_shown_and_replacing_keeps_the_old_for_rollback() {
    let house = House::open().await;
    house.connect("demo-ada-lovelace").await;
    let browser = Browser::new(&house).await;
    let page = browser.get("/connect/demo").await.text();
    for part in [
        "Connected already",
        "default (notebook-",
        "Connect again",
        "kept for a while",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains("gestalt connections rollback"), "{page}");
    let body = format!("for=anonymous&connection=default&instance=default&field.api_key={KEY}");
    let done = browser.post("/connect/demo", &body).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let stored = browser.connections().await;
    let id = stored[0]["id"].as_str().unwrap();
    assert!(stored[0]["rollbackUntil"].is_string());
    let rollback = format!("gestalt connections rollback {id}");
    for page in [done, browser.get("/connect/demo").await] {
        assert!(page.text().contains(&rollback), "{}", page.text());
    }
}

#[tokio::test]
async fn whoever_is_not_logged_in_logs_in_and_comes_back() {
    let house = Plan::local().build().await;
    let mut browser = Browser::new(&house).await;
    let link = "/connect/demo?connection=default&instance=a%26b";
    let page = browser.get(link).await;
    assert_eq!(page.status, 401);
    let html = page.text();
    let next = "/connect/demo?connection=default&#38;instance=a%26b";
    assert!(
        html.contains(&format!("name=\"next\" value=\"{next}\"")),
        "{html}"
    );
    assert!(html.contains("gestaltd login-code") && !html.contains("Demo notes"));

    let code = house.code().await;
    let wrong = browser
        .post("/login", &format!("next={}&code=x", encoded(link)))
        .await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.text().contains(&format!("value=\"{next}\"")));
    // A person may paste the whole link.
    let pasted = encoded(&format!("http://localhost:8080/login?code={code}"));
    let opened = browser
        .post("/login", &format!("next={}&code={pasted}", encoded(link)))
        .await;
    assert_eq!(
        (opened.status.as_u16(), opened.header("location")),
        (303, link)
    );
    browser.keep(&opened);
    assert_eq!(browser.get(link).await.status, 200);
}

#[tokio::test]
async fn several_ways_are_offered_and_an_admin_may_set_the_shared_one() {
    let house = tracker(Plan::default()).await;
    let browser = Browser::new(&house).await;
    let page = browser
        .get("/connect/tracker?for=anonymous&instance=x%22y")
        .await
        .text();
    assert!(
        page.contains("Choose how to connect") && !page.contains("<form"),
        "{page}"
    );
    let href = "href=\"/connect/tracker?connection=both&#38;instance=x%22y&#38;for=anonymous\"";
    assert!(page.contains(href), "{page}");

    let page = browser.get("/connect/tracker?connection=both").await.text();
    for part in [
        "aria-current=\"page\">both</a>",
        "<legend>",
        "value=\"own\" checked",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let page = browser
        .get("/connect/tracker?connection=everyone")
        .await
        .text();
    assert!(page.contains("one credential for everybody"), "{page}");
    let body = "for=anonymous&connection=everyone&whose=shared&field.token=shared-token";
    let done = browser.post("/connect/tracker", body).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let body = "for=anonymous&connection=both&whose=own&field.username=ada&field.password=short";
    let done = browser.post("/connect/tracker", body).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(
        done.text().contains("shorter than 8 bytes"),
        "{}",
        done.text()
    );
    let mut owners: Vec<String> = browser
        .connections()
        .await
        .iter()
        .map(|stored| format!("{} {}", stored["connection"], stored["owner"]))
        .collect();
    owners.sort();
    assert_eq!(
        owners,
        [r#""both" "anonymous""#, r#""everyone" "platform""#]
    );

    let page = browser.get("/connect/open").await.text();
    assert!(
        page.contains("It needs no credential") && !page.contains("<form"),
        "{page}"
    );
}

#[tokio::test]
async fn a_stale_session_is_cleared_where_nobody_logs_in() {
    let house = House::open().await;
    let page = house
        .get("/connect/demo")
        .with("cookie", "session_token=gst_ses_nonsense")
        .send()
        .await;
    assert_eq!(page.status, 401);
    assert_eq!(
        page.cookie("session_token").as_deref(),
        Some("session_token=")
    );
    assert!(
        page.text().contains("<a href=\"/connect/demo\">"),
        "{}",
        page.text()
    );
}
