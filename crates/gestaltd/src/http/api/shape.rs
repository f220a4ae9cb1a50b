//! The gateway's values as shapes of the wire. What the gateway holds is never serialised.

use gestalt_api::{approval, audit, connection, explain, integration, me, session, token};
use gestalt_gateway::{
    ApprovedToolsView, AuditView, ConnectionMethodView, ConnectionView, DisconnectedView,
    ExplainStepView, ExplanationView, FaultView, FieldView, IntegrationView, MeView, OperationView,
    SessionView, TokenView, ToolDifferenceView, ToolMatch, VerificationView,
};

/// A value that crosses the wire in another shape.
pub(crate) trait Shaped {
    /// Its shape.
    type Shape;

    /// Gives the value its shape.
    fn shape(self) -> Self::Shape;
}

impl<T: Shaped> Shaped for Vec<T> {
    type Shape = Vec<T::Shape>;

    fn shape(self) -> Self::Shape {
        self.into_iter().map(Shaped::shape).collect()
    }
}

/// Members of the same name, as they are or converted; after `;` those that have a shape of
/// their own.
macro_rules! shapes {
    ($($view:ident => $shape:path { $($plain:ident),* $(; $($nested:ident),*)? })*) => {$(
        impl Shaped for $view {
            type Shape = $shape;

            fn shape(self) -> $shape {
                $shape {
                    $($plain: self.$plain.into(),)*
                    $($($nested: self.$nested.shape(),)*)?
                }
            }
        }
    )*};
}

shapes! {
    MeView => me::Me {
        subject, email, display_name, admin, authenticated_by, credential, permissions, scopes,
        expires_at, login, version
    }
    TokenView => token::Token {
        id, name, subject, scopes, permissions, cidrs, created_at, expires_at, last_used_at,
        revoked_at, rotated_to, status
    }
    SessionView => session::Session {
        id, subject, created_at, last_seen_at, expires_at, address, user_agent, current
    }
    ConnectionView => connection::Connection {
        id, integration, connection, instance, owner, auth_type, nickname, state, state_reason,
        created_at, updated_at, checked_at, rollback_until, warnings
    }
    DisconnectedView => connection::Disconnected { disconnected, upstream }
    IntegrationView => integration::Integration {
        name, display_name, description, operations, status; connections, connected
    }
    ConnectionMethodView => integration::ConnectionMethod { name, mode, auth_type, usable; fields }
    FieldView => integration::Field {
        name, label, description, placeholder, secret, required, pattern
    }
    OperationView => integration::Operation {
        name, tool, title, description, read_only, deprecated, tags, upstream, input_schema,
        body_types, output_schema, paginated
    }
    AuditView => audit::AuditRecord {
        writer, seq, at, kind, action, phase, subject, credential, integration, operation,
        connection, instance, target, address, decision, reason, outcome, upstream_status,
        duration_micros, request_id, trace_id, arguments_digest, details, hash
    }
    VerificationView => audit::AuditVerification { ok, records, checkpoints; faults }
    FaultView => audit::AuditFault { writer, seq, kind, detail }
    ToolDifferenceView => approval::ToolDifference {
        tool, change, digest, approved, listed, approved_by, approved_at
    }
    ApprovedToolsView => approval::ApprovedTools { approved, forgotten }
    ExplainStepView => explain::ExplainStep { step, result, detail }
}

impl Shaped for ExplanationView {
    type Shape = explain::Explanation;

    fn shape(self) -> Self::Shape {
        explain::Explanation {
            allowed: self.allowed,
            code: self.code.map(str::to_owned),
            steps: self.steps.shape(),
        }
    }
}

impl Shaped for ToolMatch {
    type Shape = integration::FoundOperation;

    fn shape(self) -> Self::Shape {
        let tool = self.tool;
        integration::FoundOperation {
            integration: tool.plugin.to_string(),
            operation: tool.operation.to_string(),
            tool: tool.name.to_string(),
            title: tool.title.as_deref().map(str::to_owned),
            description: tool.description.to_string(),
            read_only: tool.annotations.read_only,
            connected: self.ready,
        }
    }
}
