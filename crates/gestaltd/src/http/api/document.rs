//! The OpenAPI document: what the table of routes says, and what holds for all of them.

use std::sync::LazyLock;

use axum::response::Response;
use bytes::Bytes;
use gestalt_api::problem::Problem;
use http::StatusCode;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, Info, OpenApi, PathItem, Ref, RefOr, Required, ResponseBuilder,
    SecurityRequirement, Tag,
};
use utoipa::{PartialSchema, ToSchema};

use crate::http::invoke;
use crate::http::problem::Refused;

/// Statuses by which any operation can be refused.
const ALWAYS: &[StatusCode] = &[
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// Those of operations that may ask an upstream.
const OF_UPSTREAMS: &[StatusCode] = &[
    StatusCode::CONFLICT,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::BAD_GATEWAY,
    StatusCode::GATEWAY_TIMEOUT,
];

/// Operations that take a body but need none.
const OPTIONAL_BODY: &[&str] = &["rotateToken", "verifyAudit", "invoke"];

/// The document as it is served.
pub(super) fn json() -> Bytes {
    static JSON: LazyLock<Bytes> =
        LazyLock::new(|| document().to_json().unwrap_or_default().into());
    JSON.clone()
}

/// The document of the table of routes.
pub(crate) fn document() -> OpenApi {
    let mut document = super::router().into_openapi();
    let mut info = Info::new("Gestalt", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Call any integration through one gateway, with credentials that stay here. Refusals \
         are problem details (RFC 9457) whose `code` is stable. Request members and query \
         parameters that are not named here are refused."
            .to_owned(),
    );
    document.info = info;
    document.security = Some(vec![
        SecurityRequirement::new("token", no_scopes()),
        SecurityRequirement::new("apiKey", no_scopes()),
        SecurityRequirement::new("session", no_scopes()),
        SecurityRequirement::default(),
    ]);
    document.tags = Some(tags());
    let components = document.components.get_or_insert_with(Components::new);
    describe_credentials(components);
    describe_refusals(components);
    for (path, item) in &mut document.paths.paths {
        let upstreams = [
            "/auth/connect-manual",
            "/connections",
            "/integrations",
            "/{integration}",
        ];
        let upstreams = upstreams.iter().any(|part| path.contains(part));
        for operation in operations(item) {
            let optional = operation
                .operation_id
                .as_deref()
                .is_some_and(|id| OPTIONAL_BODY.contains(&id));
            if let (true, Some(RefOr::T(body))) = (optional, &mut operation.request_body) {
                body.required = Some(Required::False);
            }
            refuse(operation, ALWAYS);
            if upstreams {
                refuse(operation, OF_UPSTREAMS);
            }
        }
    }
    document
}

fn no_scopes() -> [&'static str; 0] {
    []
}

fn tags() -> Vec<Tag> {
    [
        (
            "about",
            "Who is calling, what is served, why a call would be allowed.",
        ),
        ("integrations", "Plugins, and the operations they offer."),
        ("connections", "Stored connections to upstreams."),
        ("tokens", "API tokens."),
        ("sessions", "Browser sessions."),
        ("audit", "The audit trail."),
        ("admin", "For admins."),
        ("invoke", "Calls of operations."),
    ]
    .into_iter()
    .map(|(name, text)| {
        let mut tag = Tag::new(name);
        tag.description = Some(text.to_owned());
        tag
    })
    .collect()
}

fn describe_credentials(components: &mut Components) {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("gst_api_…")
        .description(Some("An API token."))
        .build();
    let key = ApiKeyValue::with_description("X-API-Key", "The same API token.");
    let session = ApiKeyValue::with_description(
        "session_token",
        "A browser's session; `__Host-session_token` where the base URL is https.",
    );
    components.add_security_scheme("token", SecurityScheme::Http(token));
    components.add_security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(key)));
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
}

fn describe_refusals(components: &mut Components) {
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for status in ALWAYS.iter().chain(OF_UPSTREAMS) {
        let schema = Ref::from_schema_name(Problem::name());
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new()
            .description(status.canonical_reason().unwrap_or_default())
            .content("application/problem+json", content)
            .build();
        components.responses.insert(name(*status), response.into());
    }
}

