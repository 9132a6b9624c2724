//! The tasks the engine knows, from the highest rung of its ladder to the lowest.

use std::fmt;

use super::action::ActionKind;

/// What a want is for. More than its [`Kind`]: a removal of a dead node and one of a running node are
/// different work on different nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// A node was stopped to be removed, and its delay is over.
    RemoveExpired,
    /// The machine was booted since a node was last stopped.
    ResurveyRebooted,
    /// The colony was made of nodes that were found.
    ResurveyInitialised,
    /// A node has lost its root directory.
    RemoveDead,
    RemoveStopped,
    RemoveRunning,
    /// For pressure: the node keeps its data and is started again in better times.
    Stop,
    RemoveShunned,
    Upgrade,
    Start,
    /// A node that lives and does not answer: it is stopped now, and started when that is seen.
    RestartHung,
    Add,
    /// Nothing: the colony is new and empty.
    RestInitialised,
    /// Nothing: as many operations as may be are under way.
    RestFull,
    /// Nothing needs doing.
    Rest,
}

impl Task {
    /// The kind of action, the priority and the peer's words. A higher priority goes first; the priorities of the
    /// tasks that the peer does not know lie between its own.
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

    /// A task of higher priority goes first.
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
