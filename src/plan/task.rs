//! The tasks the engine knows, from the highest rung of its ladder to the lowest.

use std::fmt;

use super::step::ActionKind;

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
    /// The kind of action it leads to, as the peer names it.
    #[must_use]
    pub fn kind(self) -> ActionKind {
        match self {
            Task::RemoveExpired
            | Task::RemoveDead
            | Task::RemoveStopped
            | Task::RemoveRunning
            | Task::RemoveShunned => ActionKind::Remove,
            Task::ResurveyRebooted | Task::ResurveyInitialised => ActionKind::Resurvey,
            Task::Stop | Task::RestartHung => ActionKind::Stop,
            Task::Upgrade => ActionKind::Upgrade,
            Task::Start => ActionKind::Start,
            Task::Add => ActionKind::Add,
            Task::RestInitialised | Task::RestFull | Task::Rest => ActionKind::Survey,
        }
    }

    /// Higher goes first. The peer's figures; between them those of the tasks it does not know.
    #[must_use]
    pub fn priority(self) -> i64 {
        match self {
            Task::RemoveExpired => 110,
            Task::ResurveyRebooted | Task::ResurveyInitialised => 100,
            Task::RemoveDead => 90,
            Task::RemoveStopped => 80,
            Task::RemoveRunning => 75,
            Task::Stop => 70,
            Task::RemoveShunned => 65,
            Task::Upgrade => 60,
            Task::Start => 50,
            Task::RestartHung => 45,
            Task::Add => 40,
            Task::RestInitialised | Task::RestFull | Task::Rest => 0,
        }
    }

    /// Whether it is to do nothing.
    #[must_use]
    pub fn is_rest(self) -> bool {
        self.kind() == ActionKind::Survey
    }
}

/// The peer's words.
impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Task::RemoveExpired => "removal delay over",
            Task::ResurveyRebooted => "system rebooted",
            Task::ResurveyInitialised | Task::RestInitialised => "system initialized",
            Task::RemoveDead => "dead node cleanup",
            Task::RemoveStopped => "remove stopped node",
            Task::RemoveRunning => "remove running node",
            Task::Stop => "stop node",
            Task::RemoveShunned => "remove shunned node",
            Task::Upgrade => "upgrade outdated node",
            Task::Start => "start stopped node",
            Task::RestartHung => "restart hung node",
            Task::Add => "add new node",
            Task::RestFull => "at global capacity",
            Task::Rest => "idle monitoring",
        })
    }
}
