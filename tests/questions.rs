//! The questions of `--init`: given an operator before a terminal who has not said whose the rewards are, when the
//! colony is to be made, then wnm asks for that and the few things that matter; and never where nobody sits.
//!
//! The terminal is a real one, of util-linux's script(1), where that is installed; what is typed comes by its stdin.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::stage::{Ran, Stage};
use crate::terminal::{COLOURS, on_terminal};

const ADDRESS: &str = "0x00455d78f850b0358E8cea5be24d415E01E107CF";

/// What a terminal shows of `wnm WORDS` while this is typed. None: there is no script(1).
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

/// A setting as the colony keeps it.
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
fn the_few_things_that_matter_are_asked_for_with_their_defaults_shown() {
    let stage = Stage::new();
    let keys = format!("{ADDRESS}\nsetsid+user\n7\n\n\n\n");
    let Some(ran) = typed(&stage, "--init", &keys) else {
        return;
    };
    let ran = ran.done();
    for shown in [
        "Whose are the rewards?",
        "What runs the nodes? One of ",
        "How many nodes at most? [20]:",
        &format!("In which folder? [{}]:", stage.storage().display()),
        "Node 1 gets 55001 [55]:",
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
fn what_was_said_is_not_asked_for_again() {
    let stage = Stage::new();
    let words = "--init --process_manager setsid+user --node_cap 3 --port_start 51";
    let Some(ran) = typed(&stage, words, "faucet\n\ny\n") else {
        return;
    };
    let ran = ran.done();
    for hidden in ["What runs", "How many", "Which ports"] {
        assert!(!ran.stdout.contains(hidden), "`{hidden}` in {ran}");
    }
    assert_eq!(
        (kept(&stage, "node_cap"), kept(&stage, "port_start")),
        ("3".into(), "51".into())
    );
}

#[test]
fn an_answer_that_cannot_be_is_explained_and_asked_for_again() {
    let stage = Stage::new();
    let keys = "\n0x123\nfaucet\nsetsid+nobody\nsetsid+user\nmany\n5\nnode\n~/nodes\n13\n52\nperhaps\ny\n";
    let Some(ran) = typed(&stage, "--init", keys) else {
        return;
    };
    let ran = ran.done();
    for shown in [
        "Nobody can guess that one.",
        "`rewards_address` cannot be `0x123`",
        "`process_manager` cannot be `setsid+nobody`",
        "`node_cap` cannot be `many`",
        "`node_storage` cannot be `node`",
        "`port_start` cannot be `13`",
        "`y` or `n`?",
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
fn who_leaves_leaves_nothing_behind() {
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
            ran.stdout.contains("the questions were left") && ran.stdout.contains("nothing was made"),
            "{ran}"
        );
        assert_eq!(stage.tree(), before, "after {keys:?}");
    }
    // Ctrl-C, once it asks: the shell's code for a process that a signal ended. Who runs the tests in the
    // background may have them ignore it.
    let line = format!("env --default-signal=INT {} --init", env!("CARGO_BIN_EXE_wnm"));
    let mut command = on_terminal(&stage, COLOURS, &line).expect("it was there");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = command.spawn().expect("script starts");
    let mut stdin = script.stdin.take().expect("its stdin");
    let mut stdout = script.stdout.take().expect("its stdout");
    stdin.write_all(b"faucet\n").expect("it reads");
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains("What runs the nodes") {
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
fn where_nobody_can_answer_nothing_is_asked() {
    let stage = Stage::new();
    let before = stage.tree();
    let piped = stage.wnm(&["--init"]).code(1).complains().prints_nothing();
    piped.says("`rewards_address` is needed");
    // A terminal, and one of the three streams elsewhere.
    for line in ["--init </dev/null", "--init 2>&1 | cat", "--init 2>/dev/null"] {
        let Some(ran) = typed(&stage, line, "faucet\n\n\n\n\n\n") else {
            return;
        };
        assert!(!ran.stdout.contains("Whose are"), "{line}: {ran}");
    }
    assert_eq!(stage.tree(), before);
}

#[test]
fn where_a_colony_is_nothing_is_asked_and_a_dry_run_makes_none() {
    let stage = Stage::new();
    let before = stage.tree();
    let Some(ran) = typed(&stage, "--init --dry_run", "faucet\nsetsid+user\n\n\n\n\n") else {
        return;
    };
    assert!(ran.done().stdout.contains("would make the colony"));
    assert_eq!(stage.tree(), before);
    stage.init(&[]).done();
    let ran = typed(&stage, "--init", "faucet\n").expect("it was there").code(1);
    assert!(
        ran.stdout.contains("already initialized") && !ran.stdout.contains("Whose"),
        "{ran}"
    );
}
