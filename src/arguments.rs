//! The command line: one flag for each setting of the table.

use std::ffi::OsString;

use clap::builder::{StyledStr, ValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command as Parser};

use crate::settings::table::{self, Group, SETTINGS, Setting, Takes, Unit};
use crate::settings::{Error, Origin, Saying};

/// What the command line asks for.
#[derive(Debug, Clone)]
pub enum Arguments {
    /// A run, with what the flags say of settings.
    Run(Vec<Saying>),
    /// `--help`: this text on stdout, and no run.
    Help(String),
    /// `--version`, and no run.
    Version,
}

/// Short flags, and the settings they are short for.
const SHORT: [(char, &str); 3] = [('c', "config"), ('v', "verbose"), ('q', "quiet")];

/// Reads the command line; `args` begins with the name of the program.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Arguments, Error> {
    let args: Vec<OsString> = args.into_iter().collect();
    let asks = |names: &[&str]| {
        args.iter()
            .skip(1)
            .any(|arg| names.iter().any(|name| arg == name))
    };
    let matches = match command().try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            return Ok(Arguments::Help(error.render().to_string()));
        }
        Err(_) if asks(&["--help", "-h"]) => return Ok(Arguments::Help(help())),
        Err(error) => return Err(complaint(&error, &args)),
    };
    if matches.get_flag("version") {
        return Ok(Arguments::Version);
    }
    let sayings: Vec<Saying> = SETTINGS
        .iter()
        .filter_map(|setting| saying(setting, &matches))
        .collect();
    // Words for the nodes may begin with dashes, and so may a flag whose value was forgotten.
    let swallowed = sayings.iter().find(|saying| {
        saying.setting.takes == Takes::Words
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
        Some(saying) => Err(Error::MissingValue {
            flag: format!("--{}", saying.setting.name),
        }),
        None => Ok(Arguments::Run(sayings)),
    }
}

fn saying(setting: &'static Setting, matches: &ArgMatches) -> Option<Saying> {
    let given = matches.value_source(setting.name) == Some(ValueSource::CommandLine);
    let text = matches.get_one::<String>(setting.name).filter(|_| given)?;
    Some(Saying {
        setting,
        text: text.clone(),
        origin: Origin::Flag,
    })
}

/// The help as `--help` prints it.
#[must_use]
pub fn help() -> String {
    command().render_help().to_string()
}

fn command() -> Parser {
    let mut command = Parser::new("wnm")
        .bin_name("wnm")
        .about("wnm, the Weave Node Manager: one pass over this machine and its antnodes, then it ends")
        .override_usage("wnm [FLAGS]")
        .after_help(
            "Every flag may be written with `-` for `_`. What is no order can also stand in a file \
             (~/.local/share/wnm/config, ~/wnm/config, --config FILE; key=value or TOML) or in the \
             environment (under the name in brackets, with or without WNM_ before it; also in \
             ~/.local/share/wnm/.env). A flag is stronger than the environment, that than a file, that \
             than the colony.\n\nExit codes: 0 done, 1 refused, 2 a flag or setting that cannot be, 3 an \
             action failed, 4 a safety stop.",
        )
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .next_line_help(false);
    for group in Group::ALL {
        for setting in SETTINGS.iter().filter(|setting| setting.group == group) {
            command = command.arg(flag(setting));
        }
    }
    command
        .arg(
            Arg::new("version")
                .long("version")
                .short('V')
                .action(ArgAction::SetTrue)
                .help("Print the version")
                .help_heading(Group::Run.heading()),
        )
        .arg(
            Arg::new("help")
                .long("help")
                .short('h')
                .action(ArgAction::Help)
                .help("Print this help")
                .help_heading(Group::Run.heading()),
        )
}

fn flag(setting: &'static Setting) -> Arg {
    let mut arg = Arg::new(setting.name)
        .long(setting.name)
        .action(ArgAction::Set)
        .value_parser(ValueParser::string())
        .help(StyledStr::from(line(setting)))
        .help_heading(setting.group.heading());
    if setting.name.contains('_') {
        arg = arg.alias(setting.kebab());
    }
    if let Some((short, _)) = SHORT.into_iter().find(|(_, name)| *name == setting.name) {
        arg = arg.short(short);
    }
    match setting.takes {
        Takes::Switch => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("BOOL"),
        Takes::Words => arg.num_args(1).allow_hyphen_values(true).value_name("WORDS"),
        takes => arg
            .num_args(1)
            .allow_negative_numbers(true)
            .value_name(placeholder(takes)),
    }
}

