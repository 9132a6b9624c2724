//! The command line: a flag for each setting, and the flags that print information.

use std::ffi::OsString;

use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;

use crate::settings::table::{self, SETTINGS, Setting, ValueType};
use crate::settings::{Provided, SettingsError, Source, parse_value};
use crate::terminal::Terminal;

mod completions;
mod flags;
mod help;
mod man_page;
mod subcommands;

pub use completions::{NodeNames, VARIABLE as COMPLETION_VARIABLE, complete};
use subcommands::Operands;
pub use subcommands::{ConfigAction, OtherCommand, ScheduleAction, Subcommand};

/// What the command line asks for.
#[derive(Debug, Clone)]
pub enum Arguments {
    /// A run, with the settings in the flags.
    Run(Vec<Provided>),
    /// A command in words, with the settings in its operands and flags.
    Command(CommandWords, Vec<Provided>),
    /// To print information, without a run.
    Info(InfoRequest),
}

/// Whether a setting requests something itself, so that a command in words replaces it.
#[must_use]
pub fn is_request(setting: &Setting) -> bool {
    flags::is_request(setting)
}

/// A command in words, and the operands that are no settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandWords {
    pub command: Subcommand,
    pub words: Vec<String>,
}

/// Information that needs neither a colony nor a home directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InfoRequest {
    /// `--help`: every flag.
    Help,
    /// `-h`: the commands and the flags of daily use.
    ShortHelp,
    /// `wnm stop --help`, `wnm help stop`.
    CommandHelp(Subcommand),
    /// `--version`.
    Version,
    /// `--completions SHELL`, the shell being one of [`flags::SHELLS`].
    Completions(String),
    /// `--man`.
    Manual,
}

/// The text to print, without a line break at its end. Help fits the terminal; without a terminal it is always the same.
#[must_use]
pub fn text(topic: &InfoRequest, terminal: Terminal) -> String {
    match topic {
        InfoRequest::Help => help::long(terminal.out, terminal.columns),
        InfoRequest::ShortHelp => help::short(terminal.out, terminal.columns),
        InfoRequest::CommandHelp(command) => help::of_command(*command, terminal.out, terminal.columns),
        InfoRequest::Version => format!("wnm version {}", env!("CARGO_PKG_VERSION")),
        InfoRequest::Completions(shell) => completions::script(shell),
        InfoRequest::Manual => man_page::page(),
    }
}

/// Reads the command line; `args` begins with the name of the program.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Arguments, SettingsError> {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(topic) = help_command(&args)? {
        return Ok(Arguments::Info(topic));
    }
    let matches = match flags::reader(&args).try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) => {
            // Help is printed even if another argument is invalid.
            let asks = |name: &str| args.iter().skip(1).any(|arg| arg == name);
            let command = args.get(1).and_then(|arg| Subcommand::from_word(arg.to_str()?));
            return match (asks("--help"), asks("-h"), command) {
                (true, _, Some(command)) | (_, true, Some(command)) => {
                    Ok(Arguments::Info(InfoRequest::CommandHelp(command)))
                }
                (true, _, None) => Ok(Arguments::Info(InfoRequest::Help)),
                (false, true, None) => Ok(Arguments::Info(InfoRequest::ShortHelp)),
                (false, false, _) => Err(error_of(&error, &args)),
            };
        }
    };
    let command = matches
        .subcommand()
        .and_then(|(word, own)| Some((Subcommand::from_word(word)?, own)));
    if let Some(topic) = topic(&matches, command, &args)? {
        return Ok(Arguments::Info(topic));
    }
    let mut given: Vec<Provided> = SETTINGS
        .iter()
        .filter_map(|setting| {
            let own = command.and_then(|(_, own)| provided(setting, own));
            own.or_else(|| provided(setting, &matches))
        })
        .collect();
    // Arguments of nodes can begin with dashes, but a known flag means that the value is missing.
    let swallowed = given.iter().find(|one| {
        one.setting.value_type == ValueType::Words
            && {
                let flag = one.text.strip_prefix("--");
                flag.is_some_and(|name| table::find_by_key(name).is_some())
            }
            && !args.iter().any(|arg| {
                arg.to_str()
                    .is_some_and(|arg| arg.contains('=') && arg.ends_with(one.text.as_str()))
            })
    });
    if let Some(one) = swallowed {
        return Err(SettingsError::MissingValue {
            flag: format!("--{}", one.setting.name),
        });
    }
    let Some((command, own)) = command else {
        return Ok(Arguments::Run(given));
    };
    if let Some(request) = given.iter().find(|one| flags::is_request(one.setting)) {
        return Err(SettingsError::UnexpectedArgument(format!(
            "--{}",
            request.setting.name
        )));
    }
    let words = operands(command, own, &mut given)?;
    if let (Subcommand::Action(action), Some(setting)) = (command, table::find("force_action")) {
        given.push(Provided {
            setting,
            text: action.word().to_owned(),
            source: Source::Flag,
        });
    }
    Ok(Arguments::Command(CommandWords { command, words }, given))
}

