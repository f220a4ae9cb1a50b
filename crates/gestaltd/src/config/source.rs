//! The files that a config is made of, and places in them.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// A stretch of one file, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct At {
    file: u32,
    start: u32,
    end: u32,
}

impl At {
    pub(super) fn new(file: usize, range: &Range<usize>) -> Self {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            file: narrow(file),
            start: narrow(range.start),
            end: narrow(range.end),
        }
    }

    pub(super) const fn from_parts([file, start, end]: [u32; 3]) -> Self {
        Self { file, start, end }
    }

    pub(super) const fn parts(self) -> [u32; 3] {
        [self.file, self.start, self.end]
    }

    pub(super) fn file(self) -> usize {
        self.file as usize
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One file as it was read, and what of it may be shown.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// The path as the operator gave it.
    pub(super) path: PathBuf,
    /// Its whole text.
    pub(super) text: String,
    /// Where keys stand: they may be shown. These and the others are sorted, without overlap.
    pub(super) keys: Vec<Range<usize>>,
    /// Where values stand: they may be shown only where a report points at them.
    pub(super) values: Vec<Range<usize>>,
    /// Where secrets stand by the name of their key: never shown.
    pub(super) hidden: Vec<Range<usize>>,
}

/// Every file that was read, in the order of reading.
#[derive(Debug, Default)]
pub(super) struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    pub(super) fn add(&mut self, path: &Path, text: String) -> usize {
        self.files.push(SourceFile {
            path: path.to_owned(),
            text,
            keys: Vec::new(),
            values: Vec::new(),
            hidden: Vec::new(),
        });
        self.files.len() - 1
    }

    /// The files that were read so far.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| file.path.clone()).collect()
    }

    /// How many files were read.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&SourceFile> {
        self.files.get(index)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut SourceFile> {
        self.files.get_mut(index)
    }

    /// The folder that relative paths written at this place are relative to.
    pub(super) fn folder(&self, at: At) -> PathBuf {
        self.get(at.file())
            .and_then(|file| file.path.parent())
            .map_or_else(PathBuf::new, Path::to_owned)
    }

    /// A path written at this place, made relative to its file's folder.
    pub(super) fn resolve(&self, at: At, path: &str) -> PathBuf {
        self.folder(at).join(path)
    }

    /// `config.yaml:12:5`, counting from one.
    pub(super) fn place(&self, at: At) -> String {
        let before = self.before(at);
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        format!("{}:{column}", self.line(at))
    }

    /// `config.yaml:12`, counting from one.
    pub(super) fn line(&self, at: At) -> String {
        let path = self
            .get(at.file())
            .map(|file| file.path.display().to_string());
        let line = self.before(at).matches('\n').count() + 1;
        format!("{}:{line}", path.unwrap_or_default())
    }

    fn before(&self, at: At) -> &str {
        let text = self.get(at.file()).map(|file| file.text.as_str());
        text.and_then(|text| text.get(..at.range().start))
            .unwrap_or_default()
    }
}
