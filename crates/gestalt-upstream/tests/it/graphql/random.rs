//! Schemas at random: what is made of them is always valid, and within its bounds.

use std::fmt::Write as _;

use gestalt_core::document::GraphQlSettings;
use proptest::prelude::*;

use super::{findings, query, settings, take};

/// Types, interfaces and unions of a schema, as numbers that choose.
type Fields = Vec<(u8, u8, bool)>;

const LEAVES: [&str; 6] = ["Int", "String", "E", "S", "Float", "ID"];

fn wrapped(name: &str, way: u8) -> String {
    match way % 5 {
        0 => name.to_owned(),
        1 => format!("{name}!"),
        2 => format!("[{name}]"),
        3 => format!("[{name}!]!"),
        _ => format!("[[{name}]]!"),
    }
}

/// A type's fields: `f0`, `f1` and so on, so that types often share names and not types.
fn members(fields: &Fields, types: usize) -> String {
    let mut out = String::from("own: Int");
    for (index, (to, way, argument)) in fields.iter().enumerate() {
        let to = usize::from(*to) % (types * 2 + 2 + LEAVES.len());
        let name = match to {
            to if to < LEAVES.len() => LEAVES[to].to_owned(),
            to if to < LEAVES.len() + types => format!("T{}", to - LEAVES.len()),
            to if to == LEAVES.len() + types => "U".to_owned(),
            to if to == LEAVES.len() + types + 1 => "N".to_owned(),
            to => format!("C{}Connection", to - LEAVES.len() - types - 2),
        };
        let argument = if *argument {
            "(a: Int! = 3, i: In)"
        } else {
            ""
        };
        let _ = write!(out, " f{index}{argument}: {}", wrapped(&name, *way));
    }
    out
}

fn schema(types: &[Fields]) -> String {
    let mut out = String::from(
        "enum E { A B } scalar S input In { e: E! = A in: [In!] } interface N { own: Int }\n",
    );
    let names: Vec<String> = (0..types.len()).map(|index| format!("T{index}")).collect();
    let _ = writeln!(out, "union U = {}", names.join(" | "));
    for (index, fields) in types.iter().enumerate() {
        let fields = members(fields, types.len());
        let _ = writeln!(out, "type T{index} implements N {{ {fields} }}");
        let _ = writeln!(
            out,
            "type C{index}Connection {{ nodes: [T{index}] edges: [X{index}Edge] total: Int }}\n\
             type X{index}Edge {{ node: T{index} cursor: S }}"
        );
    }
    let fields = types.first().map(|fields| members(fields, types.len()));
    let _ = writeln!(out, "type Query {{ {} }}", fields.unwrap_or_default());
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_made_of_a_schema_is_valid_and_within_its_bounds(
        types in prop::collection::vec(prop::collection::vec(any::<(u8, u8, bool)>(), 1..8), 1..16),
        max_depth in 1_usize..6,
        max_fields in 1_usize..60,
    ) {
        let mut settings = settings(&[]);
        settings.graphql = Some(GraphQlSettings { max_depth, max_fields, ..GraphQlSettings::default() });
        let schema = schema(&types);
        let imported = take(&schema, &settings).unwrap();
        // An operation whose text is not valid is left out and told.
        let told = findings(&imported);
        prop_assert!(!told.iter().any(|one| one.starts_with("skipped")), "{schema}\n{told:?}");
        prop_assert_eq!(imported.operations.len(), types[0].len() + 1);
        for operation in &imported.operations {
            let text = query(operation);
            let fields = text.split(['{', '}', ' ']).filter(|word| {
                word.starts_with('f') || matches!(*word, "own" | "total" | "cursor")
            });
            // The root field and its variables are counted with the rest here.
            prop_assert!(fields.count() <= max_fields * 2 + 2, "{}", text);
        }
    }
}
