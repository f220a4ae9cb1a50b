//! The keyring: opened at start, made at the first one.
//!
//! A canary proves the root key before anything is opened; a wrong or missing key means that
//! the gateway does not serve and touches nothing.

use gestalt_core::Timestamp;
use gestalt_store::{Change, KeyRow, Store};
use gestalt_vault::{KeyState, Keyring, Purpose, RootKey, WrappedKey};

use crate::OpenError;
use crate::settings::Settings;

const SALT: &str = "root_key_salt";
const CANARY: &str = "root_key_canary";

/// Opens the keyring that the database holds, or makes one in an empty database.
pub(crate) async fn open_keyring(store: &Store, settings: &Settings) -> Result<Keyring, OpenError> {
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
            Ok(Keyring::open(&roots, &keys)?)
        }
    }
}

async fn make(store: &Store, settings: &Settings) -> Result<Keyring, OpenError> {
    let now: Timestamp = settings.clock.now();
    let salt = settings
        .entropy
        .array::<16>()
        .map_err(|_| OpenError::NoEntropy)?;
    let roots = roots(settings, &salt)?;
    let root = roots.first().ok_or(OpenError::WrongRootKey)?;
    let purposes = [Purpose::Credential, Purpose::TokenPepper, Purpose::Audit];
    let keys = purposes
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
    changes.extend(keys.into_iter().map(|key| {
        Change::PutKey(KeyRow {
            id: key.id,
            purpose: key.purpose.as_str().to_owned(),
            state: key.state.as_str().to_owned(),
            root_id: key.root_id,
            wrapped: key.wrapped,
            created_at: key.created_at,
        })
    }));
    store.write(&changes).await?;
    Ok(keyring)
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
