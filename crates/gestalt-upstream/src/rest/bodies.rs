//! Request bodies from arguments, or passed through.

mod encode;
mod layout;
mod part;
mod plan;

use gestalt_core::operation::Media;
use serde_json::Value;

pub(crate) use plan::BodyPlan;

/// The schema that a body's arguments must hold to.
pub(crate) fn schema_of(media: &Media) -> Option<Value> {
    part::prepare(media).schema
}
