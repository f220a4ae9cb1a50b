//! The start page: what runs here, who is asking, what to do next.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use gestalt_core::Kind;
use gestalt_gateway::{Caller, IntegrationView, LoginKind};
use http::request::Parts;
use http::{StatusCode, header};

use super::cookie::{self, FormToken};
use super::page;
use crate::http::Door;
use crate::http::context::presented;
use crate::http::problem::Refused;

#[derive(Template)]
#[template(path = "start.html")]
struct StartPage {
    url: String,
    version: &'static str,
    /// Nobody logs in here: every request is the same subject.
    open: bool,
    who: Option<String>,
    plugins: Vec<Plugin>,
    next: Vec<Step>,
    form: String,
}

struct Plugin {
    name: String,
    title: String,
    description: String,
    operations: u64,
    state: &'static str,
    tone: &'static str,
}

struct Step {
    text: &'static str,
    command: String,
}

/// What runs here, for whoever may know.
pub(super) async fn start(door: State<Door>, parts: Parts) -> Result<Response, Refused> {
    let form = cookie::form_token(&door, &parts.headers)?;
    let presented = presented(&parts, &door)?;
    let caller = match door.gateway().authenticate(&presented).await {
        Ok(caller) => Some(caller),
        Err(refusal) if refusal.kind() == Kind::Unauthenticated => None,
        Err(refusal) => return Err(refusal.into()),
    };
    let stale = caller.is_none() && presented.cookie.is_some();
    let template = describe(&door, caller.as_ref(), &form).await?;
    let mut response = page(StatusCode::OK, &template)?;
    let headers = response.headers_mut();
    if let Some(cookie) = form.cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
    if stale || cookie::is_foreign(&door, &parts.headers) {
        headers.append(header::SET_COOKIE, cookie::cleared_session(&door));
    }
    Ok(response)
}

async fn describe(
    door: &Door,
    caller: Option<&Caller>,
    form: &FormToken,
) -> Result<StartPage, Refused> {
    let open = door.gateway().login() == LoginKind::None;
    let mut page = StartPage {
        url: door.site().url(""),
        version: env!("CARGO_PKG_VERSION"),
        open,
        who: None,
        plugins: Vec::new(),
        next: Vec::new(),
        form: form.value.clone(),
    };
    let Some(caller) = caller else {
        page.next.push(Step {
            text: "Make a link that logs you in, on the machine where gestaltd runs:",
            command: "gestaltd login-code".to_owned(),
        });
        return Ok(page);
    };
    let me = door.gateway().me(caller)?;
    page.who = Some(me.display_name.or(me.email).unwrap_or(me.subject));
    let plugins = door.gateway().list_integrations(caller).await?;
    page.next = next_steps(&plugins, &page.url, open);
    page.plugins = plugins.into_iter().map(Plugin::of).collect();
    Ok(page)
}

impl Plugin {
    fn of(view: IntegrationView) -> Self {
        let (state, tone) = match view.status {
            "ready" => ("Ready", "good"),
            "not_connected" => ("Not connected", "quiet"),
            "reconnect_required" => ("Connect again", "bad"),
            _ => ("An admin must set it up", "bad"),
        };
        Self {
            name: view.name,
            title: view.display_name,
            description: view.description.unwrap_or_default(),
            operations: view.operations,
            state,
            tone,
        }
    }
}

fn next_steps(plugins: &[IntegrationView], url: &str, open: bool) -> Vec<Step> {
    let mut steps = vec![Step {
        text: "Tell the command line where this gateway is:",
        command: format!("gestalt init --url {url}"),
    }];
    if !open {
        steps.push(Step {
            text: "Give it a token, which is made below:",
            command: "gestalt auth login".to_owned(),
        });
    }
    if let Some(plugin) = plugins
        .iter()
        .find(|plugin| plugin.status == "not_connected")
    {
        steps.push(Step {
            text: "Connect an account:",
            command: format!("gestalt plugin connect {}", plugin.name),
        });
    }
    if let Some(plugin) = plugins.iter().find(|plugin| plugin.status == "ready") {
        steps.push(Step {
            text: "See what can be called:",
            command: format!("gestalt plugin describe {}", plugin.name),
        });
    }
    steps
}
