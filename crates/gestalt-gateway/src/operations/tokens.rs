//! API tokens: make, list, revoke, rotate. A token is never wider than its maker.

use std::collections::BTreeSet;
use std::time::Duration;

use gestalt_core::id::TokenId;
use gestalt_core::{Code, Refusal, Secret, Timestamp};
use gestalt_store::{Change, TokenRow};
use gestalt_vault::token::{TokenKind, mint};
use ipnet::IpNet;

use super::views::{NewToken, PageQuery, Paged, TokenView};
use super::{action, not_found, read_id};
use crate::audit::from_store;
use crate::authenticate::caller::{Caller, Method, Permission};
use crate::authorize::Action;
use crate::authorize::scope::Scopes;
use crate::{Gateway, Inner};

const CREATE: Action = action("token", "token.create", Permission::Tokens);
const READ: Action = action("token", "token.read", Permission::Tokens);
const REVOKE: Action = action("token", "token.revoke", Permission::Tokens);
const REVOKE_ALL: Action = action("token", "token.revoke_all", Permission::Tokens);
const ROTATE: Action = action("token", "token.rotate", Permission::Tokens);

/// The longest overlap of a rotation.
const LONGEST_GRACE: Duration = Duration::from_hours(7 * 24);

/// What a token reaches.
struct Reach {
    scopes: Option<String>,
    permissions: BTreeSet<Permission>,
    cidrs: Vec<IpNet>,
}

impl Gateway {
    /// Makes an API token; its secret is given this once.
    ///
    /// # Errors
    /// `invalid_request` for a name, scope, permission, lifetime or range that does not hold;
    /// `insufficient_scope` for a token wider than its maker.
    pub async fn create_token(
        &self,
        caller: &Caller,
        new: NewToken,
    ) -> Result<(TokenView, Secret), Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, CREATE)?;
        let made = reach(caller, &new).and_then(|reach| {
            let lifetime = lifetime(gateway, caller, new.expires_in)?;
            make(gateway, caller, checked_name(&new.name)?, &reach, lifetime)
        });
        let (row, secret) = made.map_err(|refusal| gateway.refuse(caller, &grant, refusal))?;
        let entry = gateway.entry(caller, &grant).target(row.id).details(serde_json::json!({
            "name": row.name, "scopes": row.scopes, "permissions": words(&row), "expiresAt": row.expires_at.to_string(),
        }));
        gateway
            .commit(vec![Change::CreateToken(row.clone())], entry)
            .await?;
        Ok((view(gateway, &row), secret))
    }

    /// Lists the caller's tokens, newest first.
    ///
    /// # Errors
    /// `invalid_request` for a cursor or limit that does not hold.
    pub async fn list_tokens(
        &self,
        caller: &Caller,
        page: PageQuery,
    ) -> Result<Paged<TokenView>, Refusal> {
        let gateway = &*self.inner;
        gateway.manage(caller, READ)?;
        let owner = caller.subject().to_string();
        let page = gateway
            .store
            .list_tokens(&owner, &page.request()?)
            .await
            .map_err(from_store)?;
        Ok(Paged::of(page, |row| view(gateway, &row)))
    }

    /// Gets one of the caller's tokens.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn get_token(&self, caller: &Caller, id: &str) -> Result<TokenView, Refusal> {
        let gateway = &*self.inner;
        gateway.manage(caller, READ)?;
        Ok(view(gateway, &own(gateway, caller, id).await?))
    }

    /// Revokes one of the caller's tokens.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn revoke_token(&self, caller: &Caller, id: &str) -> Result<(), Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, REVOKE)?;
        let row = own(gateway, caller, id)
            .await
            .map_err(|refusal| gateway.refuse(caller, &grant, refusal))?;
        let change = Change::RevokeToken {
            id: row.id,
            owner: row.owner,
            at: gateway.clock.now(),
        };
        gateway
            .commit(vec![change], gateway.entry(caller, &grant).target(row.id))
            .await?;
        gateway.identities.forget(&row.hash);
        Ok(())
    }

    /// Revokes all of the caller's tokens; says how many.
    ///
    /// # Errors
    /// Those of every operation.
    pub async fn revoke_tokens(&self, caller: &Caller) -> Result<u64, Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, REVOKE_ALL)?;
        let change = Change::RevokeTokens {
            owner: caller.subject().to_string(),
            at: gateway.clock.now(),
        };
        let affected = gateway
            .commit(vec![change], gateway.entry(caller, &grant))
            .await?;
        gateway.identities.forget_all();
        Ok(affected.first().copied().unwrap_or(0))
    }

    /// Makes a successor of the same reach and lifetime. The old token works for `grace` more,
    /// and never longer than it would have; a second rotation does not extend the first grace.
    ///
    /// # Errors
    /// `not_found`, `invalid_request` for a grace over 7 days, `insufficient_scope` where the
    /// maker is narrower than the token.
    pub async fn rotate_token(
        &self,
        caller: &Caller,
        id: &str,
        grace: Duration,
    ) -> Result<(TokenView, Secret), Refusal> {
        let gateway = &*self.inner;
        let grant = gateway.manage(caller, ROTATE)?;
        let made = successor(gateway, caller, id, grace).await;
        let (old, new, secret) = made.map_err(|refusal| gateway.refuse(caller, &grant, refusal))?;
        let entry = gateway
            .entry(caller, &grant)
            .target(old.id)
            .details(serde_json::json!({
                "successor": new.id.to_string(), "graceSeconds": grace.as_secs(),
            }));
        let change = Change::RotateToken {
            old: old.id,
            owner: old.owner,
            new: new.clone(),
            old_expires_at: gateway.clock.now().after(grace),
        };
        gateway.commit(vec![change], entry).await?;
        gateway.identities.forget(&old.hash);
        Ok((view(gateway, &new), secret))
    }
}

