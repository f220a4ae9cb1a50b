//! A child from its start to its end.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use gestalt_core::mcp::McpProcess;
use gestalt_core::name::PluginName;
use gestalt_core::{Entropy, Secret};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{OnceCell, Semaphore, watch};

use super::confine::readable_by_all;
use super::environment::{arguments, environment, find};
use super::instructions::{COMMAND, Instructions, PREFIX};
use super::life::{Group, Life, Log};
use super::place::{Place, Yard};
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
    support: OnceCell<SandboxSupport>,
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
                support: OnceCell::new(),
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
        self.check_support(launch.process.sandbox_required).await?;
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
        let group = Arc::new(Group::new(pid));
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

    /// Finds out once what the kernel can confine children by, and says what is missing.
    async fn check_support(&self, required: bool) -> Result<(), UpstreamError> {
        let try_out = || async {
            let program = self.inner.settings.program.clone();
            let tried = tokio::task::spawn_blocking(move || sandbox_support(&program)).await;
            let support = tried.map_err(internal)?.map_err(internal)?;
            for what in support.missing() {
                tracing::warn!("processes are not wholly confined: the kernel lacks {what}");
            }
            Ok::<_, UpstreamError>(support)
        };
        let missing = self.inner.support.get_or_try_init(try_out).await?.missing();
        if missing.is_empty() || !required {
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
