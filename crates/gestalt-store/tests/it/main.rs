//! The contract that both databases keep, and what only one of them can break.

mod append;
mod connections;
mod contract;
mod credentials;
mod database;
mod postgres;
mod samples;
