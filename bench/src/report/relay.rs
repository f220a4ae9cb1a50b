//! Figures of calls that are relayed to MCP servers, and of sessions.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Aim, Target};

/// One server, era and number of connections.
#[derive(Debug)]
pub(crate) struct Relayed {
    pub(crate) server: &'static str,
    pub(crate) era: &'static str,
    pub(crate) connections: usize,
    pub(crate) direct: Target,
    pub(crate) proxy: Target,
    pub(crate) gateway: Target,
    /// The daemon's processor time over the proxy's.
    pub(crate) cpu_ratio: f64,
    pub(crate) p50_over_proxy_micros: f64,
    pub(crate) statements_per_call: f64,
}

/// Many sessions that are open and idle.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) endpoint: &'static str,
    pub(crate) count: usize,
    pub(crate) before_mebibytes: f64,
    pub(crate) after_mebibytes: f64,
    pub(crate) kibibytes_each: f64,
}

impl Relayed {
    pub(super) fn write(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "\n{}, {}, {:2} connections   CPU µs   p50 µs   p99 µs   calls/s",
            self.server, self.era, self.connections
        );
        for (name, target) in [
            ("server", &self.direct),
            ("proxy", &self.proxy),
            ("gestaltd", &self.gateway),
        ] {
            target.write(name, out);
        }
        let _ = writeln!(
            out,
            "  gestaltd: CPU {:.2} times the proxy's, p50 {:.1} µs over it; {:.3} statements a call.",
            self.cpu_ratio, self.p50_over_proxy_micros, self.statements_per_call
        );
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "server": self.server,
            "era": self.era,
            "connections": self.connections,
            "upstream": self.direct.json(),
            "proxy": self.proxy.json(),
            "gestaltd": self.gateway.json(),
            "cpu_ratio": self.cpu_ratio,
            "p50_over_proxy_micros": self.p50_over_proxy_micros,
            "statements_per_call": self.statements_per_call,
        })
    }

    pub(super) fn aim(&self) -> Aim {
        let Self {
            server,
            era,
            connections,
            ..
        } = self;
        if *connections == 1 {
            return Aim {
                what: format!("{server}, {era}: p50 over the proxy's, µs"),
                limit: 40.0,
                measured: self.p50_over_proxy_micros,
            };
        }
        Aim {
            what: format!("{server}, {era}: CPU at {connections}"),
            limit: 1.6,
            measured: self.cpu_ratio,
        }
    }
}

impl Sessions {
    pub(super) fn write(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "\n{} sessions at {}: {:.1} MiB before, {:.1} MiB with them, {:.2} KiB each",
            self.count,
            self.endpoint,
            self.before_mebibytes,
            self.after_mebibytes,
            self.kibibytes_each
        );
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "endpoint": self.endpoint,
            "sessions": self.count,
            "before_mebibytes": self.before_mebibytes,
            "after_mebibytes": self.after_mebibytes,
            "kibibytes_each": self.kibibytes_each,
        })
    }

    pub(super) fn aim(&self) -> Aim {
        Aim {
            what: format!("a session at {}, KiB", self.endpoint),
            limit: 8.0,
            measured: self.kibibytes_each,
        }
    }
}
