//! What pinned MCP servers list besides what is approved, and approving it.
//!
//! An approval names the digest of the definition that was looked at. What has changed since
//! is not approved with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gestalt_core::id::PluginId;
use gestalt_core::{Code, Refusal};
use gestalt_store::{Change, ToolApprovalRow};
use gestalt_upstream::mcp::read_entry;
use serde_json::{Value, json};

use super::action;
use crate::authenticate::caller::{Caller, Permission};
use crate::authorize::{Action, visible_plugin};
use crate::mcp::approvals::{Approved, Difference, pinned};
use crate::mcp::listings;
use crate::mcp::listings::Wanted;
use crate::mcp::offered::{Offered, OfferedTool, offered_as};
use crate::{Gateway, Inner};

const READ: Action = action("approval", "approval.read", Permission::Admin);
const APPROVE: Action = action("approval", "approval.approve", Permission::Admin);

/// The largest definition that can be approved, in bytes.
const MAX_DEFINITION_BYTES: usize = 1024 * 1024;

/// How long the server is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A tool that differs from what is approved of it.
#[derive(Clone, Debug)]
pub struct ToolDifferenceView {
    /// The name that it is offered under.
    pub tool: String,
    /// `new`, `description` (or anything else that no call depends on), `schema`, or `gone`
    /// where the server no longer lists it.
    pub change: &'static str,
    /// What an approval of the change names: SHA-256 in hexadecimal digits of the definition,
    /// of the approved one where it is gone.
    pub digest: String,
    /// The approved definition, if there is one.
    pub approved: Option<Value>,
    /// What the server lists, if it does.
    pub listed: Option<Value>,
    /// Who approved the approved one.
    pub approved_by: Option<String>,
    /// When.
    pub approved_at: Option<String>,
}

/// The approval of one change.
#[derive(Clone, Debug)]
pub struct ToolApproval {
    /// The name that the tool is offered under.
    pub tool: String,
    /// The digest that was shown with the change.
    pub digest: String,
}

/// What was approved.
#[derive(Clone, Debug)]
pub struct ApprovedToolsView {
    /// Tools whose definition is the approved one now, by name.
    pub approved: Vec<String>,
    /// Tools that are gone and no longer approved, by name.
    pub forgotten: Vec<String>,
}

/// A difference, with what approving it means.
struct Found {
    view: ToolDifferenceView,
    /// What the server calls the tool.
    source: Arc<str>,
    digest: [u8; 32],
    /// The definition that is approved; none where the tool is gone.
    definition: Option<String>,
}

impl Gateway {
    /// Lists how what a pinned MCP server lists differs from what is approved, by tool. The
    /// server is asked with the caller's own account.
    ///
    /// # Errors
    /// `insufficient_scope` and `forbidden`; `not_found` for the plugin; `invalid_request` where it is no pinned
    /// MCP server; what keeps a server from answering that never has.
    pub async fn list_tool_approvals(
        &self,
        caller: &Caller,
        plugin: &str,
    ) -> Result<Vec<ToolDifferenceView>, Refusal> {
        self.inner.manage(caller, READ)?;
        let (_, found) = differences(&self.inner, caller, plugin).await?;
        Ok(found.into_values().map(|found| found.view).collect())
    }

    /// Approves changes of a pinned MCP server's tools, all or none.
    ///
    /// # Errors
    /// As [`Gateway::list_tool_approvals`]; `invalid_request` where nothing is named, where a
    /// tool is not what it was when its digest was shown, and for a definition over 1 MiB.
    pub async fn approve_tools(
        &self,
        caller: &Caller,
        plugin: &str,
        approvals: Vec<ToolApproval>,
    ) -> Result<ApprovedToolsView, Refusal> {
        let gateway = &self.inner;
        let grant = gateway.manage(caller, APPROVE)?;
        let made = make(gateway, caller, plugin, approvals).await;
        let made = made.map_err(|refusal| gateway.refuse(caller, &grant, refusal))?;
        let mut entry = gateway.entry(caller, &grant).details(made.details);
        entry.plugin = Some(plugin.into());
        gateway.commit(made.changes, entry).await?;
        gateway.approvals.forget(made.plugin);
        gateway.listings.moved();
        Ok(made.view)
    }
}

/// Approvals, ready to be committed.
struct Made {
    plugin: PluginId,
    changes: Vec<Change>,
    details: Value,
    view: ApprovedToolsView,
}

