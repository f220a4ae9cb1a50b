//! Users and tokens put into the database while the daemon is down; no request
//! can make users.

use std::error::Error;
use std::time::Duration;

use gestalt_core::id::{TokenId, UserId};
use gestalt_core::{Clock, Entropy, Secret, Subject};
use gestalt_store::{Change, Database, KeyRow, Settings, Store, TokenRow, UserRow};
use gestalt_vault::token::{self, TokenKind};
use gestalt_vault::{Argon2Cost, KeyState, Keyring, Purpose, RootKey, WrappedKey};

/// A root key for configurations of tests: 64 hexadecimal characters.
pub const ROOT_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

const BATCH: usize = 500;
const LIFETIME: Duration = Duration::from_hours(24);

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A user who may invoke, connect and make tokens, and no admin.
#[derive(Debug, Clone)]
pub struct Seeded {
    /// `user:usr_…`
    pub subject: String,
    /// A token of theirs.
    pub token: String,
}

/// Makes `count` users with a token each, in a database that a daemon with
/// [`ROOT_KEY`] has made and left.
///
/// # Errors
///
/// When the database cannot be opened or written.
pub async fn users(database: Database, count: usize) -> Result<Vec<Seeded>> {
    let store = Store::open(&Settings::new(database)).await?;
    let keyring = keyring(&store.list_keys().await?)?;
    let mut users = Vec::with_capacity(count);
    let mut changes = Vec::new();
    for number in 0..count {
        users.push(user(number, &keyring, &mut changes)?);
        if changes.len() >= BATCH || number + 1 == count {
            store.write(&changes).await?;
            changes.clear();
        }
    }
    store.close().await;
    Ok(users)
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

fn user(number: usize, keyring: &Keyring, changes: &mut Vec<Change>) -> Result<Seeded> {
    let (now, entropy) = (Clock::System.now(), Entropy::System);
    let id = UserId::generate(now, &entropy)?;
    let secret = token::mint(TokenKind::Api, &entropy)?;
    let (pepper, hash) = keyring.hash_token(secret.expose());
    let subject = Subject::User(id).to_string();
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
        owner: subject.clone(),
        name: "seeded".into(),
        hash,
        pepper,
        scopes: None,
        permissions: r#"["invoke","connect","tokens"]"#.into(),
        cidrs: "[]".into(),
        created_at: now,
        expires_at: now.after(LIFETIME),
        last_used_at: None,
        revoked_at: None,
        rotated_to: None,
        made_by: None,
    }));
    Ok(Seeded {
        subject,
        token: secret.expose().to_owned(),
    })
}
