//! Several files, one config: maps merge, lists and scalars replace, `null` removes.

use super::tree::{Node, Value};

/// Lays `over` on `base`.
pub(super) fn merge(base: &mut Node, over: Node) {
    match (&mut base.value, over.value) {
        (Value::Map(entries), Value::Map(others)) => {
            for other in others {
                let known = entries.iter().position(|entry| entry.key == other.key);
                match (known, &other.value.value) {
                    (Some(index), Value::Null) => {
                        entries.remove(index);
                    }
                    (None, Value::Null) => {}
                    (Some(index), _) => {
                        entries[index].key_at = other.key_at;
                        merge(&mut entries[index].value, other.value);
                    }
                    (None, _) => entries.push(other),
                }
            }
        }
        (slot, value) => {
            *slot = value;
            base.at = over.at;
        }
    }
}
