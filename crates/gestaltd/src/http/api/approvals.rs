//! Tools of pinned MCP servers that wait for an admin.

use axum::Json;
use axum::extract::State;
use gestalt_api::approval::{ApproveTools, ApprovedTools, ToolDifferenceList};
use gestalt_gateway::ToolApproval;

use super::shape::Shaped as _;
use crate::http::Door;
use crate::http::context::Known;
use crate::http::input::{Input, Place};
use crate::http::problem::Refused;

/// How the tools that an MCP server lists differ from what is approved. For admins; the server
/// is asked with the admin's own account.
#[utoipa::path(
    get,
    path = "/api/v1/integrations/{integration}/approvals",
    operation_id = "listToolApprovals",
    tag = "integrations",
    params(("integration" = String, Path, description = "The plugin.", pattern = "^[a-z][a-z0-9_-]{0,30}$")),
    responses((status = 200, description = "By name.", body = ToolDifferenceList))
)]
pub(super) async fn list_tool_approvals(
    door: State<Door>,
    caller: Known,
    Place(integration): Place<String>,
) -> Result<Json<ToolDifferenceList>, Refused> {
    let items = door
        .gateway()
        .list_tool_approvals(&caller.0, &integration)
        .await?;
    Ok(Json(ToolDifferenceList {
        items: items.shape(),
    }))
}

/// Approves changes of an MCP server's tools. For admins. What has changed since it was looked
/// at is refused, and nothing is approved then.
#[utoipa::path(
    post,
    path = "/api/v1/integrations/{integration}/approvals",
    operation_id = "approveTools",
    tag = "integrations",
    params(("integration" = String, Path, description = "The plugin.", pattern = "^[a-z][a-z0-9_-]{0,30}$")),
    request_body = ApproveTools,
    responses((status = 200, description = "What was approved.", body = ApprovedTools))
)]
pub(super) async fn approve_tools(
    door: State<Door>,
    caller: Known,
    Place(integration): Place<String>,
    Input(asked): Input<ApproveTools>,
) -> Result<Json<ApprovedTools>, Refused> {
    let approvals = asked.tools.into_iter().map(|one| ToolApproval {
        tool: one.tool,
        digest: one.digest,
    });
    let approved = door
        .gateway()
        .approve_tools(&caller.0, &integration, approvals.collect())
        .await?;
    Ok(Json(approved.shape()))
}
