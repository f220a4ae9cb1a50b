//! `local` login: from the printed link to a token that the command line keeps.

use gestalt_e2e::{Answer, Cli, Client, Daemon};
use hyper::header::{CONTENT_TYPE, COOKIE, HeaderName, ORIGIN};
use hyper::{Method, Request};

const CONFIG: &str = "\
server:
  public: { host: localhost, port: 0 }
  encryptionKey: a passphrase of a test that is long enough
providers:
  authentication: { local: { config: { email: ada@example.com } } }
plugins:
  demo: { source: demo }
";

/// A browser with one form cookie.
struct Browser {
    client: Client,
    origin: String,
    form: String,
}

impl Browser {
    async fn open(daemon: &Daemon, path: &str) -> Self {
        let page = daemon.client().get(path).await.expect(200);
        let cookie = page.header("set-cookie").split(';').next().unwrap();
        let (_, form) = cookie.split_once('=').unwrap();
        Self {
            client: daemon.client().with(COOKIE, cookie),
            origin: daemon.url().to_owned(),
            form: form.to_owned(),
        }
    }

    /// Sends a form as the browser does, with `form` in place of its own token.
    async fn send(&self, path: &str, fields: &str, form: &str, origin: &str) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ORIGIN, origin)
            .header(HeaderName::from_static("accept"), "text/html")
            .body(format!("{fields}&form={form}").into());
        self.client.request(request.unwrap()).await
    }

    async fn submit(&self, path: &str, fields: &str) -> Answer {
        self.send(path, fields, &self.form, &self.origin).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_logs_one_browser_in_and_gives_the_command_line_a_token() {
    let daemon = Daemon::start(CONFIG).await;
    daemon.client().get("/api/v1/me").await.expect(401);
    let link = daemon.command(&["login-code"]).await.ok();
    let (_, code) = link.trim().split_once("code=").unwrap();
    let mut browser = Browser::open(&daemon, &format!("/login?code={code}")).await;

    let fields = format!("code={code}");
    let other = "0".repeat(64);
    let forged = browser.send("/login", &fields, &other, &browser.origin);
    forged.await.expect(403);
    let foreign = browser.send("/login", &fields, &browser.form, "https://attacker.example");
    foreign.await.expect(403);

    let entered = browser.submit("/login", &fields).await.expect(303);
    let session = entered.header("set-cookie").split(';').next().unwrap();
    assert!(session.starts_with("session_token=gst_ses_"), "{session}");
    browser.submit("/login", &fields).await.expect(401);
    let anonymous = browser.submit("/token", "name=laptop").await;
    anonymous.expect(401);

    let both = format!("gst_form={}; {session}", browser.form);
    browser.client = daemon.client().with(COOKIE, &both);
    let forged = browser.send("/token", "name=laptop", &other, &browser.origin);
    forged.await.expect(403);
    let page = browser.submit("/token", "name=laptop").await.expect(200);
    let page = page.text();
    let (_, token) = page.split_once("<pre><code>gst_api_").unwrap();
    let (token, _) = token.split_once('<').unwrap();
    let token = format!("gst_api_{token}");

    let cli = Cli::new(&daemon);
    assert_eq!(cli.run(&["plugin", "list"]).await.code, 4);
    let login = ["auth", "login", "--token-stdin"];
    cli.run_with(&login, Some(&token)).await.ok();
    let me = cli.run(&["auth", "status", "--json"]).await.json();
    assert_eq!(me["email"], "ada@example.com", "{me}");
    assert_eq!(me["admin"], false, "a token has to name `admin`: {me}");
    assert!(cli.run(&["plugin", "list"]).await.ok().contains("demo"));
}
