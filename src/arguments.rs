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

/// What the command line asks for.
#[derive(Debug, Clone)]
pub enum Arguments {
    /// A run, with the settings in the flags.
    Run(Vec<Provided>),
    /// To print information, without a run.
    Info(InfoRequest),
}

/// Information that needs neither a colony nor a home directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InfoRequest {
    /// `--help`: every flag.
    Help,
    /// `-h`: the flags of daily use.
    ShortHelp,
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
        InfoRequest::Version => format!("wnm version {}", env!("CARGO_PKG_VERSION")),
        InfoRequest::Completions(shell) => completions::script(shell),
        InfoRequest::Manual => man_page::page(),
    }
}

/// Reads the command line; `args` begins with the name of the program.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Arguments, SettingsError> {
    let args: Vec<OsString> = args.into_iter().collect();
    let matches = match flags::reader().try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) => {
            // Help is printed even if another argument is invalid.
            let asks = |name: &str| args.iter().skip(1).any(|arg| arg == name);
            return match (asks("--help"), asks("-h")) {
                (true, _) => Ok(Arguments::Info(InfoRequest::Help)),
                (false, true) => Ok(Arguments::Info(InfoRequest::ShortHelp)),
                (false, false) => Err(error_of(&error, &args)),
            };
        }
    };
    if let Some(topic) = topic(&matches, &args)? {
        return Ok(Arguments::Info(topic));
    }
    let given: Vec<Provided> = SETTINGS
        .iter()
        .filter_map(|setting| provided(setting, &matches))
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
    match swallowed {
        Some(one) => Err(SettingsError::MissingValue {
            flag: format!("--{}", one.setting.name),
        }),
        None => Ok(Arguments::Run(given)),
    }
}

