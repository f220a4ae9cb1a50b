//! The server as the SDK sees it: each method leads to the module of its subject.
#![expect(
    deprecated,
    reason = "the older era's methods are part of what the suite measures"
)]

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::RoleServer;
use rmcp::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams,
    CompleteResult, ErrorData, GetPromptRequestParams, GetPromptResponse, GetTaskParams,
    GetTaskResult, Implementation, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, LoggingLevel, PaginatedRequestParams, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, RequestStateCodec,
    ResourceUpdatedNotificationParam, ServerCapabilities, ServerConfig, SetLevelRequestMethod,
    SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool,
    UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, SubscriptionContext};
use rmcp::task_manager::TaskManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use tokio::sync::broadcast::{self, Receiver};

use crate::changes::{self, BACKLOG, Change, Changes};
use crate::options::{Era, Options};
use crate::tools::Call;
use crate::{ask, prompts, resources, tools};

/// How long a list may be remembered, in milliseconds.
const FRESH_MS: u64 = 60_000;

/// Seals what a client is to bring back unchanged; nobody is kept out by it.
const STATE_KEY: &[u8] = b"a fixture has a key, but no secret";

/// One client's view of the server.
#[derive(Clone)]
pub(crate) struct Fixture {
    pub(crate) shared: Arc<Shared>,
    session: Arc<Session>,
}

/// What all clients share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) changes: Changes,
    pub(crate) tasks: TaskManager,
    pub(crate) states: RequestStateCodec,
    pub(crate) sessions: Arc<LocalSessionManager>,
    /// Sessions whose client has come back for a stream that was closed.
    pub(crate) returns: broadcast::Sender<String>,
    /// Those that are always there.
    tools: Vec<Tool>,
}

/// What one client of the older era has set, or one request of the newer.
struct Session {
    level: Mutex<LoggingLevel>,
    watched: Mutex<BTreeSet<String>>,
    /// Taken before a subscription is acknowledged, so that nothing between is missed.
    waiting: Mutex<VecDeque<Receiver<Change>>>,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Arc<Self> {
        Arc::new(Self {
            tools: tools::list::all(options.big_list),
            options,
            changes: Changes::new(),
            tasks: TaskManager::new(),
            states: RequestStateCodec::new_unchecked(STATE_KEY),
            sessions: Arc::new(LocalSessionManager::default()),
            returns: broadcast::Sender::new(BACKLOG),
        })
    }
}

impl Fixture {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let session = Session {
            level: Mutex::new(LoggingLevel::Debug),
            watched: Mutex::default(),
            waiting: Mutex::default(),
        };
        Self {
            shared,
            session: Arc::new(session),
        }
    }

    /// The level that the client of the older era has set.
    pub(crate) fn level(&self) -> LoggingLevel {
        *held(&self.session.level)
    }

    /// All tools as they are now.
    fn tools(&self) -> impl Iterator<Item = Tool> {
        let more = self.shared.changes.more_tools().then(tools::list::dynamic);
        self.shared.tools.iter().cloned().chain(more)
    }

    /// Tells a client of the older era what changes, until it is gone.
    async fn tell(self, peer: Peer<RoleServer>, mut changes: Receiver<Change>) {
        while let Some(change) = changes::next(&mut changes).await {
            let told = match change {
                Change::Tools => peer.notify_tool_list_changed().await,
                Change::Prompts => peer.notify_prompt_list_changed().await,
                Change::Resource(uri) if held(&self.session.watched).contains(&uri) => {
                    let updated = ResourceUpdatedNotificationParam::new(uri);
                    peer.notify_resource_updated(updated).await
                }
                Change::Resource(_) => Ok(()),
            };
            if told.is_err() {
                return;
            }
        }
    }
}

impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_logging()
            .enable_completions()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_tasks()
            .build();
        let version = env!("CARGO_PKG_VERSION");
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("mcp-fixture", version))
            .with_instructions("A server for tests.")
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        let all = ProtocolVersion::KNOWN_VERSIONS;
        let Some(era) = self.shared.options.era else {
            return Cow::Borrowed(all);
        };
        let legacy = era == Era::Legacy;
        let spoken = all
            .iter()
            .filter(|version| version.has_initialize() == legacy);
        Cow::Owned(spoken.cloned().collect())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut tools: Vec<Tool> = self.tools().collect();
        let cursor = request.and_then(|request| request.cursor);
        let start = cursor.map_or(Some(0), |cursor| cursor.parse().ok());
        let start = start.filter(|&start| start < tools.len());
        let start = start.ok_or_else(|| ErrorData::invalid_params("an unknown cursor", None))?;
        tools.drain(..start);
        let size = self.shared.options.page_size.unwrap_or(usize::MAX);
        let more = tools.len() > size;
        tools.truncate(size);
        let mut page = ListToolsResult::with_all_items(tools)
            .with_ttl_ms(FRESH_MS)
            .with_cache_scope(CacheScope::Public);
        page.next_cursor = more.then(|| (start + size).to_string());
        Ok(page)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let known = self.shared.tools.iter().find(|tool| tool.name == name);
        known.cloned()
    }

    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call = Call {
            fixture: self,
            params,
            context,
        };
        tools::call(&call).await
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let prompts = prompts::list(self.shared.changes.more_prompts());
        Ok(ListPromptsResult::with_all_items(prompts))
    }

    async fn get_prompt(
        &self,
        params: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        prompts::get(params, context).await
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(resources::list()))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let templates = resources::templates();
        Ok(ListResourceTemplatesResult::with_all_items(templates))
    }

    async fn read_resource(
        &self,
        params: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let version = self.shared.changes.version();
        resources::read(&params.uri, version).map(ReadResourceResponse::from)
    }

    async fn complete(
        &self,
        params: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        resources::complete(&params)
    }

    async fn set_level(
        &self,
        params: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if ask::is_modern(&context) {
            return Err(ErrorData::method_not_found::<SetLevelRequestMethod>());
        }
        *held(&self.session.level) = params.level;
        Ok(())
    }

    async fn subscribe(
        &self,
        params: SubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        held(&self.session.watched).insert(params.uri);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        params: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        held(&self.session.watched).remove(&params.uri);
        Ok(())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let changes = self.shared.changes.subscribe();
        tokio::spawn(self.clone().tell(context.peer, changes));
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let changes = self.shared.changes.subscribe();
        held(&self.session.waiting).push_back(changes);
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let waiting = held(&self.session.waiting).pop_front();
        let mut changes = waiting.unwrap_or_else(|| self.shared.changes.subscribe());
        loop {
            let change = tokio::select! {
                () = context.cancelled() => return Ok(()),
                change = changes::next(&mut changes) => change,
            };
            // What the client did not ask for is refused by the sink.
            let _ = match change {
                None => return Ok(()),
                Some(Change::Tools) => context.sink().notify_tool_list_changed().await,
                Some(Change::Prompts) => context.sink().notify_prompt_list_changed().await,
                Some(Change::Resource(uri)) => context.sink().notify_resource_updated(uri).await,
            };
        }
    }

    async fn get_task(
        &self,
        params: GetTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let task = self.shared.tasks.get_task(&params.task_id)?;
        Ok(GetTaskResult::new(task))
    }

    async fn update_task(
        &self,
        params: UpdateTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let tasks = &self.shared.tasks;
        tasks.update_task(&params.task_id, params.input_responses)
    }

    async fn cancel_task(
        &self,
        params: CancelTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.shared.tasks.cancel_task(&params.task_id)
    }
}

/// What a lock holds; no holder of one panics.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
