//! People, and the identities that issuers know them by.

use gestalt_core::Timestamp;
use gestalt_core::id::UserId;

use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use crate::pool::Transaction;
use crate::store::Store;
use crate::value::{Columns, Row, sql};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Their id.
    pub id: UserId,
    /// Their e-mail, an attribute: two people may have the same.
    pub email: Option<String>,
    /// What to call them.
    pub display_name: Option<String>,
    /// May administer the gateway.
    pub admin: bool,
    /// When the account was made.
    pub created_at: Timestamp,
    /// Since when the account is disabled.
    pub disabled_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "u.id, u.email, u.display_name, u.admin, u.created_at, u.disabled_at"
    };
}
pub(crate) use columns;

impl UserRow {
    pub(crate) fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.parse("a user id")?,
            email: columns.opt_text()?,
            display_name: columns.opt_text()?,
            admin: columns.bool()?,
            created_at: columns.time()?,
            disabled_at: columns.opt_time()?,
        })
    }

    /// Reads the user of an outer join, where there may be none.
    pub(crate) fn read_joined(columns: &mut Columns<'_>) -> Result<Option<Self>, StoreError> {
        if columns.next_is_null()? {
            return Ok(None);
        }
        Self::read(columns).map(Some)
    }

    fn read_row(row: &Row) -> Result<Self, StoreError> {
        Self::read(&mut row.columns())
    }
}

impl Store {
    /// Finds a user.
    ///
    /// # Errors
    /// What the database says.
    pub async fn find_user(&self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        let statement = sql!(
            concat!("SELECT ", columns!(), " FROM users u WHERE u.id = $1"),
            id
        );
        let row = self.pool.row(statement).await?;
        row.as_ref().map(UserRow::read_row).transpose()
    }

    /// Finds the user whom an issuer knows by a subject.
    ///
    /// # Errors
    /// What the database says.
    pub async fn find_user_by_identity(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<UserRow>, StoreError> {
        let statement = sql!(
            concat!(
                "SELECT ",
                columns!(),
                " FROM identities i JOIN users u ON u.id = i.user_id \
                 WHERE i.issuer = $1 AND i.subject = $2"
            ),
            issuer,
            subject
        );
        let row = self.pool.row(statement).await?;
        row.as_ref().map(UserRow::read_row).transpose()
    }

    /// Finds the one user with an e-mail; none where two share it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn find_user_by_email(&self, email: &str) -> Result<Option<UserRow>, StoreError> {
        let statement = sql!(
            concat!(
                "SELECT ",
                columns!(),
                " FROM users u WHERE u.email = $1 LIMIT 2"
            ),
            email
        );
        match self.pool.rows(statement).await?.as_slice() {
            [only] => UserRow::read_row(only).map(Some),
            _ => Ok(None),
        }
    }

    /// Lists users, newest first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a cursor of another list, and what the database says.
    pub async fn list_users(&self, page: &PageRequest) -> Result<Page<UserRow>, StoreError> {
        let statement = sql!(
            concat!(
                "SELECT ",
                columns!(),
                " FROM users u WHERE u.id < $1 ORDER BY u.id DESC LIMIT $2"
            ),
            page.before::<UserId>()?,
            page.fetch()
        );
        let rows = self.pool.rows(statement).await?;
        let users = rows.iter().map(UserRow::read_row);
        Ok(page.page(users.collect::<Result<_, _>>()?, |user| user.id.to_string()))
    }
}

pub(crate) async fn create(
    transaction: &mut Transaction,
    user: &UserRow,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "INSERT INTO users (id, email, display_name, admin, created_at, disabled_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        user.id,
        user.email.as_deref(),
        user.display_name.as_deref(),
        user.admin,
        user.created_at,
        user.disabled_at
    );
    transaction.execute(statement).await
}

pub(crate) async fn link_identity(
    transaction: &mut Transaction,
    (issuer, subject): (&str, &str),
    user: UserId,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let statement = sql!(
        "INSERT INTO identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)",
        issuer,
        subject,
        user,
        at
    );
    transaction.execute(statement).await
}
