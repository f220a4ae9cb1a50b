//! Data on standard output, in the form that was asked for.

pub(crate) mod json_text;
mod rows;
pub(crate) mod table;
pub(crate) mod value;

use std::io::{self, Write};

use clap::ValueEnum;
use gestalt_api::page::PageInfo;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::nearest::did_you_mean;
use crate::terminal::printable;
pub(crate) use rows::Shown;

/// How data is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Columns for people.
    Table,
    /// One JSON document, as the API has it.
    Json,
    /// The same as YAML.
    Yaml,
    /// One JSON document per line and item.
    Ndjson,
    /// Only names or ids, one per line.
    Name,
}

impl Format {
    /// Its word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Ndjson => "ndjson",
            Self::Name => "name",
        }
    }

    /// Reads its word.
    ///
    /// # Errors
    /// A usage error that suggests the nearest.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        <Self as ValueEnum>::from_str(text, true).map_err(|_| {
            let words = ["table", "json", "yaml", "ndjson", "name"];
            Failure::usage(
                format!("`{text}` is no output format."),
                did_you_mean(text, words)
                    .unwrap_or_else(|| format!("There are: {}.", words.join(", "))),
            )
        })
    }
}

/// A list as the API has it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listing<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// Where the next page starts, for lists that come in pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<PageInfo>,
}

/// Standard output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    asked: Option<Format>,
    headers: bool,
}

impl Output {
    /// Shows data in the format that was asked for.
    pub(crate) fn new(asked: Option<Format>, headers: bool) -> Self {
        Self { asked, headers }
    }

    /// The format, if anybody asked for one.
    pub(crate) fn asked(self) -> Option<Format> {
        self.asked
    }

    /// The format for what is not an upstream's answer.
    pub(crate) fn format(self) -> Format {
        self.asked.unwrap_or(Format::Table)
    }

    /// Tables have a first line that names the columns.
    pub(crate) fn headers(self) -> bool {
        self.headers
    }

    /// Shows a list.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(crate) fn list<T: Shown + Serialize>(self, list: &Listing<T>) -> Result<(), Failure> {
        let text = match self.format() {
            Format::Table => {
                let rows = list.items.iter().map(Shown::row).collect();
                table::columns(self.headers.then_some(T::HEADER), rows)
            }
            Format::Name => lines(list.items.iter().map(|item| printable(&item.name()))),
            Format::Ndjson => {
                let each: Result<Vec<String>, _> =
                    list.items.iter().map(serde_json::to_string).collect();
                lines(each.map_err(io::Error::other)?.into_iter())
            }
            Format::Json | Format::Yaml => self.document(list)?,
        };
        write(text.as_bytes())
    }

    /// Shows one thing.
    ///
    /// # Errors
    /// As [`Output::list`].
    pub(crate) fn one<T: Shown + Serialize>(self, item: &T) -> Result<(), Failure> {
        let text = match self.format() {
            Format::Table => table::pairs(item.details()),
            Format::Name => lines(std::iter::once(printable(&item.name()))),
            Format::Json | Format::Yaml | Format::Ndjson => self.document(item)?,
        };
        write(text.as_bytes())
    }

    /// Shows text for people, or the value to whoever asked for a format.
    ///
    /// # Errors
    /// As [`Output::list`].
    pub(crate) fn text_or<T: Serialize>(self, text: &str, item: &T) -> Result<(), Failure> {
        match self.format() {
            Format::Table | Format::Name => write(text.as_bytes()),
            Format::Json | Format::Yaml | Format::Ndjson => write(self.document(item)?.as_bytes()),
        }
    }

    fn document<T: Serialize>(self, item: &T) -> Result<String, Failure> {
        let mut text = match self.format() {
            Format::Yaml => serde_saphyr::to_string(item).map_err(io::Error::other)?,
            Format::Ndjson => serde_json::to_string(item).map_err(io::Error::other)?,
            _ => serde_json::to_string_pretty(item).map_err(io::Error::other)?,
        };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(text)
    }
}

fn lines(items: impl Iterator<Item = String>) -> String {
    items.map(|item| item + "\n").collect()
}

/// Writes bytes to standard output at once.
///
/// # Errors
/// When they cannot be written.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}
