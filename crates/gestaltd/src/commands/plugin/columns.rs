//! Text from documents on a terminal: columns and safe lines.

/// Widest cell that others are aligned to, in characters.
const WIDEST: usize = 64;

/// A text from elsewhere as one line of at most `most` characters: runs of white space are one
/// space, and what steers a terminal becomes `�`.
pub(super) fn line(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = String::new();
    for (at, letter) in words.join(" ").chars().enumerate() {
        if at + 1 == most.max(1) && words.join(" ").chars().count() > most {
            line.push('…');
            return line;
        }
        line.push(if steers(letter) { '\u{fffd}' } else { letter });
    }
    line
}

fn steers(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Rows whose cells stand below each other.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widths = cells.map(|cell| cell.chars().count());
        widths.filter(|width| *width <= WIDEST).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let gap = width.saturating_sub(cell.chars().count()) + 2;
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', gap));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A number and what it counts: `1 tool`, `2 tools`.
pub(super) fn count(number: impl Into<u64>, one: &str) -> String {
    let number = number.into();
    let many = if number == 1 { "" } else { "s" };
    format!("{number} {one}{many}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_document_says_stays_in_its_line_and_steers_nothing() {
        assert_eq!(
            line("a\nb\t c\u{1b}[2J\u{202e}d", 80),
            "a b c\u{fffd}[2J\u{fffd}d"
        );
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abcdefg", 6), "abcde…");
        assert_eq!(line("", 6), "");
    }

    #[test]
    fn cells_stand_below_each_other() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let rows = [row(&["TOOL", "CALLS"]), row(&["add_book", "POST /books"])];
        assert_eq!(columns(&rows), "TOOL      CALLS\nadd_book  POST /books\n");
        assert_eq!(columns(&[]), "");
    }
}
