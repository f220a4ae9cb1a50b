//! What comes from files and standard input.

use std::io::IsTerminal;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::failure::Failure;
use crate::secret::Secret;

/// The longest secret that is read.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// The longest JSON input that is read.
const MAX_JSON_BYTES: u64 = 64 * 1024 * 1024;

/// Reads a secret; the line feed that editors and `echo` add is no part of it.
///
/// # Errors
/// When it cannot be read, is empty, too long or no text.
pub(crate) async fn secret(path: &Path) -> Result<Secret, Failure> {
    let text = read(path, MAX_SECRET_BYTES).await?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Failure::usage(
            format!("{} is empty.", named(path)),
            "It must hold the secret and nothing else.",
        ));
    }
    Ok(Secret::new(text))
}

/// Reads a JSON text.
///
/// # Errors
/// When it cannot be read, is too long or no text.
pub(crate) async fn json(path: &Path) -> Result<String, Failure> {
    read(path, MAX_JSON_BYTES).await
}

/// `-` names standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// What messages call it.
pub(crate) fn named(path: &Path) -> String {
    if is_stdin(path) {
        "Standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

async fn read(path: &Path, max: u64) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let mut source: Box<dyn AsyncRead + Unpin> = if is_stdin(path) {
        if std::io::stdin().is_terminal() {
            return Err(Failure::usage(
                "Standard input is a terminal.",
                "Send a file or another program's output to it: `… < FILE`.",
            ));
        }
        Box::new(tokio::io::stdin())
    } else {
        let file = tokio::fs::File::open(path).await;
        Box::new(file.map_err(Failure::file("read", path))?)
    };
    (&mut source)
        .take(max + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(Failure::file("read", path))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max {
        return Err(Failure::usage(
            format!("{} is longer than {max} bytes.", named(path)),
            "Stream large bodies with --body-file.",
        ));
    }
    String::from_utf8(bytes).map_err(|_| {
        Failure::usage(
            format!("{} is not UTF-8 text.", named(path)),
            "Binary bodies go by --body-file and --content-type.",
        )
    })
}