async fn own(gateway: &Inner, caller: &Caller, id: &str) -> Result<TokenRow, Refusal> {
    let id: TokenId = read_id(id, "token")?;
    let row = gateway.store.find_token(id).await.map_err(from_store)?;
    row.filter(|row| row.owner == caller.subject().to_string())
        .ok_or_else(|| not_found("token"))
}

async fn successor(
    gateway: &Inner,
    caller: &Caller,
    id: &str,
    grace: Duration,
) -> Result<(TokenRow, TokenRow, Secret), Refusal> {
    if grace > LONGEST_GRACE {
        return Err(Refusal::new(Code::InvalidRequest, "The grace is 0 to 7 days.").field("grace"));
    }
    let old = own(gateway, caller, id).await?;
    let now = gateway.clock.now();
    if old.revoked_at.is_some() || old.expires_at <= now {
        return Err(Refusal::new(
            Code::InvalidRequest,
            "Only a token that still works can be rotated.",
        )
        .hint("Make a new one."));
    }
    let asked = NewToken {
        name: old.name.clone(),
        scopes: old.scopes.clone(),
        permissions: Some(words(&old)),
        expires_in: None,
        cidrs: serde_json::from_str::<Vec<String>>(&old.cidrs)
            .ok()
            .filter(|cidrs| !cidrs.is_empty()),
    };
    let reach = reach(caller, &asked)?;
    let lifetime = old
        .expires_at
        .since(old.created_at)
        .min(gateway.settings.tokens.max_ttl);
    // A token renews itself, but gives no other one a longer life than its own.
    let lifetime = match (caller.method(), caller.identity().expires_at) {
        (Method::Token(own), Some(end)) if own != old.id => lifetime.min(end.since(now)),
        _ => lifetime,
    };
    let (new, secret) = make(gateway, caller, old.name.clone(), &reach, lifetime)?;
    Ok((old, new, secret))
}

fn checked_name(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    let length = name.chars().count();
    if (1..=100).contains(&length) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(Refusal::new(
        Code::InvalidRequest,
        "A token's name has 1 to 100 characters and no control characters.",
    )
    .field("name"))
}

