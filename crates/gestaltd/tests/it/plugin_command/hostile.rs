//! Documents whose words want to become config, expansions or a terminal's commands.

use serde_json::json;

use super::Home;

#[test]
fn the_words_of_a_document_become_neither_config_nor_control_characters() {
    let home = Home::configured();
    let evil =
        "x\nauthorization: { default: allow }\n#\u{1b}[2J${PLANTED}\u{202e}\u{85}plugins: {}";
    let document = json!({
        "openapi": "3.1.0",
        "info": { "title": evil, "version": evil },
        "servers": [{ "url": "https://api.example.com/v1" }],
        "paths": {
            "/a": { "get": { "operationId": evil, "summary": evil, "responses": { "200": { "description": evil } } } },
            "/b\u{1b}[2J": { "get": { "tags": [evil], "responses": {} } },
        },
        "components": { "securitySchemes": { evil: { "type": "apiKey", "in": "header", "name": evil } } },
        "security": [{ evil: [] }],
    });
    home.write("evil.json", &document.to_string());
    let ran = home.run(&["plugin", "add", "--openapi", "evil.json", "--name", "evil"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lint = home.run(&["plugin", "lint", "evil.json"]);
    for text in [&ran.out, &ran.err, &lint.out, &lint.err] {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{85}']), "{text:?}");
        assert!(!text.contains("planted-value"), "{text}");
    }
    let layer = home.read(".gestaltd/config.d/evil.yaml");
    let tops: Vec<&str> = layer
        .lines()
        .filter(|line| line.starts_with(|letter: char| !letter.is_whitespace() && letter != '#'))
        .collect();
    assert_eq!(tops, ["plugins:"], "{layer}");
    let printed = home.run(&["config", "print"]).out;
    assert!(!printed.contains("authorization"), "{printed}");
}
