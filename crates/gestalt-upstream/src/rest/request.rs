//! Arguments to a request that cannot leave its operation's template.

use bytes::Bytes;
use gestalt_core::Entropy;
use gestalt_core::operation::Location;
use http::header::{CONTENT_TYPE, COOKIE};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Uri};

use super::compile::{CompiledOperation, Target};
use super::input::Values;
use super::page::Paging;
use super::pairs::Pairs;
use super::schema::Given;
use super::style::{Form, Writing};
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
            || self.operation.targets.iter().any(|t| t.wire == name)
            || definition.pagination.as_ref().is_some_and(|p| {
                p.page_size.as_ref().is_some_and(|(size, _)| size == name)
                    || super::page::parameter(p) == Some(name)
            })
    }

    fn is_injected(&self, name: &str) -> bool {
        self.injection.query.iter().any(|(ours, _)| ours == name)
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
            if let Some(header) = &target.header {
                let mut text = String::new();
                target.text(&mut text, given, String::push_str);
                headers.push((header.clone(), header_value(name, &text)?));
            } else if target.location == Location::Cookie {
                cookie(&mut cookies, target, given)
                    .map_err(|why| UpstreamError::invalid(name, format!("`{name}` {why}.")))?;
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

    /// Writes a value where there are no pairs.
    fn text(&self, out: &mut String, given: &Given<'_>, encode: fn(&mut String, &str)) {
        if self.json {
            encode(out, &given.json());
        } else {
            self.writing().write(out, &Form::of(given), encode);
        }
    }
}

/// One path parameter, encoded.
fn segment(
    name: &str,
    target: &Target,
    given: Option<&Given<'_>>,
) -> Result<String, UpstreamError> {
    let wrong = |why: &str| Err(UpstreamError::invalid(name, format!("`{name}` {why}.")));
    let Some(given) = given else {
        return wrong("is required");
    };
    let (mut plain, mut encoded) = (String::new(), String::new());
    target.text(&mut plain, given, String::push_str);
    if plain.is_empty() {
        return wrong("may not be empty");
    }
    if climbs(&plain) || Form::of(given).texts().any(climbs) {
        return wrong("may not hold a segment of dots");
    }
    target.text(&mut encoded, given, push_encoded);
    Ok(encoded)
}

fn write(pairs: &mut Pairs<'_>, target: &Target, given: &Given<'_>) -> Result<(), String> {
    if target.json {
        pairs.push(&target.key, &given.json());
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

fn cookie(out: &mut String, target: &Target, given: &Given<'_>) -> Result<(), String> {
    let mut text = String::new();
    write(&mut Pairs::new(&mut text, &|_| false), target, given)?;
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
