//! Clients of the gateway, each with the credential it presents.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use gestalt_core::id::RequestId;
use gestalt_core::{Clock, Code, Entropy, Refusal, Secret};
use gestalt_gateway::{
    Arguments, AuditQuery, AuditView, Caller, ConnectRequest, ConnectionView, Gateway, Invocation,
    NewToken, PageQuery, Presented, Reply, ReplyBody, TokenView,
};
use http_body_util::BodyExt as _;

/// What a client presents with each request.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) gateway: Gateway,
    cookie: Option<Secret>,
    authorization: Option<Secret>,
    api_key: Option<Secret>,
    pub(crate) address: IpAddr,
    pub(crate) forwarded: bool,
    pub(crate) safe_method: bool,
    pub(crate) same_origin: Option<bool>,
}

impl Client {
    /// A program that presents nothing and changes things.
    pub(crate) fn new(gateway: Gateway) -> Self {
        Self {
            gateway,
            cookie: None,
            authorization: None,
            api_key: None,
            address: "127.0.0.1".parse().unwrap(),
            forwarded: false,
            safe_method: false,
            same_origin: None,
        }
    }

    pub(crate) fn cookie(mut self, value: &Secret) -> Self {
        self.cookie = Some(value.clone());
        self.same_origin = Some(true);
        self
    }

    pub(crate) fn bearer(self, token: &Secret) -> Self {
        self.authorization(&format!("Bearer {}", token.expose()))
    }

    pub(crate) fn authorization(mut self, header: &str) -> Self {
        self.authorization = Some(Secret::new(header));
        self
    }

    pub(crate) fn api_key(mut self, token: &Secret) -> Self {
        self.api_key = Some(token.clone());
        self
    }

    pub(crate) fn from(mut self, address: &str) -> Self {
        self.address = address.parse().unwrap();
        self
    }

    pub(crate) fn presented(&self) -> Presented {
        Presented {
            cookie: self.cookie.clone(),
            authorization: self.authorization.clone(),
            api_key: self.api_key.clone(),
            address: self.address,
            forwarded: self.forwarded,
            safe_method: self.safe_method,
            same_origin: self.same_origin,
            user_agent: Some("test".to_owned()),
            request_id: RequestId::generate(Clock::System.now(), &Entropy::System).unwrap(),
            trace_id: None,
        }
    }

    pub(crate) async fn caller(&self) -> Result<Caller, Refusal> {
        self.gateway.authenticate(&self.presented()).await
    }

    pub(crate) async fn make_token(&self, new: &NewToken) -> Result<(TokenView, Secret), Refusal> {
        self.gateway
            .create_token(&self.caller().await?, new.clone())
            .await
    }

    pub(crate) async fn connect(&self, plugin: &str, key: &str) -> Result<ConnectionView, Refusal> {
        self.connect_with(connect(plugin, key)).await
    }

    pub(crate) async fn connect_with(
        &self,
        request: ConnectRequest,
    ) -> Result<ConnectionView, Refusal> {
        self.gateway
            .connect_manual(&self.caller().await?, request)
            .await
    }

    /// Invokes an operation without arguments.
    pub(crate) async fn invoke(&self, plugin: &str, operation: &str) -> Result<Reply, Refusal> {
        self.invoke_with(invocation(plugin, operation)).await
    }

    pub(crate) async fn invoke_with(&self, invocation: Invocation) -> Result<Reply, Refusal> {
        self.gateway.invoke(self.presented(), invocation).await
    }

    /// Invokes an operation of `tracker` and gives its answer.
    pub(crate) async fn call(&self, operation: &str) -> Result<String, Refusal> {
        Ok(text(self.invoke("tracker", operation).await?).await)
    }

    /// All records that the client sees, oldest first.
    pub(crate) async fn trail(&self, query: AuditQuery) -> Vec<AuditView> {
        let page = PageQuery {
            cursor: None,
            limit: Some(1_000),
        };
        let caller = self.caller().await.unwrap();
        let page = self.gateway.export_audit(&caller, query, page).await;
        page.unwrap().items
    }

    /// The invocations that the client sees, oldest first.
    pub(crate) async fn invocations(&self) -> Vec<AuditView> {
        self.trail(of_kind("invocation")).await
    }
}

pub(crate) fn of_kind(kind: &str) -> AuditQuery {
    AuditQuery {
        kind: Some(kind.to_owned()),
        ..AuditQuery::default()
    }
}

pub(crate) fn invocation(plugin: &str, operation: &str) -> Invocation {
    Invocation {
        plugin: plugin.to_owned(),
        operation: operation.to_owned(),
        read_only_door: false,
        connection: None,
        instance: None,
        continuation: None,
        arguments: Arguments::None,
        body: None,
    }
}

pub(crate) fn connect(plugin: &str, key: &str) -> ConnectRequest {
    ConnectRequest {
        integration: plugin.to_owned(),
        connection: None,
        instance: None,
        credentials: BTreeMap::from([("token".to_owned(), Secret::new(key))]),
        platform: false,
        grace: None,
    }
}

/// Asks for a token with nothing but a name.
pub(crate) fn token(name: &str) -> NewToken {
    NewToken {
        name: name.to_owned(),
        scopes: None,
        permissions: None,
        expires_in: None,
        cidrs: None,
    }
}

pub(crate) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Why something was refused.
#[track_caller]
pub(crate) fn code<T>(result: Result<T, Refusal>) -> Code {
    match result {
        Ok(_) => panic!("not refused"),
        Err(refusal) => refusal.code,
    }
}

/// The whole body of a reply.
pub(crate) async fn text(reply: Reply) -> String {
    String::from_utf8(bytes(reply.body).await.to_vec()).unwrap()
}

pub(crate) async fn bytes(body: ReplyBody) -> Bytes {
    match body {
        ReplyBody::Full(bytes) => bytes,
        ReplyBody::Stream(stream) => stream.collect().await.unwrap().to_bytes(),
    }
}

/// No grace at all.
pub(crate) const AT_ONCE: Duration = Duration::ZERO;
