//! The commands in words: `wnm status`, `wnm stop 3`. Each is one more way to request what a flag requests, or a request
//! that has no flag.

use strum::{EnumIter, EnumString, IntoEnumIterator, IntoStaticStr, VariantNames};

use crate::colony::ForcedAction;

/// A command in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subcommand {
    /// A forced action, under its name.
    Action(ForcedAction),
    Other(OtherCommand),
}

/// A command that is not a forced action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum OtherCommand {
    Status,
    Plan,
    History,
    Health,
    Doctor,
    Logs,
    Restart,
    Enable,
    Pause,
    Resume,
    Config,
    Schedule,
}

/// What follows the name of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operands {
    None,
    /// Nodes; they become `--service_name`.
    Nodes,
    /// A number of nodes; it becomes `--count`.
    Count,
    /// Words that the command reads itself: their placeholder, and the choices for the first one.
    Words(&'static str, &'static [&'static str]),
}

/// The help of a command, and what follows its name.
pub struct SubcommandFacts {
    /// One line, without a period.
    pub about: &'static str,
    pub operands: Operands,
    /// The flags in its help besides those of every command.
    pub flags: &'static [&'static str],
    /// Commands, each with what it does.
    pub examples: &'static [(&'static str, &'static str)],
}

/// The flags that choose nodes.
const FILTERS: &[&str] = &["state", "older_than", "storage", "manager", "silent"];

/// What `wnm config` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum ConfigAction {
    Get,
    Set,
    Unset,
    List,
}

/// What `wnm schedule` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum ScheduleAction {
    Install,
    Remove,
    Status,
}

impl Subcommand {
    /// All commands, in the order of the help.
    pub fn all() -> impl Iterator<Item = Subcommand> {
        let actions = ForcedAction::iter().map(Subcommand::Action);
        let (reports, others): (Vec<_>, Vec<_>) = OtherCommand::iter()
            .map(Subcommand::Other)
            .partition(|command| command.is_report());
        reports.into_iter().chain(actions).chain(others)
    }

    /// The command of this name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Subcommand> {
        let action = word.parse().map(Subcommand::Action);
        action.or_else(|_| word.parse().map(Subcommand::Other)).ok()
    }

    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Subcommand::Action(action) => action.word(),
            Subcommand::Other(other) => other.into(),
        }
    }

    /// Whether it only shows something.
    fn is_report(self) -> bool {
        use OtherCommand::{Doctor, Health, History, Logs, Plan, Status};
        matches!(
            self,
            Subcommand::Other(Status | Plan | History | Health | Doctor | Logs)
        )
    }

    /// Whether it acts on nodes that must be named, or selected by `--count` or a filter.
    #[must_use]
    pub fn needs_nodes(self) -> bool {
        use OtherCommand::{Logs, Pause, Resume};
        let is_for_colony = matches!(self, Subcommand::Other(Pause | Resume));
        self == Subcommand::Other(Logs)
            || (!self.is_report() && !is_for_colony && self.facts().operands == Operands::Nodes)
    }

    /// Its help and operands.
    #[must_use]
    pub fn facts(self) -> SubcommandFacts {
        match self {
            Subcommand::Action(action) => facts_of_action(action),
            Subcommand::Other(other) => facts_of_other(other),
        }
    }
}

fn facts_of_action(action: ForcedAction) -> SubcommandFacts {
    let (about, operands, flags, examples): (_, _, &[&str], &[(&str, &str)]) = match action {
        ForcedAction::Add => (
            "Add nodes now, without regard to limits and delays",
            Operands::Count,
            &[],
            &[
                ("wnm add", "add one node"),
                ("wnm add 10 --dry_run", "show the ten nodes that it would add"),
            ],
        ),
        ForcedAction::Restore => (
            "Make a removed node again, with its old identity",
            Operands::Nodes,
            &[],
            &[("wnm restore antnode0007", "make node 7 again")],
        ),
        ForcedAction::Remove => (
            "Remove nodes and delete their data; the identities are kept for `keep_removed` days",
            Operands::Nodes,
            &["count", "confirm"],
            &[
                ("wnm remove 7", "remove node 7"),
                (
                    "wnm remove --storage /mnt/a --confirm",
                    "remove the nodes on this disk",
                ),
            ],
        ),
        ForcedAction::Upgrade => (
            "Upgrade nodes to the installed antnode now",
            Operands::Nodes,
            &["count"],
            &[
                ("wnm upgrade 7", "upgrade node 7"),
                (
                    "wnm upgrade --older_than 0.4.18",
                    "upgrade all nodes below this version",
                ),
            ],
        ),
        ForcedAction::Start => (
            "Start stopped nodes now; also cancels a removal that waits",
            Operands::Nodes,
            &["count"],
            &[
                ("wnm start 3 5-8", "start these nodes"),
                ("wnm start --state stopped", "start all stopped nodes"),
            ],
        ),
        ForcedAction::Stop => (
            "Stop nodes; the next run may start them again",
            Operands::Nodes,
            &["count"],
            &[
                ("wnm stop 1-5", "stop nodes 1 to 5"),
                (
                    "wnm pause 1-5 --stop --until 'tomorrow 06:00'",
                    "stop them and keep them stopped",
                ),
            ],
        ),
        ForcedAction::Disable => (
            "Stop nodes and keep them stopped until they are enabled",
            Operands::Nodes,
            &["until", "reason"],
            &[
                ("wnm disable 3 --reason 'disk test'", "take node 3 out of service"),
                ("wnm disable 1-5 --until 2h", "for two hours"),
            ],
        ),
        ForcedAction::Teardown => (
            "Remove every node and delete its data",
            Operands::None,
            &["confirm"],
            &[("wnm teardown --confirm --dry_run", "show what it would remove")],
        ),
    };
    SubcommandFacts {
        about,
        operands,
        flags,
        examples,
    }
}

