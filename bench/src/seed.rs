//! Users and tokens put into the database while the daemon is down; no request
//! can make users.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use gestalt_core::id::{TokenId, UserId};
use gestalt_core::{Clock, Entropy, Secret, Subject};
use gestalt_store::{Change, Database, KeyRow, Settings, Store, TokenRow, UserRow};
use gestalt_vault::token::{self, TokenKind};
use gestalt_vault::{Argon2Cost, KeyState, Keyring, Purpose, RootKey, WrappedKey};

use crate::Result;
use crate::gateway::{Home, ROOT_KEY};

const BATCH: usize = 500;
const LIFETIME: Duration = Duration::from_hours(24);

/// Makes `count` users with a token each and writes the tokens to the home.
///
/// # Errors
///
/// When the database cannot be opened or written.
pub(crate) async fn users(home: &Home, count: usize) -> Result {
    let store = Store::open(&Settings::new(Database::Sqlite(home.database()))).await?;
    let keyring = keyring(&store.list_keys().await?)?;
    let mut tokens = String::new();
    let mut changes = Vec::new();
    for number in 0..count {
        let secret = user(number, &keyring, &mut changes)?;
        writeln!(tokens, "{}", secret.expose())?;
        if changes.len() >= BATCH || number + 1 == count {
            store.write(&changes).await?;
            changes.clear();
        }
    }
    store.close().await;
    fs::write(home.tokens(), tokens)?;
    Ok(())
}

fn keyring(rows: &[KeyRow]) -> Result<Keyring> {
    // A root key of 64 hexadecimal characters needs no salt.
    let root = RootKey::from_setting(&Secret::new(ROOT_KEY), &[0; 16], Argon2Cost::default())?;
    let wrapped = rows.iter().map(|row| {
        Some(WrappedKey {
            id: row.id,
            purpose: Purpose::parse(&row.purpose)?,
            state: KeyState::parse(&row.state)?,
            root_id: row.root_id.clone(),
            wrapped: row.wrapped.clone(),
            created_at: row.created_at,
        })
    });
    let wrapped: Option<Vec<WrappedKey>> = wrapped.collect();
    Ok(Keyring::open(
        &[root],
        &wrapped.ok_or("a key row is strange")?,
    )?)
}

fn user(number: usize, keyring: &Keyring, changes: &mut Vec<Change>) -> Result<Secret> {
    let (now, entropy) = (Clock::System.now(), Entropy::System);
    let id = UserId::generate(now, &entropy)?;
    let secret = token::mint(TokenKind::Api, &entropy)?;
    let (pepper, hash) = keyring.hash_token(secret.expose());
    changes.push(Change::CreateUser(UserRow {
        id,
        email: Some(format!("user{number}@example.com")),
        display_name: None,
        admin: false,
        created_at: now,
        disabled_at: None,
    }));
    changes.push(Change::CreateToken(TokenRow {
        id: TokenId::generate(now, &entropy)?,
        owner: Subject::User(id).to_string(),
        name: "bench".into(),
        hash,
        pepper,
        scopes: None,
        permissions: r#"["invoke","connect"]"#.into(),
        cidrs: "[]".into(),
        created_at: now,
        expires_at: now.after(LIFETIME),
        last_used_at: None,
        revoked_at: None,
        rotated_to: None,
        made_by: None,
    }));
    Ok(secret)
}
