//! The only room that knows SQL: SQLite and PostgreSQL behind the same repositories.
//!
//! Sealed bytes go in and sealed bytes come out: nothing here can open a seal, and nothing
//! here decides who may do what. Every query is written once, in SQL that both databases
//! accept; the few differences are named functions of the dialect module. Whatever changes
//! state is a [`Change`], and one function commits changes together with their audit records.
//!
//! Start reading at [`Change`] and [`Store::append`].

mod audit;
mod auth_failures;
mod backup;
mod change;
mod connections;
mod counter;
mod dialect;
mod error;
mod keys;
mod living;
mod lock;
mod login_codes;
mod meta;
mod migrate;
mod page;
mod plugins;
mod pool;
mod restore;
mod schema;
mod sessions;
mod settings;
mod store;
mod tokens;
mod tool_approvals;
mod users;
mod value;

pub use audit::{Appended, AuditFilter, AuditRow, ChainHead, CheckpointRow, WriterHead};
pub use auth_failures::AuthFailureRow;
pub use change::Change;
pub use connections::{ConnectionFilter, ConnectionRow, SecretRow, StoredConnection};
pub use error::StoreError;
pub use keys::KeyRow;
pub use living::Bearer;
pub use login_codes::LoginCodeRow;
pub use page::{Page, PageRequest};
pub use plugins::PluginRow;
pub use restore::Restored;
pub use sessions::SessionRow;
pub use settings::{Database, Settings};
pub use store::Store;
pub use tokens::TokenRow;
pub use tool_approvals::ToolApprovalRow;
pub use users::UserRow;
