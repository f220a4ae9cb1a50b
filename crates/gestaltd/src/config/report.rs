//! What is wrong with a config, shown where it is wrong and without its secrets.

use std::error::Error;
use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};

use super::source::{At, SourceFile, Sources};

/// One thing that is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Problem {
    message: String,
    at: Option<At>,
    label: String,
    also: Vec<(At, String)>,
    help: Option<String>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>, at: At) -> Self {
        Self {
            at: Some(at),
            ..Self::unplaced(message)
        }
    }

    /// A problem whose place is not known yet, or that has none.
    pub(super) fn unplaced(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            at: None,
            label: "here".to_owned(),
            also: Vec::new(),
            help: None,
        }
    }

    #[must_use]
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Points at a second place.
    #[must_use]
    pub(super) fn also(mut self, at: At, label: impl Into<String>) -> Self {
        self.also.push((at, label.into()));
        self
    }

    /// Gives it a place, unless it has one.
    #[must_use]
    pub(super) fn placed(mut self, at: At) -> Self {
        self.at.get_or_insert(at);
        self
    }
}

/// A config that is refused: everything that was found, in the order of finding.
#[derive(Debug)]
pub struct ConfigError {
    reports: Vec<Report>,
}

/// One problem, ready to be shown.
#[derive(Debug)]
struct Report {
    place: Option<String>,
    message: String,
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
    help: Option<String>,
}

impl ConfigError {
    pub(super) fn new(sources: &Sources, problems: Vec<Problem>) -> Self {
        let reports = problems
            .into_iter()
            .map(|problem| report(sources, problem))
            .collect();
        Self { reports }
    }

    /// Each problem in one line: `config.yaml:12:5: unknown key`.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.reports.iter().map(|report| match &report.place {
            Some(place) => format!("{place}: {}", report.message),
            None => report.message.clone(),
        })
    }

    /// Draws every problem with its lines; `color` for a terminal that shows colours.
    pub fn render(&self, color: bool) -> String {
        let theme = if color {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .with_width(100);
        let mut text = String::new();
        for report in &self.reports {
            // Writing to a string does not fail.
            let _ = handler.render_report(&mut text, report);
        }
        text
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.lines().collect();
        f.write_str(&lines.join("; "))
    }
}

impl Error for ConfigError {}

impl Diagnostic for ConfigError {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(
            self.reports.iter().map(|report| report as &dyn Diagnostic),
        ))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Report {}

impl Diagnostic for Report {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source
            .as_ref()
            .map(|source| source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

fn report(sources: &Sources, problem: Problem) -> Report {
    let place = problem.at.map(|at| sources.place(at));
    let mut help = problem.help.unwrap_or_default();
    let mut spans: Vec<(At, String)> = problem
        .at
        .into_iter()
        .map(|at| (at, problem.label.clone()))
        .collect();
    for (at, label) in problem.also {
        if problem.at.is_some_and(|first| first.file() == at.file()) {
            spans.push((at, label));
        } else {
            // One report shows one file; a place in another is named.
            let gap = if help.is_empty() { "" } else { "\n" };
            help = format!("{help}{gap}{label}: {}", sources.place(at));
        }
    }
    let file = problem.at.and_then(|at| sources.get(at.file()));
    let ranges: Vec<Range<usize>> = spans.iter().map(|(at, _)| at.range()).collect();
    let shown = file.map(|file| mask(file, &ranges));
    let labels = shown.as_ref().map_or_else(Vec::new, |(_, moved)| {
        let texts = spans.into_iter().map(|(_, label)| label);
        moved
            .iter()
            .zip(texts)
            .map(|(range, label)| LabeledSpan::at(range.clone(), label))
            .collect()
    });
    let source = file
        .zip(shown)
        .map(|(file, (text, _))| NamedSource::new(file.path.display().to_string(), text));
    Report {
        place,
        message: problem.message,
        source,
        labels,
        help: Some(help).filter(|help| !help.is_empty()),
    }
}

/// The file's text with everything masked that may be a secret, and where the ranges are now.
///
/// Keys and what a report points at stay, unless the latter's key says that it is a secret.
/// Of a value all is masked; of the rest (comments, what could not be parsed) letters and digits.
fn mask(file: &SourceFile, labels: &[Range<usize>]) -> (String, Vec<Range<usize>>) {
    let labelled = |at: usize| labels.iter().any(|range| range.contains(&at));
    let mut text = String::with_capacity(file.text.len());
    let mut moved: Vec<Range<usize>> = labels.iter().map(|_| 0..0).collect();
    let mut place = |byte: usize, to: usize| {
        for (label, moved) in labels.iter().zip(&mut moved) {
            if label.start == byte {
                moved.start = to;
            }
            if label.end == byte {
                moved.end = to;
            }
        }
    };
    for (byte, letter) in file.text.char_indices() {
        place(byte, text.len());
        let shown = letter.is_whitespace()
            || (!within(&file.hidden, byte) && (within(&file.keys, byte) || labelled(byte)))
            || (!within(&file.values, byte) && !letter.is_alphanumeric());
        text.push(if shown { letter } else { '*' });
    }
    place(file.text.len(), text.len());
    for range in &mut moved {
        // A syntax error's end can lie within a letter.
        range.end = range.end.max(range.start);
    }
    (text, moved)
}

/// Says whether a place lies in one of the ranges, which follow one another.
fn within(ranges: &[Range<usize>], at: usize) -> bool {
    let after = ranges.partition_point(|range| range.start <= at);
    after
        .checked_sub(1)
        .is_some_and(|index| ranges[index].contains(&at))
}