fn facts_of_other(command: OtherCommand) -> SubcommandFacts {
    let (about, operands, flags, examples): (_, _, &[&str], &[(&str, &str)]) = match command {
        OtherCommand::Status => (
            "Show the nodes, one line each",
            Operands::Nodes,
            &["columns", "sort"],
            &[
                ("wnm status", "all nodes"),
                ("wnm status --sort memory", "the node with the most memory first"),
                ("wnm status --older_than 0.4.18", "the nodes below this version"),
                ("wnm status 7 --columns all", "every column of node 7"),
            ],
        ),
        OtherCommand::Plan => (
            "Show what the next run would do, and why not more",
            Operands::None,
            &[],
            &[("wnm plan", "why does it not add nodes?")],
        ),
        OtherCommand::History => (
            "Show what was done, and why",
            Operands::Nodes,
            &["since", "count"],
            &[
                ("wnm history --since 12h", "what happened last night"),
                ("wnm history 7 --count 5", "the last five events of node 7"),
            ],
        ),
        OtherCommand::Health => (
            "Print one line and an exit code for Nagios, Icinga and other monitoring",
            Operands::None,
            &[],
            &[("wnm health", "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN")],
        ),
        OtherCommand::Doctor => (
            "Find problems of the colony, and show how to fix them",
            Operands::None,
            &[],
            &[("wnm doctor", "check cron, sudo, disks, ports and nodes")],
        ),
        OtherCommand::Logs => (
            "Show the log of a node, wherever its manager keeps it",
            Operands::Nodes,
            &["follow", "lines"],
            &[
                ("wnm logs 12", "the last lines of node 12"),
                ("wnm logs 12 -f -n 100", "and what follows"),
            ],
        ),
        OtherCommand::Restart => (
            "Stop nodes and start them again, with the same identity",
            Operands::Nodes,
            &["count"],
            &[
                ("wnm restart 7", "restart node 7"),
                ("wnm restart --silent", "restart the nodes that do not answer"),
            ],
        ),
        OtherCommand::Enable => (
            "Start disabled nodes again",
            Operands::Nodes,
            &[],
            &[
                ("wnm enable 3", "bring node 3 back"),
                ("wnm enable all", "bring all back"),
            ],
        ),
        OtherCommand::Pause => (
            "Change nothing until `wnm resume`: wnm only checks the nodes, which keep running",
            Operands::Nodes,
            &["until", "reason", "stop"],
            &[
                ("wnm pause --until 2h", "pause the colony for two hours"),
                (
                    "wnm pause 1-5 --stop --until 'tomorrow 06:00'",
                    "stop these nodes until tomorrow",
                ),
                ("wnm pause --until 2026-12-24", "until this date (UTC)"),
            ],
        ),
        OtherCommand::Resume => (
            "End a pause",
            Operands::Nodes,
            &[],
            &[
                ("wnm resume", "the next run acts again"),
                ("wnm resume 1-5", "only these nodes"),
            ],
        ),
        OtherCommand::Config => (
            "Show and change settings",
            Operands::Words("ACTION [NAME] [VALUE]", ConfigAction::VARIANTS),
            &["changed"],
            &[
                ("wnm config get node_cap", "one setting and where it comes from"),
                ("wnm config set node_cap 50", "store a setting"),
                ("wnm config unset node_cap", "go back to the default"),
                (
                    "wnm config list --changed",
                    "all settings that differ from the default",
                ),
            ],
        ),
        OtherCommand::Schedule => (
            "Let cron or systemd run wnm once a minute",
            Operands::Words("ACTION [cron|systemd]", ScheduleAction::VARIANTS),
            &[],
            &[
                (
                    "wnm schedule install",
                    "the user's crontab, or a systemd timer without cron",
                ),
                ("wnm schedule status", "what runs wnm, and when it last ran"),
                ("wnm schedule remove", "wnm runs no more by itself"),
            ],
        ),
    };
    SubcommandFacts {
        about,
        operands,
        flags,
        examples,
    }
}

impl SubcommandFacts {
    /// The flags in the help of the command, the common ones last.
    #[must_use]
    pub fn all_flags(&self) -> Vec<&'static str> {
        let filters: &[&str] = match self.operands {
            Operands::Nodes => FILTERS,
            _ => &[],
        };
        let common = ["dry_run", "json", "quiet"];
        self.flags.iter().chain(filters).copied().chain(common).collect()
    }

    /// The operands in the usage line.
    #[must_use]
    pub fn placeholder(&self) -> &'static str {
        match self.operands {
            Operands::None => "",
            Operands::Nodes => "[NODES]...",
            Operands::Count => "[N]",
            Operands::Words(placeholder, _) => placeholder,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Subcommand;
    use crate::settings::table;

    #[test]
    fn every_command_has_a_name_of_its_own_help_and_examples() {
        let words: BTreeSet<&str> = Subcommand::all().map(Subcommand::word).collect();
        assert_eq!(words.len(), Subcommand::all().count());
        for command in Subcommand::all() {
            assert_eq!(Subcommand::from_word(command.word()), Some(command));
            let facts = command.facts();
            assert!(
                !facts.about.ends_with('.') && facts.about.len() < 100,
                "{}",
                facts.about
            );
            assert!(!facts.examples.is_empty(), "{}", command.word());
            for (example, _) in facts.examples {
                assert!(example.starts_with(&format!("wnm {}", command.word())) || example.contains("pause"));
            }
            for flag in facts.all_flags() {
                assert!(table::find(flag).is_some(), "{flag}");
            }
        }
    }
}
