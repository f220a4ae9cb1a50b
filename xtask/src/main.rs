//! Tasks of the project: `cargo xtask run | test | tidy | bench`.
fn main() {}
