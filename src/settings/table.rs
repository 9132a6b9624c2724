//! All there is to know of each setting, said once.
//!
//! The flags, the keys of both kinds of file, the variables, the columns of `machine`, the help and
//! `docs/settings.md` all come from [`SETTINGS`].

use super::per_run::MOMENTARY;
use super::persistent::PERSISTENT;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// `node_cap`: flag, key and column.
    pub name: &'static str,
    /// Where the environment says it.
    pub variable: EnvName,
    /// What may be said.
    pub takes: ValueType,
    /// How long it lasts.
    pub kept: Lifetime,
    /// What holds when nobody says anything; empty: nothing, or what the machine suggests.
    pub default: &'static str,
    /// Under which heading it is listed.
    pub group: Group,
    /// One line.
    pub help: &'static str,
}

/// The name of a setting in the environment. `WNM_` may precede any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvName {
    /// Its own name in capitals.
    Capitals,
    /// Another.
    As(&'static str),
    /// None: it is a flag and nothing else.
    Nothing,
}

/// What may be said of a setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueType {
    /// A whole number.
    Whole {
        min: i64,
        max: i64,
        unit: Unit,
        /// Whether it may be nothing at all.
        or_none: bool,
    },
    /// A number above 0.
    Load,
    /// Thousands of ports: 55, 55000 and 55555 all mean 55.
    Thousands,
    /// On or off.
    Switch,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// The folder that holds the nodes.
    Storage,
    /// A file.
    File,
    /// A file, or a SQLAlchemy address of one.
    Database,
    /// Wallets and their weights.
    Wallets,
    /// One address.
    Address,
    /// A name or an IP address.
    Host,
    /// Variables as a shell would take them: `K=V K="V W"`.
    Variables,
    /// Words as a shell would take them.
    Words,
    /// A version, or nothing.
    Version,
    /// Any text without line breaks.
    Text,
    /// Names with commas between them.
    Names,
    /// A moment, or how long ago.
    Since,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Nodes,
    Percent,
    BytesPerSecond,
    Bytes,
    Seconds,
    Milliseconds,
    /// Seconds since 1970.
    Moment,
    Actions,
    Times,
    Containers,
    Id,
}

/// How long a setting lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// In the colony: a column of `machine`.
    Colony,
    /// In the colony, and what init kept there stays.
    InitOnly,
    /// In the colony; changed after init only by `--force_action update_config`.
    ByOrder,
    /// For this run; files and variables may say it too.
    Run,
    /// For this run, and only as a flag: an order that would be repeated by every run if a file gave it.
    Flag,
}

/// What settings are about; the headings of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Run,
    Init,
    Orders,
    Reports,
    Output,
    Limits,
    Pace,
    Nodes,
    Ports,
    Rates,
    Tools,
    Upkeep,
}

impl Group {
    /// The headings in the order they are shown.
    pub const ALL: [Group; 12] = [
        Group::Run,
        Group::Init,
        Group::Orders,
        Group::Reports,
        Group::Output,
        Group::Limits,
        Group::Pace,
        Group::Nodes,
        Group::Ports,
        Group::Rates,
        Group::Tools,
        Group::Upkeep,
    ];

    /// As it is shown.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Group::Run => "This run",
            Group::Init => "First run",
            Group::Orders => "Orders",
            Group::Reports => "Reports",
            Group::Output => "Output",
            Group::Limits => "How many nodes",
            Group::Pace => "How fast",
            Group::Nodes => "What nodes are made of",
            Group::Ports => "Ports (fixed by --init)",
            Group::Rates => "Disk and network rates (all 0: not watched)",
            Group::Tools => "Tools",
            Group::Upkeep => "Upkeep",
        }
    }
}

impl Unit {
    /// As it follows a number or `a whole number of`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Unit::Nodes => "nodes",
            Unit::Percent => "percent",
            Unit::BytesPerSecond => "bytes a second",
            Unit::Bytes => "bytes",
            Unit::Seconds => "seconds",
            Unit::Milliseconds => "milliseconds",
            Unit::Moment => "seconds since 1970",
            Unit::Actions => "operations at a time",
            Unit::Times => "times",
            Unit::Containers => "containers",
            Unit::Id => "the number of a node",
        }
    }
}

static ALL: [Setting; PERSISTENT.len() + MOMENTARY.len()] = {
    let mut all = [PERSISTENT[0]; PERSISTENT.len() + MOMENTARY.len()];
    let mut n = 0;
    while n < all.len() {
        all[n] = if n < PERSISTENT.len() {
            PERSISTENT[n]
        } else {
            MOMENTARY[n - PERSISTENT.len()]
        };
        n += 1;
    }
    all
};