/// The requested information; help has priority.
fn topic(matches: &ArgMatches, args: &[OsString]) -> Result<Option<InfoRequest>, SettingsError> {
    let given = |name: &str| {
        flags::INFORMATION
            .iter()
            .find(|own| own.name == name)
            .and_then(|own| provided(own, matches))
    };
    let is_on =
        |name: &str| given(name).is_some_and(|one| parse_value::parse_switch(&one.text) != Some(false));
    if is_on("help") {
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
        return SettingsError::UnexpectedArgument(written.to_owned());
    };
    let name = table::normalize(name.trim_start_matches('-'));
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

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::{Arguments, InfoRequest, parse};
    use crate::settings::table::SETTINGS;
    use crate::settings::table::ValueType;

    fn read(words: &[&str]) -> Result<Arguments, String> {
        let args = ["wnm"].iter().chain(words).map(OsString::from);
        parse(args).map_err(|error| error.to_string())
    }

    fn flags_of(words: &[&str]) -> Vec<(&'static str, String)> {
        match read(words) {
            Ok(Arguments::Run(given)) => given.into_iter().map(|s| (s.setting.name, s.text)).collect(),
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn every_setting_is_a_flag_in_both_spellings() {
        for setting in SETTINGS {
            for name in [setting.name.to_owned(), setting.kebab()] {
                let expected = [(setting.name, "x".to_owned())];
                assert_eq!(flags_of(&[&format!("--{name}=x")]), expected);
                if setting.value_type == ValueType::Switch {
                    assert_eq!(
                        flags_of(&[&format!("--{name}")]),
                        [(setting.name, "true".to_owned())]
                    );
                } else {
                    assert_eq!(flags_of(&[&format!("--{name}"), "x"]), expected);
                    let missing = read(&[&format!("--{name}")]).unwrap_err();
                    assert_eq!(missing, format!("a value is required for '--{}'", setting.name));
                }
            }
        }
    }

    #[test]
    fn short_flags_can_be_joined() {
        assert_eq!(
            flags_of(&["-qv", "-c", "/my.conf"]),
            [
                ("config", "/my.conf".to_owned()),
                ("verbose", "true".to_owned()),
                ("quiet", "true".to_owned())
            ]
        );
    }

    #[test]
    fn last_of_equal_flags_wins_and_negative_numbers_are_values() {
        assert_eq!(
            flags_of(&["--node_cap", "41", "--node-cap=44", "--delay_start", "-5"]),
            [("node_cap", "44".to_owned()), ("delay_start", "-5".to_owned())]
        );
        assert_eq!(
            flags_of(&["--no_upnp", "--no-upnp=off"]),
            [("no_upnp", "off".to_owned())]
        );
    }

    #[test]
    fn arguments_of_nodes_can_begin_with_dashes() {
        assert_eq!(
            flags_of(&["--start_args", "--local --first"]),
            [("start_args", "--local --first".to_owned())]
        );
        assert_eq!(
            flags_of(&["--start_args", "--local"]),
            [("start_args", "--local".to_owned())]
        );
        assert_eq!(
            read(&["--start_args", "--dry_run"]).unwrap_err(),
            "a value is required for '--start_args'"
        );
        assert_eq!(
            flags_of(&["--start_args=--init"]),
            [("start_args", "--init".to_owned())]
        );
    }

    #[test]
    fn rejects_unknown_arguments_with_similar_name() {
        for (words, expected) in [
            (
                &["--nodecap", "4"][..],
                "unexpected argument '--nodecap'; did you mean '--node_cap'?",
            ),
            (
                &["--nodecap=4"],
                "unexpected argument '--nodecap'; did you mean '--node_cap'?",
            ),
            (
                &["--dry"],
                "unexpected argument '--dry'; did you mean '--dry_run'?",
            ),
            (
                &["--dryrun"],
                "unexpected argument '--dryrun'; did you mean '--dry_run'?",
            ),
            (&["--frobnicate"], "unexpected argument '--frobnicate'"),
            (
                &["-report", "node-status"],
                "unexpected argument '-report'; did you mean '--report'?",
            ),
            (&["-x"], "unexpected argument '-x'"),
            (&["hello"], "unexpected argument 'hello'"),
            (&["--", "--node_cap", "4"], "unexpected argument '--node_cap'"),
            (&["--dry_run", "yes"], "unexpected argument 'yes'"),
            (
                &["--node_cap", "--dry_run"],
                "a value is required for '--node_cap'",
            ),
        ] {
            assert_eq!(read(words).unwrap_err(), expected, "{words:?}");
        }
        let odd = |words: &[&[u8]]| {
            let words = words.iter().map(|word| OsString::from_vec(word.to_vec()));
            let args = std::iter::once(OsString::from("wnm")).chain(words);
            parse(args).unwrap_err().to_string()
        };
        let refused = "invalid value '\u{fffd}' for '--host': not UTF-8 text";
        assert_eq!(odd(&[b"--host", b"\xff"]), refused);
        assert_eq!(odd(&[b"--host=\xff"]), refused);
        assert_eq!(odd(&[b"--dry_run", b"\xff"]), "unexpected argument '\u{fffd}'");
        assert_eq!(odd(&[b"\xff"]), "unexpected argument '\u{fffd}'");
    }

    #[test]
    fn information_flags_have_priority() {
        for (words, topic) in [
            (&["--help"][..], InfoRequest::Help),
            (&["-h"], InfoRequest::ShortHelp),
            (&["-vh"], InfoRequest::ShortHelp),
            (&["--dry_run", "-h"], InfoRequest::ShortHelp),
            (&["--bogus", "--help"], InfoRequest::Help),
            (&["-h", "--node_cap"], InfoRequest::ShortHelp),
            (&["-V"], InfoRequest::Version),
            (&["--version", "--init"], InfoRequest::Version),
            (&["--version", "--help"], InfoRequest::Help),
            (&["--man"], InfoRequest::Manual),
            (
                &["--completions", "Fish"],
                InfoRequest::Completions("fish".to_owned()),
            ),
        ] {
            match read(words) {
                Ok(Arguments::Info(told)) => assert_eq!(told, topic, "{words:?}"),
                other => panic!("{words:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn rejects_unknown_shells() {
        for (words, expected) in [
            (
                &["--completions", "tcsh"][..],
                "invalid value 'tcsh' for '--completions'; possible values: bash, zsh, fish",
            ),
            (&["--completions"], "a value is required for '--completions'"),
            (
                &["--completion", "zsh"],
                "unexpected argument '--completion'; did you mean '--completions'?",
            ),
        ] {
            assert_eq!(read(words).unwrap_err(), expected, "{words:?}");
        }
    }
}
