//! Shapes that cross HTTP, shared by the daemon and the CLI.
//!
//! Nothing else is serialised for the wire. Members are camelCase; times are RFC 3339 in
//! UTC; durations are texts like `30d`, `24h`, `10m`, `30s`; ids carry their kind
//! (`tok_…`). A request with a member that is not named here is refused.

pub mod approval;
pub mod audit;
pub mod connection;
pub mod explain;
pub mod integration;
pub mod me;
pub mod page;
pub mod problem;
pub mod session;
pub mod token;

/// Derives what every shape of the wire has.
macro_rules! shape {
    ($(#[$meta:meta])* pub struct $name:ident $body:tt) => {
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "camelCase")]
        $(#[$meta])*
        pub struct $name $body
    };
}
pub(crate) use shape;