/// Every setting: the persistent ones in the order of their columns, then those of this run.
pub static SETTINGS: &[Setting] = &ALL;

/// The setting of this name, in the table's own spelling.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The setting that a flag or a key means: snake_case, kebab-case or capitals.
#[must_use]
pub fn called(key: &str) -> Option<&'static Setting> {
    find(&spelled(key))
}

/// A key in the table's own spelling.
#[must_use]
pub fn spelled(key: &str) -> String {
    key.to_ascii_lowercase().replace('-', "_")
}

/// Of `names` the one that `wrong` was most likely meant to be; none if it is like none of them.
#[must_use]
pub fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Likeness costs the product of both lengths, and a megabyte is like no name.
    const LONGEST: usize = 64;
    if wrong.len() > LONGEST {
        return None;
    }
    names
        .map(|name| {
            let begins = !wrong.is_empty() && wrong.len() > 2 && name.starts_with(wrong);
            let like =
                strsim::jaro_winkler(wrong, name) - strsim::damerau_levenshtein(wrong, name) as f64 / 100.0;
            (name, if begins { like.max(0.9) } else { like })
        })
        .filter(|(_, like)| *like > 0.8)
        .max_by(|one, two| one.1.total_cmp(&two.1))
        .map(|(name, _)| name)
}

impl Setting {
    /// Whether the colony keeps it: then its name is a column of `machine`.
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        matches!(
            self.kept,
            Lifetime::Colony | Lifetime::InitOnly | Lifetime::ByOrder
        )
    }

    /// Whether this is its name in the environment.
    #[must_use]
    pub fn is_variable(&self, name: &str) -> bool {
        match self.variable {
            EnvName::Capitals => name
                .bytes()
                .eq(self.name.bytes().map(|byte| byte.to_ascii_uppercase())),
            EnvName::As(own) => name == own,
            EnvName::Nothing => false,
        }
    }

    /// Its name in the environment.
    #[must_use]
    pub fn variable(&self) -> Option<String> {
        match self.variable {
            EnvName::Capitals => Some(self.name.to_ascii_uppercase()),
            EnvName::As(name) => Some(name.to_owned()),
            EnvName::Nothing => None,
        }
    }

    /// Its name in kebab-case.
    #[must_use]
    pub fn kebab(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Whether it may be cleared, so that an empty text, `None` or `null` stands for nothing.
    #[must_use]
    pub fn or_none(&self) -> bool {
        matches!(
            self.takes,
            ValueType::Version | ValueType::Whole { or_none: true, .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Group, Lifetime, SETTINGS, ValueType, called, find, nearest};

    #[test]
    fn no_name_and_no_variable_is_given_twice() {
        let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
        let variables: Vec<_> = SETTINGS.iter().filter_map(super::Setting::variable).collect();
        let different: BTreeSet<_> = variables.iter().collect();
        assert_eq!(different.len(), variables.len());
    }

    #[test]
    fn every_setting_has_a_line_of_help_under_a_heading() {
        for setting in SETTINGS {
            assert!(
                !setting.help.is_empty() && setting.help.len() < 100,
                "{}",
                setting.name
            );
            assert!(!setting.help.ends_with('.'), "{}", setting.name);
            assert!(Group::ALL.contains(&setting.group));
            assert!(setting.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
    }

    #[test]
    fn a_setting_is_found_in_every_spelling() {
        for key in ["node_cap", "node-cap", "NODE_CAP", "Node-Cap"] {
            assert_eq!(called(key).map(|setting| setting.name), Some("node_cap"), "{key}");
        }
        assert!(find("node-cap").is_none());
        assert!(called("nodecap").is_none());
    }

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let near = |wrong| nearest(wrong, SETTINGS.iter().map(|setting| setting.name));
        assert_eq!(near("nodecap"), Some("node_cap"));
        assert_eq!(near("dryrun"), Some("dry_run"));
        assert_eq!(near("dry"), Some("dry_run"));
        assert_eq!(near("rewards_adress"), Some("rewards_address"));
        assert_eq!(near("nonsense"), None);
        assert_eq!(near("frobnicate"), None);
    }

    #[test]
    fn orders_that_must_not_repeat_are_flags_only() {
        for name in [
            "init",
            "confirm",
            "import",
            "migrate_anm",
            "remove_lockfile",
            "config",
        ] {
            assert_eq!(
                find(name).map(|setting| setting.kept),
                Some(Lifetime::Flag),
                "{name}"
            );
        }
        assert_eq!(
            find("no_upnp").map(|setting| setting.takes),
            Some(ValueType::Switch)
        );
    }
}
