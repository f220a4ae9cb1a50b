//! `identity` of a plugin.

use gestalt_core::identity::{IdentityField, IdentityForwarding};

use super::texts;

/// A plugin with these lines under `identity` and these headers of its one operation.
fn plugin(identity: &str, headers: &str) -> String {
    format!(
        "plugins:\n  p:\n    identity: {identity}\n    surfaces:\n      rest:\n        \
         baseUrl: https://api.example.com\n        operations:\n          \
         - {{ name: me, method: GET, path: /me, readOnly: true, {headers} }}\n"
    )
}

fn read(text: &str) -> Result<Option<IdentityForwarding>, String> {
    let loaded = texts(&[("c.yaml", text)], &[]).map_err(|error| error.to_string())?;
    Ok(loaded.config().plugins[0].identity.clone())
}

#[test]
fn what_would_say_two_things_or_something_else_is_refused() {
    for (identity, why) in [
        ("{ forwards: true }", "unknown key"),
        ("{ send: [header] }", "header"),
        ("{ fields: [user, mail] }", "mail"),
        ("{ headers: { mail: X-Mail } }", "nothing that is told"),
        (
            "{ headers: { user: Authorization } }",
            "cannot be a fixed header",
        ),
        ("{ headers: { user: Content-Type } }", "meaning of its own"),
        (
            "{ headers: { user: Mcp-Session-Id } }",
            "meaning of its own",
        ),
        (
            "{ headers: { user: \"X User\" } }",
            "not the name of a header",
        ),
        ("{ headers: { user: X-Who, email: x-who } }", "two things"),
        ("{ jwt: { header: X-Gestalt-User } }", "two things"),
        ("{ jwt: { audience: \"\" } }", "for somebody"),
        (
            "{ claims: { email: sub } }",
            "cannot be the name of a claim",
        ),
        (
            "{ claims: { email: exp } }",
            "cannot be the name of a claim",
        ),
        ("{ claims: { email: who, name: who } }", "two things"),
        ("{ claimsHeader: X-Claims }", "`send` does not say `claims`"),
    ] {
        let refused = read(&plugin(identity, "")).err();
        let refused = refused.unwrap_or_else(|| panic!("{identity} is accepted"));
        assert!(refused.contains(why), "{identity}: {refused}");
    }
}

#[test]
fn s36_an_operation_that_says_itself_who_calls_is_refused_where_it_is_written() {
    for (identity, headers) in [
        ("null", "headers: { X-Gestalt-User: eve }"),
        ("{ forward: false }", "headers: { x-gestalt-roles: admin }"),
        ("{ headers: { teams: X-Team } }", "headers: { X-Team: eve }"),
        (
            "null",
            "parameters: [{ name: X-Gestalt-Email, in: header, type: string }]",
        ),
    ] {
        let refused = read(&plugin(identity, headers)).unwrap_err();
        assert!(refused.contains("says who calls"), "{headers}: {refused}");
    }
    let credential = "null\n    connections: { default: { auth: { type: manual, credentials: [{ name: key }], \
         authMapping: { headers: { X-Gestalt-User: { valueFrom: { credentialFieldRef: { name: key } } } } } } } }";
    let refused = read(&plugin(credential, "")).unwrap_err();
    assert!(refused.contains("puts a credential"), "{refused}");
}

#[test]
fn left_out_it_is_the_surfaces_default_and_written_it_says_yes() {
    assert_eq!(read(&plugin("null", "")).unwrap(), None);
    let usual = IdentityForwarding::default();
    assert_eq!(read(&plugin("{}", "")).unwrap(), Some(usual));
    let no = read(&plugin("{ forward: false }", "")).unwrap().unwrap();
    assert!(!no.forward);
}

#[test]
fn names_forms_and_fields_are_read() {
    let text = "{ send: [jwt, claims], fields: [email, user], headers: { user: X-User }, \
                claims: { email: mail }, claimsHeader: X-Claims, \
                jwt: { header: X-Token, audience: tracker } }";
    let read = read(&plugin(text, "")).unwrap().unwrap();
    assert!(read.forward && !read.plain);
    assert_eq!(read.fields, [IdentityField::Email, IdentityField::User]);
    assert_eq!(read.header(IdentityField::User), "x-user");
    assert_eq!(read.claim(IdentityField::Email), Some("mail"));
    assert_eq!(read.claims_header.unwrap(), "x-claims");
    let jwt = read.jwt.unwrap();
    assert_eq!(jwt.header, "x-token");
    assert_eq!(jwt.audience.as_deref(), Some("tracker"));
}
