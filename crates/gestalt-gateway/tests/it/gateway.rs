//! A gateway for tests: SQLite in a folder of its own, a peer, a clock moved by hand, and
//! three people with sessions.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gestalt_core::clock::ManualClock;
use gestalt_core::connection::Mode;
use gestalt_core::id::{SessionId, TokenId, UserId};
use gestalt_core::{Clock, Entropy, Secret, Subject, Timestamp};
use gestalt_gateway::settings::{
    AuditSettings, CacheSettings, LimitSettings, LocalLogin, LoginSettings, Resolver,
    StoreSettings, TokenSettings, UpstreamSettings,
};
use gestalt_gateway::{CatalogueSettings, Gateway, OpenError, Settings};
use gestalt_store::{Change, Database, SessionRow, Store, TokenRow, UserRow};
use gestalt_vault::token::{TokenKind, mint};
use gestalt_vault::{Argon2Cost, KeyState, Keyring, Purpose, RootKey, WrappedKey};
use tempfile::TempDir;

use crate::clients::Client;
use crate::peer::Peer;
use crate::plugins::{DAY, HOUR, connection, plugin};

pub(crate) const ROOT_KEY: &str =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// By which URL callers reach it.
pub(crate) const ISSUER: &str = "https://gestalt.example.com";

/// What a gateway is opened with, as often as a test likes.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) database: PathBuf,
    pub(crate) root_key: String,
    pub(crate) login: LoginSettings,
    pub(crate) audit: AuditSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) catalogue: CatalogueSettings,
    pub(crate) clock: ManualClock,
}

impl Setup {
    /// `local` login, and an audit trail that is written only when somebody waits for it.
    pub(crate) fn new(folder: &Path, catalogue: CatalogueSettings) -> Self {
        Self {
            database: folder.join("gestalt.db"),
            root_key: ROOT_KEY.to_owned(),
            login: LoginSettings::Local(LocalLogin::for_email("owner@example.com")),
            audit: AuditSettings {
                flush: HOUR,
                checkpoint_file: Some(folder.join("checkpoints.jsonl")),
                ..AuditSettings::default()
            },
            limits: LimitSettings::default(),
            catalogue,
            clock: ManualClock::at(Timestamp::from_micros(1_800_000_000_000_000)),
        }
    }

    pub(crate) fn store(&self) -> StoreSettings {
        StoreSettings::new(Database::Sqlite(self.database.clone()))
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            store: self.store(),
            upstream: UpstreamSettings::default(),
            resolver: Resolver::System,
            root_key: Secret::new(self.root_key.clone()),
            previous_root_keys: Vec::new(),
            argon2: Argon2Cost::cheap_for_tests(),
            login: self.login.clone(),
            tokens: TokenSettings::default(),
            audit: self.audit.clone(),
            caches: CacheSettings {
                identities: 1_000,
                credentials: 1_000,
                identity_headers: 1_000,
            },
            limits: self.limits,
            issuer: ISSUER.to_owned(),
            catalogue: self.catalogue.clone(),
            clock: Clock::Manual(self.clock.clone()),
            entropy: Entropy::System,
        }
    }

    pub(crate) async fn open(&self) -> Result<Gateway, OpenError> {
        Gateway::open(self.settings()).await
    }
}

/// The database while no gateway has it open: for seeding and for tampering.
pub(crate) struct Seed {
    pub(crate) store: Store,
    keyring: Keyring,
    clock: Clock,
    entropy: Entropy,
}

impl Seed {
    /// Opens the database of a gateway that was open once.
    pub(crate) async fn open(setup: &Setup) -> Self {
        let store = Store::open(&setup.store()).await.unwrap();
        let salt = store.find_meta("root_key_salt").await.unwrap().unwrap();
        let root = RootKey::from_setting(
            &Secret::new(setup.root_key.clone()),
            &salt.try_into().unwrap(),
            Argon2Cost::cheap_for_tests(),
        );
        let keys: Vec<WrappedKey> = store
            .list_keys()
            .await
            .unwrap()
            .into_iter()
            .map(wrapped)
            .collect();
        Self {
            store,
            keyring: Keyring::open(&[root.unwrap()], &keys).unwrap(),
            clock: Clock::Manual(setup.clock.clone()),
            entropy: Entropy::System,
        }
    }

    pub(crate) async fn write(&self, change: Change) {
        self.store.write(&[change]).await.unwrap();
    }

    pub(crate) async fn user(&self, name: &str, admin: bool) -> UserId {
        self.user_with(name, |row| row.admin = admin).await
    }

    pub(crate) async fn user_with(&self, name: &str, change: impl FnOnce(&mut UserRow)) -> UserId {
        let now = self.clock.now();
        let id = UserId::generate(now, &self.entropy).unwrap();
        let mut row = UserRow {
            id,
            email: Some(format!("{name}@example.com")),
            display_name: Some(name.to_owned()),
            admin: false,
            created_at: now,
            disabled_at: None,
        };
        change(&mut row);
        self.write(Change::CreateUser(row)).await;
        id
    }

    pub(crate) async fn session(&self, user: UserId) -> Secret {
        self.session_with(user, |_| {}).await
    }

