//! A plan: steps that leave no choice to the executor.

use std::fmt;

use super::action::{Action, ActionKind};
use super::blocker::Blocker;
use super::reason::Reason;
use super::task::Task;

/// An action and its reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub action: Action,
    /// Steps of higher priority run first; the peer's numbers.
    pub priority: i64,
    pub reason: Reason,
}

/// Steps by priority, at most one for a node; and the reasons why no more is done.
#[must_use = "a plan does nothing until it is printed or executed"]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub steps: Vec<Step>,
    pub blockers: Vec<Blocker>,
}

impl Step {
    /// The purpose, as the peer names it: stopping a node to remove it later is a removal.
    #[must_use]
    pub fn kind(&self) -> ActionKind {
        match &self.reason {
            Reason::Planned { task, .. } => task.kind().unwrap_or(self.action.kind()),
            Reason::Ordered { .. } | Reason::Unfinished { .. } => self.action.kind(),
        }
    }
}

/// The action and its reason: `stop node 7 (stop node (1/1): cpu 85.0 % is above 70 %)`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.action, self.reason)
    }
}

impl Plan {
    /// The idle task of the plan, if it does nothing.
    #[must_use]
    pub fn resting(&self) -> Option<Task> {
        self.blockers.iter().find_map(|blocker| match blocker {
            Blocker::Resting(task) => Some(*task),
            _ => None,
        })
    }

    /// Whether a requested action or a new node failed to be planned; such a run ends like one with a failed step.
    #[must_use]
    pub fn has_failures(&self) -> bool {
        self.blockers.iter().any(Blocker::is_failure)
    }
}
