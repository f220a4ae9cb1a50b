//! A person's browser, as far as logging in needs one.

use gestalt_e2e::{Answer, Client, Daemon};
use hyper::Request;
use hyper::header::{COOKIE, ORIGIN};

/// A login page that was opened: its form's token and the cookie that it is bound to.
pub(crate) struct Page {
    form: String,
    cookie: String,
}

/// The code in a login link.
pub(crate) fn code_of(link: &str) -> String {
    let (_, code) = link.trim().split_once("code=").unwrap();
    code.to_owned()
}

/// Opens a login page; `path` may carry a code.
pub(crate) async fn open(daemon: &Daemon, path: &str) -> Page {
    let page = daemon.client().get(path).await.expect(200);
    let cookie = page
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let (_, form) = cookie.split_once('=').unwrap();
    assert!(page.text().contains(form));
    Page {
        form: form.to_owned(),
        cookie,
    }
}

impl Page {
    /// Sends the page's form with a code.
    pub(crate) async fn send(&self, daemon: &Daemon, code: &str) -> Answer {
        let request = Request::post("/login")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .header(COOKIE, &self.cookie);
        let body = format!("code={code}&form={}", self.form);
        daemon
            .client()
            .request(request.body(body.into()).unwrap())
            .await
    }
}

/// Logs in by a code; gives the session's value.
pub(crate) async fn log_in(daemon: &Daemon, code: &str) -> String {
    let page = open(daemon, &format!("/login?code={code}")).await;
    let answer = page.send(daemon, code).await.expect(303);
    session_of(&answer).unwrap()
}

/// The session that an answer sets.
pub(crate) fn session_of(answer: &Answer) -> Option<String> {
    let cookies = answer.headers.get_all("set-cookie").iter();
    let mut values = cookies.filter_map(|line| line.to_str().ok()?.strip_prefix("session_token="));
    let value = values.next()?.split(';').next()?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// A client that presents a session, from the daemon's own pages.
pub(crate) fn with_session(daemon: &Daemon, session: &str) -> Client {
    let client = daemon.client().with(ORIGIN, daemon.url());
    client.with(COOKIE, &format!("session_token={session}"))
}
