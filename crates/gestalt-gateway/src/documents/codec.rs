//! What a document offers, as bytes and back.
//!
//! The form is of this build only: a number is little-endian, a text is its length and its
//! bytes, a struct is its members in order. What does not read is `None`, never a guess.

use std::sync::Arc;
use std::time::Duration;

use gestalt_core::Schema;
use gestalt_core::connection::{
    AuthKind, AuthMapping, ConnectionDefinition, CredentialField, MappedValue, Mode, OnAuthChange,
};
use gestalt_core::document::{Finding, Imported, Severity};
use gestalt_core::name::{ConnectionName, OperationName};
use gestalt_core::operation::{
    Body, FieldEncoding, GraphQlOperation, Location, Media, MediaKind, Operation, Pagination,
    PaginationStyle, Parameter, Response, ResponseMapping, Security, Style,
};
use http::Method;
use serde_json::Value;
use url::Url;

/// What is left to read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(u64::get(self)?).ok()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    /// A count of things of at least one byte each, so that it reserves no more than is there.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(u64::get(self)?)
            .ok()
            .filter(|count| *count <= self.0.len())
    }
}

/// Has a form in bytes.
pub(super) trait Coded: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn get(from: &mut Reader<'_>) -> Option<Self>;
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    text.len().put(out);
    out.extend_from_slice(text.as_bytes());
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Coded for $type {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn get(from: &mut Reader<'_>) -> Option<Self> {
                Some(Self::from_le_bytes(*from.take(size_of::<Self>())?.first_chunk()?))
            }
        }
    )*};
}

/// Things that are written as their text.
macro_rules! texts {
    ($($type:ty: $show:expr, $read:expr;)*) => {$(
        impl Coded for $type {
            fn put(&self, out: &mut Vec<u8>) {
                let show: fn(&Self) -> std::borrow::Cow<'_, str> = $show;
                put_text(&show(self), out);
            }

            fn get(from: &mut Reader<'_>) -> Option<Self> {
                let read: fn(&str) -> Option<Self> = $read;
                read(from.text()?)
            }
        }
    )*};
}

/// Structs, by all of their members: one that is added and not named here does not compile.
macro_rules! structs {
    ($($type:ident { $($member:ident),* $(,)? })*) => {$(
        impl Coded for $type {
            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($member),* } = self;
                $($member.put(out);)*
            }

            fn get(from: &mut Reader<'_>) -> Option<Self> {
                Some(Self { $($member: Coded::get(from)?),* })
            }
        }
    )*};
}

/// Enums; each variant is its number.
macro_rules! enums {
    ($($type:ident { $($number:literal $variant:ident $(($inner:ident))? $({ $($member:ident),* })?),* $(,)? })*) => {$(
        impl Coded for $type {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($inner))? $({ $($member),* })? => {
                        out.push($number);
                        $($inner.put(out);)?
                        $($($member.put(out);)*)?
                    })*
                }
            }

            fn get(from: &mut Reader<'_>) -> Option<Self> {
                match from.take(1)?.first()? {
                    $($number => Some(Self::$variant
                        $(({ let $inner = Coded::get(from)?; $inner }))?
                        $({ $($member: Coded::get(from)?),* })?),)*
                    _ => None,
                }
            }
        }
    )*};
}

numbers! { u32, u64 }

texts! {
    String: |text| text.into(), |text| Some(text.to_owned());
    Schema: |schema| schema.text().into(), Schema::parse;
    Value: |value| value.to_string().into(), |text| serde_json::from_str(text).ok();
    Url: |url| url.as_str().into(), |text| text.parse().ok();
    Method: |method| method.as_str().into(), |text| text.parse().ok();
    OperationName: |name| name.as_str().into(), |text| text.parse().ok();
    ConnectionName: |name| name.as_str().into(), |text| text.parse().ok();
}

structs! {
    Imported {
        title, version, description, specification, base_url, servers, operations, connections,
        hosts, findings, more_findings,
    }
    Finding { severity, file, line, place, operation, message }
    Operation {
        name, source_name, title, description, tags, deprecated, read_only, destructive,
        idempotent, method, path, base_url, parameters, headers, query, body, response, security,
        pagination, timeout,
    }
    Parameter {
        name, wire_name, location, required, deprecated, description, schema, style, explode,
        allow_reserved, content_type, default,
    }
    Body { required, description, media }
    Media { content_type, kind, schema, encoding }
    GraphQlOperation { query, name }
    FieldEncoding { name, content_type, style, explode }
    Response { schema, mapping, max_bytes }
    ResponseMapping { pointer, select }
    Pagination { style, results_path, page_size, max_pages }
    ConnectionDefinition {
        name, mode, kind, fields, mapping, check, nickname, on_auth_change, grace,
    }
    CredentialField { name, label, description, placeholder, secret, required, pattern }
    AuthMapping { headers, query, basic }
}

enums! {
    Severity { 0 Skipped, 1 Changed, 2 Note }
    Location { 0 Path, 1 Query, 2 Header, 3 Cookie }
    Style { 0 Simple, 1 Label, 2 Matrix, 3 Form, 4 SpaceDelimited, 5 PipeDelimited, 6 DeepObject }
    MediaKind { 0 Json, 1 Form, 2 Multipart, 3 Raw, 4 GraphQl(operation) }
    Security { 0 Any, 1 None, 2 OneOf(names) }
    PaginationStyle {
        0 Cursor { param, path }, 1 Page { param, start }, 2 Offset { param }, 3 Link,
    }
    Mode { 0 None, 1 User, 2 Platform, 3 Either }
    AuthKind { 0 None, 1 Manual, 2 Bearer, 3 Basic, 4 Oauth2, 5 McpOauth }
    OnAuthChange { 0 Refuse, 1 Revoke }
    MappedValue { 0 Literal(text), 1 Field { name, prefix } }
}

impl Coded for usize {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        u64::get(from)?.try_into().ok()
    }
}

impl Coded for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        match from.take(1)? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

impl Coded for [u8; 32] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        from.take(32)?.first_chunk().copied()
    }
}

impl Coded for Duration {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_secs().put(out);
        self.subsec_nanos().put(out);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        let seconds = u64::get(from)?;
        let nanos = u32::get(from).filter(|nanos| *nanos < 1_000_000_000)?;
        Some(Self::new(seconds, nanos))
    }
}

impl<T: Coded> Coded for Arc<T> {
    fn put(&self, out: &mut Vec<u8>) {
        T::put(self, out);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        T::get(from).map(Self::new)
    }
}

impl<T: Coded> Coded for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        Some(if bool::get(from)? {
            Some(T::get(from)?)
        } else {
            None
        })
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        for item in self {
            item.put(out);
        }
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        let count = from.count()?;
        let mut items = Self::new();
        for _ in 0..count {
            items.push(T::get(from)?);
        }
        Some(items)
    }
}

impl<A: Coded, B: Coded> Coded for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        Some((A::get(from)?, B::get(from)?))
    }
}
