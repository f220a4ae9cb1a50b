//! Server-sent events (HTML Living Standard §9.2.6), piece by piece.
//!
//! Lines end with CR, LF or both; a byte order mark may open the stream; data of several
//! lines is one event. What is kept of an unfinished event is bounded. Events of another
//! type than `message` are none of MCP's and are left out.

use std::collections::VecDeque;

use bytes::Bytes;

use super::exchange::Event;

/// An event that is larger than the limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLarge;

/// Makes events of the pieces of a stream, wherever it is cut.
#[derive(Debug)]
pub struct Parser {
    max_event_bytes: usize,
    /// An unfinished line.
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    id: Option<String>,
    retry: Option<u64>,
    /// Whether the event is of a type that is left out.
    foreign: bool,
    /// The last byte was a CR that ended a line: an LF that follows belongs to it.
    after_cr: bool,
    /// No line has ended yet, so a byte order mark may stand in front.
    first: bool,
}

impl Parser {
    /// A parser for events of at most so many bytes, field names not counted.
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            line: Vec::new(),
            data: None,
            id: None,
            retry: None,
            foreign: false,
            after_cr: false,
            first: true,
        }
    }

    /// Takes the next piece and adds the events that it completes. What is unfinished when
    /// the stream ends is no event.
    ///
    /// # Errors
    /// [`TooLarge`]; the parser must not be used after that.
    pub fn push(&mut self, piece: &[u8], found: &mut VecDeque<Event>) -> Result<(), TooLarge> {
        let mut rest = piece;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
            let (line, after) = rest.split_at(end);
            if self.line.is_empty() {
                self.end_line(line, found)?;
            } else {
                self.room(line.len())?;
                self.line.extend_from_slice(line);
                let line = std::mem::take(&mut self.line);
                self.end_line(&line, found)?;
            }
            rest = match after {
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => &[],
            };
        }
        self.room(rest.len())?;
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// Says whether so many more bytes may be kept.
    fn room(&self, more: usize) -> Result<(), TooLarge> {
        let id = self.id.as_ref().map_or(0, String::len);
        let data = self.data.as_ref().map_or(0, Vec::len);
        // A field's name, a colon and a space do not count.
        let allowed = self.max_event_bytes.saturating_add(16);
        if self.line.len() + data + id + more > allowed {
            return Err(TooLarge);
        }
        Ok(())
    }

    fn end_line(&mut self, line: &[u8], found: &mut VecDeque<Event>) -> Result<(), TooLarge> {
        let line = match (self.first, line.strip_prefix(b"\xef\xbb\xbf")) {
            (true, Some(after_mark)) => after_mark,
            _ => line,
        };
        self.first = false;
        if line.is_empty() {
            self.end_event(found);
            return Ok(());
        }
        let (name, value) = match memchr::memchr(b':', line) {
            Some(0) => return Ok(()),
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                self.room(value.len() + 1)?;
                match &mut self.data {
                    Some(data) => {
                        data.push(b'\n');
                        data.extend_from_slice(value);
                    }
                    none => *none = Some(value.to_vec()),
                }
            }
            b"id" if memchr::memchr(0, value).is_none() => {
                self.room(value.len())?;
                self.id = std::str::from_utf8(value).ok().map(str::to_owned);
            }
            b"event" => self.foreign = !matches!(value, b"" | b"message"),
            b"retry" if value.iter().all(u8::is_ascii_digit) => {
                let digits = std::str::from_utf8(value).ok();
                self.retry = digits.and_then(|digits| digits.parse().ok());
            }
            _ => {}
        }
        Ok(())
    }

    fn end_event(&mut self, found: &mut VecDeque<Event>) {
        let has_data = self.data.is_some();
        let event = Event {
            id: self.id.take(),
            retry: self.retry.take(),
            data: Bytes::from(self.data.take().unwrap_or_default()),
        };
        let foreign = std::mem::take(&mut self.foreign);
        if !foreign && (has_data || event.id.is_some() || event.retry.is_some()) {
            found.push_back(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Event> {
        let (mut parser, mut found) = (Parser::new(1000), VecDeque::new());
        for piece in pieces {
            parser.push(piece, &mut found).unwrap();
        }
        found.into()
    }

    fn data(text: &str) -> Event {
        Event {
            data: Bytes::copy_from_slice(text.as_bytes()),
            ..Event::default()
        }
    }

    #[track_caller]
    fn check(text: &str, expect: &[Event]) {
        assert_eq!(parse([text.as_bytes()]), expect, "{text:?}");
    }

    #[test]
    fn an_event_over_the_limit_is_an_error_wherever_it_grows() {
        for text in [
            format!("data: {}\n\n", "x".repeat(2000)),
            format!("data: {}", "x".repeat(2000)),
            "data: xxxxxxxxxxxxxxxxxxxx\n".repeat(60),
            format!(":{}", "x".repeat(2000)),
            format!("id: {}\n", "x".repeat(2000)),
        ] {
            for size in [1, 7, 5000] {
                let (mut parser, mut found) = (Parser::new(1000), VecDeque::new());
                let mut pieces = text.as_bytes().chunks(size);
                let failed = pieces.any(|piece| parser.push(piece, &mut found).is_err());
                assert!(failed && found.is_empty(), "{size}");
            }
        }
    }

    #[test]
    fn many_small_events_are_no_large_one() {
        let text = "data: xxxxxxxxxxxxxxxxxxxx\n\n: comment\n".repeat(1000);
        assert_eq!(parse(text.as_bytes().chunks(13)).len(), 1000);
    }

    #[test]
    fn lines_end_in_three_ways() {
        for end in ["\n", "\r", "\r\n"] {
            let text = format!("data: a{end}data:  b{end}{end}data:c{end}{end}");
            // A single CR at the very end may yet be followed by an LF, and ends the line.
            check(&text, &[data("a\n b"), data("c")]);
        }
    }

    #[test]
    fn what_is_unfinished_is_no_event() {
        check("data: a\n\ndata: b", &[data("a")]);
        check("data: a\n", &[]);
    }

    #[test]
    fn ids_and_retries_pass_and_other_types_do_not() {
        let primed = Event {
            id: Some("7".to_owned()),
            retry: Some(500),
            ..Event::default()
        };
        check(
            "id: 7\nretry: 500\ndata:\n\n",
            std::slice::from_ref(&primed),
        );
        check("id: 7\nretry: 500\n\n", &[primed]);
        check(
            "event: endpoint\ndata: /x\n\nevent: message\ndata: y\n\n",
            &[data("y")],
        );
        check("retry: soon\nid: a\0b\nelse: c\ndata\n\n", &[data("")]);
        check(": life\n\n\n:\n", &[]);
    }

    #[test]
    fn a_byte_order_mark_may_stand_at_the_very_front_only() {
        check("\u{feff}data: a\n\n", &[data("a")]);
        check("data: a\n\n\u{feff}data: b\n\n", &[data("a")]);
    }

    proptest! {
        #[test]
        fn pieces_give_the_events_of_the_whole(
            text in "\u{feff}?((data|id|retry|event|x)?:? ?[ab1:]{0,3}(\r\n|\r|\n){1,3}){0,12}",
            cuts in proptest::collection::vec(0usize..9, 0..40),
        ) {
            let whole = parse([text.as_bytes()]);
            let (mut pieces, mut rest) = (Vec::new(), text.as_bytes());
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            prop_assert_eq!(parse(pieces), whole);
        }

        #[test]
        fn no_bytes_make_it_panic(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20),
        ) {
            let (mut parser, mut found) = (Parser::new(64), VecDeque::new());
            for piece in pieces {
                if parser.push(&piece, &mut found).is_err() {
                    break;
                }
            }
        }
    }
}
