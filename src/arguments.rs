//! The command line: one flag for each setting of the table, and what is told about them.

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
    /// A run, with what the flags say of settings.
    Run(Vec<Provided>),
    /// To be told something, and no run.
    Tell(InfoRequest),
}

/// What can be told without a colony, a home or anything else.
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

/// The text on this topic, without a line break at its end. Help fits the terminal; where there is none it
/// is always the same.
#[must_use]
pub fn tell(topic: &InfoRequest, terminal: Terminal) -> String {
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
            // Who asks for help gets it, whatever else is wrong.
            let asks = |name: &str| args.iter().skip(1).any(|arg| arg == name);
            return match (asks("--help"), asks("-h")) {
                (true, _) => Ok(Arguments::Tell(InfoRequest::Help)),
                (false, true) => Ok(Arguments::Tell(InfoRequest::ShortHelp)),
                (false, false) => Err(complaint(&error, &args)),
            };
        }
    };
    if let Some(topic) = topic(&matches, &args)? {
        return Ok(Arguments::Tell(topic));
    }
    let sayings: Vec<Provided> = SETTINGS
        .iter()
        .filter_map(|setting| saying(setting, &matches))
        .collect();
    // Words for the nodes may begin with dashes, and so may a flag whose value was forgotten.
    let swallowed = sayings.iter().find(|saying| {
        saying.setting.takes == ValueType::Words
            && {
                let flag = saying.text.strip_prefix("--");
                flag.is_some_and(|name| table::called(name).is_some())
            }
            && !args.iter().any(|arg| {
                arg.to_str()
                    .is_some_and(|arg| arg.contains('=') && arg.ends_with(saying.text.as_str()))
            })
    });
    match swallowed {
        Some(saying) => Err(SettingsError::MissingValue {
            flag: format!("--{}", saying.setting.name),
        }),
        None => Ok(Arguments::Run(sayings)),
    }
}

/// What is to be told; help goes before all else.
fn topic(matches: &ArgMatches, args: &[OsString]) -> Result<Option<InfoRequest>, SettingsError> {
    let said = |name: &str| {
        flags::TELLING
            .iter()
            .find(|own| own.name == name)
            .and_then(|own| saying(own, matches))
    };
    let is_on =
        |name: &str| said(name).is_some_and(|saying| parse_value::switch(&saying.text) != Some(false));
    if is_on("help") {
        // `-h` may stand among other short flags, as in `-vh`; clap does not tell which of the two it was.
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
    let Some(shell) = said("completions") else {
        return Ok(None);
    };
    let known = flags::SHELLS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(&shell.text));
    match known {
        Some(known) => Ok(Some(InfoRequest::Completions((*known).to_owned()))),
        None => Err(SettingsError::BadValue {
            setting: shell.setting,
            allowed: format!("it takes {}", parse_value::allowed(shell.setting)),
            text: shell.text,
            origin: Source::Flag,
        }),
    }
}

fn saying(setting: &'static Setting, matches: &ArgMatches) -> Option<Provided> {
    let given = matches.value_source(setting.name) == Some(ValueSource::CommandLine);
    let text = matches.get_one::<String>(setting.name).filter(|_| given)?;
    Some(Provided {
        setting,
        text: text.clone(),
        origin: Source::Flag,
    })
}

/// What clap did not like, as one of our own complaints.
fn complaint(error: &clap::Error, args: &[OsString]) -> SettingsError {
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let wrong = named(ContextKind::InvalidArg).unwrap_or_default();
    // clap names a flag together with its placeholder: `--count <N>`.
    let flag = wrong.split([' ', '[', '=']).next().unwrap_or_default().to_owned();
    match error.kind() {
        ErrorKind::InvalidUtf8 => garbled(args),
        ErrorKind::UnknownArgument => unknown(&wrong, args),
        // A value where none is taken, `-q=1` and the like.
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues => SettingsError::Stray(wrong),
        _ => SettingsError::MissingValue { flag },
    }
}

/// A word that is not UTF-8: the value of a flag, or nothing at all.
fn garbled(args: &[OsString]) -> SettingsError {
    let Some(at) = args.iter().position(|arg| arg.to_str().is_none()) else {
        return SettingsError::Stray(String::new());
    };
    let text = args[at].to_string_lossy();
    let (flag, value) = match text.split_once('=') {
        Some((flag, value)) if flag.starts_with("--") => (flag, value),
        _ => (args[at - 1].to_str().unwrap_or_default(), &*text),
    };
    let named = flag.strip_prefix("--").and_then(table::called);
    match named.filter(|setting| setting.takes != ValueType::Switch) {
        Some(setting) => SettingsError::BadValue {
            setting,
            text: value.to_owned(),
            allowed: "it is not UTF-8 text".to_owned(),
            origin: Source::Flag,
        },
        None => SettingsError::Stray(text.into_owned()),
    }
}

