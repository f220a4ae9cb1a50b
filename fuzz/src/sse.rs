//! Streams of events, from any server and cut anywhere. However they are cut, the events are
//! those of the whole; none is larger than the limit.

use std::collections::VecDeque;

use gestalt_upstream::mcp::Event;
use gestalt_upstream::mcp::sse::{Parser, TooLarge};

const LIMIT: usize = 64;

/// What streams are made of.
const PIECES: &[&str] = &[
    "data:",
    "data: ",
    "data",
    "id: ",
    "id",
    "event: message",
    "event: endpoint",
    "retry: 5",
    "retry:",
    ":",
    " ",
    "{}",
    "a",
    "\0",
    "\u{feff}",
    "é",
    "\r",
    "\n",
    "\r\n",
    "\n\n",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

fn parse<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> (Vec<Event>, Result<(), TooLarge>) {
    let (mut parser, mut found) = (Parser::new(LIMIT), VecDeque::new());
    for piece in pieces {
        if parser.push(piece, &mut found).is_err() {
            return (found.into(), Err(TooLarge));
        }
    }
    (found.into(), Ok(()))
}

#[test]
fn events_are_the_same_however_the_stream_is_cut() {
    bolero::check!()
        .with_type::<(Vec<u8>, Vec<u8>)>()
        .for_each(|(choices, cuts)| {
            let piece = |choice: &u8| match *choice {
                choice if usize::from(choice) < PIECES.len() * 8 => PIECES
                    [usize::from(choice) % PIECES.len()]
                .as_bytes()
                .to_vec(),
                byte => vec![byte],
            };
            let text: Vec<u8> = choices.iter().flat_map(piece).collect();
            let bytewise = parse(text.chunks(1));
            let (mut pieces, mut rest) = (Vec::new(), &*text);
            for cut in cuts {
                let (piece, after) = rest.split_at(usize::from(*cut).min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            let pieced = parse(pieces.into_iter());
            for event in bytewise.0.iter().chain(&pieced.0) {
                let id = event.id.as_ref().map_or(0, String::len);
                assert!(event.data.len() + id <= LIMIT + 16, "{event:?}");
            }
            // A line that is cut is kept with its name, so the limit may be met earlier.
            if bytewise.1.is_ok() && pieced.1.is_ok() {
                assert_eq!(bytewise.0, pieced.0);
            }
        });
}
