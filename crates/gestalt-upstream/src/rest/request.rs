//! Arguments to a request that cannot leave its operation's template.

use bytes::Bytes;
use gestalt_core::Entropy;
use gestalt_core::operation::Location;
use http::header::{CONTENT_TYPE, COOKIE};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Uri};

use super::compile::CompiledOperation;
use super::input::Values;
use super::json;
use super::page::Paging;
use super::pairs::Pairs;
use super::schema::Given;
use super::style::{Form, Writing};
use super::target::{Content, Target};
use super::template::{climbs, push_encoded};
use crate::body::OutBody;
use crate::call::{Arguments, Injection, RequestBody};
use crate::egress::Outgoing;
use crate::{Settings, UpstreamError};

/// What a request is made from, besides its arguments.
pub(crate) struct Preparing<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) entropy: &'a Entropy,
    pub(crate) operation: &'a CompiledOperation,
    pub(crate) injection: &'a Injection,
    pub(crate) identity: &'a [(HeaderName, HeaderValue)],
    pub(crate) paging: Option<&'a Paging>,
}

impl<'a> Preparing<'a> {
    /// Makes the request.
    ///
    /// # Errors
    /// [`UpstreamError::Invalid`] that names the argument, and [`UpstreamError::TooLarge`].
    pub(crate) fn prepare(
        &self,
        arguments: &Arguments,
        body: Option<RequestBody>,
    ) -> Result<Outgoing<'a>, UpstreamError> {
        let operation = self.operation;
        let values = operation.inputs.read(arguments)?;
        let mut given = self.headers(&values)?;
        let limit = self.settings.max_request_bytes;
        let body = match (&operation.body, body) {
            (Some(plan), body) => {
                let (body, content_type) = plan.build(&values, body, limit, self.entropy)?;
                given.extend(content_type.map(|value| (CONTENT_TYPE, value)));
                body
            }
            (None, Some(_)) => {
                return Err(UpstreamError::invalid(
                    "body",
                    "This operation takes no body.",
                ));
            }
            (None, None) => OutBody::Empty,
        };
        Ok(Outgoing {
            method: operation.definition().method.clone(),
            target: self.target(&values)?,
            fixed: &operation.headers,
            given,
            injection: self.injection,
            identity: self.identity,
            body,
        })
    }

    fn target(&self, values: &Values<'_>) -> Result<Uri, UpstreamError> {
        let operation = self.operation;
        let mut out = String::with_capacity(128);
        let mut encoded: Vec<(usize, String)> = Vec::new();
        for index in operation.template.parameters() {
            let name = &operation.definition().parameters[index].name;
            let text = segment(name, &operation.targets[index], values.get(index))?;
            encoded.push((index, text));
        }
        let value = |index: usize| {
            let mut known = encoded.iter();
            Some(known.find(|(known, _)| *known == index)?.1.as_str())
        };
        operation.template.render(&mut out, value).ok_or_else(|| {
            UpstreamError::invalid("", "The arguments lead out of the operation's path.")
        })?;
        let path = out.len();
        out.push('?');
        self.query(&mut out, values)?;
        if out.len() == path + 1 {
            out.truncate(path);
        }
        let wrong = |error: http::Error| UpstreamError::Internal(error.into());
        let target = PathAndQuery::from_maybe_shared(Bytes::from(out));
        Uri::builder()
            .scheme(operation.base.scheme.clone())
            .authority(operation.base.authority.clone())
            .path_and_query(target.map_err(|error| wrong(error.into()))?)
            .build()
            .map_err(wrong)
    }

    fn query(&self, out: &mut String, values: &Values<'_>) -> Result<(), UpstreamError> {
        let operation = self.operation;
        let taken = |name: &str| self.is_taken(name);
        let mut pairs = Pairs::new(out, &taken);
        pairs.push_raw(&operation.query);
        let resumed = self.paging.and_then(Paging::query);
        let whole = self.paging.is_some_and(Paging::replaces_query);
        for (index, target) in operation.targets.iter().enumerate() {
            let ours = whole
                || self.is_injected(&target.wire)
                || resumed
                    .iter()
                    .flatten()
                    .any(|(name, _)| *name == target.wire);
            let (false, Location::Query, Some(given)) = (ours, target.location, values.get(index))
            else {
                continue;
            };
            pairs.reserved = target.allow_reserved;
            let name = &operation.definition().parameters[index].name;
            write(&mut pairs, target, given)
                .map_err(|why| UpstreamError::invalid(name, format!("`{name}` {why}.")))?;
        }
        pairs.reserved = false;
        for (name, value) in resumed.iter().flatten() {
            let mut key = String::new();
            push_encoded(&mut key, name);
            pairs.push(&key, value);
        }
        self.page_size(&mut pairs, values, whole);
        for (name, secret) in &self.injection.query {
            let mut key = String::new();
            push_encoded(&mut key, name);
            pairs.push(&key, secret.expose());
        }
        Ok(())
    }

    /// Asks for the operation's page size where the caller names none.
    fn page_size(&self, pairs: &mut Pairs<'_>, values: &Values<'_>, whole: bool) {
        let operation = self.operation;
        let pagination = operation.definition().pagination.as_ref();
        let Some((wire, size)) = pagination.and_then(|p| p.page_size.as_ref()) else {
            return;
        };
        let mut targets = operation.targets.iter().enumerate();
        let said = targets.any(|(i, t)| {
            t.location == Location::Query && t.wire == *wire && values.get(i).is_some()
        });
        if !said && !whole {
            let mut key = String::new();
            push_encoded(&mut key, wire);
            pairs.push(&key, &size.to_string());
        }
    }

    /// Query names that a caller's own keys may not be.
    fn is_taken(&self, name: &str) -> bool {
        let definition = self.operation.definition();
        self.is_injected(name)
            || definition.query.iter().any(|(fixed, _)| fixed == name)
            || self
                .operation
                .targets
                .iter()
                .any(|t| t.location == Location::Query && t.is_named(name))
            || definition.pagination.as_ref().is_some_and(|p| {
                p.page_size.as_ref().is_some_and(|(size, _)| size == name)
                    || super::page::parameter(p) == Some(name)
            })
    }

    fn is_injected(&self, name: &str) -> bool {
        let plain = name.split('[').next().unwrap_or_default();
        let mut injected = self.injection.query.iter();
        injected.any(|(ours, _)| ours == name || ours == plain)
    }

    /// Cookie names that a caller's own keys may not be.
    fn is_taken_cookie(&self, name: &str) -> bool {
        let mut targets = self.operation.targets.iter();
        self.is_injected_cookie(name)
            || targets.any(|t| t.location == Location::Cookie && t.is_named(name))
    }

    /// Says whether the credential has a cookie of this name.
    fn is_injected_cookie(&self, name: &str) -> bool {
        let headers = self.injection.headers.iter();
        let mut cookies = headers.filter(|(header, _)| header == COOKIE);
        cookies.any(|(_, secret)| {
            let mut pairs = secret.expose().split(';');
            pairs.any(|pair| pair.split('=').next().is_some_and(|n| n.trim() == name))
        })
    }

    fn headers(
        &self,
        values: &Values<'_>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, UpstreamError> {
        let mut headers = Vec::new();
        let mut cookies = String::new();
        for (index, target) in self.operation.targets.iter().enumerate() {
            let Some(given) = values.get(index) else {
                continue;
            };
            let name = &self.operation.definition().parameters[index].name;
            let wrong = |why| UpstreamError::invalid(name, format!("`{name}` {why}."));
            if let Some(header) = &target.header {
                if let Some(text) = target.header_text(given).map_err(wrong)? {
                    headers.push((header.clone(), header_value(name, &text)?));
                }
            } else if target.location == Location::Cookie && !self.is_injected_cookie(&target.wire)
            {
                let taken = |name: &str| self.is_taken_cookie(name);
                cookie(&mut cookies, target, given, &taken).map_err(wrong)?;
            }
        }
        if !cookies.is_empty() {
            headers.push((COOKIE, header_value("cookie", &cookies)?));
        }
        Ok(headers)
    }
}

