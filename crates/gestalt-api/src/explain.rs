//! Why a call would be allowed or refused.

use crate::shape;

shape! {
    /// Asks for the decision on a call, without making it.
    #[serde(deny_unknown_fields)]
    pub struct ExplainRequest {
        /// The plugin.
        #[cfg_attr(feature = "openapi", schema(pattern = "^[a-z][a-z0-9_-]{0,30}$", example = "demo"))]
        pub integration: String,
        /// The operation.
        #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z][A-Za-z0-9_.-]{0,127}$", example = "list_notes"))]
        pub operation: String,
        /// Which connection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9._-]{1,64}$"))]
        pub connection: Option<String>,
        /// Which instance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9._-]{1,64}$"))]
        pub instance: Option<String>,
        /// For whom: `user:usr_…` or `anonymous`; the caller if absent. Others' only for admins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(pattern = "^(anonymous|user:usr_[0-9a-f]{32}|service_account:svc_[0-9a-f]{32})$"))]
        pub subject: Option<String>,
    }
}

shape! {
    /// The whole decision.
    pub struct Explanation {
        /// Whether the call would be made.
        pub allowed: bool,
        /// The refusal's code if it would not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub code: Option<String>,
        /// Each step, in the order it is decided.
        pub steps: Vec<ExplainStep>,
    }
}

shape! {
    /// One step of a decision.
    pub struct ExplainStep {
        /// `plugin`, `policy`, `token_scope`, `connection`, `instance` or `egress`.
        pub step: String,
        /// `pass`, `refuse` or `not_reached`.
        pub result: String,
        /// Why, in a sentence; names the rule.
        pub detail: String,
    }
}
