//! docs/takeover.md: each command, on a machine as described. Steps for a person or for root are listed, so
//! that a new block needs a test.

use std::fs;
use std::process::Command;

use super::{alike, blocks, shell};
use crate::import::operator_units::{all_answer, place, unit};
use crate::python_bugs::services;
use crate::stage::anm::Machine;
use crate::stage::{Ran, Stage};

const PAGE: &str = include_str!("../../docs/takeover.md");

/// A command and its output on the page.
struct Shown {
    typed: &'static str,
    lines: Vec<&'static str>,
}

/// The commands of the block that contains `mark`.
fn block(mark: &str) -> Vec<Shown> {
    let block = blocks(PAGE, "console").find(|block| block.contains(mark));
    let block = block.unwrap_or_else(|| panic!("no block with `{mark}` in docs/takeover.md"));
    let mut shown: Vec<Shown> = Vec::new();
    for line in block.lines() {
        match line.strip_prefix("$ ") {
            Some(typed) => shown.push(Shown {
                typed,
                lines: Vec::new(),
            }),
            None => shown.last_mut().expect("a command first").lines.push(line),
        }
    }
    shown
}

/// All lines are printed in order; `...` stands for any number of lines.
fn all_there(shown: &Shown, printed: &str) {
    let mut rest = printed.lines();
    for line in shown.lines.iter().filter(|line| **line != "...") {
        assert!(
            rest.any(|printed| alike(&timeless(line), &timeless(printed))),
            "`{line}` after `{}`:\n{printed}",
            shown.typed
        );
    }
}

/// A line without what varies between runs.
fn timeless(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let is_moment = word.starts_with("20") && word.contains('T') && word.ends_with('Z');
        if is_moment {
            return "TIME".to_owned();
        }
        match word.split_once("colony.db.20") {
            Some((before, _)) if word.ends_with(".bak`") => format!("{before}colony.db.TIME.bak`"),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The output of a run as in an operator's home.
fn at_home(stage: &Stage, ran: &Ran) -> String {
    let all = format!("{}{}", ran.stderr, ran.stdout);
    all.replace(&stage.home().display().to_string(), "/home/op")
}

#[test]
fn every_block_has_a_test() {
    let known = [
        "$ crontab -l",
        "wnm-db-migration --confirm",
        "--init --migrate_anm --dry_run",
        "--rollback_anm --dry_run",
        "--init --import --process_manager systemd+user --dry_run",
        "$ wnm --dry_run\n",
    ];
    let all: Vec<&str> = blocks(PAGE, "console").collect();
    for block in &all {
        let by = known.iter().filter(|mark| block.contains(**mark)).count();
        assert_eq!(by, 1, "nobody, or more than one, plays\n{block}");
    }
    assert_eq!(all.len(), known.len());
}

#[test]
fn commands_before_a_takeover_work() {
    for shown in block("$ crontab -l") {
        let read = Command::new("/bin/sh").args(["-n", "-c", shown.typed]).status();
        assert!(read.expect("sh runs").success(), "{}", shown.typed);
    }
}

#[test]
fn python_database_is_rejected_and_adopted_as_shown() {
    let stage = Stage::colony(&[]);
    let revision = "UPDATE alembic_version SET version_num = '752bf4495eaa'";
    stage.replace_with_python_database("e2f4a512d24c.sql", revision);
    let [refused, adopted] = <[Shown; 2]>::try_from(block("wnm-db-migration --confirm"))
        .unwrap_or_else(|_| panic!("two commands"));
    assert_eq!(refused.typed, "wnm");
    let ran = stage.wnm(&[]).code(1);
    all_there(&refused, &at_home(&stage, &ran));
    let words: Vec<&str> = adopted.typed.split(' ').skip(1).collect();
    let ran = stage.wnm(&words).done();
    all_there(&adopted, &at_home(&stage, &ran));
    // The checks that the page describes.
    stage.wnm(&["--report", "node-status"]).done();
    stage.wnm(&["--dry_run"]).done();
    stage.wnm(&["--remove_lockfile"]).done();
}

#[test]
fn import_has_the_preview_shown() {
    // Default ports are not mentioned.
    let usual = |stage: &Stage| stage.thousands().0 == "55" || stage.thousands().1 == "13";
    let (first, second) = (services::machine(), services::machine());
    let stage = if usual(&first) { second } else { first };
    let disk = stage.home().join("my disk/ant-nodes");
    let one = crate::import::operator_units::Unit {
        words: "--ip 127.0.0.3 --max-log-files 5",
        lines: "Environment=\"GREETING=two words\" B=2\n",
        ..unit("antnode0007", 7, disk.join("antnode0007"))
    };
    one.start(&stage);
    unit("antnode12", 12, disk.join("antnode12")).start(&stage);
    unit("antnode0013", 13, disk.join("antnode0013")).lay(&stage);
    let antctl =
        "[Service]\nExecStart=/a/antnode --rpc 127.0.0.1:1 --root-dir /a --port 9 evm-arbitrum-one\n";
    fs::write(place(&stage, "antnode5"), antctl).expect("a unit of antctl's");
    all_answer(&stage, 2);
    let [shown] = <[Shown; 1]>::try_from(block("--init --import --process_manager systemd+user"))
        .unwrap_or_else(|_| panic!("one command"));
    let words: Vec<&str> = shown.typed.split(' ').skip(1).collect();
    let ran = stage.wnm(&words).done();
    // The page has other ports.
    let (nodes, metrics) = stage.thousands();
    let mut printed = at_home(&stage, &ran);
    for (ours, shown) in [(nodes, "10"), (metrics, "11")] {
        printed = printed.replace(&format!("`{ours}`"), &format!("`{shown}`"));
        for end in ["007", "012", "013"] {
            printed = printed.replace(&format!("{ours}{end}"), &format!("{shown}{end}"));
        }
    }
    all_there(&shown, &printed);
}

/// The machine of anm's own tests is used, and therefore not the command line.
#[test]
fn anm_takeover_and_rollback_have_the_previews_shown() {
    let machine = Machine::new(None);
    let [shown] = <[Shown; 1]>::try_from(block("--init --migrate_anm --dry_run"))
        .unwrap_or_else(|_| panic!("one command"));
    let dry = machine.session(&[("dry_run", "true")]);
    let told = wnm::commands::init::anm::take_over(&dry, &machine.server()).expect("it is foreseen");
    let root = machine.root().display().to_string();
    all_there(&shown, &told.replace(&root, ""));

    let typed: Vec<&str> = block("--rollback_anm --dry_run")
        .iter()
        .map(|shown| shown.typed)
        .collect();
    assert_eq!(typed, ["wnm --rollback_anm --dry_run", "wnm --rollback_anm"]);
    for typed in typed {
        let read = Stage::new().wnm(&typed.split(' ').skip(1).collect::<Vec<_>>());
        // Nothing can be returned here; the arguments are accepted.
        let read = read.code(1);
        assert!(read.stderr.contains("error: "), "{read}");
    }
}

#[test]
fn dry_run_comes_before_cron() {
    let stage = Stage::colony(&[]);
    for shown in block("$ wnm --dry_run\n") {
        shell(&stage, shown.typed).done();
    }
}