/// `wnm help` and `wnm help COMMAND`.
fn help_command(args: &[OsString]) -> Result<Option<InfoRequest>, SettingsError> {
    let word = |index: usize| args.get(index).and_then(|arg| arg.to_str());
    match (word(1), word(2)) {
        (Some("help"), None) => Ok(Some(InfoRequest::ShortHelp)),
        (Some("help"), Some(name)) => match Subcommand::from_word(name) {
            Some(command) => Ok(Some(InfoRequest::CommandHelp(command))),
            None => Err(unknown(name, args)),
        },
        _ => Ok(None),
    }
}

/// Turns the operands of a command into settings, and returns those that are none.
fn operands(
    command: Subcommand,
    own: &ArgMatches,
    given: &mut Vec<Provided>,
) -> Result<Vec<String>, SettingsError> {
    let operands = command.facts().operands;
    let words: Vec<String> = match own.try_get_many::<String>(flags::OPERANDS) {
        Ok(Some(words)) => words.cloned().collect(),
        _ => Vec::new(),
    };
    let name = match operands {
        Operands::Nodes => "service_name",
        Operands::Count => "count",
        Operands::None | Operands::Words(..) => return Ok(words),
    };
    let Some(setting) = table::find(name).filter(|_| !words.is_empty()) else {
        return Ok(Vec::new());
    };
    if operands == Operands::Count
        && let Some(second) = words.get(1)
    {
        return Err(SettingsError::UnexpectedArgument(second.clone()));
    }
    // Operands and `--service_name` together name the nodes.
    let flag = given.iter().position(|one| one.setting.name == name);
    let flag = flag.map(|place| given.remove(place).text);
    given.push(Provided {
        setting,
        text: words.into_iter().chain(flag).collect::<Vec<_>>().join(","),
        source: Source::Flag,
    });
    Ok(Vec::new())
}

/// The requested information; help has priority.
fn topic(
    matches: &ArgMatches,
    command: Option<(Subcommand, &ArgMatches)>,
    args: &[OsString],
) -> Result<Option<InfoRequest>, SettingsError> {
    let given = |name: &str| {
        let own = flags::INFORMATION.iter().find(|own| own.name == name)?;
        let of_command = command.and_then(|(_, matches)| provided(own, matches));
        of_command.or_else(|| provided(own, matches))
    };
    let is_on =
        |name: &str| given(name).is_some_and(|one| parse_value::parse_switch(&one.text) != Some(false));
    if is_on("help") {
        if let Some((command, _)) = command {
            return Ok(Some(InfoRequest::CommandHelp(command)));
        }
        // `-h` can be joined with other short flags, as in `-vh`; clap does not tell it from `--help`.
        let is_long = args
            .iter()
            .filter_map(|arg| arg.to_str())
            .any(|arg| arg.starts_with("--help"));
        return Ok(Some(if is_long {
            InfoRequest::Help
        } else {
            InfoRequest::ShortHelp
        }));
    }
    if is_on("version") {
        return Ok(Some(InfoRequest::Version));
    }
    if is_on("man") {
        return Ok(Some(InfoRequest::Manual));
    }
    let Some(shell) = given("completions") else {
        return Ok(None);
    };
    let known = flags::SHELLS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(&shell.text));
    match known {
        Some(known) => Ok(Some(InfoRequest::Completions((*known).to_owned()))),
        None => Err(SettingsError::InvalidValue {
            setting: shell.setting,
            why: format!("possible values: {}", flags::SHELLS.join(", ")),
            text: shell.text,
            place: Source::Flag,
        }),
    }
}

