//! The states of a node.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// How a node stands. Stored and printed in capitals, so that logs can be searched for them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "UPPERCASE")]
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
    pub const ALL: &'static [NodeState] = NodeState::VARIANTS;

    /// The word that is stored.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// The state with this stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<NodeState> {
        word.parse().ok()
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
