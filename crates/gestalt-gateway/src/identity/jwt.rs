//! The token that says who calls: a JWT (RFC 7519) signed with Ed25519 (RFC 8037).

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gestalt_core::{Entropy, Refusal, Secret, Timestamp};
use serde_json::{Map, Value, json};

use super::signers::Signers;

/// How long a token holds.
pub(super) const LIFETIME: Duration = Duration::from_mins(5);

/// How long a token is said again before another is made: whoever gets one can use it for at
/// least as long again.
pub(super) const REUSED_FOR: Duration = Duration::from_secs(150);

/// Claims with a meaning of their own (RFC 7519 §4.1); none of them is renamed or replaced.
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// Signs a token from an issuer for an audience.
pub(super) fn sign(
    signers: &Signers,
    entropy: &Entropy,
    (issuer, audience): (&str, &str),
    claims: &Map<String, Value>,
    now: Timestamp,
) -> Result<Secret, Refusal> {
    let id = entropy.array::<16>().map_err(Refusal::internal)?;
    let issued_at = now.as_micros().div_euclid(1_000_000);
    let seconds = i64::try_from(LIFETIME.as_secs()).map_err(Refusal::internal)?;
    let mut payload = Map::new();
    payload.insert("iss".to_owned(), Value::from(issuer));
    payload.insert("aud".to_owned(), Value::from(audience));
    payload.insert("iat".to_owned(), Value::from(issued_at));
    payload.insert("exp".to_owned(), Value::from(issued_at + seconds));
    payload.insert("jti".to_owned(), Value::from(encode(&id)));
    for (name, value) in claims {
        // A claim cannot take the place of what the gateway says of the token itself.
        if name == "sub" || !REGISTERED.contains(&name.as_str()) {
            payload.insert(name.clone(), value.clone());
        }
    }
    let key = signers.signer(now);
    let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": key.id().to_string() });
    let mut token = encode(header.to_string().as_bytes());
    token.push('.');
    token.push_str(&encode(Value::from(payload).to_string().as_bytes()));
    let signature = key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&encode(&signature));
    Ok(Secret::new(token))
}

/// A public key as a JWK (RFC 8037 §2).
pub(super) fn jwk(id: &str, public: &[u8; 32]) -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "x": encode(public), "kid": id, "alg": "EdDSA", "use": "sig",
    })
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
