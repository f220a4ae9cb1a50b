//! Connecting an account in the browser: where the link of a call without a credential leads.
//!
//! The page works for whoever the browser is logged in as and for nobody else. A link may
//! say whom it is `for`; anybody else who opens it is refused, so that an account is never
//! connected to the wrong person by a link that was passed on.

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use gestalt_core::{Code, Kind, Refusal};
use gestalt_gateway::{
    Caller, ConnectRequest, ConnectionMethodView, ConnectionView, IntegrationView, LoginKind,
    Presented,
};
use http::request::Parts;
use http::{Request, StatusCode, header};
use serde::Deserialize;

use self::sent::Sent;
use self::shown::{ConnectPage, Entered, Failure, Viewer};
use super::login::{self, check_form};
use super::{cookie, page};
use crate::http::Door;
use crate::http::context::presented;
use crate::http::input::{Params, Place};
use crate::http::problem::{self, Refused};

mod sent;
mod shown;

/// What a link says besides the plugin.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Link {
    connection: Option<String>,
    instance: Option<String>,
    #[serde(rename = "for")]
    subject: Option<String>,
}

impl Link {
    /// Reads what is there but empty as absent, as a form's field or an agent may send it.
    fn tidied(self) -> Self {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self {
            connection: given(self.connection),
            instance: given(self.instance),
            subject: given(self.subject),
        }
    }

