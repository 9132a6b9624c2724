//! The states of a node.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The state of a node. Stored and printed in capitals, so that it is easy to find in logs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "UPPERCASE")]
pub enum NodeState {
    /// It answered the last survey with a version.
    Running,
    /// It did not answer, or wnm stopped it.
    Stopped,
    /// wnm started it less than `delay_start` ago.
    Restarting,
    /// wnm upgraded it less than `delay_upgrade` ago.
    Upgrading,
    /// wnm stopped it less than `delay_remove` ago, to remove it.
    Removing,
    /// Being moved between disks; reserved.
    Migrating,
    /// Its root directory is missing.
    Dead,
    /// Disabled by the operator; never surveyed.
    Disabled,
}

impl NodeState {
    /// Every state, in the order of reports.
    pub const ALL: &'static [NodeState] = NodeState::VARIANTS;

    /// Every state as an operator writes it, in the order of reports.
    pub const WORDS: &'static [&'static str] = &[
        "running",
        "stopped",
        "restarting",
        "upgrading",
        "removing",
        "migrating",
        "dead",
        "disabled",
    ];

    /// Its stored name.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// The state with this stored name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<NodeState> {
        word.parse().ok()
    }

    /// Whether the state lasts for a fixed time, in which surveys do not change it.
    #[must_use]
    pub fn is_timed(self) -> bool {
        matches!(
            self,
            NodeState::Restarting | NodeState::Upgrading | NodeState::Removing
        )
    }
}

#[cfg(test)]
mod tests {
    use super::NodeState;

    #[test]
    fn words_are_the_states_in_small_letters() {
        let words: Vec<String> = NodeState::ALL
            .iter()
            .map(|state| state.word().to_ascii_lowercase())
            .collect();
        assert_eq!(words, NodeState::WORDS);
    }
}
