//! What is known of one setting: its names, values, default, lifetime and help.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// In snake_case: the name of its flag, its key and its column.
    pub name: &'static str,
    pub variable: EnvName,
    pub value_type: ValueType,
    pub lifetime: Lifetime,
    pub known_to: KnownTo,
    /// Empty: none, or one that depends on the machine.
    pub default: &'static str,
    pub group: Group,
    /// One line, without a period.
    pub help: &'static str,
}

/// The environment variable of a setting. `WNM_` may precede any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvName {
    /// The name of the setting in capitals.
    Capitals,
    /// Another name.
    As(&'static str),
    /// No variable: only a flag.
    Nothing,
}

/// The values of a setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueType {
    /// A whole number.
    Whole {
        min: i64,
        max: i64,
        unit: Unit,
        /// Whether the setting can be cleared.
        or_none: bool,
    },
    /// A number above 0.
    Load,
    /// Thousands of ports: 55, 55000 and 55555 all mean 55.
    Thousands,
    /// On or off.
    Switch,
    /// One of these words, in upper or lower case.
    Choice(&'static [&'static str]),
    /// The directory that contains the nodes.
    Storage,
    /// A file.
    File,
    /// A directory, or nothing.
    Directory,
    /// A file, or its SQLAlchemy address.
    Database,
    /// Wallets and their weights.
    Wallets,
    /// One address.
    Address,
    /// A host name or an IP address.
    Host,
    /// Variables in the syntax of a shell: `K=V K="V W"`.
    Variables,
    /// Words in the syntax of a shell.
    Words,
    /// A version, or nothing.
    Version,
    /// One line of text.
    Text,
    /// Names, separated by commas.
    Names,
    /// A time, or how long ago.
    Since,
    /// A time, or how long from now.
    Until,
}

/// The unit of a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Nodes,
    Percent,
    BytesPerSecond,
    Bytes,
    Days,
    Seconds,
    Milliseconds,
    /// Seconds since 1970.
    UnixTime,
    Actions,
    Times,
    Containers,
    Id,
    Lines,
}

/// How long a value of a setting is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Stored in the colony.
    Colony,
    /// Stored by `--init`, and never changed.
    InitOnly,
    /// Stored in the colony; after `--init` only `--force_action update_config` changes it.
    ByOrder,
    /// Used in this run only; also read from files and variables.
    Run,
    /// Used in this run only, and only a flag: a file would repeat it in every run.
    Flag,
}

/// Which program knows a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownTo {
    /// The Python wnm and this program.
    Both,
    /// Only the Python wnm: stored and reported, but not used.
    Peer,
    /// Only this program. machine-config shows it only if it differs from the default, after the settings of the
    /// Python wnm.
    Wnm,
}

/// The topics of settings, which are the headings of the help, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::VariantArray, strum::IntoStaticStr)]
pub enum Group {
    #[strum(serialize = "This run")]
    Run,
    #[strum(serialize = "First run")]
    Init,
    #[strum(serialize = "Forced actions")]
    Actions,
    #[strum(serialize = "Which nodes")]
    Choice,
    #[strum(serialize = "Commands in words")]
    Commands,
    #[strum(serialize = "Reports")]
    Reports,
    #[strum(serialize = "Log")]
    Log,
    #[strum(serialize = "Limits")]
    Limits,
    #[strum(serialize = "Delays and quotas")]
    Pace,
    #[strum(serialize = "New nodes")]
    Nodes,
    #[strum(serialize = "Ports (fixed by --init)")]
    Ports,
    #[strum(serialize = "Disk and network rates (both 0: not checked)")]
    Rates,
    #[strum(serialize = "Tools")]
    Tools,
    #[strum(serialize = "Maintenance")]
    Upkeep,
}

impl Group {
    /// The heading of the group.
    #[must_use]
    pub fn heading(self) -> &'static str {
        self.into()
    }
}

impl Unit {
    /// The unit in words, as after `a whole number of`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Unit::Nodes => "nodes",
            Unit::Percent => "percent",
            Unit::BytesPerSecond => "bytes per second",
            Unit::Bytes => "bytes",
            Unit::Days => "days",
            Unit::Seconds => "seconds",
            Unit::Milliseconds => "milliseconds",
            Unit::UnixTime => "seconds since 1970",
            Unit::Actions => "operations",
            Unit::Times => "times",
            Unit::Containers => "containers",
            Unit::Id => "node id",
            Unit::Lines => "lines",
        }
    }
}

impl Setting {
    /// Whether the colony stores it.
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        matches!(
            self.lifetime,
            Lifetime::Colony | Lifetime::InitOnly | Lifetime::ByOrder
        )
    }

    /// Whether `name` is its environment variable.
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

    /// Its environment variable.
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

    /// Whether it can be cleared by an empty value, `None` or `null`.
    #[must_use]
    pub fn or_none(&self) -> bool {
        matches!(
            self.value_type,
            ValueType::Version | ValueType::Directory | ValueType::Whole { or_none: true, .. }
        )
    }
}
