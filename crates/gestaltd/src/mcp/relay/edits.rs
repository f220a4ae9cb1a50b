//! Changes of parts of a message that leave every other byte as it is.

use std::ops::Range;

use serde_json::value::RawValue;

pub(in crate::mcp) use crate::http::invoke::arguments::Members;

/// Changes of one text.
pub(in crate::mcp) struct Edits<'a> {
    text: &'a str,
    edits: Vec<(Range<usize>, String)>,
}

impl<'a> Edits<'a> {
    pub(in crate::mcp) fn new(text: &'a str) -> Self {
        Self {
            text,
            edits: Vec::new(),
        }
    }

    /// Puts something in a part's place. `part` is a piece of the text, not a copy of one;
    /// another is left alone.
    pub(in crate::mcp) fn replace(&mut self, part: &str, with: impl Into<String>) {
        let start = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize);
        let range = start.map(|start| start..start + part.len());
        if let Some(range) = range.filter(|range| self.text.get(range.clone()) == Some(part)) {
            self.edits.push((range, with.into()));
        }
    }

    pub(in crate::mcp) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The changed text.
    pub(in crate::mcp) fn finish(mut self) -> String {
        self.edits.sort_by_key(|(range, _)| range.start);
        let more: usize = self.edits.iter().map(|(_, with)| with.len()).sum();
        let mut text = String::with_capacity(self.text.len() + more);
        let mut from = 0;
        for (range, with) in self.edits {
            text.push_str(&self.text[from..range.start]);
            text.push_str(&with);
            from = range.end;
        }
        text.push_str(&self.text[from..]);
        text
    }
}

impl<'a> Members<'a> {
    /// Reads an object; nothing if it is none.
    pub(in crate::mcp) fn of(object: &'a str) -> Option<Self> {
        serde_json::from_str(object).ok()
    }

    /// Takes a member out: the last of its name, which is the one that counts.
    pub(in crate::mcp) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let mut taken = None;
        self.0.retain(|(known, value)| {
            let is = known == name;
            if is {
                taken = Some(*value);
            }
            !is
        });
        taken
    }

    /// Writes what is left.
    pub(in crate::mcp) fn write(&self) -> String {
        let mut text = String::from("{");
        for (at, (name, value)) in self.0.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            text.push_str(&serde_json::Value::from(&**name).to_string());
            text.push(':');
            text.push_str(value.get());
        }
        text.push('}');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_else_stays_as_it_is() {
        let text = r#"{ "a":1.0, "b" : "x\/y" ,"$serde_json::private::RawValue":"1"}"#;
        let Members(members) = Members::of(text).unwrap();
        let mut edits = Edits::new(text);
        edits.replace("1.0", "9");
        assert!(edits.is_empty(), "a copy is no piece of the text");
        edits.replace(members[1].1.get(), "true");
        assert_eq!(
            edits.finish(),
            r#"{ "a":1.0, "b" : true ,"$serde_json::private::RawValue":"1"}"#
        );
    }

    #[test]
    fn a_member_is_taken_out_and_the_rest_keeps_its_order() {
        let mut members = Members::of(r#"{"z":[1e2],"a":1,"b":{"a":2},"a":3}"#).unwrap();
        assert_eq!(members.take("a").unwrap().get(), "3");
        assert_eq!(members.write(), r#"{"z":[1e2],"b":{"a":2}}"#);
        assert!(Members::of("[1]").is_none());
    }
}
