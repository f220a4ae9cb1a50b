//! Counters of the walk, in Prometheus' text format.

use std::collections::HashMap;
use std::time::Duration;

use gestalt_core::Code;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::Inner;
use crate::authenticate::caller::Method;
use crate::resolve::SEAL_REFUSED;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByMethod {
    method: &'static str,
    outcome: &'static str,
}

/// What is counted.
pub(crate) struct Metrics {
    registry: Registry,
    /// Every outcome there is, made at start, so that the walk takes no lock.
    invocations: HashMap<&'static str, Counter>,
    authentications: HashMap<&'static str, Counter>,
    refusals: HashMap<Code, Counter>,
    duration: Histogram,
}

/// Outcomes of an invocation that are not a refusal's code.
const OUTCOMES: [&str; 4] = ["ok", "upstream_error", "cancelled", SEAL_REFUSED];

/// Ways to authenticate.
const METHODS: [&str; 4] = ["none", "session", "api_token", "system"];

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("gestalt");
        let invocations = Family::<ByOutcome, Counter>::default();
        let authentications = Family::<ByMethod, Counter>::default();
        // 100 µs to about 26 s, doubling.
        let duration = Histogram::new((0_u8..19).map(|step| 0.000_1 * f64::from(1_u32 << step)));
        registry.register("invocations", "Invocations by outcome", invocations.clone());
        registry.register(
            "authentications",
            "Authentications by method and outcome",
            authentications.clone(),
        );
        registry.register_with_unit(
            "invocation_duration",
            "Time from the door to the end of the answer",
            Unit::Seconds,
            duration.clone(),
        );
        let codes = Code::ALL.iter().map(|code| code.as_str());
        let by_outcome = |outcome| {
            (
                outcome,
                invocations.get_or_create(&ByOutcome { outcome }).clone(),
            )
        };
        let by_method = |method, outcome| {
            authentications
                .get_or_create(&ByMethod { method, outcome })
                .clone()
        };
        Self {
            invocations: OUTCOMES.into_iter().chain(codes).map(by_outcome).collect(),
            authentications: METHODS
                .into_iter()
                .map(|method| (method, by_method(method, "ok")))
                .collect(),
            refusals: Code::ALL
                .iter()
                .map(|code| (*code, by_method("refused", code.as_str())))
                .collect(),
            duration,
            registry,
        }
    }

    pub(crate) fn invoked(&self, outcome: &'static str, duration: Duration) {
        if let Some(counter) = self.invocations.get(outcome) {
            counter.inc();
        }
        self.duration.observe(duration.as_secs_f64());
    }

    pub(crate) fn authenticated(&self, method: Method) {
        let word = match method {
            Method::None => "none",
            Method::Session(_) => "session",
            Method::Token(_) => "api_token",
            Method::System => "system",
        };
        if let Some(counter) = self.authentications.get(word) {
            counter.inc();
        }
    }

    pub(crate) fn not_authenticated(&self, code: Code) {
        if let Some(counter) = self.refusals.get(&code) {
            counter.inc();
        }
    }

    /// The text that Prometheus reads; gauges are taken now.
    pub(crate) fn render(&self, gateway: &Inner) -> String {
        let mut text = String::new();
        let mut now = Registry::with_prefix("gestalt");
        let gauge = |value: usize| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        now.register(
            "audit_pending",
            "Audit records that wait to be written",
            gauge(gateway.audit.pending()),
        );
        now.register(
            "cached_identities",
            "Tokens and sessions in memory",
            gauge(gateway.identities.len()),
        );
        now.register(
            "cached_credentials",
            "Sealed credentials in memory",
            gauge(gateway.credentials.len()),
        );
        now.register(
            "plugins",
            "Plugins loaded",
            gauge(gateway.catalogue.load().all().count()),
        );
        now.register(
            "store_statements",
            "Statements given to the database",
            prometheus_client::metrics::counter::ConstCounter::new(gateway.store.statements()),
        );
        for registry in [&self.registry, &now] {
            if encode(&mut text, registry).is_err() {
                tracing::error!("metrics could not be encoded");
            }
            // Each registry ends its own text; only the last end counts.
            if let Some(rest) = text.strip_suffix("# EOF\n") {
                text.truncate(rest.len());
            }
        }
        text.push_str("# EOF\n");
        text
    }
}