/// How long a new token lives: as asked, within the limit, and not beyond the token it is made with.
fn lifetime(
    gateway: &Inner,
    caller: &Caller,
    asked: Option<Duration>,
) -> Result<Duration, Refusal> {
    let settings = gateway.settings.tokens;
    let longest = match (caller.is_token(), caller.identity().expires_at) {
        (true, Some(end)) => end.since(gateway.clock.now()).min(settings.max_ttl),
        _ => settings.max_ttl,
    };
    match asked {
        None => Ok(settings.default_ttl.min(longest)),
        Some(asked) if asked.is_zero() => Err(Refusal::new(
            Code::InvalidRequest,
            "A token lives for some time.",
        )
        .field("expiresIn")),
        Some(asked) if asked > longest => {
            let days = longest.as_secs() / 86_400;
            Err(Refusal::new(
                Code::InvalidRequest,
                format!("A token made here lives for at most {days} days."),
            )
            .field("expiresIn"))
        }
        Some(asked) => Ok(asked),
    }
}

/// Reads what is asked for and holds it against the maker.
fn reach(caller: &Caller, new: &NewToken) -> Result<Reach, Refusal> {
    let scopes = scopes(caller, new.scopes.as_deref())?;
    let permissions = permissions(caller, new, scopes.is_some())?;
    let cidrs = cidrs(caller, new.cidrs.as_deref())?;
    Ok(Reach {
        scopes,
        permissions,
        cidrs,
    })
}

fn wider(field: &str, what: &str) -> Refusal {
    Refusal::new(
        Code::InsufficientScope,
        format!("A token can never be wider than the one it is made with: {what}."),
    )
    .field(field)
}

fn scopes(caller: &Caller, asked: Option<&str>) -> Result<Option<String>, Refusal> {
    let own = caller.identity().scopes.as_ref();
    let asked = asked.map(Scopes::parse).transpose().map_err(|what| {
        Refusal::new(
            Code::InvalidRequest,
            format!("The scopes do not hold: {what}."),
        )
        .field("scopes")
    })?;
    match (own, asked) {
        (None, asked) => Ok(asked.map(|scopes| scopes.as_str().to_owned())),
        (Some(own), None) => Ok(Some(own.as_str().to_owned())),
        (Some(own), Some(asked)) if own.cover(&asked) => Ok(Some(asked.as_str().to_owned())),
        (Some(own), Some(_)) => Err(wider("scopes", &format!("it has `{}`", own.as_str()))),
    }
}

fn permissions(
    caller: &Caller,
    new: &NewToken,
    scoped: bool,
) -> Result<BTreeSet<Permission>, Refusal> {
    let own = &caller.identity().permissions;
    let Some(asked) = &new.permissions else {
        // Scopes imply `invoke` on what they name and nothing else; neither given is all but `admin`.
        let all = own.iter().copied().filter(|permission| {
            if scoped {
                *permission == Permission::Invoke
            } else {
                *permission != Permission::Admin
            }
        });
        return Ok(all.collect());
    };
    if asked.is_empty() {
        return Err(Refusal::new(
            Code::InvalidRequest,
            "A token holds at least one permission.",
        )
        .field("permissions"));
    }
    let mut permissions = BTreeSet::new();
    for word in asked {
        let permission = Permission::parse(word).ok_or_else(|| {
            let known: Vec<&str> = Permission::ALL.iter().map(|p| p.as_str()).collect();
            let short: String = word.chars().take(40).collect();
            Refusal::new(
                Code::InvalidRequest,
                format!("`{short}` is not a permission."),
            )
            .field("permissions")
            .choices(known.into_iter().map(str::to_owned).collect())
        })?;
        if permission == Permission::Admin && (caller.is_token() || !caller.is_admin()) {
            return Err(Refusal::new(
                Code::Forbidden,
                "Only an admin's own session can make a token with `admin`.",
            )
            .field("permissions"));
        }
        if !own.contains(&permission) {
            return Err(wider(
                "permissions",
                &format!("it lacks `{}`", permission.as_str()),
            ));
        }
        permissions.insert(permission);
    }
    Ok(permissions)
}

