//! Refusals on the wire: problem details (RFC 9457).

use crate::shape;

shape! {
    /// A problem document; `application/problem+json`.
    pub struct Problem {
        /// A URI reference that names the kind of problem: `/problems/{code}`.
        #[serde(rename = "type")]
        pub kind: String,
        /// A short sentence for the kind.
        pub title: String,
        /// The HTTP status.
        pub status: u16,
        /// A stable word: `not_connected`, `invalid_request`, …
        pub code: String,
        /// What happened, this time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub detail: Option<String>,
        /// What to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub hint: Option<String>,
        /// The member of the request that is at fault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub field: Option<String>,
        /// What can be chosen, where a choice is needed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub choices: Vec<String>,
        /// Where a person can mend it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub link: Option<String>,
        /// The request's id, also in `X-Request-Id`.
        pub request_id: String,
    }
}
