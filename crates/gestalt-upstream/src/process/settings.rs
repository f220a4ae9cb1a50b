//! Where children live, and how many there may be.

use std::path::PathBuf;
use std::time::Duration;

/// How child processes are started.
#[derive(Clone, Debug)]
pub struct ProcessSettings {
    /// Our own program, which is started with `sandbox-exec` as its first argument.
    /// `/proc/self/exe` stays the same program while another one is installed in its place.
    pub program: PathBuf,
    /// Where each child gets a private folder, which is removed when it ends. It is made where
    /// it is missing, and must be its owner's alone.
    pub run_directory: PathBuf,
    /// What no child may read or write, whatever its plugin says: the config, the database and
    /// their folders. A plugin that names a folder around one of them is not started.
    pub protected: Vec<PathBuf>,
    /// Most children of all plugins at the same time.
    pub max_processes: usize,
    /// What each child may use.
    pub limits: ProcessLimits,
    /// Longest wait for a child to answer for the first time.
    pub start_timeout: Duration,
    /// How long a child may take to end after its input was closed.
    pub stop_timeout: Duration,
}

/// What one child may use; `None` is no limit of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ProcessLimits {
    /// Open files of each process.
    pub open_files: u64,
    /// Processes and threads of the daemon's user, those of everything else that runs as the
    /// same user included: that is how the kernel counts. It does not hold for root.
    pub processes: Option<u64>,
    /// Address space of each process, in bytes. V8 reserves far more than it uses.
    pub memory: Option<u64>,
    /// Largest file that is written, in bytes.
    pub file_bytes: Option<u64>,
}

impl Default for ProcessSettings {
    fn default() -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            run_directory: std::env::temp_dir().join("gestalt-run"),
            protected: Vec::new(),
            max_processes: 64,
            limits: ProcessLimits::default(),
            start_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(2),
        }
    }
}

impl Default for ProcessLimits {
    fn default() -> Self {
        Self {
            open_files: 1024,
            processes: Some(4096),
            memory: None,
            file_bytes: Some(1 << 30),
        }
    }
}
