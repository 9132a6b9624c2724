//! What a manager says of a node's process.

/// Whether a process lives, as its manager sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// A process runs.
    Running,
    /// Known to the manager; no process runs.
    Stopped,
    /// The manager knows no such node.
    Unknown,
}

/// What a manager says of the process of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Whether it lives.
    pub activity: Activity,
    /// Its process id, while it runs.
    pub pid: Option<u32>,
    /// How its last run ended, where the manager knows.
    pub last_exit: Option<i32>,
    /// How often the manager itself started it again.
    pub restarts: Option<u64>,
}

impl Process {
    /// A process that runs as `pid`.
    #[must_use]
    pub fn running(pid: u32) -> Process {
        Process {
            activity: Activity::Running,
            pid: Some(pid),
            last_exit: None,
            restarts: None,
        }
    }

    /// A node without a process; `activity` says whether its manager knows it.
    #[must_use]
    pub fn without(activity: Activity) -> Process {
        Process {
            activity,
            pid: None,
            last_exit: None,
            restarts: None,
        }
    }
}