fn unknown(wrong: &str, args: &[OsString]) -> SettingsError {
    let behind = |mark: &str| args.iter().position(|arg| arg.to_str() == Some(mark));
    if behind("--").is_some_and(|end| args.iter().skip(end + 1).any(|arg| arg.to_str() == Some(wrong))) {
        return SettingsError::Stray(wrong.to_owned());
    }
    let whole = args
        .iter()
        .skip(1)
        .filter_map(|arg| arg.to_str())
        .find(|arg| arg.starts_with(wrong))
        .unwrap_or(wrong);
    // `-report` is read as `-r -e …`: it is the whole word that was meant.
    let written = if wrong.starts_with("--") { wrong } else { whole };
    let written = written.split('=').next().unwrap_or(written);
    let Some(name) = written.strip_prefix('-') else {
        return SettingsError::Stray(written.to_owned());
    };
    let name = table::spelled(name.trim_start_matches('-'));
    let names = SETTINGS.iter().chain(&flags::TELLING).map(|setting| setting.name);
    SettingsError::Unknown {
        name: written.to_owned(),
        nearest: table::nearest(&name, names).map(|name| format!("--{name}")),
        origin: Source::Flag,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::{Arguments, InfoRequest, parse};
    use crate::settings::SETTINGS;
    use crate::settings::table::ValueType;

    fn read(words: &[&str]) -> Result<Arguments, String> {
        let args = ["wnm"].iter().chain(words).map(OsString::from);
        parse(args).map_err(|error| error.to_string())
    }

    fn said(words: &[&str]) -> Vec<(&'static str, String)> {
        match read(words) {
            Ok(Arguments::Run(sayings)) => sayings.into_iter().map(|s| (s.setting.name, s.text)).collect(),
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn every_setting_is_a_flag_in_both_spellings() {
        for setting in SETTINGS {
            for name in [setting.name.to_owned(), setting.kebab()] {
                let expected = [(setting.name, "x".to_owned())];
                assert_eq!(said(&[&format!("--{name}=x")]), expected);
                if setting.takes == ValueType::Switch {
                    assert_eq!(said(&[&format!("--{name}")]), [(setting.name, "true".to_owned())]);
                } else {
                    assert_eq!(said(&[&format!("--{name}"), "x"]), expected);
                    let missing = read(&[&format!("--{name}")]).unwrap_err();
                    assert_eq!(missing, format!("`--{}` needs a value (flag)", setting.name));
                }
            }
        }
    }

    #[test]
    fn short_flags_can_be_joined() {
        assert_eq!(
            said(&["-qv", "-c", "/my.conf"]),
            [
                ("config", "/my.conf".to_owned()),
                ("verbose", "true".to_owned()),
                ("quiet", "true".to_owned())
            ]
        );
    }

    #[test]
    fn the_last_of_a_flag_counts_and_negative_numbers_are_values() {
        assert_eq!(
            said(&["--node_cap", "41", "--node-cap=44", "--delay_start", "-5"]),
            [("node_cap", "44".to_owned()), ("delay_start", "-5".to_owned())]
        );
        assert_eq!(
            said(&["--no_upnp", "--no-upnp=off"]),
            [("no_upnp", "off".to_owned())]
        );
    }

    #[test]
    fn arguments_for_nodes_may_begin_with_dashes() {
        assert_eq!(
            said(&["--start_args", "--local --first"]),
            [("start_args", "--local --first".to_owned())]
        );
        assert_eq!(
            said(&["--start_args", "--local"]),
            [("start_args", "--local".to_owned())]
        );
        assert_eq!(
            read(&["--start_args", "--dry_run"]).unwrap_err(),
            "`--start_args` needs a value (flag)"
        );
        assert_eq!(
            said(&["--start_args=--init"]),
            [("start_args", "--init".to_owned())]
        );
    }

    #[test]
    fn what_is_no_flag_is_named_with_the_nearest() {
        for (words, complaint) in [
            (
                &["--nodecap", "4"][..],
                "there is no flag `--nodecap`; the nearest is `--node_cap`",
            ),
            (
                &["--nodecap=4"],
                "there is no flag `--nodecap`; the nearest is `--node_cap`",
            ),
            (&["--dry"], "there is no flag `--dry`; the nearest is `--dry_run`"),
            (
                &["--dryrun"],
                "there is no flag `--dryrun`; the nearest is `--dry_run`",
            ),
            (&["--frobnicate"], "there is no flag `--frobnicate`"),
            (
                &["-report", "node-status"],
                "there is no flag `-report`; the nearest is `--report`",
            ),
            (&["-x"], "there is no flag `-x`"),
            (&["hello"], "`hello` belongs to no flag"),
            (&["--", "--node_cap", "4"], "`--node_cap` belongs to no flag"),
            (&["--dry_run", "yes"], "`yes` belongs to no flag"),
            (&["--node_cap", "--dry_run"], "`--node_cap` needs a value (flag)"),
        ] {
            assert_eq!(read(words).unwrap_err(), complaint, "{words:?}");
        }
        let odd = |words: &[&[u8]]| {
            let words = words.iter().map(|word| OsString::from_vec(word.to_vec()));
            let args = std::iter::once(OsString::from("wnm")).chain(words);
            parse(args).unwrap_err().to_string()
        };
        let refused = "`host` cannot be `\u{fffd}`: it is not UTF-8 text (flag)";
        assert_eq!(odd(&[b"--host", b"\xff"]), refused);
        assert_eq!(odd(&[b"--host=\xff"]), refused);
        assert_eq!(odd(&[b"--dry_run", b"\xff"]), "`\u{fffd}` belongs to no flag");
        assert_eq!(odd(&[b"\xff"]), "`\u{fffd}` belongs to no flag");
    }

    #[test]
    fn who_wants_to_be_told_something_is_told_before_all_else() {
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
                Ok(Arguments::Tell(told)) => assert_eq!(told, topic, "{words:?}"),
                other => panic!("{words:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn other_shells_are_named_with_those_that_are_known() {
        for (words, complaint) in [
            (
                &["--completions", "tcsh"][..],
                "`completions` cannot be `tcsh`: it takes one of `bash`, `zsh`, `fish` (flag)",
            ),
            (&["--completions"], "`--completions` needs a value (flag)"),
            (
                &["--completion", "zsh"],
                "there is no flag `--completion`; the nearest is `--completions`",
            ),
        ] {
            assert_eq!(read(words).unwrap_err(), complaint, "{words:?}");
        }
    }
}
