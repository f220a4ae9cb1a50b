//! Request bodies from arguments, or passed through.

mod encode;
mod layout;
mod plan;

pub(crate) use plan::BodyPlan;
