//! Tests of the command line.

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

fn command_of(words: &[&str]) -> (&'static str, Vec<(&'static str, String)>) {
    match read(words) {
        Ok(Arguments::Command(own, given)) => (
            own.command.word(),
            given.into_iter().map(|s| (s.setting.name, s.text)).collect(),
        ),
        other => panic!("{words:?}: {other:?}"),
    }
}

#[test]
fn commands_in_words_become_settings() {
    for (words, command, expected) in [
        (&["status"][..], "status", &[][..]),
        (
            &["stop", "1-5", "7,8"],
            "stop",
            &[("service_name", "1-5,7,8"), ("force_action", "stop")],
        ),
        (
            &["--dry_run", "stop", "3", "--json"],
            "stop",
            &[
                ("dry_run", "true"),
                ("json", "true"),
                ("service_name", "3"),
                ("force_action", "stop"),
            ],
        ),
        (&["add", "3"], "add", &[("count", "3"), ("force_action", "add")]),
        (
            &["start", "--state", "stopped"],
            "start",
            &[("state", "stopped"), ("force_action", "start")],
        ),
        (&["history", "--since", "2h"], "history", &[("since", "2h")]),
    ] {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, text)| (*name, (*text).to_owned()))
            .collect();
        assert_eq!(command_of(words), (command, expected), "{words:?}");
    }
}

#[test]
fn unknown_commands_suggest_the_nearest_one() {
    for (words, expected) in [
        (
            &["stat"][..],
            "unexpected argument 'stat'; did you mean 'status'?",
        ),
        (
            &["remov", "3"],
            "unexpected argument 'remov'; did you mean 'remove'?",
        ),
        (
            &["help", "stat"],
            "unexpected argument 'stat'; did you mean 'status'?",
        ),
        (
            &["report"],
            "unexpected argument 'report'; did you mean '--report'?",
        ),
        (&["plan", "7"], "unexpected argument '7'"),
        (&["add", "3", "4"], "unexpected argument '4'"),
        (&["status", "--init"], "unexpected argument '--init'"),
        (&["--report", "plan", "status"], "unexpected argument '--report'"),
        (
            &["stop", "--dryrun"],
            "unexpected argument '--dryrun'; did you mean '--dry_run'?",
        ),
    ] {
        assert_eq!(read(words).unwrap_err(), expected, "{words:?}");
    }
    for words in [
        &["help", "stop"][..],
        &["stop", "-h"],
        &["stop", "--bogus", "--help"],
    ] {
        match read(words) {
            Ok(Arguments::Info(InfoRequest::CommandHelp(command))) => assert_eq!(command.word(), "stop"),
            other => panic!("{words:?}: {other:?}"),
        }
    }
}
