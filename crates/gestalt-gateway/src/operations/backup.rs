//! Backup and restore: one portable file in which every secret stays sealed.

use std::path::Path;

use gestalt_core::Refusal;
use gestalt_store::Store;

use super::action;
use crate::audit::from_store;
use crate::audit::record::Outcome;
use crate::authenticate::caller::{Caller, Permission};
use crate::authorize::Action;
use crate::settings::StoreSettings;
use crate::{Gateway, OpenError};

pub use gestalt_store::Restored;

const BACKUP: Action = action("configuration", "backup.create", Permission::Admin);

impl Gateway {
    /// Writes a consistent backup to a file that is not there yet, while calls go on; gives
    /// the number of rows.
    ///
    /// # Errors
    /// `forbidden` for who is no admin; `unavailable` when the file cannot be written.
    pub async fn backup(&self, caller: &Caller, path: &Path) -> Result<u64, Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, BACKUP)?;
        gateway.audit.flush().await;
        let rows = gateway.store.backup_to(path).await.map_err(from_store)?;
        let mut entry = gateway
            .entry(caller, &grant)
            .details(serde_json::json!({ "rows": rows }));
        entry.outcome = Some(Outcome::of("ok"));
        gateway.audit.record(entry)?;
        Ok(rows)
    }
}

/// Writes a backup of a database that no daemon has open.
///
/// # Errors
/// [`OpenError::Store`].
pub async fn backup_offline(settings: &StoreSettings, path: &Path) -> Result<u64, OpenError> {
    let store = Store::open(settings).await?;
    let rows = store.backup_to(path).await;
    store.close().await;
    Ok(rows?)
}

/// Fills an empty database from a backup. The file is verified before anything is written.
///
/// # Errors
/// [`OpenError::Store`].
pub async fn restore(settings: &StoreSettings, path: &Path) -> Result<Restored, OpenError> {
    Ok(Store::restore(settings, path).await?)
}
