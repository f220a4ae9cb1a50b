//! A text index of operations: which of them a question means.
//!
//! BM25 over weighted fields (Robertson, Zaragoza and Taylor, "Simple BM25 extension to multiple
//! weighted fields", 2004). How rare a word is and how long texts are is counted among those
//! documents only that may be found, at each question: what somebody may not call changes
//! nothing of what they are told.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::words::{alike, asked, says, stems};

/// Names; titles; plugin, tags and address; descriptions; parameters.
const FIELDS: usize = 5;

/// What an occurrence counts by its field.
const WEIGHTS: [f32; FIELDS] = [3.0, 3.0, 1.0, 1.0, 0.4];

/// How far a field's length counts against its occurrences.
const LENGTH: [f32; FIELDS] = [0.6, 0.6, 0.4, 0.7, 0.7];

/// How soon more occurrences of a word count no more.
const SATURATION: f32 = 1.2;

/// What another word of the same meaning counts.
const ALIKE: f32 = 0.6;

/// The same where nothing has the word itself.
const INSTEAD: f32 = 0.9;

/// What counts a word that begins with the unknown one, or is spelt nearly alike.
const NEAR: f32 = 0.6;

/// How much more counts a document whose whole name was said.
const NAMED: f32 = 0.5;

/// How much of what counts depends on how many of the question's words were met.
const MET: f32 = 0.5;

/// What is advised against counts less.
const DEPRECATED: f32 = 0.7;

/// How many words stand for an unknown one, and for how many of a question they are looked up.
const MAX_NEAR: usize = 8;

/// One operation as it is found: a list of these is all that an index is made of.
#[derive(Debug, Default)]
pub(crate) struct Document<'a> {
    /// Its plugin's name.
    pub(crate) plugin: &'a str,
    /// Its name among the plugin's own.
    pub(crate) operation: &'a str,
    /// A short title; empty if there is none.
    pub(crate) title: &'a str,
    /// What it does.
    pub(crate) description: &'a str,
    /// Words that group operations.
    pub(crate) tags: &'a [String],
    /// Where it stands at the upstream; empty if that says nothing.
    pub(crate) address: &'a str,
    /// Its parameters: names, and what they mean.
    pub(crate) parameters: Vec<(Cow<'a, str>, String)>,
    /// The upstream advises against it.
    pub(crate) deprecated: bool,
}

/// An index of one list of documents, known by their places in it.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Every word without its ending, in order, with the places of its postings.
    words: Vec<(Box<str>, Range<usize>)>,
    postings: Vec<Posting>,
    known: Vec<Known>,
}

/// What is kept of a document.
#[derive(Debug)]
struct Known {
    lengths: [u16; FIELDS],
    /// How many different words its name and title have that say something.
    named: u16,
    deprecated: bool,
}

/// How often a word is in a document, by field.
#[derive(Clone, Copy, Debug)]
struct Posting {
    document: u32,
    counts: [u8; FIELDS],
}

impl Index {
    /// Reads documents.
    pub(crate) fn new<'a>(documents: impl IntoIterator<Item = Document<'a>>) -> Self {
        let mut index = Self::default();
        let mut found: HashMap<String, Vec<Posting>> = HashMap::new();
        for (number, document) in (0_u32..).zip(documents) {
            index.known.push(read(&document, number, &mut found));
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (word, postings) in found {
            let start = index.postings.len();
            index.postings.extend(postings);
            let places = start..index.postings.len();
            index.words.push((word.into(), places));
        }
        index.postings.shrink_to_fit();
        index
    }

    /// The postings of a word.
    fn find(&self, word: &str) -> &[Posting] {
        match self
            .words
            .binary_search_by(|(known, _)| (**known).cmp(word))
        {
            Ok(at) => &self.postings[self.words[at].1.clone()],
            Err(_) => &[],
        }
    }
}