    /// The path of the page that it leads to.
    fn path(&self, plugin: &str) -> String {
        let pairs = [
            ("connection", &self.connection),
            ("instance", &self.instance),
            ("for", &self.subject),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in pairs {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        match query.finish() {
            query if query.is_empty() => format!("/connect/{plugin}"),
            query => format!("/connect/{plugin}?{query}"),
        }
    }
}

#[derive(Template)]
#[template(path = "connected.html")]
struct ConnectedPage<'a> {
    title: &'a str,
    who: &'a str,
    connection: &'a ConnectionView,
    shared: bool,
}

/// Shows what there is to connect, and the form for it.
pub(super) async fn ask(
    door: State<Door>,
    Place(plugin): Place<String>,
    Params(link): Params<Link>,
    parts: Parts,
) -> Result<Response, Refused> {
    let link = link.tidied();
    let presented = presented(&parts, &door)?;
    let Some(caller) = visitor(&door, &presented).await? else {
        return log_in(&door, &parts, &presented, &link.path(&plugin));
    };
    check_subject(&door, &caller, &link)?;
    let view = door.gateway().get_integration(&caller, &plugin).await?;
    let entered = Entered {
        instance: link.instance.clone(),
        ..Entered::default()
    };
    show(&door, &parts, &caller, (&view, &link), &entered)
}

/// Connects with what the form sends.
pub(super) async fn connect(
    door: State<Door>,
    Place(plugin): Place<String>,
    request: Request<Body>,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let sent = Sent::read(&parts.headers, body, door.limits()).await?;
    check_form(&door, &parts, &sent.form)?;
    let presented = presented(&parts, &door)?;
    let link = sent.link();
    let Some(caller) = visitor(&door, &presented).await? else {
        return log_in(&door, &parts, &presented, &link.path(&plugin));
    };
    check_subject(&door, &caller, &link)?;
    let request = ConnectRequest {
        integration: plugin.clone(),
        connection: sent.connection.clone(),
        instance: sent.instance.clone(),
        credentials: sent.credentials.clone(),
        platform: sent.shared,
        grace: None,
    };
    let connected = door.gateway().connect_manual(&caller, request).await;
    let view = door.gateway().get_integration(&caller, &plugin).await?;
    match connected {
        Ok(connection) => {
            let template = ConnectedPage {
                title: &view.display_name,
                who: &name_of(&door, &caller)?,
                shared: connection.owner == "platform",
                connection: &connection,
            };
            page(StatusCode::OK, &template)
        }
        Err(refusal) if can_be_mended(&refusal) => {
            let refused = Refused::from(refusal);
            problem::log(&refused, presented.request_id);
            let entered = Entered {
                failure: Some(Failure::of(&refused)),
                ..sent.shown(&view)
            };
            show(&door, &parts, &caller, (&view, &link), &entered)
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// Whose browser this is; `None` where nobody is logged in. A token is no browser's.
async fn visitor(door: &Door, presented: &Presented) -> Result<Option<Caller>, Refusal> {
    let explicit = presented.authorization.is_some() || presented.api_key.is_some();
    if explicit && presented.cookie.is_none() {
        return Err(Refusal::new(
            Code::Forbidden,
            "This page is for people in a browser, not for tokens.",
        )
        .hint("A program connects with POST /api/v1/auth/connect-manual."));
    }
    match door.gateway().authenticate(presented).await {
        Ok(caller) => Ok(Some(caller)),
        Err(refusal) if refusal.kind() == Kind::Unauthenticated => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

fn log_in(
    door: &Door,
    parts: &Parts,
    presented: &Presented,
    path: &str,
) -> Result<Response, Refused> {
    let asked = login::Asked {
        next: login::safe_next(path),
        stale: presented.cookie.is_some(),
        ..login::Asked::default()
    };
    login::show(door, parts, StatusCode::UNAUTHORIZED, &asked)
}

/// Refuses a link that is for somebody else.
fn check_subject(door: &Door, caller: &Caller, link: &Link) -> Result<(), Refusal> {
    let subject = caller.subject().to_string();
    if link
        .subject
        .as_ref()
        .is_none_or(|wanted| *wanted == subject)
    {
        return Ok(());
    }
    let refusal = Refusal::new(Code::Forbidden, "This link is for somebody else.");
    Err(match door.gateway().login() {
        LoginKind::None => refusal.hint("Take the link of the call that was refused last."),
        LoginKind::Local => refusal.hint(format!(
            "You are logged in as {}. If the link is yours, log out on the start page and log in as yourself; if not, ask for one of your own.",
            name_of(door, caller)?
        )),
    })
}

fn name_of(door: &Door, caller: &Caller) -> Result<String, Refusal> {
    let me = door.gateway().me(caller)?;
    Ok(me.display_name.or(me.email).unwrap_or(me.subject))
}

/// Whether the form is shown again with what is wrong; all else is a page of its own.
fn can_be_mended(refusal: &Refusal) -> bool {
    matches!(
        refusal.kind(),
        Kind::Invalid
            | Kind::Choose
            | Kind::NotConnected
            | Kind::TooLarge
            | Kind::Limited
            | Kind::Upstream
            | Kind::Timeout
            | Kind::Unavailable
    )
}

/// The connection that is meant: the one named, the only one a person can enter something
/// for, or among several the one called `default`.
fn choose<'a>(
    view: &'a IntegrationView,
    named: Option<&str>,
    admin: bool,
) -> Result<Option<&'a ConnectionMethodView>, Refusal> {
    let all = &view.connections;
    if let Some(name) = named {
        let names: Vec<&str> = all.iter().map(|method| method.name.as_str()).collect();
        let found = all.iter().find(|method| method.name == name);
        return found.map(Some).ok_or_else(|| {
            let text = format!("{} has no connection of this name.", view.display_name);
            let refusal = Refusal::new(Code::InvalidRequest, text);
            if names.is_empty() {
                refusal.hint("It needs none.")
            } else {
                refusal.hint(format!("It has: {}.", names.join(", ")))
            }
        });
    }
    let mut usable = all.iter().filter(|m| shown::obstacle(m, admin).is_none());
    Ok(match (usable.next(), usable.next()) {
        (Some(only), None) => Some(only),
        (None, _) => all.first().filter(|_| all.len() == 1),
        (Some(_), Some(_)) => all
            .iter()
            .find(|m| m.name == gestalt_core::name::DEFAULT && shown::obstacle(m, admin).is_none()),
    })
}

fn show(
    door: &Door,
    parts: &Parts,
    caller: &Caller,
    (view, link): (&IntegrationView, &Link),
    entered: &Entered,
) -> Result<Response, Refused> {
    let form = cookie::form_token(door, &parts.headers)?;
    let chosen = choose(view, link.connection.as_deref(), caller.is_admin())?;
    let viewer = Viewer {
        who: name_of(door, caller)?,
        subject: caller.subject().to_string(),
        admin: caller.is_admin(),
        form: form.value,
    };
    let template = ConnectPage::of(viewer, (view, chosen), link, entered);
    let failure = entered.failure.as_ref();
    let status = failure.map_or(StatusCode::OK, |failure| failure.status);
    let mut response = page(status, &template)?;
    let headers = response.headers_mut();
    if let Some(cookie) = form.cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
    if cookie::is_foreign(door, &parts.headers) {
        headers.append(header::SET_COOKIE, cookie::cleared_session(door));
    }
    Ok(response)
}
