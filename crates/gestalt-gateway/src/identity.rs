//! Identity: what an upstream is told of who calls, as headers, as a signed token, as MCP's
//! `_meta`.
//!
//! What is said is made once for a caller and a plugin and said again for a while, so that a
//! warm call signs nothing. Only what is known is said, and only to upstreams whose plugin or
//! surface says so; the caller's own credential is never part of it.

mod jwt;
mod plan;
pub(crate) mod signers;
mod values;

use std::fmt::Write as _;
use std::sync::Arc;

use gestalt_core::id::PluginId;
use gestalt_core::identity::{IdentityField, IdentityForwarding};
use gestalt_core::{Refusal, Secret, Subject, Timestamp};
use gestalt_upstream::Injection;
use http::{HeaderName, HeaderValue};
use quick_cache::sync::Cache;
use serde_json::{Map, Value};

use crate::Inner;
use crate::authenticate::caller::{Caller, Identity};
use crate::catalogue::PluginEntry;
pub(crate) use plan::Plan;
use signers::Signers;
use values::{ascii_json, header_value, known};

/// The member of MCP's `_meta` that says who calls. A client's own is never passed on.
pub(crate) const META_KEY: &str = "gestalt/identity";

/// How an upstream is reached, which says what it is told where the plugin does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Surface {
    /// By operations that a manifest or a document declares: it is told nothing.
    Declared,
    /// By MCP: it is told who calls.
    Mcp,
}

/// What says who calls, kept ready.
pub(crate) struct Forwarding {
    pub(crate) signers: Signers,
    /// The issuer of every token.
    issuer: String,
    prepared: Cache<(Subject, PluginId), Arc<Prepared>>,
}

impl Forwarding {
    /// Keeps at most `entries` callers of plugins ready.
    pub(crate) fn new(signers: Signers, issuer: String, entries: usize) -> Self {
        Self {
            signers,
            issuer,
            prepared: Cache::new(entries.max(1)),
        }
    }
}

/// What one call says of who makes it.
#[derive(Default)]
pub(crate) struct Told {
    /// What is set beside the operation's own headers.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The token among them: whoever has it is the caller to that upstream.
    token: Option<Secret>,
}

impl Told {
    /// The headers; the token is masked in the answer like the credential.
    pub(crate) fn with(self, injection: &mut Injection) -> Vec<(HeaderName, HeaderValue)> {
        injection.mask.extend(self.token);
        self.headers
    }
}

/// What is said of one caller to one plugin, apart from the request's id.
struct Prepared {
    /// What it was made by; another after a reload.
    plan: Arc<Plan>,
    email: Option<String>,
    display_name: Option<String>,
    /// What is said as members of a JSON object, before and after the request's id: each with
    /// a comma at its end. The token is in the second.
    meta: (String, Secret),
    headers: Vec<(HeaderName, HeaderValue)>,
    token: Option<Secret>,
    made_at: Timestamp,
}

impl Prepared {
    fn make(gateway: &Inner, caller: &Caller, plugin: &PluginEntry) -> Result<Self, Refusal> {
        let (plan, identity) = (&plugin.identity, caller.identity());
        let now = gateway.clock.now();
        let mut fields = Vec::new();
        for field in plan.settings.fields.iter().copied() {
            fields.extend(known(field, identity)?.map(|text| (field, text)));
        }
        let mut claims = Map::new();
        for (field, text) in &fields {
            if let Some(claim) = plan.settings.claim(*field) {
                claims.insert(claim.to_owned(), Value::from(text.as_str()));
            }
        }
        let mut headers = Vec::new();
        if plan.settings.plain {
            for (field, text) in &fields {
                headers.push((plan.settings.header(*field), header_value(text)?));
            }
        }
        if let Some(name) = &plan.settings.claims_header {
            let text = ascii_json(&claims);
            let value = HeaderValue::try_from(text).map_err(Refusal::internal)?;
            headers.push((name.clone(), value));
        }
        let mut token = None;
        if let Some(settings) = &plan.settings.jwt {
            let forwarding = &gateway.identity;
            let names = (&*forwarding.issuer, &*plan.audience);
            let signed = jwt::sign(&forwarding.signers, &gateway.entropy, names, &claims, now)?;
            let mut value = HeaderValue::try_from(signed.expose()).map_err(Refusal::internal)?;
            value.set_sensitive(true);
            headers.push((settings.header.clone(), value));
            token = Some(signed);
        }
        Ok(Self {
            plan: Arc::clone(plan),
            email: identity.email.clone(),
            display_name: identity.display_name.clone(),
            meta: members(&plan.settings, &fields, (&claims, token.as_ref())),
            headers,
            token,
            made_at: now,
        })
    }

