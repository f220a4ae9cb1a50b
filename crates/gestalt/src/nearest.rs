//! "Did you mean": the nearest of some names.

/// The candidate nearest to `text`, if one is near enough to be a slip: a third of its
/// length, at least one letter, or a start of it.
pub(crate) fn nearest<'a>(
    text: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = text.to_lowercase();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let other = candidate.to_lowercase();
            let steps = distance(&wanted, &other);
            let limit = (wanted.chars().count().max(other.chars().count()) / 3).max(1);
            let starts = wanted.chars().count() >= 3 && other.starts_with(&wanted);
            (steps <= limit || starts).then_some((steps, candidate))
        })
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}

/// A sentence that suggests the nearest candidate.
pub(crate) fn did_you_mean<'a>(
    text: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(text, candidates).map(|name| format!("Did you mean `{name}`?"))
}

/// Letters to insert, delete, replace or swap with a neighbour.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let names = ["list_notes", "create_note", "whoami"];
        assert_eq!(nearest("lsit_notes", names), Some("list_notes"));
        assert_eq!(nearest("List_Note", names), Some("list_notes"));
        assert_eq!(nearest("create", names), Some("create_note"));
        assert_eq!(nearest("deploy", names), None);
        assert_eq!(nearest("", names), None);
    }

    #[test]
    fn swapped_neighbours_are_one_step() {
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
