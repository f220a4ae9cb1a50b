//! Plugins for the peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gestalt_core::connection::{
    AuthKind, AuthMapping, ConnectionDefinition, CredentialField, MappedValue, Mode, OnAuthChange,
};
use gestalt_core::host::{AddressRange, EgressRules};
use gestalt_core::operation::{Operation, Response, Security};
use gestalt_core::plugin::Plugin;
use http::Method;

pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// An operation without parameters.
pub(crate) fn operation(name: &str, method: Method, path: &str) -> Operation {
    Operation {
        name: name.parse().unwrap(),
        source_name: name.to_owned(),
        title: None,
        description: None,
        tags: Vec::new(),
        deprecated: false,
        read_only: method == Method::GET,
        destructive: None,
        idempotent: None,
        method,
        path: path.to_owned(),
        base_url: None,
        parameters: Vec::new(),
        headers: Vec::new(),
        query: Vec::new(),
        body: None,
        response: Response::default(),
        security: Security::Any,
        pagination: None,
        timeout: None,
    }
}

/// A connection with one secret field, `token`, sent as `X-Key` and checked by `whoami`.
pub(crate) fn connection(name: &str, mode: Mode) -> ConnectionDefinition {
    let token = MappedValue::Field {
        name: "token".to_owned(),
        prefix: String::new(),
    };
    ConnectionDefinition {
        name: name.parse().unwrap(),
        mode,
        kind: if mode == Mode::None {
            AuthKind::None
        } else {
            AuthKind::Manual
        },
        fields: if mode == Mode::None {
            Vec::new()
        } else {
            vec![field("token")]
        },
        mapping: AuthMapping {
            headers: if mode == Mode::None {
                Vec::new()
            } else {
                vec![("X-Key".to_owned(), token)]
            },
            ..AuthMapping::default()
        },
        check: (mode != Mode::None).then(|| "whoami".parse().unwrap()),
        nickname: Some("/user/login".to_owned()),
        on_auth_change: OnAuthChange::Refuse,
        grace: DAY,
    }
}

pub(crate) fn field(name: &str) -> CredentialField {
    CredentialField {
        name: name.to_owned(),
        label: None,
        description: None,
        placeholder: None,
        secret: true,
        required: true,
        pattern: None,
    }
}

/// A plugin whose upstream is the peer, which is all it may reach.
pub(crate) fn plugin(
    name: &str,
    peer: SocketAddr,
    connections: Vec<ConnectionDefinition>,
) -> Plugin {
    let mut large = operation("large", Method::GET, "/large");
    large.response.max_bytes = Some(1_024);
    Plugin {
        name: name.parse().unwrap(),
        formerly: Vec::new(),
        display_name: name.to_owned(),
        description: None,
        base_url: format!("http://{peer}").parse().unwrap(),
        connections,
        operations: vec![
            operation("whoami", Method::GET, "/whoami"),
            operation("open", Method::GET, "/open"),
            operation("echo", Method::GET, "/echo"),
            operation("create_note", Method::POST, "/notes"),
            operation("missing", Method::GET, "/missing"),
            operation("hang", Method::GET, "/hang"),
            operation("stream", Method::GET, "/stream"),
            large,
        ]
        .into_iter()
        .map(Arc::new)
        .collect(),
        mcp: None,
        egress: EgressRules {
            allowed_ranges: vec![AddressRange::exactly(peer.ip(), peer.port())],
            ..EgressRules::default()
        },
        identity: None,
    }
}
