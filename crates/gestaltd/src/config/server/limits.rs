//! `server.limits` and `server.cache`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::effective::{CacheConfig, LimitConfig};
use crate::config::scalars::{Period, Size};

/// What is too large, too slow or too often.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct LimitSection {
    /// Largest request body. 100 MiB unless set.
    max_request_bytes: Option<Size>,
    /// Largest answer that streams through. 2 GiB unless set.
    max_response_bytes: Option<Size>,
    /// Largest answer that is read whole. 16 MiB unless set.
    max_buffered_bytes: Option<Size>,
    /// Longest wait for a connection to an upstream. 10 seconds unless set.
    connect_timeout: Option<Period>,
    /// Longest wait for the head of an upstream's answer. 30 seconds unless set.
    request_timeout: Option<Period>,
    /// Longest silence in a body. 60 seconds unless set.
    idle_timeout: Option<Period>,
    /// How many redirects are followed. 5 unless set.
    max_redirects: Option<u32>,
    /// How many requests are worked on at a time. 4096 unless set.
    max_concurrent_requests: Option<u32>,
    /// Unknown tokens that one address may present per minute. 20 unless set.
    unknown_tokens_per_minute: Option<u32>,
    /// Unknown tokens that one address may present at once. 20 unless set.
    unknown_tokens_burst: Option<u32>,
    /// Lookups of uncached tokens that run at the same time. 32 unless set.
    concurrent_lookups: Option<u32>,
}

/// How much is kept in memory, in entries.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct CacheSection {
    /// API tokens. 150,000 unless set.
    tokens: Option<u32>,
    /// Sessions. 50,000 unless set.
    sessions: Option<u32>,
    /// Stored connections, sealed. 200,000 unless set.
    connections: Option<u32>,
    /// What is said of a caller to a plugin. 20,000 unless set.
    identity_headers: Option<u32>,
}

impl LimitSection {
    pub(super) fn effective(&self) -> LimitConfig {
        let size = |given: Option<Size>, default: u64| given.map_or(default, |size| size.0);
        let seconds =
            |given: Option<Period>, default| given.map_or(Duration::from_secs(default), |p| p.0);
        LimitConfig {
            max_request_bytes: size(self.max_request_bytes, 100 << 20),
            max_response_bytes: size(self.max_response_bytes, 2 << 30),
            max_buffered_bytes: size(self.max_buffered_bytes, 16 << 20),
            connect_timeout: seconds(self.connect_timeout, 10),
            request_timeout: seconds(self.request_timeout, 30),
            idle_timeout: seconds(self.idle_timeout, 60),
            max_redirects: self.max_redirects.unwrap_or(5),
            max_concurrent_requests: self.max_concurrent_requests.unwrap_or(4096) as usize,
            unknown_tokens_per_minute: self.unknown_tokens_per_minute.unwrap_or(20),
            unknown_tokens_burst: self.unknown_tokens_burst.unwrap_or(20),
            concurrent_lookups: self.concurrent_lookups.unwrap_or(32) as usize,
        }
    }
}

impl CacheSection {
    pub(super) fn effective(&self) -> CacheConfig {
        let entries = |given: Option<u32>, default| given.unwrap_or(default) as usize;
        CacheConfig {
            tokens: entries(self.tokens, 150_000),
            sessions: entries(self.sessions, 50_000),
            connections: entries(self.connections, 200_000),
            identity_headers: entries(self.identity_headers, 20_000),
        }
    }
}
