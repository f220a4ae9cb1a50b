//! An upstream's answer on its way out.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format, Output, json_text, value};
use crate::server::{Server, header};
use crate::terminal::Terminal;

/// The longest answer that is read whole before it is shown.
const MAX_SHOWN_BYTES: usize = 64 * 1024 * 1024;

/// Where answers go.
#[derive(Debug)]
pub(crate) struct Answers<'a> {
    file: Option<PathBuf>,
    output: Output,
    terminal: &'a Terminal,
}

impl<'a> Answers<'a> {
    /// Answers go to a file if one is named, else to standard output.
    ///
    /// # Errors
    /// A usage error for a format that an upstream's answer cannot have.
    pub(crate) fn new(context: &'a Context, file: Option<&Path>) -> Result<Self, Failure> {
        if context.output.asked() == Some(Format::Name) {
            // Said before the call is made, not after.
            value::render("null", Format::Name, false)?;
        }
        Ok(Self {
            file: file.map(Path::to_owned),
            output: context.output,
            terminal: &context.terminal,
        })
    }

    /// Shows an answer, and returns where its next page starts.
    ///
    /// # Errors
    /// [`Failure::Upstream`] for an error of the upstream, after its body is shown.
    pub(crate) async fn show(
        &self,
        server: &Server,
        response: Response,
    ) -> Result<Option<String>, Failure> {
        let status = response.status();
        let request = header(&response, "x-request-id").map(str::to_owned);
        let next = header(&response, "gestalt-continuation").map(str::to_owned);
        let kind = header(&response, CONTENT_TYPE.as_str())
            .unwrap_or_default()
            .to_ascii_lowercase();
        if let Some(path) = &self.file {
            save(server, response, path).await?;
            self.terminal
                .note(format_args!("Written to {}.", path.display()));
        } else if self.output.asked().is_some() || self.terminal.shows_data() {
            let body = whole(server, response).await?;
            output::write(&self.rendered(&body, &kind)?)?;
        } else {
            pass(server, response).await?;
        }
        if status.is_client_error() || status.is_server_error() {
            return Err(Failure::Upstream {
                status: status.as_u16(),
                request,
            });
        }
        Ok(next)
    }

    fn rendered(&self, body: &[u8], kind: &str) -> Result<Vec<u8>, Failure> {
        let text = std::str::from_utf8(body).ok();
        let json = text.filter(|text| json_text::is_json(text));
        let mut shown = match (self.output.asked(), json) {
            (Some(format), Some(json)) => {
                value::render(json, format, self.output.headers())?.into_bytes()
            }
            (None, Some(json)) if kind.contains("json") => json_text::pretty(json).into_bytes(),
            (asked, _) => {
                if asked.is_some() && !body.is_empty() {
                    self.terminal
                        .warn("The answer is not JSON, and is shown as it is.");
                }
                body.to_vec()
            }
        };
        if self.terminal.shows_data() {
            check_screen(&shown, kind)?;
            if !shown.is_empty() && !shown.ends_with(b"\n") {
                shown.push(b'\n');
            }
        }
        Ok(shown)
    }
}

/// What is no plain text could steer the terminal that shows it.
fn check_screen(body: &[u8], kind: &str) -> Result<(), Failure> {
    let plain = std::str::from_utf8(body).is_ok_and(|text| {
        text.chars()
            .all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
    });
    if plain {
        return Ok(());
    }
    let kind = if kind.is_empty() { "of no type" } else { kind };
    Err(Failure::general(
        format!("The answer ({kind}) is binary, and is not shown on a terminal."),
        "Add `--output-file FILE`, or send it to another program.",
    ))
}

async fn whole(server: &Server, mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| server.fault(error))?
    {
        if body.len() + chunk.len() > MAX_SHOWN_BYTES {
            return Err(Failure::general(
                format!("The answer is longer than {MAX_SHOWN_BYTES} bytes."),
                "Add `--output-file FILE`, or send it to another program without -o.",
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Passes bytes on as they come. JSON ends with a line feed, so that pages stay apart.
///
/// # Errors
/// As [`save`].
pub(crate) async fn pass(server: &Server, mut response: Response) -> Result<(), Failure> {
    let json = header(&response, CONTENT_TYPE.as_str()).is_some_and(|kind| kind.contains("json"));
    let mut last = b'\n';
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| server.fault(error))?
    {
        last = chunk.last().copied().unwrap_or(last);
        output::write(&chunk)?;
    }
    if json && last != b'\n' {
        output::write(b"\n")?;
    }
    Ok(())
}

/// Saves a body to a file.
///
/// # Errors
/// When the answer breaks off or the file cannot be written.
pub(crate) async fn save(
    server: &Server,
    mut response: Response,
    path: &Path,
) -> Result<(), Failure> {
    let mut file = std::fs::File::create(path).map_err(Failure::file("write", path))?;
    let mut put = |bytes: &[u8]| -> io::Result<()> { file.write_all(bytes) };
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| server.fault(error))?
    {
        put(&chunk).map_err(Failure::file("write", path))?;
    }
    file.sync_all().map_err(Failure::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_not_shown_on_one() {
        for body in [
            &b"\x89PNG\0"[..],
            b"\xff\xfe",
            b"a\x1b[31mb",
            "\u{9b}31m".as_bytes(),
        ] {
            let failure = check_screen(body, "image/png").unwrap_err();
            assert_eq!(failure.exit_code(), 1);
            assert!(failure.lines()[1].contains("--output-file"));
        }
        assert!(check_screen("Zoë\r\n\t🦀".as_bytes(), "text/plain").is_ok());
        assert!(check_screen(b"", "").is_ok());
    }
}
