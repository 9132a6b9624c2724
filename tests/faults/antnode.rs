//! An antnode that cannot be used: running nodes are still surveyed, and nothing incomplete is left.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Fault, Played, Then, play};
use crate::stage::Stage;

pub const FAULTS: &[Fault] = &[
    Fault {
        given: "no antnode is installed; an add",
        says: "there is no antnode binary to add nodes with",
        codes: &[3],
        then: Then::GoesOn,
        play: || adds(|path| fs::remove_file(path).expect("it goes")),
    },
    Fault {
        given: "no antnode is installed; a cycle of a colony below its cap",
        says: "",
        codes: &[0],
        then: Then::GoesOn,
        play: || cycles(|path| fs::remove_file(path).expect("it goes")),
    },
    Fault {
        given: "the antnode file is not executable; an add",
        says: "there is no antnode binary to add nodes with",
        codes: &[3],
        then: Then::GoesOn,
        play: || adds(|path| fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("rights")),
    },
    Fault {
        given: "antnode hangs on `--version`; an add",
        says: "timed out after 5 s … there is no antnode binary to add nodes with",
        codes: &[3],
        then: Then::GoesOn,
        play: || adds(|path| script(path, "sleep 60")),
    },
    Fault {
        given: "antnode hangs on `--version`; a cycle",
        says: "",
        codes: &[0],
        then: Then::GoesOn,
        play: || cycles(|path| script(path, "sleep 60")),
    },
    Fault {
        given: "antnode prints no valid version on `--version`; an add",
        says: "for its version … there is no antnode binary to add nodes with",
        codes: &[3],
        then: Then::GoesOn,
        play: || adds(|path| script(path, "head -c 100000 /dev/zero | tr '\\0' x")),
    },
    Fault {
        given: "antnode is an empty file; an add",
        says: "there is no antnode binary to add nodes with",
        codes: &[3],
        then: Then::GoesOn,
        play: || adds(|path| fs::write(path, "").expect("it is written")),
    },
    Fault {
        given: "antnode exits at once after its start; an add",
        says: "it ended at once",
        codes: &[3],
        then: Then::GoesOn,
        play: || {
            adds(|path| {
                script(
                    path,
                    "[ \"$1\" = --version ] && echo 'Autonomi Node v0.4.17' && exit; echo no luck >&2; exit 9",
                )
            })
        },
    },
    Fault {
        given: "a newer antnode exits at once after its start; an upgrade",
        says: "its old binary is back and runs",
        codes: &[3],
        then: Then::GoesOn,
        play: upgrade_that_dies,
    },
    Fault {
        given: "a node reports its old version after each upgrade; cycles",
        says: "node 1 still says 0.4.17 after its upgrade to 0.4.18: wnm retries the upgrade in 1 minute",
        codes: &[0],
        then: Then::Bears,
        play: upgrade_in_vain,
    },
];

#[test]
fn unusable_antnode() {
    play(FAULTS);
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it may be run");
}

fn adds(spoil: fn(&Path)) -> Option<Played> {
    meets(&["--force_action", "add"], spoil)
}

fn cycles(spoil: fn(&Path)) -> Option<Played> {
    meets(&[], spoil)
}

fn meets(words: &[&str], spoil: fn(&Path)) -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "2"]);
    let antnode = stage.home().join(".local/bin/antnode");
    spoil(&antnode);
    stage.simulate_minute(0);
    let ran = stage.wnm(words);
    assert_eq!(stage.ids(), [1], "nothing was made\n{}", stage.describe());
    assert_eq!(
        stage.in_state("RUNNING"),
        1,
        "what runs was surveyed\n{}",
        stage.describe()
    );
    stage.check_consistency(true);
    stage.install("0.4.17");
    Played::of(stage, vec![ran])
}

fn upgrade_that_dies() -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    script(
        &stage.home().join(".local/bin/antnode"),
        "[ \"$1\" = --version ] && echo 'Autonomi Node v0.4.18' && exit; exit 9",
    );
    let ran = stage.force("upgrade --service_name 1");
    assert!(stage.process(1).is_some(), "{}", stage.describe());
    assert_eq!(stage.row(1).version.as_deref(), Some("0.4.17"));
    stage.install("0.4.17");
    Played::of(stage, vec![ran])
}

fn upgrade_in_vain() -> Option<Played> {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.set_fault(1, "says:0.4.17");
    stage.install("0.4.18");
    stage.cycle_until("node 1 is upgraded", |stage| {
        stage.events().contains("\"upgrade\"")
    });
    let told = stage.pass(&[]).done();
    assert_eq!(stage.row(1).version.as_deref(), Some("0.4.17"));
    stage.cycle_until("the other one has its turn", |stage| {
        stage.of_version("0.4.18") == 1
    });
    let upgrades = || stage.figure("SELECT count(*) FROM event WHERE action = 'upgrade' AND node = 1");
    assert_eq!(upgrades(), 1);
    for _ in 0..5 {
        stage.cycle();
    }
    assert_eq!(
        upgrades(),
        1,
        "it is not upgraded each minute\n{}",
        stage.describe()
    );
    let plan = stage.wnm(&["--report", "plan"]).done().stdout;
    assert!(
        plan.contains("failed to upgrade 1 node, or the version did not change: will retry later"),
        "{plan}"
    );
    stage.tamper("UPDATE node SET retry_at = unixepoch() - 1 WHERE id = 1");
    stage.cycle();
    stage.cycle();
    assert_eq!(upgrades(), 2);
    assert_eq!(stage.figure("SELECT start_failures FROM node WHERE id = 1"), 2);
    assert_eq!(
        stage.figure("SELECT (retry_at - unixepoch() + 30) / 60 FROM node WHERE id = 1"),
        2
    );
    Played::of(stage, vec![told])
}