fn cidrs(caller: &Caller, asked: Option<&[String]>) -> Result<Vec<IpNet>, Refusal> {
    let own = &caller.identity().cidrs;
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else {
        return Ok(own.clone());
    };
    if asked.len() > 100 {
        return Err(Refusal::new(
            Code::InvalidRequest,
            "A token has at most 100 address ranges.",
        )
        .field("cidrs"));
    }
    let read = |text: &String| {
        let net = text
            .parse::<IpNet>()
            .or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
        net.map(|net| net.trunc()).map_err(|_| {
            let short: String = text.chars().take(60).collect();
            Refusal::new(
                Code::InvalidRequest,
                format!("`{short}` is not an address range in CIDR notation."),
            )
            .field("cidrs")
        })
    };
    let nets = asked.iter().map(read).collect::<Result<Vec<IpNet>, _>>()?;
    let within = |net: &IpNet| own.is_empty() || own.iter().any(|outer| outer.contains(net));
    if nets.iter().all(within) {
        Ok(nets)
    } else {
        Err(wider("cidrs", "a range lies outside its own"))
    }
}

fn make(
    gateway: &Inner,
    caller: &Caller,
    name: String,
    reach: &Reach,
    lifetime: Duration,
) -> Result<(TokenRow, Secret), Refusal> {
    let now = gateway.clock.now();
    let secret = mint(TokenKind::Api, &gateway.entropy).map_err(Refusal::internal)?;
    let (pepper, hash) = gateway.keyring.hash_token(secret.expose());
    let list = |texts: Vec<String>| serde_json::to_string(&texts).map_err(Refusal::internal);
    let row = TokenRow {
        id: TokenId::generate(now, &gateway.entropy).map_err(Refusal::internal)?,
        owner: caller.subject().to_string(),
        name,
        hash,
        pepper,
        scopes: reach.scopes.clone(),
        permissions: list(
            reach
                .permissions
                .iter()
                .map(|p| p.as_str().to_owned())
                .collect(),
        )?,
        cidrs: list(reach.cidrs.iter().map(ToString::to_string).collect())?,
        created_at: now,
        expires_at: now.after(lifetime),
        last_used_at: None,
        revoked_at: None,
        rotated_to: None,
        made_by: match caller.method() {
            Method::Token(id) => Some(id),
            _ => None,
        },
    };
    Ok((row, secret))
}

fn words(row: &TokenRow) -> Vec<String> {
    serde_json::from_str(&row.permissions).unwrap_or_default()
}

fn view(gateway: &Inner, row: &TokenRow) -> TokenView {
    let readable = serde_json::from_str::<Vec<String>>(&row.permissions)
        .is_ok_and(|words| words.iter().all(|word| Permission::parse(word).is_some()))
        && row
            .scopes
            .as_deref()
            .is_none_or(|scopes| Scopes::parse(scopes).is_ok())
        && serde_json::from_str::<Vec<String>>(&row.cidrs)
            .is_ok_and(|nets| nets.iter().all(|net| net.parse::<IpNet>().is_ok()));
    let status = if row.revoked_at.is_some() {
        "revoked"
    } else if row.expires_at <= gateway.clock.now() {
        "expired"
    } else if readable {
        "active"
    } else {
        "unusable"
    };
    let text = |moment: Option<Timestamp>| moment.map(|moment| moment.to_string());
    TokenView {
        id: row.id.to_string(),
        name: row.name.clone(),
        subject: row.owner.clone(),
        scopes: row.scopes.clone(),
        permissions: words(row),
        cidrs: serde_json::from_str(&row.cidrs).unwrap_or_default(),
        created_at: row.created_at.to_string(),
        expires_at: row.expires_at.to_string(),
        last_used_at: text(row.last_used_at),
        revoked_at: text(row.revoked_at),
        rotated_to: row.rotated_to.map(|id| id.to_string()),
        status,
    }
}