fn placeholder(takes: Takes) -> &'static str {
    match takes {
        Takes::Whole { unit, .. } => match unit {
            Unit::Percent => "PERCENT",
            Unit::BytesPerSecond => "BYTES/S",
            Unit::Bytes => "BYTES",
            Unit::Seconds => "SECONDS",
            Unit::Milliseconds => "MS",
            Unit::Moment => "SECONDS",
            Unit::Id => "ID",
            Unit::Nodes | Unit::Actions | Unit::Times | Unit::Containers => "N",
        },
        Takes::Load => "N",
        Takes::Thousands => "THOUSANDS",
        Takes::Choice(_) => "WORD",
        Takes::Storage => "FOLDER",
        Takes::File | Takes::Database => "FILE",
        Takes::Wallets => "WALLETS",
        Takes::Address => "ADDRESS",
        Takes::Host => "HOST",
        Takes::Variables => "K=V",
        Takes::Version => "VERSION",
        Takes::Names => "NAMES",
        Takes::Switch | Takes::Words | Takes::Text => "TEXT",
    }
}

/// The help of a setting with its words, its default and its variable; its unit is the placeholder.
fn line(setting: &Setting) -> String {
    let mut line = setting.help.to_owned();
    if let Takes::Choice(words) = setting.takes
        && words.len() > 1
    {
        line = format!("{line}: {}", words.join(", "));
    }
    if !setting.default.is_empty() {
        line = format!("{line} (default: {})", setting.default);
    }
    match setting.variable() {
        Some(name) => format!("{line} [{name}]"),
        None => line,
    }
}

/// What clap did not like, as one of our own complaints.
fn complaint(error: &clap::Error, args: &[OsString]) -> Error {
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let wrong = named(ContextKind::InvalidArg).unwrap_or_default();
    // clap names a flag together with its placeholder: `--count <N>`.
    let flag = wrong.split([' ', '[', '=']).next().unwrap_or_default().to_owned();
    match error.kind() {
        ErrorKind::InvalidUtf8 => Error::Stray(
            args.iter()
                .find(|arg| arg.to_str().is_none())
                .map_or_else(String::new, |arg| arg.to_string_lossy().into_owned()),
        ),
        ErrorKind::UnknownArgument => unknown(&wrong, args),
        // A value where none is taken, `-q=1` and the like.
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues => Error::Stray(wrong),
        _ => Error::MissingValue { flag },
    }
}

fn unknown(wrong: &str, args: &[OsString]) -> Error {
    let behind = |mark: &str| args.iter().position(|arg| arg.to_str() == Some(mark));
    if behind("--").is_some_and(|end| args.iter().skip(end + 1).any(|arg| arg.to_str() == Some(wrong))) {
        return Error::Stray(wrong.to_owned());
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
        return Error::Stray(written.to_owned());
    };
    let name = table::spelled(name.trim_start_matches('-'));
    let names = SETTINGS.iter().map(|setting| setting.name);
    Error::Unknown {
        name: written.to_owned(),
        nearest: table::nearest(&name, names.chain(["version", "help"])).map(|name| format!("--{name}")),
        origin: Origin::Flag,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::{Arguments, help, parse};
    use crate::settings::SETTINGS;
    use crate::settings::table::{Kept, Takes};

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
                if setting.takes == Takes::Switch {
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
        let odd = parse([
            OsString::from("wnm"),
            "--host".into(),
            OsString::from_vec(vec![0xff]),
        ])
        .unwrap_err();
        assert!(odd.to_string().ends_with("belongs to no flag"), "{odd}");
    }

    #[test]
    fn help_and_version_come_before_all_else() {
        assert!(matches!(read(&["--version", "--init"]), Ok(Arguments::Version)));
        for words in [
            &["--help"][..],
            &["-h"],
            &["--dry_run", "-h"],
            &["--bogus", "--help"],
        ] {
            assert!(matches!(read(words), Ok(Arguments::Help(_))), "{words:?}");
        }
    }

    #[test]
    fn the_help_names_every_flag_its_default_and_its_variable() {
        let help = help();
        for setting in SETTINGS {
            assert!(help.contains(&format!("--{}", setting.name)), "{}", setting.name);
            if setting.kept != Kept::Flag
                && let Some(name) = setting.variable()
            {
                assert!(help.contains(&format!("[{name}]")), "{name}");
            }
        }
        let one_line = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            one_line.contains("--node_cap <N> How many nodes the colony may have (default: 20) [NODE_CAP]"),
            "{help}"
        );
        assert!(one_line.contains("--delay_start <SECONDS> How long"), "{help}");
    }
}
