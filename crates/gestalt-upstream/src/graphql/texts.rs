//! The text of one operation of a document, and the comment above it.

use apollo_compiler::collections::IndexSet;
use apollo_compiler::executable::{Operation, Selection, SelectionSet};
use apollo_compiler::{ExecutableDocument, Name};

use crate::openapi::bounded;

/// Longest comment that is taken over, in characters.
const LONGEST_COMMENT: usize = 1_000;

/// The text of an operation and of the fragments that it uses.
pub(super) fn text_of(document: &ExecutableDocument, query: &Operation) -> String {
    let mut used = IndexSet::default();
    let mut next = 0;
    spread(&query.selection_set, &mut used);
    while let Some(name) = used.get_index(next).cloned() {
        if let Some(fragment) = document.fragments.get(&name) {
            spread(&fragment.selection_set, &mut used);
        }
        next += 1;
    }
    let mut text = query.serialize().no_indent().to_string();
    for fragment in used.iter().filter_map(|name| document.fragments.get(name)) {
        text.push(' ');
        text.push_str(&fragment.serialize().no_indent().to_string());
    }
    text
}

/// The fragments that selections name.
fn spread(set: &SelectionSet, used: &mut IndexSet<Name>) {
    for selection in &set.selections {
        match selection {
            Selection::Field(field) => spread(&field.selection_set, used),
            Selection::InlineFragment(inline) => spread(&inline.selection_set, used),
            Selection::FragmentSpread(fragment) => {
                used.insert(fragment.fragment_name.clone());
            }
        }
    }
}

/// The comment that ends a text: what stands above an operation says what it is for.
pub(super) fn comment(before: &str) -> Option<String> {
    let before = before.trim_end_matches([' ', '\t']);
    let mut lines: Vec<&str> = Vec::new();
    for line in before.strip_suffix('\n')?.rsplit('\n') {
        let Some(text) = line.trim().strip_prefix('#') else {
            break;
        };
        lines.push(text.trim_start_matches('#').trim());
    }
    lines.reverse();
    bounded(&lines.join(" "), LONGEST_COMMENT)
}
