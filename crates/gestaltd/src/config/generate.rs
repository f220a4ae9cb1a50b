//! The config of a first run.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use gestalt_core::Entropy;
use gestalt_core::entropy::NoEntropy;

/// The file that editors are told to check the config by, beside it.
pub const SCHEMA_FILE: &str = "config.schema.json";

/// A config for this machine alone: no login, a random root key, the demo.
///
/// # Errors
/// When no random bytes are to be had.
pub fn generate(entropy: &Entropy) -> Result<String, NoEntropy> {
    let key: [u8; 32] = entropy.array()?;
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    let key: String = key
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect();
    Ok(format!(
        "# yaml-language-server: $schema=./{SCHEMA_FILE}
# $schema: ./{SCHEMA_FILE}

server:
  public: {{ host: localhost, port: 8080 }}
  baseUrl: http://localhost:8080
  # The root key. What is stored cannot be opened without it: keep a copy, and keep it secret.
  encryptionKey: \"{key}\"
  egress: {{ defaultAction: deny }}

providers:
  authentication:
    # Nobody logs in, and only this machine is served. `local` has a login, for one user.
    none: {{}}
  indexeddb:
    main: {{ config: {{ dsn: \"sqlite:gestalt.db\" }} }}

plugins:
  # A notes API inside the gateway, to try things with.
  demo: {{ source: demo }}
"
    ))
}

/// Writes a new config, and the schema beside it. Its folder is made where it is missing.
///
/// # Errors
/// When the file exists already, which is left as it is, or cannot be written.
pub fn write_new(path: &Path, config: &str, schema: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    if !folder.as_os_str().is_empty() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(config.as_bytes())?;
    file.sync_all()?;
    // An older schema may lie there; it is made anew with the binary and holds no secret.
    std::fs::write(folder.join(SCHEMA_FILE), schema)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::{Builtins, Environment, LoginConfig, load};
    use super::*;

    #[test]
    fn an_existing_config_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, "server: {}\n").unwrap();
        let error = write_new(&path, "plugins: {}\n", "{}").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "server: {}\n");
    }

    #[test]
    fn the_generated_config_can_be_served_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/config.yaml");
        let text = generate(&Entropy::seeded(1)).unwrap();
        assert_ne!(text, generate(&Entropy::seeded(2)).unwrap());
        write_new(&path, &text, "{}").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));

        let builtins = Builtins {
            demo: Some(([127, 0, 0, 1], 4321).into()),
        };
        let config = load(
            std::slice::from_ref(&path),
            &Environment::fixed([]),
            builtins,
        )
        .unwrap()
        .servable()
        .unwrap();
        assert_eq!(config.login, LoginConfig::None { insecure: false });
        assert_eq!(config.server.encryption_key.len(), 64);
        let demo = &config.plugins[0];
        assert_eq!(demo.base_url.as_str(), "http://127.0.0.1:4321/");
        let ranges: Vec<String> = demo
            .egress
            .allowed_ranges
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(ranges, ["127.0.0.1/32:4321"]);
        assert!(demo.egress.allowed_hosts.is_empty() && !demo.egress.allow_public);
    }
}
