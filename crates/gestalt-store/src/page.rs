//! Lists come in pages, by keyset: a page starts after the last key of the one before.

use std::str::FromStr;

use crate::error::StoreError;

pub(crate) const BAD_CURSOR: StoreError = StoreError::Invalid {
    reason: "the cursor was not made by this list",
};

/// Which part of a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// The cursor that came with the page before; the first page without it.
    pub cursor: Option<String>,
    /// How many rows at most: 1 to 1,000, and what lies outside counts as the nearest.
    pub limit: u32,
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page starts; absent on the last page.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The same page with every row turned into something else.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(turn).collect(),
            next: self.next,
        }
    }

    /// A page with no rows and no successor.
    pub(crate) const fn empty() -> Self {
        Self {
            items: Vec::new(),
            next: None,
        }
    }
}

impl PageRequest {
    /// The first page of a list.
    pub const fn first(limit: u32) -> Self {
        Self {
            cursor: None,
            limit,
        }
    }

    /// The rows to ask for: one more than the page holds, to learn whether another follows.
    pub(crate) fn fetch(&self) -> i64 {
        i64::from(self.limit.clamp(1, 1_000)) + 1
    }

    /// What the ids of this page come before, in lists that show the newest first; `~` comes
    /// after every id.
    pub(crate) fn before<T: FromStr + ToString>(&self) -> Result<String, StoreError> {
        match self.cursor.as_deref() {
            None => Ok("~".to_owned()),
            Some(text) => match text.parse::<T>() {
                Ok(id) => Ok(id.to_string()),
                Err(_) => Err(BAD_CURSOR),
            },
        }
    }

    /// Makes a page of what [`PageRequest::fetch`] asked for.
    pub(crate) fn page<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> String) -> Page<T> {
        let full = usize::try_from(self.fetch() - 1).unwrap_or(usize::MAX);
        let more = items.len() > full;
        items.truncate(full);
        let next = items.last().filter(|_| more).map(key);
        Page { items, next }
    }
}
