//! A child from its start to its end.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use gestalt_core::mcp::McpProcess;
use gestalt_core::name::PluginName;
use gestalt_core::{Entropy, Secret};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::confine::readable_by_all;
use super::environment::{arguments, environment, find};
use super::instructions::{COMMAND, Instructions, PREFIX};
use super::place::{Place, Yard};
use super::said::{self, Said};
use super::{ProcessSettings, SandboxSupport, sandbox_support};
use crate::egress::Ticket;
use crate::mask::Masker;
use crate::{BoxError, UpstreamError};

/// The children of all plugins. Clones share them.
#[derive(Clone)]
pub(crate) struct Processes {
    inner: Arc<Inner>,
}

struct Inner {
    settings: ProcessSettings,
    entropy: Entropy,
    room: Arc<Semaphore>,
    /// Made when the first child is.
    yard: Mutex<Option<Arc<Yard>>>,
    support: OnceLock<SandboxSupport>,
}

/// What is to be started.
pub(crate) struct Launch<'a> {
    pub(crate) plugin: &'a PluginName,
    pub(crate) process: &'a McpProcess,
    /// The credential's fields.
    pub(crate) fields: &'a [(String, Secret)],
    /// The proxy that it is let in by; it is, until it has ended.
    pub(crate) ticket: Ticket,
    /// What is not to be seen in the log.
    pub(crate) masker: Masker,
}

/// A child that was started.
pub(crate) struct Running {
    pub(crate) input: ChildStdin,
    pub(crate) output: ChildStdout,
    pub(crate) process: Process,
}

/// A child's whole group; ended when this is dropped.
pub(crate) struct Process(Handle);

/// How a child's group is ended and waited for, without ending it when dropped.
#[derive(Clone)]
pub(crate) struct Handle {
    group: Arc<Group>,
    ended: watch::Receiver<Option<Ended>>,
}

/// How a child ended, in words: `exit status: 1`.
#[derive(Clone, Debug)]
pub(crate) struct Ended(pub(crate) Arc<str>);

impl Processes {
    pub(crate) fn new(settings: ProcessSettings, entropy: Entropy) -> Self {
        let room = Arc::new(Semaphore::new(
            settings.max_processes.min(Semaphore::MAX_PERMITS),
        ));
        Self {
            inner: Arc::new(Inner {
                settings,
                entropy,
                room,
                yard: Mutex::default(),
                support: OnceLock::new(),
            }),
        }
    }

    pub(crate) fn settings(&self) -> &ProcessSettings {
        &self.inner.settings
    }

