//! What is refused, and how it is said.

use super::{texts, report};

#[test]
fn an_unknown_key_is_underlined_and_the_nearest_suggested() {
    println!(
        "{}",
        report(
            "server:\n  public: { host: localhost, port: 8080 }\n  basUrl: https://gestalt.example.com\n  encryptionKey: hunter2hunter2hunter2\n"
        )
    );
    println!(
        "{}",
        report(
            "server:\n  public: { host: localhost, prot: 8080 }\n  baseUrl: http://localhost:1\n"
        )
    );
    println!(
        "{}",
        report("server:\n  public: { host: localhost, port: 80a }\n")
    );
    println!(
        "{}",
        report("server:\n  encryptionKey: hunter2\n  apiTokenTtl: 30\n")
    );
    println!(
        "{}",
        report("server:\n  encryptionKey: \"hunter2\n  apiTokenTtl: 30\n")
    );
    println!(
        "{}",
        report(
            "plugins:\n  auth: { source: demo }\n  t: { surfaces: { rest: { baseUrl: https://x.y, operations: [{name: a, method: GET, path: '/{b}'}]}}}\n"
        )
    );
    assert!(texts(&[], &[]).is_err());
}
