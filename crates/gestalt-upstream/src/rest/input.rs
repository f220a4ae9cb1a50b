//! Arguments by name, read and checked.

use std::borrow::Cow;

use gestalt_core::name::nearest;

use super::json;
use super::schema::{Fault, Given, Shape};
use crate::UpstreamError;
use crate::call::Arguments;

/// One thing a caller can give.
pub(crate) struct Input {
    /// What callers say.
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    /// Used when nothing is given; JSON.
    pub(crate) default: Option<String>,
}

/// Everything a caller can give.
#[derive(Default)]
pub(crate) struct Inputs {
    list: Vec<Input>,
}

/// What was given, by index of the input.
pub(crate) struct Values<'a>(Vec<Option<Given<'a>>>);

impl<'a> Values<'a> {
    pub(crate) fn get(&self, index: usize) -> Option<&Given<'a>> {
        self.0.get(index)?.as_ref()
    }
}

impl Inputs {
    /// Adds an input and gives its index; `None` if the name is taken.
    pub(crate) fn add(&mut self, input: Input) -> Option<usize> {
        if self.find(&input.name).is_some() {
            return None;
        }
        self.list.push(input);
        Some(self.list.len() - 1)
    }

    /// The index of a name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.list.iter().position(|input| input.name == name)
    }

    fn get(&self, name: &str) -> Result<usize, UpstreamError> {
        self.find(name).ok_or_else(|| {
            let names = self.list.iter().map(|input| input.name.as_str());
            let shown: String = name.chars().take(80).collect();
            UpstreamError::Invalid {
                nearest: nearest(&shown, names).map(str::to_owned),
                message: format!("`{shown}` is not a parameter of this operation."),
                field: shown,
            }
        })
    }

    /// Reads and checks arguments.
    ///
    /// # Errors
    /// [`UpstreamError::Invalid`] that names the argument.
    pub(crate) fn read<'a>(
        &'a self,
        arguments: &'a Arguments,
    ) -> Result<Values<'a>, UpstreamError> {
        let mut values: Vec<Option<Given<'a>>> = Vec::new();
        values.resize_with(self.list.len(), || None);
        match arguments {
            Arguments::None => {}
            Arguments::Query(pairs) => self.read_query(pairs, &mut values)?,
            Arguments::Json(object) => self.read_json(object.get(), &mut values)?,
        }
        for (input, value) in self.list.iter().zip(&mut values) {
            match (&value, &input.default) {
                (Some(given), _) => check(input, given)?,
                (None, Some(default)) => *value = Some(Given::Json(Cow::Borrowed(default))),
                (None, None) if input.required => {
                    let name = &input.name;
                    return Err(UpstreamError::invalid(
                        name,
                        format!("`{name}` is required."),
                    ));
                }
                (None, None) => {}
            }
        }
        Ok(Values(values))
    }

    fn read_json<'a>(
        &self,
        text: &'a str,
        values: &mut [Option<Given<'a>>],
    ) -> Result<(), UpstreamError> {
        let members = json::members(text).map_err(|why| {
            UpstreamError::invalid("", format!("The arguments do not hold: {why}."))
        })?;
        for (name, value) in members {
            values[self.get(&name)?] = Some(Given::Json(Cow::Borrowed(value)));
        }
        Ok(())
    }

    fn read_query<'a>(
        &self,
        pairs: &'a [(String, String)],
        values: &mut [Option<Given<'a>>],
    ) -> Result<(), UpstreamError> {
        for (position, (name, text)) in pairs.iter().enumerate() {
            let index = self.get(name)?;
            if values[index].is_some() {
                continue;
            }
            let later = pairs[position + 1..].iter();
            let mut texts = vec![text.as_str()];
            texts.extend(
                later
                    .filter(|(n, _)| n == name)
                    .map(|(_, text)| text.as_str()),
            );
            let typed = self.list[index].shape.typed(&texts);
            let given =
                typed.map_err(|why| UpstreamError::invalid(name, format!("`{name}` {why}.")))?;
            values[index] = Some(given);
        }
        Ok(())
    }
}

fn check(input: &Input, given: &Given<'_>) -> Result<(), UpstreamError> {
    input
        .shape
        .check(given)
        .map_err(|fault| fault_of(&input.name, &fault))
}

/// The caller's error for a fault in a value.
pub(crate) fn fault_of(name: &str, fault: &Fault) -> UpstreamError {
    let Fault { path, message } = fault;
    let field = format!("{name}{path}");
    UpstreamError::invalid(&field, format!("`{field}`: {message}."))
}