impl Target {
    fn writing(&self) -> Writing<'_> {
        Writing {
            key: &self.key,
            style: self.style,
            explode: self.explode,
        }
    }

    /// The text of a parameter with a content type.
    fn content_text(&self, given: &Given<'_>) -> Option<String> {
        let text = match self.content? {
            Content::Json => None,
            Content::Text => given.string().map(std::borrow::Cow::into_owned),
        };
        Some(text.unwrap_or_else(|| json::compact(&given.json())))
    }

    /// A header's value; `None` for nothing to send.
    fn header_text(&self, given: &Given<'_>) -> Result<Option<String>, String> {
        if let Some(text) = self.content_text(given) {
            return Ok(Some(text));
        }
        let form = Form::of(given);
        if form.is_nothing() {
            return Ok(None);
        }
        self.writing().check(&form, true)?;
        let mut text = String::new();
        self.writing().write(&mut text, &form, String::push_str);
        Ok(Some(text))
    }
}

/// One path parameter, encoded.
fn segment(
    name: &str,
    target: &Target,
    given: Option<&Given<'_>>,
) -> Result<String, UpstreamError> {
    let wrong = |why: &str| UpstreamError::invalid(name, format!("`{name}` {why}."));
    let given = given.ok_or_else(|| wrong("is required"))?;
    let form = Form::of(given);
    let (mut plain, mut encoded) = (String::new(), String::new());
    if let Some(text) = target.content_text(given) {
        push_encoded(&mut encoded, &text);
        plain = text;
    } else {
        target
            .writing()
            .check(&form, false)
            .map_err(|why| wrong(&why))?;
        target.writing().write(&mut plain, &form, String::push_str);
        target.writing().write(&mut encoded, &form, push_encoded);
    }
    if plain.is_empty() {
        return Err(wrong("may not be empty"));
    }
    if climbs(&plain) || form.texts().any(climbs) {
        return Err(wrong("may not hold a segment of dots"));
    }
    Ok(encoded)
}

fn write(pairs: &mut Pairs<'_>, target: &Target, given: &Given<'_>) -> Result<(), String> {
    if let Some(text) = target.content_text(given) {
        pairs.push(&target.key, &text);
        return Ok(());
    }
    match given {
        Given::Text(text) => {
            pairs.push(&target.key, text);
            Ok(())
        }
        Given::Json(json) => pairs.write(target.writing(), &Form::of(given), json),
    }
}

fn cookie(
    out: &mut String,
    target: &Target,
    given: &Given<'_>,
    taken: &dyn Fn(&str) -> bool,
) -> Result<(), String> {
    let mut text = String::new();
    write(&mut Pairs::new(&mut text, taken), target, given)?;
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        out.push_str(if out.is_empty() { "" } else { "; " });
        out.push_str(pair);
    }
    Ok(())
}

fn header_value(name: &str, text: &str) -> Result<HeaderValue, UpstreamError> {
    let wrong = |why: &str| UpstreamError::invalid(name, format!("`{name}` {why}."));
    if text.trim_matches([' ', '\t']).len() != text.len() {
        return Err(wrong(
            "may not begin or end with white space, which a header would lose",
        ));
    }
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| wrong("holds a line break or another control character"))
}
