//! Figures of finding operations among many.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// The questions about one document.
#[derive(Debug, Default)]
pub(crate) struct Search {
    pub(crate) name: &'static str,
    pub(crate) tools: usize,
    pub(crate) questions: usize,
    /// How many have an accepted operation in the first place, the first five, the first ten.
    pub(crate) first: usize,
    pub(crate) of_five: usize,
    pub(crate) of_ten: usize,
    /// The same in the first five of a plain search for the question's words.
    pub(crate) plainly_of_five: usize,
    /// Bytes of the whole list of tools, of what of it models read at least (names, descriptions
    /// and arguments), of the three, and of all answers' texts.
    pub(crate) whole_bytes: usize,
    pub(crate) read_bytes: usize,
    pub(crate) few_bytes: usize,
    pub(crate) answer_bytes: usize,
    /// From a question to its answer: the first, and the median of the others.
    pub(crate) first_micros: f64,
    pub(crate) micros: f64,
    /// Questions without an accepted operation in the first five.
    pub(crate) missed: Vec<String>,
}

/// Bytes of a token, as a rule of thumb for English and JSON.
const TOKEN: usize = 4;

impl Search {
    /// How many questions have no accepted operation in the first five.
    pub(crate) fn missed(&self) -> f64 {
        u32::try_from(self.missed.len()).map_or(f64::INFINITY, f64::from)
    }

    pub(super) fn write(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "\n{}: {} tools, {} questions; in the first place {}, five {}, ten {}; plain search, five {}",
            self.name,
            self.tools,
            self.questions,
            self.first,
            self.of_five,
            self.of_ten,
            self.plainly_of_five
        );
        let _ = writeln!(
            out,
            "  tokens: whole list {}, of it without results' schemas {}; three tools {}, an answer {}",
            self.whole_bytes / TOKEN,
            self.read_bytes / TOKEN,
            self.few_bytes / TOKEN,
            self.answer_bytes / self.questions.max(1) / TOKEN
        );
        let _ = writeln!(
            out,
            "  a question {:.0} µs, the first {:.0} µs",
            self.micros, self.first_micros
        );
        for question in &self.missed {
            let _ = writeln!(out, "  missed: {question}");
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "tools": self.tools,
            "questions": self.questions,
            "first": self.first,
            "of_five": self.of_five,
            "of_ten": self.of_ten,
            "plainly_of_five": self.plainly_of_five,
            "whole_bytes": self.whole_bytes,
            "read_bytes": self.read_bytes,
            "few_bytes": self.few_bytes,
            "answer_bytes": self.answer_bytes,
            "micros": self.micros,
            "first_micros": self.first_micros,
            "missed": self.missed,
        })
    }
}
