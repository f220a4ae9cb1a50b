//! What the request path pays the vault: `cargo run --release --example cost -p gestalt-vault`.
#![expect(
    clippy::disallowed_methods,
    reason = "a measurement reads the machine's clock"
)]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use gestalt_core::{Clock, Entropy, Secret};
use gestalt_vault::token::{self, TokenKind};
use gestalt_vault::{Argon2Cost, Keyring, Place, Purpose, RootKey};

const ROUNDS: u32 = 200_000;

fn main() -> Result<(), Box<dyn Error>> {
    let (now, entropy) = (Clock::System.now(), Entropy::System);
    let setting = Secret::new("00".repeat(32));
    let root = RootKey::from_setting(&setting, &[0; 16], Argon2Cost::default())?;
    let rows = Purpose::ALL
        .into_iter()
        .map(|purpose| Keyring::create_key(&root, purpose, now, &entropy))
        .collect::<Result<Vec<_>, _>>()?;
    let ring = Keyring::open(&[root], &rows)?;

    let place = Place {
        table: "credential_secrets",
        record: "con_018bcfe5680070008000000000000001",
        subject: "user:usr_018bcfe5680070008000000000000001",
        plugin: "plg_018bcfe5680070008000000000000001",
        connection: "default",
        field: "token",
        generation: 7,
    };
    let plaintext = [b'x'; 64];
    let sealed = ring.seal(Purpose::Credential, &place, &plaintext, &entropy)?;
    let token = token::mint(TokenKind::Api, &entropy)?;
    let token = token.expose();

    measure("seal, 64 bytes", || {
        ring.seal(Purpose::Credential, &place, &plaintext, &entropy)
    });
    measure("unseal, 64 bytes", || {
        ring.unseal(&place, sealed.key, &sealed.bytes)
    });
    measure("recognise", || token::recognise(token));
    measure("hash_token", || ring.hash_token(token));
    measure("hash_candidates, 1 pepper", || ring.hash_candidates(token));
    Ok(())
}

fn measure<T>(what: &str, mut step: impl FnMut() -> T) {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        black_box(step());
    }
    let nanos = start.elapsed().as_nanos() / u128::from(ROUNDS);
    println!("{what:<28}{nanos:>6} ns");
}
