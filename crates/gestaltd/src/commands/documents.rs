//! What was read out of documents, as `validate` and `serve` say it.

use std::fmt::Write as _;

use gestalt_core::document::{Finding, Severity};

use crate::config::DocumentReport;

/// One line about a document: what it offers, and how much could not be taken over.
pub(super) fn summary(report: &DocumentReport) -> String {
    let imported = &report.imported;
    let mut line = format!(
        "{} ({}): {} operations offered of {}",
        report.plugin,
        report.name,
        report.offered,
        imported.operations.len()
    );
    for severity in [Severity::Skipped, Severity::Changed, Severity::Note] {
        let count = count(report, severity);
        if count > 0 {
            let _infallible = write!(line, ", {count} {}", severity.as_str());
        }
    }
    if imported.more_findings > 0 {
        let _infallible = write!(line, ", {} more findings", imported.more_findings);
    }
    line
}

/// What an operator may have to do about a document.
pub(super) fn advice(report: &DocumentReport) -> Option<String> {
    (!report.closed_hosts.is_empty()).then(|| {
        format!(
            "{}: operations reach {}, which `egress.allowedHosts` does not permit",
            report.plugin,
            report.closed_hosts.join(", ")
        )
    })
}

/// One finding in one line, beginning with its place.
pub(super) fn finding(finding: &Finding) -> String {
    let mut line = finding.file.clone();
    if finding.line > 0 {
        let _infallible = write!(line, ":{}", finding.line);
    }
    let _infallible = write!(line, ": {}", finding.severity.as_str());
    if let Some(operation) = &finding.operation {
        let _infallible = write!(line, " {operation}");
    }
    let _infallible = write!(line, ": {}", finding.message);
    // A document's text must not write on a terminal what it likes.
    line.chars()
        .map(|letter| {
            if letter.is_control() || turns(letter) {
                ' '
            } else {
                letter
            }
        })
        .collect()
}

/// Whether a letter turns the direction of what follows it.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How many findings of a severity are told one by one.
pub(super) fn count(report: &DocumentReport, severity: Severity) -> usize {
    let findings = report.imported.findings.iter();
    findings.filter(|one| one.severity == severity).count()
}
