//! The contract that both databases keep, and what only one of them can break.

mod append;
mod backup;
mod connections;
mod contract;
mod credentials;
mod database;
mod opening;
mod people;
mod postgres;
mod rules;
mod samples;
mod schema;
mod tool_approvals;
