//! What an operation asks for that no document writes: a selection of bounded depth and size.
//!
//! Asked for are the fields that need no argument, level by level, scalars first, until there
//! are enough. A type that stands above is not entered again. Of an interface its own fields
//! are asked for, of it and of a union besides what its types have, each with its name.

mod sets;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::rc::Rc;

use apollo_compiler::ast::{FieldDefinition, OperationType, Type};
use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::{Component, ExtendedType, Implementers};
use apollo_compiler::{Name, Schema};

use sets::{Growing, Item, Set, write_set};

/// Types that an interface or a union is told apart into; of one with more only what they
/// share is asked for.
pub(super) const MOST_TYPES: usize = 12;
/// Levels that do not count within each other: `edges` and `node` around what is in them.
const MOST_WRAPPERS: usize = 2;

/// What says most about a thing, and is asked for before its other fields.
const FIRST: [&str; 13] = [
    "id",
    "name",
    "title",
    "number",
    "login",
    "slug",
    "key",
    "code",
    "state",
    "status",
    "url",
    "createdAt",
    "updatedAt",
];

/// Makes the texts of operations.
pub(super) struct Selector<'s> {
    schema: &'s Schema,
    implementers: HashMap<Name, Implementers>,
    max_depth: usize,
    max_fields: usize,
    views: RefCell<HashMap<Name, Rc<View<'s>>>>,
}

/// What of a type can be asked for.
#[derive(Default)]
struct View<'s> {
    is_abstract: bool,
    /// What a field without fields of its own is asked for as: `name`, or `name_Type: name`.
    leaves: Vec<String>,
    objects: Vec<Object<'s>>,
    /// By type, what it has besides.
    parts: Vec<(&'s Name, Vec<String>)>,
}

/// A field with fields of its own.
struct Object<'s> {
    name: &'s Name,
    ty: &'s Name,
    /// It stands around what is meant and is no level of its own.
    wraps: bool,
}

/// The text of an operation, and what there is to know about it.
pub(super) struct Made {
    pub(super) text: String,
    /// Enough was selected before all was.
    pub(super) full: bool,
    /// A type that is one of too many to tell apart.
    pub(super) many: Option<Name>,
}

impl<'s> Selector<'s> {
    pub(super) fn new(schema: &'s Schema, max_depth: usize, max_fields: usize) -> Self {
        let all = schema.implementers_map();
        Self {
            schema,
            implementers: all.into_iter().collect(),
            max_depth,
            max_fields,
            views: RefCell::default(),
        }
    }

    /// The text of an operation of one root field, whose variables are the field's arguments.
    pub(super) fn operation(&self, kind: OperationType, field: &'s FieldDefinition) -> Made {
        let name = &field.name;
        let mut text = format!("{kind} {name}");
        let mut given = String::new();
        for (index, argument) in field.arguments.iter().enumerate() {
            let before = if index == 0 { "(" } else { ", " };
            let mut ty = Type::clone(&argument.ty);
            if argument.default_value.is_some() {
                // The default stays the server's: without a value there is no argument.
                ty = ty.nullable();
            }
            let _infallible = write!(text, "{before}${}: {ty}", argument.name);
            let _infallible = write!(given, "{before}{0}: ${0}", argument.name);
        }
        if !field.arguments.is_empty() {
            text.push(')');
            given.push(')');
        }
        let _infallible = write!(text, " {{ {name}{given}");
        let mut made = Made {
            text,
            full: false,
            many: None,
        };
        let ty = field.ty.inner_named_type();
        if self.schema.types.get(ty).is_some_and(|ty| !ty.is_leaf()) {
            let sets = self.sets(ty, &mut made);
            made.text.push(' ');
            write_set(&sets, 0, &mut made.text);
        }
        made.text.push_str(" }");
        made
    }