/// `NotFound` and the like: the reason phrase as one word.
fn name(status: StatusCode) -> String {
    status
        .canonical_reason()
        .unwrap_or_default()
        .replace(' ', "")
}

fn refuse(operation: &mut Operation, statuses: &[StatusCode]) {
    for status in statuses {
        let reference = RefOr::Ref(Ref::from_response_name(name(*status)));
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.as_str().to_owned())
            .or_insert(reference);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

/// Calls an operation that is marked read-only; its parameters stand in the query, a repeated
/// one for an array.
#[utoipa::path(
    get,
    path = "/api/v1/{integration}/{operation}",
    operation_id = "invokeReadOnly",
    tag = "invoke",
    params(
        ("integration" = String, Path, description = "The plugin.", pattern = "^[a-z][a-z0-9_-]{0,30}$"),
        ("operation" = String, Path, description = "The operation.", pattern = "^[A-Za-z][A-Za-z0-9_.-]{0,127}$"),
        ("_connection" = Option<String>, Query, description = "Which connection.", pattern = "^[A-Za-z0-9._-]{1,64}$"),
        ("_instance" = Option<String>, Query, description = "Which account.", pattern = "^[A-Za-z0-9._-]{1,64}$"),
        ("_continuation" = Option<String>, Query, description = "The `Gestalt-Continuation` of the page before."),
    ),
    responses((status = "default", description = "The upstream's own answer, with `Gestalt-Source: upstream`. Where it comes in pages, `Gestalt-Continuation` asks for the next one, and `Gestalt-Stopped` says why there is none."))
)]
pub(super) async fn invoke_by_get(
    door: axum::extract::State<crate::http::Door>,
    names: axum::extract::Path<(String, String)>,
    request: axum::extract::Request,
) -> Result<Response, Refused> {
    invoke::routed(door, names, request).await
}

/// Calls an operation. With JSON its parameters are the members of one object, beside
/// `_connection`, `_instance` and `_continuation`; any other body streams to the upstream, and
/// the parameters stand in the query.
#[utoipa::path(
    post,
    path = "/api/v1/{integration}/{operation}",
    operation_id = "invoke",
    tag = "invoke",
    params(
        ("integration" = String, Path, description = "The plugin.", pattern = "^[a-z][a-z0-9_-]{0,30}$"),
        ("operation" = String, Path, description = "The operation.", pattern = "^[A-Za-z][A-Za-z0-9_.-]{0,127}$"),
        ("_connection" = Option<String>, Query, description = "Which connection.", pattern = "^[A-Za-z0-9._-]{1,64}$"),
        ("_instance" = Option<String>, Query, description = "Which account.", pattern = "^[A-Za-z0-9._-]{1,64}$"),
        ("_continuation" = Option<String>, Query, description = "The `Gestalt-Continuation` of the page before."),
    ),
    request_body(
        content((Arguments = "application/json"), (Vec<u8> = "*/*")),
        description = "The arguments."
    ),
    responses((status = "default", description = "The upstream's own answer, with `Gestalt-Source: upstream`. Where it comes in pages, `Gestalt-Continuation` asks for the next one, and `Gestalt-Stopped` says why there is none."))
)]
pub(super) async fn invoke_by_post(
    door: axum::extract::State<crate::http::Door>,
    names: axum::extract::Path<(String, String)>,
    request: axum::extract::Request,
) -> Result<Response, Refused> {
    invoke::routed(door, names, request).await
}

/// An operation's arguments, by name.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it stands in the document only: arguments are never parsed here"
)]
struct Arguments {
    /// Which connection.
    #[serde(rename = "_connection")]
    #[schema(nullable = false, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    connection: Option<String>,
    /// Which account.
    #[serde(rename = "_instance")]
    #[schema(nullable = false, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    instance: Option<String>,
    /// The `Gestalt-Continuation` of the page before.
    #[serde(rename = "_continuation")]
    #[schema(nullable = false)]
    continuation: Option<String>,
}
