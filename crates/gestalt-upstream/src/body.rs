//! Bodies in both directions, each with a limit that is an error and never a cut.

mod decode;
mod incoming;
mod outgoing;

pub(crate) use decode::{Answer, open};
pub(crate) use incoming::{Limits, read_whole, small};
pub(crate) use outgoing::{OutBody, Progress};
