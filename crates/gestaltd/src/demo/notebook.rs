//! Notes in memory, within bounds: a demo must not become a leak.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// Accounts that have notes.
const MAX_ACCOUNTS: usize = 1_000;
/// Notes of one account.
const MAX_NOTES: usize = 200;
/// Characters of a title.
const MAX_TITLE: usize = 200;
/// Characters of a body.
const MAX_TEXT: usize = 10_000;

/// A note as a client writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewNote {
    title: String,
    #[serde(default)]
    body: String,
}

impl NewNote {
    /// Says whether title and body keep to their limits.
    pub(super) fn fits(&self) -> bool {
        (1..=MAX_TITLE).contains(&self.title.chars().count())
            && self.body.chars().count() <= MAX_TEXT
    }
}

/// A note as it is kept.
#[derive(Clone, Serialize, PartialEq, Eq, Debug)]
pub(super) struct Note {
    pub(super) id: u64,
    title: String,
    body: String,
}

/// The demo keeps no more.
#[derive(Debug)]
pub(super) struct Full;

/// Every account's notes.
#[derive(Default)]
pub(super) struct Shelf {
    notebooks: HashMap<String, Notebook>,
}

#[derive(Default)]
struct Notebook {
    last: u64,
    notes: BTreeMap<u64, Note>,
}

impl Shelf {
    pub(super) fn count(&self, key: &str) -> usize {
        self.notebooks.get(key).map_or(0, |book| book.notes.len())
    }

    /// Notes after an id, oldest first, and the id to go on after if there are more.
    pub(super) fn list(
        &self,
        key: &str,
        after: Option<u64>,
        limit: usize,
    ) -> (Vec<Note>, Option<u64>) {
        let Some(book) = self.notebooks.get(key) else {
            return (Vec::new(), None);
        };
        let start = after.map_or(0, |id| id.saturating_add(1));
        let mut rest = book.notes.range(start..).map(|(_, note)| note.clone());
        let notes: Vec<Note> = rest.by_ref().take(limit).collect();
        let next = rest.next().and(notes.last().map(|note| note.id));
        (notes, next)
    }

    pub(super) fn add(&mut self, key: &str, note: NewNote) -> Result<Note, Full> {
        if !self.notebooks.contains_key(key) && self.notebooks.len() >= MAX_ACCOUNTS {
            return Err(Full);
        }
        let book = self.notebooks.entry(key.to_owned()).or_default();
        if book.notes.len() >= MAX_NOTES {
            return Err(Full);
        }
        book.last += 1;
        let note = Note {
            id: book.last,
            title: note.title,
            body: note.body,
        };
        book.notes.insert(note.id, note.clone());
        Ok(note)
    }

    pub(super) fn find(&self, key: &str, id: u64) -> Option<Note> {
        self.notebooks.get(key)?.notes.get(&id).cloned()
    }

    /// Says whether there was such a note. A notebook outlives its notes, so that ids never return.
    pub(super) fn remove(&mut self, key: &str, id: u64) -> bool {
        self.notebooks
            .get_mut(key)
            .is_some_and(|book| book.notes.remove(&id).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(title: &str) -> NewNote {
        NewNote {
            title: title.to_owned(),
            body: String::new(),
        }
    }

    #[test]
    fn a_full_notebook_and_a_full_shelf_refuse() {
        let mut shelf = Shelf::default();
        for _ in 0..MAX_NOTES {
            shelf.add("a", note("x")).unwrap();
        }
        assert!(shelf.add("a", note("x")).is_err());
        for account in 1..MAX_ACCOUNTS {
            shelf.add(&account.to_string(), note("x")).unwrap();
        }
        assert!(shelf.add("one more", note("x")).is_err());
        assert!(shelf.remove("a", 7));
        assert_eq!(
            shelf.add("a", note("x")).unwrap().id,
            201,
            "ids never return"
        );
    }

    #[test]
    fn pages_end() {
        let mut shelf = Shelf::default();
        for title in ["1", "2", "3"] {
            shelf.add("a", note(title)).unwrap();
        }
        let (page, next) = shelf.list("a", None, 2);
        assert_eq!((page.len(), next), (2, Some(2)));
        let (page, next) = shelf.list("a", next, 2);
        assert_eq!((page.len(), next), (1, None));
        assert_eq!(shelf.list("a", Some(u64::MAX), 2).1, None);
        assert_eq!(shelf.list("b", None, 2), (Vec::new(), None));
    }
}