async fn make(
    gateway: &Arc<Inner>,
    caller: &Caller,
    plugin: &str,
    approvals: Vec<ToolApproval>,
) -> Result<Made, Refusal> {
    if approvals.is_empty() {
        let what = "No tool is named.";
        return Err(Refusal::new(Code::InvalidRequest, what).field("tools"));
    }
    let (plugin, mut found) = differences(gateway, caller, plugin).await?;
    let mut changes = Vec::new();
    let mut details = Vec::new();
    let mut view = ApprovedToolsView {
        approved: Vec::new(),
        forgotten: Vec::new(),
    };
    for ToolApproval { tool, digest } in approvals {
        let shown = found
            .remove(&tool)
            .filter(|found| found.view.digest == digest);
        let Some(found) = shown else {
            return Err(changed(&tool));
        };
        details.push(json!({ "tool": tool, "change": found.view.change, "digest": digest }));
        let Some(definition) = found.definition else {
            changes.push(Change::ForgetToolApproval {
                plugin,
                tool: found.source.to_string(),
                digest: found.digest,
            });
            view.forgotten.push(tool);
            continue;
        };
        if definition.len() > MAX_DEFINITION_BYTES {
            let what = format!(
                "The definition has {} bytes; at most {MAX_DEFINITION_BYTES} can be approved.",
                definition.len()
            );
            return Err(Refusal::new(Code::InvalidRequest, what).field(tool));
        }
        changes.push(Change::PutToolApproval(ToolApprovalRow {
            plugin,
            tool: found.source.to_string(),
            definition,
            digest: found.digest,
            approved_by: caller.subject().to_string(),
            approved_at: gateway.clock.now(),
        }));
        view.approved.push(tool);
    }
    view.approved.sort();
    view.forgotten.sort();
    Ok(Made {
        plugin,
        changes,
        details: json!({ "tools": details }),
        view,
    })
}

fn changed(tool: &str) -> Refusal {
    Refusal::new(
        Code::InvalidRequest,
        "The tool is not what it was when it was looked at; nothing was approved.",
    )
    .field(tool)
    .hint("Look at the difference again.")
}

/// How what a server lists differs from what is approved, by the names that are offered.
async fn differences(
    gateway: &Arc<Inner>,
    caller: &Caller,
    plugin: &str,
) -> Result<(PluginId, BTreeMap<String, Found>), Refusal> {
    let catalogue = gateway.catalogue.load_full();
    let plugin = visible_plugin(&catalogue, caller, plugin)?;
    let Some(server) = pinned(plugin) else {
        let what = "The integration is no MCP server whose tools wait for an approval.";
        return Err(Refusal::new(Code::InvalidRequest, what)
            .hint("`approval: pinned` in its `surfaces.mcp` makes them wait."));
    };
    let mut listed = listings::of(
        gateway,
        &catalogue,
        caller,
        &[plugin],
        (PATIENCE, Wanted::Tools),
    )
    .await;
    let listed = listed.pop().unwrap_or_else(|| Ok(Arc::default()));
    // Who approves need not be who uses it.
    let listed = listed.or_else(|refusal| gateway.listings.last(plugin.id).ok_or(refusal))?;
    let approved = gateway.approvals.get(gateway, plugin.id).await?;
    let mut found = compare(&approved, &listed);
    for known in approved.all() {
        let source = known.row.tool.as_str();
        // What the config no longer offers is gone as well.
        let name = offered_as(server, source).unwrap_or(source);
        if listed.called(source).is_none() && !found.contains_key(name) {
            found.insert(name.to_owned(), gone(name, &known.row));
        }
    }
    Ok((plugin.id, found))
}

fn compare(approved: &Approved, listed: &Offered) -> BTreeMap<String, Found> {
    let mut found = BTreeMap::new();
    for tool in &listed.tools {
        let known = approved.find(&tool.source).map(|known| &known.row);
        let difference = known.map(|row| Difference::of(&row.definition, tool.text()));
        let change = match difference {
            None => "new",
            Some(Difference::None) => continue,
            Some(Difference::Description) => "description",
            Some(Difference::Schema) => "schema",
        };
        match differs(tool, change, known) {
            Ok(one) => {
                found.insert(tool.name.to_string(), one);
            }
            Err(why) => {
                tracing::warn!(tool = %tool.name, why, "a listed tool cannot be approved");
            }
        }
    }
    found
}

fn differs(
    tool: &OfferedTool,
    change: &'static str,
    approved: Option<&ToolApprovalRow>,
) -> Result<Found, String> {
    let listed = read_entry(tool.text())?;
    let digest = gestalt_vault::sha256(&[tool.text().as_bytes()]);
    Ok(Found {
        view: ToolDifferenceView {
            listed: Some(listed),
            ..view(&tool.name, change, digest, approved)
        },
        source: Arc::clone(&tool.source),
        digest,
        definition: Some(tool.text().to_owned()),
    })
}

fn gone(name: &str, approved: &ToolApprovalRow) -> Found {
    Found {
        view: view(name, "gone", approved.digest, Some(approved)),
        source: approved.tool.as_str().into(),
        digest: approved.digest,
        definition: None,
    }
}

fn view(
    name: &str,
    change: &'static str,
    digest: [u8; 32],
    approved: Option<&ToolApprovalRow>,
) -> ToolDifferenceView {
    ToolDifferenceView {
        tool: name.to_owned(),
        change,
        digest: gestalt_vault::hex(&digest),
        approved: approved.and_then(|row| read_entry(&row.definition).ok()),
        listed: None,
        approved_by: approved.map(|row| row.approved_by.clone()),
        approved_at: approved.map(|row| row.approved_at.to_string()),
    }
}