    /// Starts a child. It has a private folder, which goes with it.
    ///
    /// # Errors
    /// `Config` for a definition that cannot be started, `Process` where there is no room for
    /// another, `Internal` for what the system refuses.
    pub(crate) async fn start(&self, launch: Launch<'_>) -> Result<Running, UpstreamError> {
        let plugin = launch.plugin;
        let room = Arc::clone(&self.inner.room).try_acquire_owned();
        let room = room.map_err(|_| {
            UpstreamError::process(format!(
                "As many processes are running as may be ({}). Try again later.",
                self.inner.settings.max_processes
            ))
        })?;
        if launch.process.sandbox_required {
            self.require_sandbox().await?;
        }
        let place = self
            .yard()
            .and_then(|yard| yard.place())
            .map_err(internal)?;
        let instructions = self.instructions(&launch, &place)?;
        let variables = environment(launch.process, launch.fields, &place, launch.ticket.url())?;
        let mut child = self.spawn(&instructions, &variables).map_err(internal)?;
        let (Some(input), Some(output), Some(errors), Some(pid)) = (
            child.stdin.take(),
            child.stdout.take(),
            child.stderr.take(),
            child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)),
        ) else {
            return Err(internal("a child has no pipes"));
        };
        let group = Arc::new(Group(Mutex::new(Some(pid))));
        let followed = pidfd_open(pid, PidfdFlags::empty()).map_err(internal)?;
        let (told, ended) = watch::channel(None);
        let life = Life {
            child,
            group: Arc::clone(&group),
            place: Some(place),
            _room: room,
            _ticket: launch.ticket,
        };
        let log = Log {
            plugin: plugin.clone(),
            pid: pid.as_raw_nonzero().get(),
            masker: launch.masker,
        };
        tokio::spawn(life.follow(followed, log, errors, told));
        Ok(Running {
            input,
            output,
            process: Process(Handle { group, ended }),
        })
    }

    async fn require_sandbox(&self) -> Result<(), UpstreamError> {
        let support = if let Some(support) = self.inner.support.get() {
            support
        } else {
            let program = self.inner.settings.program.clone();
            let tried = tokio::task::spawn_blocking(move || sandbox_support(&program)).await;
            let tried = tried.map_err(internal)?.map_err(internal)?;
            self.inner.support.get_or_init(|| tried)
        };
        let missing = support.missing();
        if missing.is_empty() {
            return Ok(());
        }
        Err(UpstreamError::config(
            "surfaces.mcp.sandbox",
            format!("the kernel lacks {}", missing.join(", ")),
        ))
    }

    /// A path for a socket that the guardians reach, in a folder that nobody else does.
    pub(crate) fn socket(&self) -> std::io::Result<PathBuf> {
        self.yard()?.socket()
    }

    fn yard(&self) -> std::io::Result<Arc<Yard>> {
        let mut yard = self
            .inner
            .yard
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*yard {
            return Ok(Arc::clone(made));
        }
        let run = &self.inner.settings.run_directory;
        let made = Arc::new(Yard::make(run, self.inner.entropy.clone())?);
        *yard = Some(Arc::clone(&made));
        drop(yard);
        Ok(made)
    }

    fn instructions(
        &self,
        launch: &Launch<'_>,
        place: &Place,
    ) -> Result<Instructions, UpstreamError> {
        let process = launch.process;
        let command = find(&process.command)?;
        self.check_protected("command", &command, false)?;
        for path in readable_by_all() {
            self.check_protected("sandbox", &path, false)?;
        }
        let checked = |key, paths: &[PathBuf]| {
            let checked = paths
                .iter()
                .map(|path| self.check_protected(key, path, true));
            checked.collect::<Result<Vec<_>, _>>()
        };
        let parent = rustix::process::getpid().as_raw_nonzero().get();
        Ok(Instructions {
            parent,
            arguments: arguments(process, launch.fields)?,
            directory: match &process.directory {
                Some(directory) => directory.clone(),
                None => place.folder().to_owned(),
            },
            private: place.folder().to_owned(),
            readable: checked("readable", &process.readable)?,
            writable: checked("writable", &process.writable)?,
            command,
            proxy_port: Some(launch.ticket.port()),
            proxy_socket: launch.ticket.socket().map(Path::to_owned),
            limits: self.inner.settings.limits,
            required: process.sandbox_required,
        })
    }

    /// Says no to a path that holds what is protected, or that lies in it. Gives what the path
    /// really is.
    fn check_protected(
        &self,
        key: &str,
        path: &Path,
        inside: bool,
    ) -> Result<PathBuf, UpstreamError> {
        let really = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        for protected in &self.inner.settings.protected {
            let kept = protected
                .canonicalize()
                .unwrap_or_else(|_| protected.clone());
            if kept.starts_with(&really) || (inside && really.starts_with(&kept)) {
                let (path, protected) = (path.display(), protected.display());
                return Err(UpstreamError::config(
                    format!("surfaces.mcp.{key}"),
                    format!("{path} would let the process read {protected}"),
                ));
            }
        }
        Ok(really)
    }

    fn spawn(
        &self,
        instructions: &Instructions,
        variables: &[(String, Secret)],
    ) -> Result<Child, BoxError> {
        let text = serde_json::to_string(instructions)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the door processes are started through"
        )]
        let command = std::process::Command::new(&self.inner.settings.program);
        let mut command = Command::from(command);
        command
            .args([COMMAND, "guard", &text])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for (name, value) in variables {
            command.env(format!("{PREFIX}{name}"), value.expose());
        }
        Ok(command.spawn()?)
    }
}

