//! The fields that a person enters, held against those that the connection has.

use gestalt_core::name::nearest;
use gestalt_core::{Code, Refusal, Secret};

use crate::catalogue::ConnectionEntry;
use crate::operations::ConnectRequest;

/// Longest value of one field, in bytes.
const LONGEST_FIELD: usize = 16 * 1_024;

/// Whether a field is hidden and masked.
pub(super) fn is_secret(entry: &ConnectionEntry, field: &str) -> bool {
    entry
        .definition
        .fields
        .iter()
        .any(|known| known.name == field && known.secret)
}

/// Holds the fields that came against those that the connection has.
pub(super) fn check_fields<'a>(
    entry: &ConnectionEntry,
    request: &'a ConnectRequest,
) -> Result<Vec<(&'a str, Secret)>, Refusal> {
    let known = || {
        entry
            .definition
            .fields
            .iter()
            .map(|field| field.name.as_str())
    };
    let mut fields = Vec::new();
    for (name, value) in &request.credentials {
        let refused = |what: String| {
            Refusal::new(Code::InvalidRequest, what).field(format!("credentials/{name}"))
        };
        let Some(field) = entry
            .definition
            .fields
            .iter()
            .find(|field| field.name == *name)
        else {
            let short: String = name.chars().take(60).collect();
            let refusal = refused(format!("This connection has no field `{short}`."));
            return Err(match nearest(name, known()) {
                Some(near) => refusal.hint(format!("Did you mean `{near}`?")),
                None => refusal.choices(known().map(str::to_owned).collect()),
            });
        };
        if value.is_empty() {
            continue;
        }
        if value.len() > LONGEST_FIELD {
            let text = format!("`{name}` is longer than {LONGEST_FIELD} bytes.");
            return Err(Refusal::new(Code::TooLarge, text).field(format!("credentials/{name}")));
        }
        if value
            .expose()
            .chars()
            .any(|c| matches!(c, '\r' | '\n' | '\0'))
        {
            return Err(refused(format!("`{name}` holds a line break.")));
        }
        if entry
            .patterns
            .get(name)
            .is_some_and(|pattern| !pattern.is_match(value.expose()))
        {
            let refusal = refused(format!("`{name}` does not have the form it must have."));
            return Err(match &field.placeholder {
                Some(placeholder) => refusal.hint(format!("It looks like: {placeholder}")),
                None => refusal,
            });
        }
        fields.push((name.as_str(), value.clone()));
    }
    let missing = entry
        .definition
        .fields
        .iter()
        .find(|f| f.required && fields.iter().all(|(name, _)| *name != f.name));
    match missing {
        Some(field) => Err(Refusal::new(
            Code::InvalidRequest,
            format!("The field `{}` is needed.", field.name),
        )
        .field(format!("credentials/{}", field.name))),
        None => Ok(fields),
    }
}