fn read(document: &Document<'_>, number: u32, found: &mut HashMap<String, Vec<Posting>>) -> Known {
    let mut lengths = [0_u16; FIELDS];
    let mut add = |field: usize, text: &str| {
        for stem in stems(text) {
            lengths[field] = lengths[field].saturating_add(1);
            let postings = found.entry(stem).or_default();
            if postings.last().is_none_or(|last| last.document != number) {
                postings.push(Posting {
                    document: number,
                    counts: [0; FIELDS],
                });
            }
            if let Some(last) = postings.last_mut() {
                last.counts[field] = last.counts[field].saturating_add(1);
            }
        }
    };
    add(0, document.operation);
    add(1, document.title);
    add(2, document.plugin);
    document.tags.iter().for_each(|tag| add(2, tag));
    add(2, document.address);
    add(3, document.description);
    for (name, meaning) in &document.parameters {
        add(4, name);
        add(4, meaning);
    }
    let named = stems(document.operation).chain(stems(document.title));
    let mut named: Vec<String> = named.filter(|word| says(word)).collect();
    named.sort_unstable();
    named.dedup();
    Known {
        lengths,
        named: u16::try_from(named.len()).unwrap_or(u16::MAX),
        deprecated: document.deprecated,
    }
}

/// A part of what is searched: an index, and which of its documents may be found.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// The index.
    pub(crate) index: &'a Index,
    /// By the documents' places.
    pub(crate) allowed: Vec<bool>,
}

impl Part<'_> {
    /// The postings of a word among what may be found.
    fn find(&self, word: &str) -> impl Iterator<Item = (usize, &Posting)> {
        let postings = self.index.find(word).iter();
        postings
            .map(|posting| (posting.document as usize, posting))
            .filter(|(document, _)| self.allowed[*document])
    }
}

/// A document that was found: the number of its part, its place there, and how well it fits.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Hit {
    pub(crate) part: usize,
    pub(crate) document: usize,
    pub(crate) score: f32,
}

/// Finds what a question means, the best first; what fits alike in the order of the lists.
pub(crate) fn search(parts: &[Part<'_>], question: &str) -> Vec<Hit> {
    let whole = Whole::of(parts);
    let scores = parts
        .iter()
        .map(|part| vec![Score::default(); part.allowed.len()]);
    let mut scores: Vec<Vec<Score>> = scores.collect();
    let mut unknown = 0;
    let words = asked(question);
    for word in &words {
        let variants = whole.variants(word, &mut unknown);
        whole.add(&variants, &mut scores);
    }
    let mut hits = Vec::new();
    for (part, scores) in scores.into_iter().enumerate() {
        let found = scores.into_iter().enumerate();
        for (document, score) in found.filter(|(_, score)| score.words > 0.0) {
            let score = score.whole(&parts[part].index.known[document], words.len());
            hits.push(Hit {
                part,
                document,
                score,
            });
        }
    }
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    hits
}

/// What a document has for a question.
#[derive(Clone, Copy, Default)]
struct Score {
    words: f32,
    /// How many of the question's words its name or title has.
    named: u16,
    /// How many of them it has anywhere.
    met: u16,
}

impl Score {
    /// `asked`: how many words the question has.
    fn whole(self, known: &Known, asked: usize) -> f32 {
        let met = f32::from(self.met) / real(asked.max(1));
        let said = f32::from(self.named.min(known.named)) / f32::from(known.named.max(1));
        let advised = if known.deprecated { DEPRECATED } else { 1.0 };
        self.words * (1.0 + NAMED * said) * (1.0 - MET + MET * met) * advised
    }
}

/// Everything that may be found, counted.
struct Whole<'a> {
    parts: &'a [Part<'a>],
    documents: f32,
    /// The fields' mean lengths.
    mean: [f32; FIELDS],
}

