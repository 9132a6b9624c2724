//! The states of a node.

use std::fmt;

/// How a node stands. Stored and printed in capitals, so that logs can be searched for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeState {
    /// It answered the last survey with a version.
    Running,
    /// It did not answer, or it was stopped by us.
    Stopped,
    /// Started by us less than `delay_start` ago.
    Restarting,
    /// Upgraded by us less than `delay_upgrade` ago.
    Upgrading,
    /// Stopped by us to be removed, less than `delay_remove` ago.
    Removing,
    /// Being moved between disks; reserved.
    Migrating,
    /// Its root directory is gone.
    Dead,
    /// Taken out by the operator; never surveyed.
    Disabled,
}

impl NodeState {
    /// Every state, in the order reports count them.
    pub const ALL: [NodeState; 8] = [
        NodeState::Running,
        NodeState::Stopped,
        NodeState::Restarting,
        NodeState::Upgrading,
        NodeState::Removing,
        NodeState::Migrating,
        NodeState::Dead,
        NodeState::Disabled,
    ];

    /// The word that is stored.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            NodeState::Running => "RUNNING",
            NodeState::Stopped => "STOPPED",
            NodeState::Restarting => "RESTARTING",
            NodeState::Upgrading => "UPGRADING",
            NodeState::Removing => "REMOVING",
            NodeState::Migrating => "MIGRATING",
            NodeState::Dead => "DEAD",
            NodeState::Disabled => "DISABLED",
        }
    }

    /// The state a stored word means; none for any other word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<NodeState> {
        NodeState::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether a timer of ours runs: no survey may change such a state.
    #[must_use]
    pub fn is_timed(self) -> bool {
        matches!(
            self,
            NodeState::Restarting | NodeState::Upgrading | NodeState::Removing
        )
    }
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