    /// The sets of selections below a type, the first one its own.
    fn sets(&self, ty: &'s Name, made: &mut Made) -> Vec<Set<'s>> {
        let mut growing = Growing {
            sets: vec![Set::below(None, ty)],
            left: self.max_fields,
            full: false,
        };
        let mut queue = VecDeque::from([0]);
        while let Some(at) = queue.pop_front() {
            let ty = growing.sets[at].ty;
            let view = self.view(ty);
            if view.is_abstract {
                growing.push(at, Item::Leaf("__typename".to_owned()));
                if view.parts.is_empty() && made.many.is_none() {
                    made.many = Some(ty.clone());
                }
            }
            growing.leaves(at, &view.leaves, usize::MAX);
            growing.parts(at, &view.parts);
            for object in &view.objects {
                let set = &growing.sets[at];
                let wraps = object.wraps && set.wrapped < MOST_WRAPPERS;
                let deep = set.depth >= self.max_depth && !wraps;
                if deep || growing.left == 0 || growing.stands_above(at, object.ty) {
                    growing.full |= !deep && growing.left == 0;
                    continue;
                }
                let next = Set {
                    head: format!("{} ", object.name),
                    depth: set.depth + usize::from(!wraps),
                    wrapped: if wraps { set.wrapped + 1 } else { 0 },
                    ..Set::below(Some(at), object.ty)
                };
                queue.push_back(growing.set(at, next));
            }
        }
        made.full = growing.full;
        growing.sets
    }

    fn view(&self, name: &'s Name) -> Rc<View<'s>> {
        if let Some(known) = self.views.borrow().get(name) {
            return Rc::clone(known);
        }
        let view = Rc::new(self.make_view(name));
        self.views
            .borrow_mut()
            .insert(name.clone(), Rc::clone(&view));
        view
    }

    fn make_view(&self, name: &'s Name) -> View<'s> {
        let mut view = View::default();
        let types: Vec<&'s Name> = match self.schema.types.get(name) {
            Some(ExtendedType::Object(definition)) => {
                self.fields(name, &definition.fields, &mut view);
                view.leaves.sort_by_key(|leaf| rank(leaf));
                return view;
            }
            Some(ExtendedType::Interface(definition)) => {
                self.fields(name, &definition.fields, &mut view);
                let known = self.implementers.get(name);
                let objects = known.into_iter().flat_map(|known| &known.objects);
                let known = objects.filter_map(|name| self.schema.types.get_key_value(name));
                known.map(|(name, _)| name).take(MOST_TYPES + 1).collect()
            }
            Some(ExtendedType::Union(definition)) => {
                let members = definition.members.iter().map(|member| &member.name);
                members.take(MOST_TYPES + 1).collect()
            }
            _ => Vec::new(),
        };
        view.is_abstract = true;
        view.leaves.sort_by_key(|leaf| rank(leaf));
        if types.len() <= MOST_TYPES {
            self.parts(name, &types, &mut view);
        }
        view
    }

    /// Sorts a type's fields into those with fields of their own and the others.
    fn fields(
        &self,
        owner: &Name,
        fields: &'s IndexMap<Name, Component<FieldDefinition>>,
        view: &mut View<'s>,
    ) {
        let connection = owner.ends_with("Connection");
        let nodes = connection && fields.contains_key("nodes");
        for (name, field) in fields {
            // So many are never asked for.
            if view.leaves.len() + view.objects.len() >= self.max_fields.saturating_mul(2) {
                break;
            }
            if !is_asked_for(field) || (nodes && name == "edges") {
                continue;
            }
            let ty = field.ty.inner_named_type();
            if self.schema.types.get(ty).is_some_and(ExtendedType::is_leaf) {
                view.leaves.push(name.to_string());
            } else if connection && name == "pageInfo" {
                // Before what it is about, which may take all that may be asked for.
                view.objects.insert(
                    0,
                    Object {
                        name,
                        ty,
                        wraps: true,
                    },
                );
            } else {
                let around = connection && matches!(name.as_str(), "nodes" | "edges");
                let within = owner.ends_with("Edge") && name == "node";
                view.objects.push(Object {
                    name,
                    ty,
                    wraps: around || within,
                });
            }
        }
    }

    /// What each of several types has besides what they share. Where two have a field of one
    /// name and of different types, each gets its type's name behind it: one answer cannot
    /// have both under the same name (GraphQL, October 2021, §5.3.2).
    fn parts(&self, owner: &Name, types: &[&'s Name], view: &mut View<'s>) {
        let shared = |name: &str| self.schema.type_field(owner, name).is_ok();
        let own = |ty: &Name| match self.schema.types.get(ty) {
            Some(ExtendedType::Object(definition)) => Some(&definition.fields),
            _ => None,
        };
        let mut kinds: HashMap<&str, (&Type, bool)> = HashMap::new();
        for (name, field) in types.iter().filter_map(|ty| own(ty)).flatten() {
            let known = kinds.entry(name.as_str()).or_insert((&field.ty, false));
            known.1 |= *known.0 != field.ty;
        }
        for ty in types {
            let mut leaves = Vec::new();
            for (name, field) in own(ty).into_iter().flatten() {
                let kind = self.schema.types.get(field.ty.inner_named_type());
                let leaf = kind.is_some_and(ExtendedType::is_leaf);
                if !leaf || !is_asked_for(field) || shared(name) {
                    continue;
                }
                let differs = kinds
                    .get(name.as_str())
                    .is_some_and(|(_, differs)| *differs);
                leaves.push(if differs {
                    format!("{name}_{ty}: {name}")
                } else {
                    name.to_string()
                });
                if leaves.len() >= self.max_fields.saturating_mul(2) {
                    break;
                }
            }
            leaves.sort_by_key(|leaf| rank(leaf));
            view.parts.push((ty, leaves));
        }
    }
}

/// Where a field stands among those of its type.
fn rank(leaf: &str) -> usize {
    let name = leaf.rsplit(": ").next().unwrap_or(leaf);
    let known = FIRST.iter().position(|first| *first == name);
    known.unwrap_or(FIRST.len())
}

/// Whether a field is asked for without being named: nothing must be said for it, it is no page
/// of a list, and the server does not advise against it.
fn is_asked_for(field: &FieldDefinition) -> bool {
    let paged = |name: &str| matches!(name, "first" | "last");
    let needs = field
        .arguments
        .iter()
        .any(|argument| argument.is_required() || paged(&argument.name));
    !needs && !field.directives.has("deprecated")
}
