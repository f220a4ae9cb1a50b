//! Browser sessions.

use crate::page::PageInfo;
use crate::shape;

shape! {
    /// A session, without its value.
    pub struct Session {
        /// `ses_…`
        pub id: String,
        /// Whose it is.
        pub subject: String,
        /// RFC 3339.
        pub created_at: String,
        /// RFC 3339; within about a minute.
        pub last_seen_at: String,
        /// RFC 3339.
        pub expires_at: String,
        /// Where it was opened from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub address: Option<String>,
        /// The browser, as it called itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub user_agent: Option<String>,
        /// It is the one that asks.
        pub current: bool,
    }
}

shape! {
    /// A page of sessions, newest first.
    pub struct SessionPage {
        /// The sessions.
        pub items: Vec<Session>,
        /// Where the next page starts.
        pub page: PageInfo,
    }
}
