//! Tools of MCP servers that wait for an admin, and letting them through.

use crate::shape;

shape! {
    /// A tool that differs from what is approved of it.
    pub struct ToolDifference {
        /// Its name.
        pub tool: String,
        /// `new`; `description`, which stands for anything that no call depends on; `schema`; or
        /// `gone` where the server no longer lists it.
        pub change: String,
        /// What an approval of this change names.
        pub digest: String,
        /// The approved definition, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub approved: Option<serde_json::Value>,
        /// What the server lists, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub listed: Option<serde_json::Value>,
        /// Who approved the approved one: `user:usr_…` or `anonymous`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub approved_by: Option<String>,
        /// When that was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub approved_at: Option<String>,
    }
}

shape! {
    /// All tools of a plugin that differ.
    pub struct ToolDifferenceList {
        /// By name.
        pub items: Vec<ToolDifference>,
    }
}

shape! {
    /// Approves changes, all or none.
    #[serde(deny_unknown_fields)]
    pub struct ApproveTools {
        /// At least one.
        pub tools: Vec<ToolApproval>,
    }
}

shape! {
    /// The approval of one change.
    #[serde(deny_unknown_fields)]
    pub struct ToolApproval {
        /// The tool's name.
        pub tool: String,
        /// The digest that was shown with the change.
        #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9a-f]{64}$"))]
        pub digest: String,
    }
}

shape! {
    /// What was approved.
    pub struct ApprovedTools {
        /// Tools that are offered and called as they were listed, by name.
        pub approved: Vec<String>,
        /// Tools that are gone and no longer approved, by name.
        pub forgotten: Vec<String>,
    }
}
