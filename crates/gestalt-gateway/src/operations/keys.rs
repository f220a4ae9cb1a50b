//! The keyring: opened at start, made at the first one.
//!
//! A canary proves the root key before anything is opened; a wrong or missing key means that
//! the gateway does not serve and touches nothing.

use gestalt_core::Timestamp;
use gestalt_store::{Change, KeyRow, Store};
use gestalt_vault::{KeyState, Keyring, Purpose, RootKey, WrappedKey};

use super::signing::row_of;
use crate::OpenError;
use crate::identity::signers::Signers;
use crate::settings::Settings;

const SALT: &str = "root_key_salt";
const CANARY: &str = "root_key_canary";

/// What the database holds of keys, opened.
pub(crate) struct Opened {
    pub(crate) keyring: Keyring,
    pub(crate) signers: StoredSigners,
}

/// The keys that sign what upstreams are told, as they are stored.
pub(crate) struct StoredSigners {
    roots: Vec<RootKey>,
    rows: Vec<WrappedKey>,
}

impl StoredSigners {
    fn new(roots: Vec<RootKey>, keys: &[WrappedKey]) -> Self {
        let signing = |row: &&WrappedKey| row.purpose == Purpose::IdentityJwt;
        let rows = keys.iter().filter(signing).cloned().collect();
        Self { roots, rows }
    }

    /// Opens them; a database that has none gets one.
    pub(crate) async fn open(
        self,
        store: &Store,
        settings: &Settings,
    ) -> Result<Signers, OpenError> {
        let mut rows = self.rows;
        if rows.iter().all(|row| row.state == KeyState::Destroyed) {
            let root = self.roots.first().ok_or(OpenError::WrongRootKey)?;
            let (now, entropy) = (settings.clock.now(), &settings.entropy);
            let made = Keyring::create_key(root, Purpose::IdentityJwt, now, entropy)?;
            store.write(&[Change::PutKey(row_of(made.clone()))]).await?;
            rows.push(made);
        }
        Ok(Signers::open(self.roots, &rows)?)
    }
}

/// Opens the keys that the database holds, or makes them in an empty database.
pub(crate) async fn open(store: &Store, settings: &Settings) -> Result<Opened, OpenError> {
    let canary = store.find_meta(CANARY).await?;
    let rows = store.list_keys().await?;
    match canary {
        None if rows.is_empty() => make(store, settings).await,
        None => Err(OpenError::NoCanary),
        Some(canary) => {
            let salt = store.find_meta(SALT).await?.ok_or(OpenError::NoCanary)?;
            let salt: [u8; 16] = salt.try_into().map_err(|_| OpenError::NoCanary)?;
            let roots = roots(settings, &salt)?;
            if !roots.iter().any(|root| root.check_canary(&canary).is_ok()) {
                return Err(OpenError::WrongRootKey);
            }
            let keys = rows
                .into_iter()
                .map(wrapped)
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Opened {
                keyring: Keyring::open(&roots, &keys)?,
                signers: StoredSigners::new(roots, &keys),
            })
        }
    }
}

async fn make(store: &Store, settings: &Settings) -> Result<Opened, OpenError> {
    let now: Timestamp = settings.clock.now();
    let salt = settings
        .entropy
        .array::<16>()
        .map_err(|_| OpenError::NoEntropy)?;
    let roots = roots(settings, &salt)?;
    let root = roots.first().ok_or(OpenError::WrongRootKey)?;
    let keys = Purpose::ALL
        .into_iter()
        .map(|purpose| Keyring::create_key(root, purpose, now, &settings.entropy))
        .collect::<Result<Vec<_>, _>>()?;
    let keyring = Keyring::open(&roots, &keys)?;
    let mut changes = vec![
        Change::PutMeta {
            key: SALT.to_owned(),
            value: salt.to_vec(),
        },
        Change::PutMeta {
            key: CANARY.to_owned(),
            value: root.make_canary(&settings.entropy)?,
        },
    ];
    changes.extend(keys.iter().cloned().map(row_of).map(Change::PutKey));
    store.write(&changes).await?;
    Ok(Opened {
        keyring,
        signers: StoredSigners::new(roots, &keys),
    })
}

fn roots(settings: &Settings, salt: &[u8; 16]) -> Result<Vec<RootKey>, OpenError> {
    let all = std::iter::once(&settings.root_key).chain(&settings.previous_root_keys);
    Ok(all
        .map(|text| RootKey::from_setting(text, salt, settings.argon2))
        .collect::<Result<Vec<_>, _>>()?)
}

fn wrapped(row: KeyRow) -> Result<WrappedKey, OpenError> {
    let id = row.id;
    let unknown = || OpenError::UnknownKey(id.to_string());
    Ok(WrappedKey {
        id,
        purpose: Purpose::parse(&row.purpose).ok_or_else(unknown)?,
        state: KeyState::parse(&row.state).ok_or_else(unknown)?,
        root_id: row.root_id,
        wrapped: row.wrapped,
        created_at: row.created_at,
    })
}
