use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gestalt_core::clock::ManualClock;
use gestalt_core::connection::{AuthKind, AuthMapping, ConnectionDefinition, Mode, OnAuthChange};
use gestalt_core::host::EgressRules;
use gestalt_core::identity::IdentityForwarding;
use gestalt_core::plugin::Plugin;
use gestalt_core::{Clock, Entropy};
use gestalt_vault::{KeyState, Keyring, Purpose, RootKey, WrappedKey};
use serde_json::json;

use super::*;
use crate::Gateway;
use crate::settings::{
    Argon2Cost, AuditSettings, CacheSettings, CatalogueSettings, LimitSettings, LoginSettings,
    Resolver, Settings, StoreSettings, TokenSettings, UpstreamSettings,
};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn plugin(identity: Option<IdentityForwarding>) -> Plugin {
    Plugin {
        name: "tracker".parse().unwrap(),
        formerly: Vec::new(),
        display_name: "Tracker".to_owned(),
        description: None,
        base_url: "https://tracker.example.com/v1/".parse().unwrap(),
        connections: vec![ConnectionDefinition {
            name: "default".parse().unwrap(),
            mode: Mode::None,
            kind: AuthKind::None,
            fields: Vec::new(),
            mapping: AuthMapping::default(),
            check: None,
            nickname: None,
            on_auth_change: OnAuthChange::Refuse,
            grace: Duration::ZERO,
        }],
        operations: Vec::new(),
        mcp: None,
        egress: EgressRules::default(),
        identity,
    }
}

async fn gateway(folder: &Path, identity: Option<IdentityForwarding>) -> Gateway {
    let database = gestalt_store::Database::Sqlite(folder.join("gestalt.db"));
    let settings = Settings {
        store: StoreSettings::new(database),
        upstream: UpstreamSettings::default(),
        resolver: Resolver::System,
        root_key: Secret::new("0123456789abcdef".repeat(4)),
        previous_root_keys: Vec::new(),
        argon2: Argon2Cost::cheap_for_tests(),
        login: LoginSettings::None,
        tokens: TokenSettings::default(),
        audit: AuditSettings::default(),
        caches: CacheSettings::default(),
        limits: LimitSettings::default(),
        issuer: "https://gestalt.example.com".to_owned(),
        catalogue: CatalogueSettings {
            plugins: vec![plugin(identity)],
            ..CatalogueSettings::default()
        },
        clock: Clock::Manual(ManualClock::at(NOW)),
        entropy: Entropy::System,
    };
    Gateway::open(settings).await.unwrap()
}

fn tracker(gateway: &Gateway) -> Arc<PluginEntry> {
    Arc::clone(gateway.inner.catalogue.load().find("tracker").unwrap())
}

fn anonymous() -> Caller {
    Caller::standing_for(Subject::Anonymous, None)
}

#[tokio::test]
async fn an_mcp_upstream_is_told_unless_its_plugin_says_no() {
    let folder = tempfile::tempdir().unwrap();
    let no = IdentityForwarding {
        forward: false,
        ..IdentityForwarding::default()
    };
    for (identity, surface, told) in [
        (Some(no.clone()), Surface::Mcp, false),
        (Some(no), Surface::Declared, false),
        (None, Surface::Declared, false),
        (None, Surface::Mcp, true),
        (Some(IdentityForwarding::default()), Surface::Declared, true),
    ] {
        let gateway = gateway(folder.path(), identity).await;
        let (inner, caller, plugin) = (&gateway.inner, anonymous(), tracker(&gateway));
        let headers = identity_headers(inner, &caller, &plugin, surface).unwrap();
        let meta = identity_meta(inner, &caller, &plugin, surface).unwrap();
        assert_eq!(headers.headers.is_empty(), !told);
        assert_eq!(headers.token.is_some(), told);
        assert_eq!(meta.is_some(), told);
        gateway.shutdown(Duration::MAX).await;
    }
}

#[tokio::test]
async fn meta_says_what_the_headers_say() {
    let folder = tempfile::tempdir().unwrap();
    let both = IdentityForwarding {
        claims_header: Some(HeaderName::from_static("x-gestalt-claims")),
        ..IdentityForwarding::default()
    };
    let gateway = gateway(folder.path(), Some(both)).await;
    let (inner, caller, plugin) = (&gateway.inner, anonymous(), tracker(&gateway));
    let told = identity_headers(inner, &caller, &plugin, Surface::Mcp).unwrap();
    let meta = identity_meta(inner, &caller, &plugin, Surface::Mcp).unwrap();
    let token = told.token.clone().unwrap();
    let expected = json!({ META_KEY: {
        "user": "anonymous",
        "claims": { "sub": "anonymous" },
        "jwt": token.expose(),
    }});
    let meta: Value = serde_json::from_str(&format!("{{{}}}", meta.unwrap())).unwrap();
    assert_eq!(meta, expected);
    let names: Vec<_> = told.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["x-gestalt-user", "x-gestalt-claims", "x-gestalt-jwt"]
    );
    // The token is for this plugin; it is masked in whatever comes back.
    let mut injection = Injection::default();
    assert_eq!(told.with(&mut injection).len(), 3);
    assert_eq!(injection.mask.len(), 1);
    gateway.shutdown(Duration::MAX).await;
}

#[test]
fn the_rows_of_keys_say_what_time_has_made_of_them() {
    let root = || {
        let text = Secret::new("0123456789abcdef".repeat(4));
        RootKey::from_setting(&text, &[0; 16], Argon2Cost::cheap_for_tests()).unwrap()
    };
    let made = |at: Timestamp, state| WrappedKey {
        state,
        ..Keyring::create_key(&root(), Purpose::IdentityJwt, at, &Entropy::System).unwrap()
    };
    let old = made(NOW, KeyState::Active);
    let later = NOW.after(Duration::from_hours(1));
    let new = made(later, KeyState::Prepublished);
    assert!(Signers::open(vec![root()], &[]).is_err());
    let signers = Signers::open(vec![root()], std::slice::from_ref(&old)).unwrap();
    signers.add(new.clone()).unwrap();
    let signs = later.after(signers::SIGNS_AFTER);
    assert!(
        signers
            .unsettled(signs.before(Duration::from_micros(1)))
            .is_none()
    );
    assert_eq!(signers.waits_until(later), Some(signs));
    let (active, rows) = signers.unsettled(signs).unwrap();
    assert_eq!(active, new.id);
    let states: Vec<_> = rows.iter().map(|row| (row.id, row.state)).collect();
    assert_eq!(
        states,
        [(new.id, KeyState::Active), (old.id, KeyState::DecryptOnly)]
    );
    signers.settle(&rows);
    assert!(signers.unsettled(signs).is_none());
    assert_eq!(signers.waits_until(signs), None);
    // A clock that was set back before all of them still signs.
    assert_eq!(signers.signer(Timestamp::from_micros(0)).id(), old.id);
}
