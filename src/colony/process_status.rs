//! The status of a node's process.

/// Whether a process runs, according to its manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// The process runs.
    Running,
    /// The manager knows the node, but no process runs.
    Stopped,
    /// The manager knows no such node.
    Unknown,
}

/// The status of one node's process, according to its manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessStatus {
    /// Whether it runs.
    pub activity: ProcessState,
    /// The PID while it runs.
    pub pid: Option<u32>,
    /// The exit code of its last run, if the manager knows it; the negative signal if a signal ended it.
    pub last_exit: Option<i32>,
    /// The number of restarts by the manager itself.
    pub restarts: Option<u64>,
}

impl ProcessStatus {
    /// A running process with this PID.
    #[must_use]
    pub fn running(pid: u32) -> ProcessStatus {
        ProcessStatus {
            activity: ProcessState::Running,
            pid: Some(pid),
            last_exit: None,
            restarts: None,
        }
    }

    /// A node without a process; `activity` is Stopped or Unknown.
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
