//! What a manager says of a node's process.

/// Whether a process lives, as its manager sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// A process runs.
    Running,
    /// Known to the manager; no process runs.
    Stopped,
    /// The manager knows no such node.
    Unknown,
}

/// What a manager says of the process of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessStatus {
    /// Whether it lives.
    pub activity: ProcessState,
    /// Its process id, while it runs.
    pub pid: Option<u32>,
    /// How its last run ended, where the manager knows.
    pub last_exit: Option<i32>,
    /// How often the manager itself started it again.
    pub restarts: Option<u64>,
}

impl ProcessStatus {
    /// A process that runs as `pid`.
    #[must_use]
    pub fn running(pid: u32) -> ProcessStatus {
        ProcessStatus {
            activity: ProcessState::Running,
            pid: Some(pid),
            last_exit: None,
            restarts: None,
        }
    }

    /// A node without a process; `activity` says whether its manager knows it.
    #[must_use]
    pub fn without(activity: ProcessState) -> ProcessStatus {
        ProcessStatus {
            activity,
            pid: None,
            last_exit: None,
            restarts: None,
        }
    }
}