fn internal(error: impl Into<BoxError>) -> UpstreamError {
    UpstreamError::Internal(error.into())
}

impl Process {
    /// Ends the whole group at once.
    pub(crate) fn kill(&self) {
        self.0.kill();
    }

    /// Waits until the whole group is gone.
    pub(crate) async fn ended(&self) -> Ended {
        self.0.ended().await
    }

    pub(crate) fn handle(&self) -> Handle {
        self.0.clone()
    }
}

impl Handle {
    /// Ends the whole group at once.
    pub(crate) fn kill(&self) {
        self.group.kill();
    }

    /// Waits until the whole group is gone.
    pub(crate) async fn ended(&self) -> Ended {
        let mut ended = self.ended.clone();
        let told = ended.wait_for(Option::is_some).await;
        match told.as_deref() {
            Ok(Some(ended)) => ended.clone(),
            _ => Ended("stopped".into()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The process group of a guardian; `None` once its number may be somebody else's.
struct Group(Mutex<Option<Pid>>);

impl Group {
    fn kill(&self) {
        let leader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leader) = *leader {
            // Either may be gone already; before it leads a group, the guardian is alone.
            let _ = kill_process_group(leader, Signal::KILL);
            let _ = kill_process(leader, Signal::KILL);
        }
    }

    fn forget(&self) {
        let mut leader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *leader = None;
    }
}

/// What goes when a child does.
struct Life {
    child: Child,
    group: Arc<Group>,
    place: Option<Place>,
    _room: OwnedSemaphorePermit,
    _ticket: Ticket,
}

impl Life {
    async fn follow(
        mut self,
        followed: OwnedFd,
        log: Log,
        errors: ChildStderr,
        told: watch::Sender<Option<Ended>>,
    ) {
        let log = tokio::spawn(log.follow(errors));
        #[expect(
            deprecated,
            reason = "unsound for what does not own its descriptor only, and this one does"
        )]
        if let Ok(followed) = AsyncFd::with_interest(followed, Interest::READABLE) {
            // The guardian is dead then, but its number is still its own.
            let _ = followed.readable().await;
        }
        self.group.kill();
        self.group.forget();
        let status = self.child.wait().await;
        // Everything that could write there is dead.
        let said = log.await.ok().flatten();
        let reason = match (said, status) {
            (Some(said), _) => said,
            (None, Ok(status)) => status.to_string(),
            (None, Err(error)) => error.to_string(),
        };
        let place = self.place.take();
        let _ = tokio::task::spawn_blocking(move || drop(place)).await;
        let _ = told.send(Some(Ended(reason.into())));
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.group.kill();
    }
}

/// How our own program begins what it says.
const OURS: &str = "sandbox-exec: ";

/// Where a child's standard error goes.
struct Log {
    plugin: PluginName,
    pid: i32,
    masker: Masker,
}

impl Log {
    /// Logs everything; gives what our own program said first.
    async fn follow(self, errors: ChildStderr) -> Option<String> {
        let Self {
            plugin,
            pid,
            masker,
        } = self;
        let mut first = None;
        said::read(errors, &masker, |said| match said {
            Said::Line(line) => {
                if let Some(ours) = line.strip_prefix(OURS) {
                    let text = ours.strip_prefix("ended: ").unwrap_or(ours);
                    // Why it was not started says more than that it ended.
                    first.get_or_insert(text.to_owned());
                } else {
                    tracing::info!(%plugin, pid, "process: {line}");
                }
            }
            Said::Cut(line) => tracing::info!(%plugin, pid, "process: {line} [line cut]"),
            Said::Skipped(lines) => {
                tracing::warn!(%plugin, pid, lines, "process: too many lines, not logged");
            }
        })
        .await;
        first
    }
}
