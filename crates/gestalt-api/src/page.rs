//! Lists come in pages, by keyset.

use crate::shape;

shape! {
    /// Where the next page starts.
    pub struct PageInfo {
        /// Passed back as `cursor`; absent on the last page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub next: Option<String>,
    }
}