    /// Whether it may be said of this caller now.
    fn holds(&self, plan: &Arc<Plan>, identity: &Identity, now: Timestamp) -> bool {
        Arc::ptr_eq(&self.plan, plan)
            && self.email == identity.email
            && self.display_name == identity.display_name
            // A clock that was set back makes a new one.
            && self.made_at <= now
            && now.since(self.made_at) < jwt::REUSED_FOR
    }
}

/// What an upstream's headers say of who calls; nothing where it is told nothing.
///
/// # Errors
/// `forbidden` where what is known of the caller holds a control character.
pub(crate) fn identity_headers(
    gateway: &Inner,
    caller: &Caller,
    plugin: &PluginEntry,
    surface: Surface,
) -> Result<Told, Refusal> {
    if !plugin.identity.tells(surface) {
        return Ok(Told::default());
    }
    let prepared = prepared(gateway, caller, plugin)?;
    let settings = &plugin.identity.settings;
    let mut headers = Vec::with_capacity(prepared.headers.len() + 1);
    headers.extend_from_slice(&prepared.headers);
    if settings.plain
        && settings.fields.contains(&IdentityField::RequestId)
        && let Some(request) = caller.circumstances().request
    {
        let value = HeaderValue::try_from(request.to_string()).map_err(Refusal::internal)?;
        headers.push((settings.header(IdentityField::RequestId), value));
    }
    Ok(Told {
        headers,
        token: prepared.token.clone(),
    })
}

/// The same as a member to lay into MCP's `_meta`: the JSON text of [`META_KEY`] and its value;
/// nothing where the upstream is told nothing. Fields are as they are, without a header's
/// encoding; the token is `jwt`, the claims `claims`.
///
/// # Errors
/// `forbidden` where what is known of the caller holds a control character.
pub(crate) fn identity_meta(
    gateway: &Inner,
    caller: &Caller,
    plugin: &PluginEntry,
    surface: Surface,
) -> Result<Option<String>, Refusal> {
    if !plugin.identity.tells(surface) {
        return Ok(None);
    }
    let prepared = prepared(gateway, caller, plugin)?;
    let settings = &plugin.identity.settings;
    let (before, after) = (&prepared.meta.0, prepared.meta.1.expose());
    let mut text = String::with_capacity(before.len() + after.len() + META_KEY.len() + 64);
    push_name(&mut text, META_KEY);
    text.push('{');
    text.push_str(before);
    if settings.plain
        && settings.fields.contains(&IdentityField::RequestId)
        && let Some(request) = caller.circumstances().request
    {
        push_name(&mut text, IdentityField::RequestId.as_str());
        let _infallible = write!(text, "\"{request}\",");
    }
    text.push_str(after);
    if text.ends_with(',') {
        text.pop();
    }
    text.push('}');
    Ok(Some(text))
}

/// What is said of a caller as members of a JSON object.
fn members(
    settings: &IdentityForwarding,
    fields: &[(IdentityField, String)],
    (claims, token): (&Map<String, Value>, Option<&Secret>),
) -> (String, Secret) {
    let (mut before, mut after) = (String::new(), String::new());
    let push = |text: &mut String, name: &str, value: &Value| {
        push_name(text, name);
        let _infallible = write!(text, "{value},");
    };
    if settings.plain {
        for (field, text) in fields {
            push(&mut before, field.as_str(), &Value::from(text.as_str()));
        }
    }
    if settings.claims_header.is_some() {
        push(&mut after, "claims", &Value::Object(claims.clone()));
    }
    if let Some(token) = token {
        push(&mut after, "jwt", &Value::from(token.expose()));
    }
    (before, Secret::new(after))
}

/// Writes a member's name; those here need no escape.
fn push_name(text: &mut String, name: &str) {
    text.push('"');
    text.push_str(name);
    text.push_str("\":");
}

/// What is said of a caller to a plugin, from memory while it holds.
fn prepared(
    gateway: &Inner,
    caller: &Caller,
    plugin: &PluginEntry,
) -> Result<Arc<Prepared>, Refusal> {
    let key = (caller.subject(), plugin.id);
    let kept = &gateway.identity.prepared;
    let now = gateway.clock.now();
    if let Some(known) = kept.get(&key)
        && known.holds(&plugin.identity, caller.identity(), now)
    {
        return Ok(known);
    }
    let made = Arc::new(Prepared::make(gateway, caller, plugin)?);
    kept.insert(key, Arc::clone(&made));
    Ok(made)
}

#[cfg(test)]
mod tests;
