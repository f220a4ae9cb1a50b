//! What could not be taken over, collected.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use gestalt_core::document::{Finding, Severity};

/// Where in a document something stands.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) file: String,
    pub(crate) line: u64,
    /// JSON pointer.
    pub(crate) place: String,
}

/// Findings in the order in which they are met, each told once, up to a limit.
pub(crate) struct Findings {
    list: Vec<Finding>,
    /// Hashes of what has been told: what many operations share is told for the first.
    told: HashSet<u64>,
    limit: usize,
    more: u64,
    /// How many findings came in, those told before included.
    said: u64,
    /// The operation that is read.
    operation: Option<String>,
}

impl Findings {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            list: Vec::new(),
            told: HashSet::new(),
            limit,
            more: 0,
            said: 0,
            operation: None,
        }
    }

    /// Says which operation the next findings are about.
    pub(crate) fn about(&mut self, operation: Option<String>) {
        self.operation = operation;
    }

    pub(crate) fn skipped(&mut self, spot: &Spot, message: impl Into<String>) {
        self.add(Severity::Skipped, spot, message.into());
    }

    pub(crate) fn changed(&mut self, spot: &Spot, message: impl Into<String>) {
        self.add(Severity::Changed, spot, message.into());
    }

    pub(crate) fn note(&mut self, spot: &Spot, message: impl Into<String>) {
        self.add(Severity::Note, spot, message.into());
    }

    pub(crate) fn add(&mut self, severity: Severity, spot: &Spot, message: String) {
        let Spot { file, line, place } = spot.clone();
        self.push(Finding {
            severity,
            file,
            line,
            place,
            operation: self.operation.clone(),
            message,
        });
    }

    /// Takes a finding over. Beyond the limit a graver one takes the place of a lighter one.
    pub(crate) fn push(&mut self, finding: Finding) {
        self.said += 1;
        let mut hasher = DefaultHasher::new();
        (
            &finding.file,
            finding.line,
            &finding.place,
            &finding.message,
        )
            .hash(&mut hasher);
        if finding.severity == Severity::Skipped {
            // Each operation that is missing is told of.
            finding.operation.hash(&mut hasher);
        }
        if !self.told.insert(hasher.finish()) {
            return;
        }
        if self.list.len() < self.limit {
            self.list.push(finding);
            return;
        }
        self.more += 1;
        let lightest = self.list.iter().map(|known| known.severity).max();
        if lightest.is_some_and(|lightest| finding.severity < lightest) {
            let last = self.list.iter().rposition(|f| Some(f.severity) == lightest);
            self.list.remove(last.unwrap_or_default());
            self.list.push(finding);
        }
    }

    /// How many findings came in, those told before included.
    pub(super) fn said(&self) -> u64 {
        self.said
    }

    /// The findings, and how many more there were.
    pub(crate) fn finish(self) -> (Vec<Finding>, u64) {
        (self.list, self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_the_graver_stay() {
        let spot = |line| Spot {
            file: "a.json".to_owned(),
            line,
            place: String::new(),
        };
        let mut findings = Findings::new(2);
        findings.note(&spot(1), "a");
        findings.note(&spot(1), "a");
        findings.note(&spot(2), "b");
        findings.changed(&spot(3), "c");
        findings.skipped(&spot(4), "d");
        findings.note(&spot(5), "e");
        let (list, more) = findings.finish();
        let lines: Vec<u64> = list.iter().map(|finding| finding.line).collect();
        assert_eq!((lines, more), (vec![3, 4], 3));
    }
}
