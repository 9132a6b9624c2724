//! The tasks of the engine, from the highest priority to the lowest.

use std::fmt;

use super::action::ActionKind;

/// The purpose of a work item. It is finer than [`ActionKind`]: removing a dead node and removing a running node are
/// different tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// A node was stopped to be removed, and `delay_remove` has passed.
    RemoveExpired,
    /// The machine was booted after a node was last stopped.
    ResurveyRebooted,
    /// The colony was created from existing nodes.
    ResurveyInitialised,
    /// The root directory of a node is missing.
    RemoveDead,
    RemoveStopped,
    RemoveRunning,
    /// Because of pressure: the node keeps its data and is started again later.
    Stop,
    RemoveShunned,
    Upgrade,
    Start,
    /// A node whose process runs and that does not answer: it is stopped now and started in a later cycle.
    RestartHung,
    Add,
    /// Do nothing: the colony is new and empty.
    RestInitialised,
    /// Do nothing: the most concurrent operations are in progress.
    RestFull,
    /// Do nothing: nothing needs to be done.
    Rest,
}

impl Task {
    /// The kind of action, the priority and the peer's words. A higher priority comes first; tasks that the peer does
    /// not know have priorities between the peer's.
    fn facts(self) -> (Option<ActionKind>, i64, &'static str) {
        match self {
            Task::RemoveExpired => (Some(ActionKind::Remove), 110, "removal delay over"),
            Task::ResurveyRebooted => (Some(ActionKind::Resurvey), 100, "system rebooted"),
            Task::ResurveyInitialised => (Some(ActionKind::Resurvey), 100, "system initialized"),
            Task::RemoveDead => (Some(ActionKind::Remove), 90, "dead node cleanup"),
            Task::RemoveStopped => (Some(ActionKind::Remove), 80, "remove stopped node"),
            Task::RemoveRunning => (Some(ActionKind::Remove), 75, "remove running node"),
            Task::Stop => (Some(ActionKind::Stop), 70, "stop node"),
            Task::RemoveShunned => (Some(ActionKind::Remove), 65, "remove shunned node"),
            Task::Upgrade => (Some(ActionKind::Upgrade), 60, "upgrade outdated node"),
            Task::Start => (Some(ActionKind::Start), 50, "start stopped node"),
            Task::RestartHung => (Some(ActionKind::Stop), 45, "restart hung node"),
            Task::Add => (Some(ActionKind::Add), 40, "add new node"),
            Task::RestInitialised => (None, 0, "system initialized"),
            Task::RestFull => (None, 0, "at global capacity"),
            Task::Rest => (None, 0, "idle monitoring"),
        }
    }

    /// The kind of action it leads to; none if the task is to do nothing.
    #[must_use]
    pub fn kind(self) -> Option<ActionKind> {
        self.facts().0
    }

    /// Tasks of higher priority come first.
    #[must_use]
    pub fn priority(self) -> i64 {
        self.facts().1
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.facts().2)
    }
}
