//! Fuzz targets, which are tests.
//!
//! Under `cargo test -p gestalt-fuzz` each runs a bounded number of random inputs, the same
//! for everybody who sets `BOLERO_RANDOM_SEED`; `BOLERO_RANDOM_ITERATIONS=10000000` runs more,
//! and `cargo bolero test TARGET` hands them to a coverage-guided engine.

#[cfg(test)]
mod envelope;
#[cfg(test)]
mod host;
#[cfg(test)]
mod mcp;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod seal;
#[cfg(test)]
mod sse;
#[cfg(test)]
mod token;
