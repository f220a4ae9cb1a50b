//! `gestalt help`: commands and topics.

use clap::Command;

use crate::failure::Failure;
use crate::nearest::did_you_mean;
use crate::output;

const TOPICS: [(&str, &str); 4] = [
    (
        "exit-codes",
        "\
Exit codes

  0    it worked
  1    anything that has no code of its own; what was asked for is not there
  2    the command line, or what the request says, is at fault
  4    log in first: no token, or one that no longer holds
  5    connect first, or choose a connection or an account
  6    denied by a rule or by the token's scope
  7    the upstream failed, or answered with status 400 or above (its body is shown)
  8    a time-out or a rate limit: try later
  130  interrupted
",
    ),
    (
        "arguments",
        "\
Arguments of operations

  -p KEY=VALUE       by the operation's schema: a number, true or false, a text, an object.
                     Given again, an array of all values.
  -p KEY:=JSON       any JSON: -p 'due:=null' -p 'ids:=[1,2]'
  KEY=VALUE          the same after the operation's name, without -p
  --input-file FILE  one JSON object; `-` is standard input. -p goes over it.
  --body-file FILE   a body that is no JSON object, streamed as it is, with --content-type

Numbers are sent as they are written. `gestalt plugin describe PLUGIN OPERATION` shows what
an operation takes.
",
    ),
    (
        "environment",
        "\
Environment

  GESTALT_URL      the gateway, unless --url names it
  GESTALT_TOKEN    an API token, used instead of any stored one
  GESTALT_PROFILE  the profile, unless --profile names it
  NO_COLOR         no colours
  XDG_CONFIG_HOME  where settings and tokens are: $XDG_CONFIG_HOME/gestalt, else
                   ~/.config/gestalt

A stored token goes to the server that issued it and to no other, whatever names the URL.
GESTALT_TOKEN goes where you say.
",
    ),
    (
        "output",
        "\
Output

  -o table   columns for people (the default of lists)
  -o json    as the API has it; --json for short
  -o yaml    the same as YAML
  -o ndjson  one JSON document per item and line
  -o name    names or ids only, one per line

Data goes to standard output, messages to standard error. Without -o, an operation's answer
is passed on byte by byte, and on a terminal JSON is indented.
",
    ),
];

/// Prints a topic, or the help of a command.
///
/// # Errors
/// A usage error that suggests the nearest.
pub(crate) fn show(mut command: Command, words: &[String]) -> Result<(), Failure> {
    if let [word] = words
        && let Some((_, text)) = TOPICS.iter().find(|(name, _)| name == word)
    {
        return output::write(text.as_bytes());
    }
    command.build();
    let mut at = &mut command;
    for word in words {
        let known: Vec<String> = at
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
            .chain(TOPICS.iter().map(|(name, _)| (*name).to_owned()))
            .collect();
        let Some(next) = at.find_subcommand_mut(word) else {
            return Err(Failure::usage_maybe(
                format!("There is no command or topic `{word}`."),
                did_you_mean(word, known.iter().map(String::as_str)),
            ));
        };
        at = next;
    }
    output::write(at.render_long_help().to_string().as_bytes())
}
