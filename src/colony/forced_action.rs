//! The forced actions: what `--force_action` does to nodes at once, without regard to limits.

use strum::{EnumIter, EnumString, IntoStaticStr, VariantNames};

/// An action on nodes that an operator forces. A new one needs a line in [`ForcedAction::facts`], and its plan in
/// `plan/forced.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum ForcedAction {
    Add,
    /// Makes a removed node again, with the identity that was kept.
    Restore,
    /// At once, without `delay_remove`.
    Remove,
    Upgrade,
    Start,
    Stop,
    Disable,
    Teardown,
}

/// How the nodes of a forced action are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// Only `--count`: the action creates nodes.
    Count,
    /// `--service_name`, or else `--count`.
    NameOrCount,
    /// Only `--service_name`.
    Name,
    /// It always acts on all nodes.
    Nothing,
}

/// The properties of a forced action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionFacts {
    /// The participle in the keys of its result: `stopped_nodes`.
    pub done: &'static str,
    pub chosen_by: ChosenBy,
    /// Whether it installs an antnode binary.
    pub needs_binary: bool,
    /// Whether it acts on nodes only while the disks with their data are mounted.
    pub needs_disks: bool,
}

impl ForcedAction {
    /// Its name on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }

    #[must_use]
    pub fn facts(self) -> ActionFacts {
        let (done, chosen_by, needs_binary, needs_disks) = match self {
            ForcedAction::Add => ("added", ChosenBy::Count, true, true),
            ForcedAction::Restore => ("restored", ChosenBy::Name, true, true),
            ForcedAction::Remove => ("removed", ChosenBy::NameOrCount, false, true),
            ForcedAction::Upgrade => ("upgraded", ChosenBy::NameOrCount, true, true),
            ForcedAction::Start => ("started", ChosenBy::NameOrCount, true, true),
            // Before a disk is checked, its nodes must be stopped.
            ForcedAction::Stop => ("stopped", ChosenBy::NameOrCount, false, false),
            ForcedAction::Disable => ("disabled", ChosenBy::Name, false, false),
            ForcedAction::Teardown => ("removed", ChosenBy::Nothing, false, true),
        };
        ActionFacts {
            done,
            chosen_by,
            needs_binary,
            needs_disks,
        }
    }
}
