//! All flags: one for each setting, and those that print information.
//!
//! The parser, the completions, the help and the man page are made from [`all`].

use std::ffi::OsString;

use clap::builder::{PossibleValuesParser, ValueParser};
use clap::{Arg, ArgAction, Command, ValueHint};

use strum::VariantArray;

use super::subcommands::{Operands, Subcommand};
use crate::settings::table::{EnvName, Group, KnownTo, Lifetime, SETTINGS, Setting, Unit, ValueType};

/// One flag.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its setting; a flag that prints information has one that is not in the table.
    pub setting: &'static Setting,
    /// `-c` for `--config`.
    pub short: Option<char>,
    /// The heading in the help.
    pub heading: &'static str,
}

/// Short flags and their long names.
const SHORT: [(char, &str); 7] = [
    ('c', "config"),
    ('v', "verbose"),
    ('q', "quiet"),
    ('f', "follow"),
    ('n', "lines"),
    ('h', "help"),
    ('V', "version"),
];

/// The shells that `--completions` supports.
pub const SHELLS: &[&str] = &["bash", "zsh", "fish"];

const fn information(name: &'static str, takes: ValueType, help: &'static str) -> Setting {
    Setting {
        name,
        variable: EnvName::Nothing,
        value_type: takes,
        lifetime: Lifetime::Flag,
        known_to: KnownTo::Wnm,
        default: "",
        group: Group::Run,
        help,
    }
}

/// The flags that print information, without a run.
pub static INFORMATION: [Setting; 4] = [
    information(
        "help",
        ValueType::Switch,
        "Print this help; -h: only the common flags",
    ),
    information("version", ValueType::Switch, "Print the version"),
    information(
        "completions",
        ValueType::Choice(SHELLS),
        "Print the completion script of a shell",
    ),
    information(
        "man",
        ValueType::Switch,
        "Print the man page; show it with: wnm --man | man -l -",
    ),
];

/// The parser of the command line `args`. It knows only the commands in words that occur there, because making the flags
/// of all commands takes longer than the rest of a short run.
#[must_use]
pub fn reader(args: &[OsString]) -> Command {
    let all = all();
    let occurs = |command: &Subcommand| args.iter().skip(1).any(|arg| arg == command.word());
    let commands = Subcommand::all().filter(occurs).map(|command| {
        let operands = Arg::new(OPERANDS)
            .num_args(0..)
            .action(ArgAction::Append)
            .value_parser(ValueParser::string());
        let flags = all.iter().filter(|flag| !is_request(flag.setting));
        let parser = bare(command.word()).args(flags.map(Flag::read));
        match command.facts().operands {
            Operands::None => parser,
            _ => parser.arg(operands),
        }
    });
    bare("wnm").args(all.iter().map(Flag::read)).subcommands(commands)
}

/// The id of what follows the name of a command.
pub const OPERANDS: &str = "operands";

/// A command without flags.
pub fn bare(name: &'static str) -> Command {
    Command::new(name)
        .bin_name(name)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .args_override_self(true)
}

/// All flags in the order of the help.
#[must_use]
pub fn all() -> Vec<Flag> {
    let short = |setting: &Setting| {
        let found = SHORT.into_iter().find(|(_, name)| *name == setting.name);
        found.map(|(short, _)| short)
    };
    let settings = Group::VARIANTS.iter().copied().flat_map(|group| {
        let own = SETTINGS.iter().filter(move |setting| setting.group == group);
        own.map(move |setting| (setting, group.heading()))
    });
    settings
        .chain(INFORMATION.iter().map(|setting| (setting, "Help")))
        .map(|(setting, heading)| Flag {
            setting,
            short: short(setting),
            heading,
        })
        .collect()
}

/// The flags that request something themselves, or belong to one that does: no command in words has them.
const REQUESTS: &[&str] = &[
    "init",
    "import",
    "migrate_anm",
    "anm_wait",
    "ntracking",
    "rollback_anm",
    "force_action",
    "report",
    "doctor",
    "remove_lockfile",
    "completions",
    "man",
];

/// Whether a flag cannot be used with a command in words.
#[must_use]
pub fn is_request(setting: &Setting) -> bool {
    REQUESTS.contains(&setting.name)
}

impl Flag {
    /// The placeholder of its value: the unit, or the type. None: a switch.
    #[must_use]
    pub fn placeholder(&self) -> Option<&'static str> {
        Some(match self.setting.value_type {
            ValueType::Switch => return None,
            ValueType::Whole { unit, .. } => match unit {
                Unit::Percent => "PERCENT",
                Unit::BytesPerSecond => "BYTES/S",
                Unit::Bytes => "BYTES",
                Unit::Seconds | Unit::UnixTime => "SECONDS",
                Unit::Milliseconds => "MS",
                Unit::Id => "ID",
                Unit::Nodes => "NODES",
                Unit::Times => "TIMES",
                Unit::Days => "DAYS",
                Unit::Actions | Unit::Containers | Unit::Lines => "N",
            },
            ValueType::Load => "LOAD",
            ValueType::Thousands => "THOUSANDS",
            ValueType::Choice(_) if self.setting.name == "completions" => "SHELL",
            ValueType::Choice(_) => "WORD",
            ValueType::Storage | ValueType::Directory => "DIRECTORY",
            ValueType::File | ValueType::Database => "FILE",
            ValueType::Wallets => "WALLETS",
            ValueType::Address => "ADDRESS",
            ValueType::Host => "HOST",
            ValueType::Variables => "K=V",
            ValueType::Words => "WORDS",
            ValueType::Version => "VERSION",
            ValueType::Names => "NAMES",
            ValueType::Since | ValueType::Until => "WHEN",
            ValueType::Text => "TEXT",
        })
    }

    /// The possible values; empty if they are not listed.
    #[must_use]
    pub fn choices(&self) -> &'static [&'static str] {
        match self.setting.value_type {
            ValueType::Choice(words) => words,
            _ => &[],
        }
    }

    fn hint(&self) -> ValueHint {
        match self.setting.value_type {
            ValueType::File | ValueType::Database => ValueHint::FilePath,
            ValueType::Storage => ValueHint::DirPath,
            ValueType::Host => ValueHint::Hostname,
            // A shell cannot complete the other values.
            _ => ValueHint::Other,
        }
    }

    /// The flag for the parser. All values are texts, because values from all places are validated by the same code.
    fn read(&self) -> Arg {
        let action = match self.setting.value_type {
            ValueType::Names => ArgAction::Append,
            _ => ArgAction::Set,
        };
        let arg = self.named().action(action);
        let arg = match self.setting.name.contains('_') {
            true => arg.alias(self.setting.kebab()),
            false => arg,
        };
        match (self.setting.value_type, self.placeholder()) {
            (ValueType::Switch, _) => arg
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true"),
            (ValueType::Words, _) => arg.num_args(1).allow_hyphen_values(true),
            _ => arg.num_args(1).allow_negative_numbers(true),
        }
        .value_parser(ValueParser::string())
    }

    /// The flag for completion scripts: a switch has no value, a choice has possible values.
    pub fn complete(&self) -> Arg {
        let arg = self.named().help(self.setting.help);
        let arg = match self.setting.name.contains('_') {
            true => arg.alias(self.setting.kebab()),
            false => arg,
        };
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