fn provided(setting: &'static Setting, matches: &ArgMatches) -> Option<Provided> {
    // A command in words does not know every flag.
    matches.try_contains_id(setting.name).ok()?;
    let given = matches.value_source(setting.name) == Some(ValueSource::CommandLine);
    let texts = matches.get_many::<String>(setting.name).filter(|_| given)?;
    let texts: Vec<&str> = texts.map(String::as_str).collect();
    Some(Provided {
        setting,
        // Only a flag of names can be repeated.
        text: texts.join(","),
        source: Source::Flag,
    })
}

/// The error of clap as one of ours.
fn error_of(error: &clap::Error, args: &[OsString]) -> SettingsError {
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let wrong = named(ContextKind::InvalidArg).unwrap_or_default();
    // clap names a flag with its placeholder: `--count <N>`.
    let flag = wrong.split([' ', '[', '=']).next().unwrap_or_default().to_owned();
    match error.kind() {
        ErrorKind::InvalidUtf8 => garbled(args),
        ErrorKind::UnknownArgument => unknown(&wrong, args),
        ErrorKind::InvalidSubcommand => {
            unknown(&named(ContextKind::InvalidSubcommand).unwrap_or_default(), args)
        }
        // A value of a flag without values, such as `-q=1`.
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues => SettingsError::UnexpectedArgument(wrong),
        _ => SettingsError::MissingValue { flag },
    }
}

/// The error about an argument that is not UTF-8.
fn garbled(args: &[OsString]) -> SettingsError {
    let Some(at) = args.iter().position(|arg| arg.to_str().is_none()) else {
        return SettingsError::UnexpectedArgument(String::new());
    };
    let text = args[at].to_string_lossy();
    let (flag, value) = match text.split_once('=') {
        Some((flag, value)) if flag.starts_with("--") => (flag, value),
        _ => (args[at - 1].to_str().unwrap_or_default(), &*text),
    };
    let named = flag.strip_prefix("--").and_then(table::find_by_key);
    match named.filter(|setting| setting.value_type != ValueType::Switch) {
        Some(setting) => SettingsError::InvalidValue {
            setting,
            text: value.to_owned(),
            why: "not UTF-8 text".to_owned(),
            place: Source::Flag,
        },
        None => SettingsError::UnexpectedArgument(text.into_owned()),
    }
}

fn unknown(wrong: &str, args: &[OsString]) -> SettingsError {
    let position = |mark: &str| args.iter().position(|arg| arg.to_str() == Some(mark));
    if position("--").is_some_and(|end| args.iter().skip(end + 1).any(|arg| arg.to_str() == Some(wrong))) {
        return SettingsError::UnexpectedArgument(wrong.to_owned());
    }
    let whole = args
        .iter()
        .skip(1)
        .filter_map(|arg| arg.to_str())
        .find(|arg| arg.starts_with(wrong))
        .unwrap_or(wrong);
    // clap reads `-report` as `-r -e …`, but it is probably a flag with a missing dash.
    let written = if wrong.starts_with("--") { wrong } else { whole };
    let written = written.split('=').next().unwrap_or(written);
    let Some(name) = written.strip_prefix('-') else {
        return unknown_word(written, args);
    };
    let name = table::normalize(name.trim_start_matches('-'));
    // It exists, but not together with a command in words.
    if written.starts_with("--") && table::find(&name).is_some_and(flags::is_request) {
        return SettingsError::UnexpectedArgument(written.to_owned());
    }
    let names = SETTINGS
        .iter()
        .chain(&flags::INFORMATION)
        .map(|setting| setting.name);
    SettingsError::Unknown {
        name: written.to_owned(),
        similar: table::most_similar(&name, names).map(|name| format!("--{name}")),
        place: Source::Flag,
    }
}

/// The error about a word that is no command; only where a command can stand, another one is suggested.
fn unknown_word(word: &str, args: &[OsString]) -> SettingsError {
    let is_first = args
        .iter()
        .skip(1)
        .find(|arg| *arg != "help")
        .is_some_and(|arg| arg == word);
    if !is_first {
        return SettingsError::UnexpectedArgument(word.to_owned());
    }
    let flag = table::find_by_key(word).map(|setting| format!("--{}", setting.name));
    let commands = || Subcommand::all().map(Subcommand::word);
    let begun = commands().find(|command| word.len() > 2 && command.starts_with(word));
    let similar = begun.or_else(|| table::most_similar(&word.to_ascii_lowercase(), commands()));
    let similar = flag.or_else(|| similar.map(str::to_owned));
    SettingsError::Unknown {
        name: word.to_owned(),
        similar,
        place: Source::Flag,
    }
}

#[cfg(test)]
mod tests;
