//! Columns and pairs, without lines around them.

use comfy_table::{ContentArrangement, Table, presets};

use crate::terminal::printable;

/// Rows under their header. Nothing for no rows and no header.
pub(crate) fn columns(header: Option<&[&str]>, rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if let Some(header) = header {
        table.set_header(header);
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| shown(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    trimmed(&table.to_string())
}

/// One `name: value` a line, values under each other; empty values are left out.
pub(crate) fn pairs(pairs: Vec<(&str, String)>) -> String {
    let rows: Vec<Vec<String>> = pairs
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| vec![format!("{name}:"), value])
        .collect();
    columns(None, rows)
}

/// A cell is one line; an empty one is `-`, so that columns can be counted.
fn shown(cell: &str) -> String {
    if cell.is_empty() {
        "-".to_owned()
    } else {
        printable(cell)
    }
}

fn trimmed(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_break_out_of_their_line() {
        let text = columns(
            Some(&["NAME", "WHY"]),
            vec![
                vec!["demo".into(), String::new()],
                vec!["a\nb".into(), "\x1b[31mred".into()],
            ],
        );
        assert_eq!(text, "NAME  WHY\ndemo  -\na b   \u{fffd}[31mred\n");
    }

    #[test]
    fn pairs_leave_out_what_is_empty() {
        let text = pairs(vec![
            ("Name", "demo".into()),
            ("Why", String::new()),
            ("Id", "1".into()),
        ]);
        assert_eq!(text, "Name:  demo\nId:    1\n");
    }
}