impl<'a> Whole<'a> {
    fn of(parts: &'a [Part<'a>]) -> Self {
        let (mut documents, mut sums) = (0, [0; FIELDS]);
        for part in parts {
            let known = part.index.known.iter().zip(&part.allowed);
            for (known, _) in known.filter(|(_, allowed)| **allowed) {
                documents += 1;
                for (sum, length) in sums.iter_mut().zip(known.lengths) {
                    *sum += usize::from(length);
                }
            }
        }
        let documents = real(documents);
        Self {
            parts,
            documents,
            mean: sums.map(|sum| (real(sum) / documents.max(1.0)).max(1.0)),
        }
    }

    /// The word, what means much the same, and, where all of that is unknown, what is near it,
    /// each with what it counts.
    fn variants(&self, word: &str, unknown: &mut usize) -> Vec<(String, f32)> {
        let others = if self.count(word) > 0 { ALIKE } else { INSTEAD };
        let mut variants = vec![(word.to_owned(), 1.0)];
        variants.extend(alike(word).iter().map(|other| (other.clone(), others)));
        if *unknown < MAX_NEAR && !variants.iter().any(|(word, _)| self.count(word) > 0) {
            *unknown += 1;
            variants.extend(self.near(word).into_iter().map(|near| (near, NEAR)));
        }
        variants
    }

    /// Words that begin with this one, or else are spelt nearly alike; the most frequent.
    fn near(&self, word: &str) -> Vec<String> {
        let length = word.chars().count();
        let slips = match length {
            0..4 => 0,
            4..8 => 1,
            _ => 2,
        };
        let begins = |known: &str| length >= 3 && known.starts_with(word);
        let spelt = |known: &str| slips > 0 && within(word, known, slips);
        let found = self.known(begins);
        if found.is_empty() {
            return self.known(spelt);
        }
        found
    }

    fn known(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let words = self.parts.iter().flat_map(|part| &part.index.words);
        let words = words.map(|(word, _)| &**word).filter(|word| wanted(word));
        let mut words: Vec<(usize, &str)> = words.map(|word| (self.count(word), word)).collect();
        words.retain(|(count, _)| *count > 0);
        words.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        words.dedup();
        let words = words.into_iter().take(MAX_NEAR);
        words.map(|(_, word)| word.to_owned()).collect()
    }

    /// In how many documents a word is.
    fn count(&self, word: &str) -> usize {
        self.parts.iter().map(|part| part.find(word).count()).sum()
    }

    /// Adds what a word of the question gives. Words of one meaning are one word: how rare it is
    /// depends on how many documents have any of them, and a document has the one that counts most.
    fn add(&self, variants: &[(String, f32)], scores: &mut [Vec<Score>]) {
        let mut best: HashMap<(usize, usize), (f32, bool)> = HashMap::new();
        for (variant, weight) in variants {
            for (number, part) in self.parts.iter().enumerate() {
                for (document, posting) in part.find(variant) {
                    let frequency = self.frequency(posting, &part.index.known[document]);
                    let worth = weight * frequency / (SATURATION + frequency);
                    let (known, named) = best.entry((number, document)).or_default();
                    *known = known.max(worth);
                    *named |= posting.counts[..2] != [0, 0];
                }
            }
        }
        let count = real(best.len());
        let rarity = (1.0 + (self.documents - count + 0.5) / (count + 0.5)).ln();
        for ((part, document), (worth, named)) in best {
            let score = &mut scores[part][document];
            score.words += rarity * worth;
            score.named += u16::from(named);
            score.met += 1;
        }
    }

    fn frequency(&self, posting: &Posting, known: &Known) -> f32 {
        let of = |field: usize| {
            let share = f32::from(known.lengths[field]) / self.mean[field];
            let length = 1.0 - LENGTH[field] + LENGTH[field] * share;
            WEIGHTS[field] * f32::from(posting.counts[field]) / length
        };
        (0..FIELDS).map(of).sum()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a ranking needs no more than it keeps"
)]
fn real(count: usize) -> f32 {
    count as f32
}

/// Whether two words differ by no more than so many slips: a letter too many, too few, another,
/// or two that changed places (Damerau and Levenshtein).
fn within(a: &str, b: &str, slips: usize) -> bool {
    // A character has at most four bytes.
    if a.len().abs_diff(b.len()) > slips * 4 {
        return false;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > slips {
        return false;
    }
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let other = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + other);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        if row.iter().all(|distance| *distance > slips) {
            return false;
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()] <= slips
}

#[cfg(test)]
mod tests;
