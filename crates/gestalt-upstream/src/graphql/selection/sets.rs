//! Sets of selections: how they grow, and how they are written.

use apollo_compiler::Name;

/// A set of selections in the making.
pub(super) struct Set<'s> {
    /// What stands before its brace.
    pub(super) head: String,
    pub(super) items: Vec<Item>,
    pub(super) ty: &'s Name,
    pub(super) depth: usize,
    pub(super) wrapped: usize,
    pub(super) parent: Option<usize>,
}

pub(super) enum Item {
    Leaf(String),
    Set(usize),
}

/// Sets of selections that grow until there are enough fields.
pub(super) struct Growing<'s> {
    pub(super) sets: Vec<Set<'s>>,
    pub(super) left: usize,
    /// There was more than may be asked for.
    pub(super) full: bool,
}

impl<'s> Growing<'s> {
    pub(super) fn push(&mut self, at: usize, item: Item) {
        self.sets[at].items.push(item);
    }

    /// Adds a set below another.
    pub(super) fn set(&mut self, at: usize, set: Set<'s>) -> usize {
        let next = self.sets.len();
        self.sets.push(set);
        self.push(at, Item::Set(next));
        next
    }

    /// Adds fields without fields of their own, so many at most.
    pub(super) fn leaves(&mut self, at: usize, leaves: &[String], most: usize) {
        let most = most.min(self.left);
        self.full |= leaves.len() > most;
        for leaf in leaves.iter().take(most) {
            self.push(at, Item::Leaf(leaf.clone()));
            self.left -= 1;
        }
    }

    /// Adds what types have besides what they share; none takes what is left for the others.
    pub(super) fn parts(&mut self, at: usize, parts: &[(&'s Name, Vec<String>)]) {
        for (index, (name, leaves)) in parts.iter().enumerate() {
            let share = self.left / (parts.len() - index);
            if leaves.is_empty() || share == 0 {
                self.full |= !leaves.is_empty();
                continue;
            }
            let set = Set {
                head: format!("... on {name} "),
                ..Set::below(Some(at), name)
            };
            let next = self.set(at, set);
            self.leaves(next, leaves, share);
        }
    }

    pub(super) fn stands_above(&self, at: usize, ty: &Name) -> bool {
        let mut next = Some(at);
        while let Some(at) = next {
            if self.sets[at].ty == ty {
                return true;
            }
            next = self.sets[at].parent;
        }
        false
    }
}

impl<'s> Set<'s> {
    pub(super) fn below(parent: Option<usize>, ty: &'s Name) -> Self {
        Self {
            head: String::new(),
            items: Vec::new(),
            ty,
            depth: 1,
            wrapped: 0,
            parent,
        }
    }
}

/// Writes a set; what turned out to be empty below it is left out.
pub(super) fn write_set(sets: &[Set<'_>], at: usize, out: &mut String) {
    out.push('{');
    let before = out.len();
    for item in &sets[at].items {
        match item {
            Item::Leaf(text) => {
                out.push(' ');
                out.push_str(text);
            }
            Item::Set(next) if has_items(sets, *next) => {
                out.push(' ');
                out.push_str(&sets[*next].head);
                write_set(sets, *next, out);
            }
            Item::Set(_) => {}
        }
    }
    if out.len() == before {
        out.push_str(" __typename");
    }
    out.push_str(" }");
}

fn has_items(sets: &[Set<'_>], at: usize) -> bool {
    sets[at].items.iter().any(|item| match item {
        Item::Leaf(text) => text != "__typename",
        Item::Set(next) => has_items(sets, *next),
    })
}
