//! Figures of documents and of the lists of tools made from them.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::median;

/// A list of many tools, all its pages together.
#[derive(Debug, Default)]
pub(crate) struct List {
    /// Whose they are.
    pub(crate) of: &'static str,
    pub(crate) tools: usize,
    pub(crate) pages: usize,
    pub(crate) bytes: usize,
    /// Processor time of the daemon, and of a server of the same bytes.
    pub(crate) cpu_micros: f64,
    pub(crate) static_micros: f64,
    /// The one over the other, page by page.
    pub(crate) ratios: Vec<f64>,
}

/// A vendor's document, as one plugin.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) name: &'static str,
    pub(crate) bytes: u64,
    /// Operations that it describes, and that are offered.
    pub(crate) described: usize,
    pub(crate) operations: u64,
    /// Start to ready without its prepared form, and with it.
    pub(crate) first_start_seconds: f64,
    pub(crate) start_seconds: f64,
    /// A reload with the document unchanged.
    pub(crate) reload_seconds: f64,
    /// Memory above a daemon without plugins: after the first start, at its peak, and after a
    /// start from the prepared form.
    pub(crate) loaded_mebibytes: f64,
    pub(crate) peak_mebibytes: f64,
    pub(crate) again_mebibytes: f64,
}

impl List {
    pub(super) fn write(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "\n{} {} listed in {} pages of {} bytes in all",
            self.tools, self.of, self.pages, self.bytes
        );
        let _ = writeln!(
            out,
            "  CPU for all pages, µs: {:.1}; as static answers {:.1} ({:.2} times)",
            self.cpu_micros,
            self.static_micros,
            median(self.ratios.iter().copied())
        );
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "of": self.of,
            "tools": self.tools,
            "pages": self.pages,
            "bytes": self.bytes,
            "cpu_micros": self.cpu_micros,
            "static_cpu_micros": self.static_micros,
            "cpu_ratios": self.ratios,
        })
    }
}

impl Document {
    pub(super) fn write(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "{:12} {:10} {:8} {:10.3} s {:5.3} s {:5.3} s {:4.0} {:5.0} {:6.0}",
            self.name,
            self.described,
            self.operations,
            self.first_start_seconds,
            self.start_seconds,
            self.reload_seconds,
            self.loaded_mebibytes,
            self.peak_mebibytes,
            self.again_mebibytes,
        );
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "bytes": self.bytes,
            "described": self.described,
            "operations": self.operations,
            "first_start_seconds": self.first_start_seconds,
            "start_seconds": self.start_seconds,
            "reload_seconds": self.reload_seconds,
            "loaded_mebibytes": self.loaded_mebibytes,
            "peak_mebibytes": self.peak_mebibytes,
            "again_mebibytes": self.again_mebibytes,
        })
    }
}
