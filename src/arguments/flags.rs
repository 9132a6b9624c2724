//! Every flag: one for each setting of the table, and those that only tell something.
//!
//! What clap reads, what the shells complete, the help and the man page are all made from [`all`].

use clap::builder::{PossibleValuesParser, ValueParser};
use clap::{Arg, ArgAction, Command, ValueHint};

use crate::settings::table::{EnvName, Group, Lifetime, SETTINGS, Setting, Unit, ValueType};

/// One flag.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// What it sets, or the like of it for a flag that only tells something.
    pub setting: &'static Setting,
    /// `-c` for `--config`.
    pub short: Option<char>,
    /// Under which it is listed.
    pub heading: &'static str,
}

/// Short flags, and what they are short for.
const SHORT: [(char, &str); 5] = [
    ('c', "config"),
    ('v', "verbose"),
    ('q', "quiet"),
    ('h', "help"),
    ('V', "version"),
];

/// The shells that `--completions` knows.
pub const SHELLS: &[&str] = &["bash", "zsh", "fish"];

const fn telling(name: &'static str, takes: ValueType, help: &'static str) -> Setting {
    Setting {
        name,
        variable: EnvName::Nothing,
        takes,
        kept: Lifetime::Flag,
        default: "",
        group: Group::Run,
        help,
    }
}

/// The flags that tell something and run nothing.
pub static TELLING: [Setting; 4] = [
    telling(
        "help",
        ValueType::Switch,
        "Print this help; -h: the flags of daily use",
    ),
    telling("version", ValueType::Switch, "Print the version"),
    telling(
        "completions",
        ValueType::Choice(SHELLS),
        "Print what a shell needs to complete the flags and their words",
    ),
    telling("man", ValueType::Switch, "Print the man page, for `man -l -`"),
];

/// What reads the command line.
#[must_use]
pub fn reader() -> Command {
    bare("wnm").args(all().iter().map(Flag::read))
}

/// What the completions of shells are made from; it reads nothing.
#[must_use]
pub fn completer() -> Command {
    bare("wnm").args(all().iter().map(Flag::complete))
}

fn bare(name: &'static str) -> Command {
    Command::new(name)
        .bin_name(name)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
}

/// Every flag, under its heading, in the order in which they are shown.
#[must_use]
pub fn all() -> Vec<Flag> {
    let short = |setting: &Setting| {
        let found = SHORT.into_iter().find(|(_, name)| *name == setting.name);
        found.map(|(short, _)| short)
    };
    let settings = Group::ALL.into_iter().flat_map(|group| {
        let own = SETTINGS.iter().filter(move |setting| setting.group == group);
        own.map(move |setting| (setting, group.heading()))
    });
    settings
        .chain(TELLING.iter().map(|setting| (setting, "Help")))
        .map(|(setting, heading)| Flag {
            setting,
            short: short(setting),
            heading,
        })
        .collect()
}

impl Flag {
    /// What stands for its value, which is its unit where it has one; None: it is a switch.
    #[must_use]
    pub fn placeholder(&self) -> Option<&'static str> {
        Some(match self.setting.takes {
            ValueType::Switch => return None,
            ValueType::Whole { unit, .. } => match unit {
                Unit::Percent => "PERCENT",
                Unit::BytesPerSecond => "BYTES/S",
                Unit::Bytes => "BYTES",
                Unit::Seconds | Unit::Moment => "SECONDS",
                Unit::Milliseconds => "MS",
                Unit::Id => "ID",
                Unit::Nodes => "NODES",
                Unit::Times => "TIMES",
                Unit::Actions | Unit::Containers => "N",
            },
            ValueType::Load => "LOAD",
            ValueType::Thousands => "THOUSANDS",
            ValueType::Choice(_) if self.setting.name == "completions" => "SHELL",
            ValueType::Choice(_) => "WORD",
            ValueType::Storage => "FOLDER",
            ValueType::File | ValueType::Database => "FILE",
            ValueType::Wallets => "WALLETS",
            ValueType::Address => "ADDRESS",
            ValueType::Host => "HOST",
            ValueType::Variables => "K=V",
            ValueType::Words => "WORDS",
            ValueType::Version => "VERSION",
            ValueType::Names => "NAMES",
            ValueType::Since => "WHEN",
            ValueType::Text => "TEXT",
        })
    }

    /// The words it takes, where only some do.
    #[must_use]
    pub fn choices(&self) -> &'static [&'static str] {
        match self.setting.takes {
            ValueType::Choice(words) => words,
            _ => &[],
        }
    }

    fn hint(&self) -> ValueHint {
        match self.setting.takes {
            ValueType::File | ValueType::Database => ValueHint::FilePath,
            ValueType::Storage => ValueHint::DirPath,
            ValueType::Host => ValueHint::Hostname,
            // Nothing that a shell could know.
            _ => ValueHint::Other,
        }
    }

    /// The flag as clap reads it. Values are read as text: what may be said is said in one place for all layers.
    fn read(&self) -> Arg {
        let arg = self.named().action(ArgAction::Set);
        let arg = match self.setting.name.contains('_') {
            true => arg.alias(self.setting.kebab()),
            false => arg,
        };
        match (self.setting.takes, self.placeholder()) {
            (ValueType::Switch, _) => arg
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true"),
            (ValueType::Words, _) => arg.num_args(1).allow_hyphen_values(true),
            _ => arg.num_args(1).allow_negative_numbers(true),
        }
        .value_parser(ValueParser::string())
    }

    /// The flag as a shell completes it: a switch is followed by the next flag, a choice by one of its words.
    fn complete(&self) -> Arg {
        let arg = self.named().help(self.setting.help);
        match self.placeholder() {
            None => arg.action(ArgAction::SetTrue),
            Some(placeholder) => {
                let arg = arg
                    .action(ArgAction::Set)
                    .value_name(placeholder)
                    .value_hint(self.hint());
                match self.choices() {
                    [] => arg,
                    words => arg.value_parser(PossibleValuesParser::from(words)),
                }
            }
        }
    }

    fn named(&self) -> Arg {
        let arg = Arg::new(self.setting.name).long(self.setting.name);
        match self.short {
            Some(short) => arg.short(short),
            None => arg,
        }
    }
}
