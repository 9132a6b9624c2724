//! The questions of `--init`: on a terminal and without a rewards address, wnm asks for it and for a few
//! other settings; without a terminal it asks nothing.
//!
//! The terminal is created by script(1) of util-linux, where installed; its stdin is the keyboard.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::stage::{Ran, Stage};
use crate::terminal::{COLOURS, on_terminal};

const ADDRESS: &str = "0x00455d78f850b0358E8cea5be24d415E01E107CF";

/// The output of `wnm WORDS` on a terminal with this input. None without script(1).
fn typed(stage: &Stage, words: &str, keys: &str) -> Option<Ran> {
    let line = format!("{} {words}", env!("CARGO_BIN_EXE_wnm"));
    let mut command = on_terminal(stage, COLOURS, &line)?;
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut script = command.spawn().expect("script starts");
    let mut stdin = script.stdin.take().expect("its stdin");
    stdin.write_all(keys.as_bytes()).expect("it reads");
    drop(stdin);
    Some(Ran::ended(line, script.wait_with_output().expect("it ends")))
}

/// A stored setting.
fn kept(stage: &Stage, column: &str) -> String {
    stage
        .look()
        .query_row(
            &format!("SELECT CAST({column} AS TEXT) FROM machine"),
            [],
            |row| row.get(0),
        )
        .expect("a setting")
}

#[test]
fn asks_for_the_important_settings_and_shows_their_defaults() {
    let stage = Stage::new();
    let keys = format!("{ADDRESS}\nsetsid+user\n7\n\n\n\n");
    let Some(ran) = typed(&stage, "--init", &keys) else {
        return;
    };
    let ran = ran.done();
    for shown in [
        "Which address gets the rewards?",
        "Which process manager? One of ",
        "How many nodes at most? [20]:",
        &format!("In which directory? [{}]:", stage.storage().display()),
        "Node 1 gets port 55001 [55]:",
        &format!("--init --rewards_address {ADDRESS} --process_manager setsid+user --node_cap 7\r\n"),
        "Initialization complete",
    ] {
        assert!(ran.stdout.contains(shown), "`{shown}` in {ran}");
    }
    assert_eq!(kept(&stage, "rewards_address"), ADDRESS);
    assert_eq!(kept(&stage, "node_cap"), "7");
    assert_eq!(kept(&stage, "port_start"), "55");
    assert_eq!(kept(&stage, "process_manager"), "setsid+user");
}

#[test]
fn does_not_ask_for_settings_that_are_given() {
    let stage = Stage::new();
    let words = "--init --process_manager setsid+user --node_cap 3 --port_start 51";
    let Some(ran) = typed(&stage, words, "faucet\n\ny\n") else {
        return;
    };
    let ran = ran.done();
    for hidden in ["Which process manager", "How many", "Which ports"] {
        assert!(!ran.stdout.contains(hidden), "`{hidden}` in {ran}");
    }
    assert_eq!(
        (kept(&stage, "node_cap"), kept(&stage, "port_start")),
        ("3".into(), "51".into())
    );
}

#[test]
fn invalid_answer_is_explained_and_the_question_repeated() {
    let stage = Stage::new();
    let keys = "\n0x123\nfaucet\nsetsid+nobody\nsetsid+user\nmany\n5\nnode\n~/nodes\n13\n52\nperhaps\ny\n";
    let Some(ran) = typed(&stage, "--init", keys) else {
        return;
    };
    let ran = ran.done();
    for shown in [
        "There is no default for this one.",
        "invalid value '0x123' for '--rewards_address'",
        "invalid value 'setsid+nobody' for '--process_manager'",
        "invalid value 'many' for '--node_cap'",
        "invalid value 'node' for '--node_storage'",
        "invalid value '13' for '--port_start'",
        "Answer `y` or `n`.",
    ] {
        assert!(ran.stdout.contains(shown), "`{shown}` in {ran}");
    }
    assert_eq!(kept(&stage, "node_cap"), "5");
    assert_eq!(
        kept(&stage, "node_storage"),
        stage.home().join("nodes").display().to_string()
    );
    assert_eq!(kept(&stage, "port_start"), "52");
}

#[test]
fn leaving_creates_nothing() {
    let stage = Stage::new();
    let before = stage.tree();
    for keys in [
        "",
        "faucet\n",
        "faucet\nsetsid+user\n",
        "faucet\nsetsid+user\n\n\n\nn\n",
    ] {
        let Some(ran) = typed(&stage, "--init", keys) else {
            return;
        };
        let ran = ran.code(1);
        assert!(
            ran.stdout.contains("stopped before the last question")
                && ran.stdout.contains("nothing was created"),
            "{ran}"
        );
        assert_eq!(stage.tree(), before, "after {keys:?}");
    }
    // Ctrl-C at a question gives the shell's exit code of a signal. A background test runner may have set
    // it to be ignored.
    let line = format!("env --default-signal=INT {} --init", env!("CARGO_BIN_EXE_wnm"));
    let mut command = on_terminal(&stage, COLOURS, &line).expect("it was there");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = command.spawn().expect("script starts");
    let mut stdin = script.stdin.take().expect("its stdin");
    let mut stdout = script.stdout.take().expect("its stdout");
    stdin.write_all(b"faucet\n").expect("it reads");
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains("Which process manager") {
        let mut part = [0; 512];
        let count = stdout.read(&mut part).expect("it shows something");
        assert_ne!(count, 0, "it ended: {}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&part[..count]);
    }
    stdin.write_all(b"\x03").expect("it reads");
    assert_eq!(script.wait().expect("it ends").code(), Some(130));
    assert_eq!(stage.tree(), before, "after Ctrl-C");
}

#[test]
fn asks_nothing_without_a_terminal() {
    let stage = Stage::new();
    let before = stage.tree();
    let piped = stage.wnm(&["--init"]).code(1).complains().prints_nothing();
    piped.says("missing setting 'rewards_address'");
    // A terminal for all but one of the three streams.
    for line in ["--init </dev/null", "--init 2>&1 | cat", "--init 2>/dev/null"] {
        let Some(ran) = typed(&stage, line, "faucet\n\n\n\n\n\n") else {
            return;
        };
        assert!(!ran.stdout.contains("Which address"), "{line}: {ran}");
    }
    assert_eq!(stage.tree(), before);
}

#[test]
fn asks_nothing_where_a_colony_exists_and_a_dry_run_creates_none() {
    let stage = Stage::new();
    let before = stage.tree();
    let Some(ran) = typed(&stage, "--init --dry_run", "faucet\nsetsid+user\n\n\n\n\n") else {
        return;
    };
    assert!(ran.done().stdout.contains("would create the colony"));
    assert_eq!(stage.tree(), before);
    stage.init(&[]).done();
    let ran = typed(&stage, "--init", "faucet\n").expect("it was there").code(1);
    assert!(
        ran.stdout.contains("already initialized") && !ran.stdout.contains("Whose"),
        "{ran}"
    );
}