    pub(crate) async fn session_with(
        &self,
        user: UserId,
        change: impl FnOnce(&mut SessionRow),
    ) -> Secret {
        let now = self.clock.now();
        let value = mint(TokenKind::Session, &self.entropy).unwrap();
        let (pepper, hash) = self.keyring.hash_token(value.expose());
        let mut row = SessionRow {
            id: SessionId::generate(now, &self.entropy).unwrap(),
            owner: Subject::User(user).to_string(),
            hash,
            pepper,
            created_at: now,
            last_seen_at: now,
            expires_at: now.after(30 * DAY),
            idle_timeout_secs: 30 * 86_400,
            revoked_at: None,
            address: None,
            user_agent: None,
        };
        change(&mut row);
        self.write(Change::CreateSession(row)).await;
        value
    }

    /// A token as only the database can make one.
    pub(crate) async fn token(&self, owner: &str, change: impl FnOnce(&mut TokenRow)) -> Secret {
        let now = self.clock.now();
        let value = mint(TokenKind::Api, &self.entropy).unwrap();
        let (pepper, hash) = self.keyring.hash_token(value.expose());
        let mut row = TokenRow {
            id: TokenId::generate(now, &self.entropy).unwrap(),
            owner: owner.to_owned(),
            name: "seeded".to_owned(),
            hash,
            pepper,
            scopes: None,
            permissions: r#"["invoke","connect","tokens","audit"]"#.to_owned(),
            cidrs: "[]".to_owned(),
            created_at: now,
            expires_at: now.after(30 * DAY),
            last_used_at: None,
            revoked_at: None,
            rotated_to: None,
            made_by: None,
        };
        change(&mut row);
        self.write(Change::CreateToken(row)).await;
        value
    }

    pub(crate) async fn close(self) {
        self.store.close().await;
    }
}

fn wrapped(row: gestalt_store::KeyRow) -> WrappedKey {
    WrappedKey {
        id: row.id,
        purpose: Purpose::parse(&row.purpose).unwrap(),
        state: KeyState::parse(&row.state).unwrap(),
        root_id: row.root_id,
        wrapped: row.wrapped,
        created_at: row.created_at,
    }
}

/// Somebody who has a session.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) session: Secret,
}

impl Person {
    pub(crate) fn subject(&self) -> String {
        Subject::User(self.id).to_string()
    }
}

/// An open gateway and everything around it.
pub(crate) struct TestGateway {
    pub(crate) gateway: Gateway,
    pub(crate) setup: Setup,
    pub(crate) peer: Arc<Peer>,
    pub(crate) clock: ManualClock,
    /// An admin.
    pub(crate) ada: Person,
    pub(crate) bob: Person,
    pub(crate) eve: Person,
    folder: TempDir,
}

impl TestGateway {
    /// `local` login and one plugin, `tracker`, with a connection of the caller's own.
    pub(crate) async fn new() -> Self {
        Self::with(|_, _| {}).await
    }

    /// The same, changed before anything is opened.
    pub(crate) async fn with(change: impl FnOnce(&mut Setup, &Peer)) -> Self {
        let peer = Peer::start().await;
        let folder = TempDir::new().unwrap();
        let tracker = plugin(
            "tracker",
            peer.address,
            vec![connection("default", Mode::User)],
        );
        let catalogue = CatalogueSettings {
            plugins: vec![tracker],
            ..CatalogueSettings::default()
        };
        let mut setup = Setup::new(folder.path(), catalogue);
        change(&mut setup, &peer);
        // The first opening makes the keyring that credentials are hashed with.
        setup.open().await.unwrap().shutdown(Duration::MAX).await;
        let seed = Seed::open(&setup).await;
        let mut people = Vec::new();
        for (name, admin) in [("ada", true), ("bob", false), ("eve", false)] {
            let id = seed.user(name, admin).await;
            let session = seed.session(id).await;
            people.push(Person { id, session });
        }
        seed.close().await;
        let [ada, bob, eve] = people.try_into().ok().unwrap();
        Self {
            gateway: setup.open().await.unwrap(),
            clock: setup.clock.clone(),
            peer: Arc::new(peer),
            setup,
            ada,
            bob,
            eve,
            folder,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Closes the gateway in good order, lets a test at the database, and opens it again.
    pub(crate) async fn reopen<T>(&mut self, between: impl AsyncFnOnce(&Seed) -> T) -> T {
        self.gateway.shutdown(Duration::MAX).await;
        let seed = Seed::open(&self.setup).await;
        let given = between(&seed).await;
        seed.close().await;
        self.gateway = self.setup.open().await.unwrap();
        given
    }

    /// Nobody in particular.
    pub(crate) fn nobody(&self) -> Client {
        Client::new(self.gateway.clone())
    }

    /// Somebody by their session's cookie, from our own pages.
    pub(crate) fn cookie(&self, person: &Person) -> Client {
        self.nobody().cookie(&person.session)
    }

    /// Somebody by an API token.
    pub(crate) fn bearer(&self, token: &Secret) -> Client {
        self.nobody().bearer(token)
    }

    /// A token that somebody makes with their session.
    pub(crate) async fn token_of(&self, person: &Person) -> Client {
        let (_, token) = self
            .cookie(person)
            .make_token(&crate::clients::token("test"))
            .await
            .unwrap();
        self.bearer(&token)
    }

    /// Connects somebody to `tracker` with a key that the peer knows under `name`.
    pub(crate) async fn connect(&self, person: &Person, key: &str, name: &str) -> String {
        self.peer.knows(key, name);
        let connected = self.cookie(person).connect("tracker", key).await;
        connected.unwrap().id
    }

    /// Statements given to the database so far.
    pub(crate) fn statements(&self) -> u64 {
        self.metric("gestalt_store_statements_total")
    }

    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.gateway.metrics_text();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().parse().unwrap()
    }
}
