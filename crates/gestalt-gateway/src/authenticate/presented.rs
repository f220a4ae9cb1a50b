//! What a door presents of a request: credentials and circumstances, nothing decided.

use std::net::IpAddr;

use gestalt_core::Secret;
use gestalt_core::id::RequestId;

/// What came with a request.
#[derive(Debug)]
pub struct Presented {
    /// The session cookie's value, if it has our form.
    pub cookie: Option<Secret>,
    /// The whole `Authorization` header.
    pub authorization: Option<Secret>,
    /// The `X-API-Key` header.
    pub api_key: Option<Secret>,
    /// The client's address, after trusted proxies.
    pub address: IpAddr,
    /// It carried `Forwarded` or `X-Forwarded-For`.
    pub forwarded: bool,
    /// The method changes nothing (GET, HEAD, OPTIONS).
    pub safe_method: bool,
    /// Whether a browser says it comes from our own pages; `None` where no browser says anything.
    pub same_origin: Option<bool>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// The request's id.
    pub request_id: RequestId,
    /// The trace it belongs to (W3C Trace Context).
    pub trace_id: Option<String>,
}

/// The circumstances of a request that the audit trail names.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances {
    pub(crate) request: Option<RequestId>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) trace: Option<String>,
}

impl Presented {
    pub(crate) fn circumstances(&self) -> Circumstances {
        Circumstances {
            request: Some(self.request_id),
            address: Some(self.address),
            trace: self.trace_id.clone(),
        }
    }
}
