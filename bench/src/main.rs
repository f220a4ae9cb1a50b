//! Load scenarios and their report.
fn main() {}
