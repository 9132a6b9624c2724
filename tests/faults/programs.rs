//! Programs that wnm runs and that are missing, fail or hang.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::signal::Signal;

use super::{Fault, Played, Then, play};
use crate::crashes::consistency::identities;
use crate::python_bugs::services;
use crate::stage::{Stage, kill};

pub const FAULTS: &[Fault] = &[
    Fault {
        given: "systemctl is not on PATH; a stop",
        says: "systemctl",
        codes: &[3],
        then: Then::GoesOn,
        play: || no_systemctl(&["--force_action", "stop"]),
    },
    Fault {
        given: "systemctl is not on PATH; a removal",
        says: "systemctl",
        codes: &[3],
        then: Then::GoesOn,
        play: || no_systemctl(&["--force_action", "remove", "--service_name", "1"]),
    },
    Fault {
        given: "the user's systemd does not respond; a stop",
        says: "process … is alive, and there is no systemd to stop it",
        codes: &[3],
        then: Then::GoesOn,
        play: || no_bus("stop"),
    },
    Fault {
        given: "the user's systemd does not respond; an add",
        says: "reach the systemd of user",
        codes: &[3],
        then: Then::GoesOn,
        play: || no_bus("add"),
    },
    Fault {
        given: "systemctl hangs for 60 s; a stop",
        says: "timed out after 30 s",
        codes: &[3],
        then: Then::GoesOn,
        play: systemctl_hangs,
    },
    Fault {
        given: "systemd fails to stop the youngest node under pressure; three cycles",
        says: "",
        codes: &[0, 3],
        then: Then::Bears,
        play: will_not_stop,
    },
    Fault {
        given: "sudo asks for a password; an add under `setsid+sudo`",
        says: "sudo does not run it without a password",
        codes: &[3],
        then: Then::GoesOn,
        play: sudo_asks,
    },
    Fault {
        given: "ufw fails; an add under `setsid+sudo`",
        says: "ufw",
        codes: &[0],
        then: Then::Bears,
        play: || ufw("echo 'ERROR: problem running ufw-init' >&2; exit 1"),
    },
    Fault {
        given: "ufw hangs; an add under `setsid+sudo`",
        says: "timed out after 30 s",
        codes: &[0],
        then: Then::Bears,
        play: || ufw("[ \"$1\" = status ] || exec sleep 60; echo 'Status: active'"),
    },
];

#[test]
fn missing_failing_or_hanging_programs() {
    play(FAULTS);
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it may be run");
}

fn no_systemctl(words: &[&str]) -> Option<Played> {
    let stage = services::of(1, &["--node_cap", "1"]);
    let bare = stage.home().join("bare");
    fs::create_dir(&bare).expect("a folder");
    let rows = stage.rows();
    let ran = stage.wnm_with(&[("PATH", bare.to_str().expect("text"))], words);
    assert_eq!(stage.ids(), [1]);
    assert_eq!(
        stage.rows()[0].status,
        rows[0].status,
        "it runs on\n{}",
        stage.describe()
    );
    assert_eq!(stage.processes().len(), 1);
    Played::of(stage, vec![ran])
}

fn no_bus(order: &str) -> Option<Played> {
    let stage = services::of(1, &["--node_cap", "1"]);
    services::spoil(&stage, "no-bus", "all");
    let ran = stage.wnm(&["--force_action", order]);
    assert_eq!(stage.ids(), [1], "{}", stage.describe());
    assert_eq!(stage.processes().len(), 1);
    services::mend(&stage, "no-bus");
    Played::of(stage, vec![ran])
}

fn systemctl_hangs() -> Option<Played> {
    let stage = services::of(1, &["--node_cap", "1"]);
    let systemctl = stage.home().join(".local/bin/systemctl");
    let kept = fs::read(&systemctl).expect("it is there");
    script(&systemctl, "exec sleep 60");
    let ran = stage.force("stop");
    assert_eq!(stage.row(1).status, "RUNNING", "{}", stage.describe());
    fs::write(&systemctl, kept).expect("it is back");
    Played::of(stage, vec![ran])
}

fn will_not_stop() -> Option<Played> {
    let stage = services::of(5, &["--node_cap", "5"]);
    services::spoil(&stage, "not-stopped", "antnode0005.service");
    let mut ran = Vec::new();
    for _ in 0..3 {
        stage.simulate_minute(90);
        ran.push(stage.wnm(&[]));
    }
    let tried = |id| {
        stage.figure(&format!(
            "SELECT count(*) FROM event WHERE action = 'stop' AND node = {id}"
        ))
    };
    assert_eq!((tried(5), tried(4), tried(3)), (1, 1, 1), "{}", stage.describe());
    assert_eq!(stage.row(5).status, "RUNNING");
    assert!(
        ran[0].code == Some(3) && ran[1].code == Some(0) && ran[2].code == Some(0),
        "{ran:?}"
    );
    services::mend(&stage, "not-stopped");
    Played::of(stage, ran)
}

fn sudo_asks() -> Option<Played> {
    let stage = Stage::with_sudo("wnm-fault-")?;
    stage
        .init(&["--process_manager", "setsid+sudo", "--node_cap", "1"])
        .done();
    stage.survey();
    stage.force("add").done();
    stage.survey_until_running(1);
    let sudo = stage.tools().join("sudo");
    let kept = fs::read(&sudo).expect("it is there");
    script(&sudo, "echo 'sudo: a password is required' >&2; exit 1");
    let ran = stage.force("add");
    assert_eq!(stage.processes().len(), 1, "{}", stage.describe());
    fs::write(&sudo, kept).expect("it is back");
    Played::of(stage, vec![ran])
}

fn ufw(text: &str) -> Option<Played> {
    let stage = Stage::with_sudo("wnm-fault-")?;
    script(&stage.tools().join("ufw"), text);
    stage
        .init(&[
            "--process_manager",
            "setsid+sudo",
            "--node_cap",
            "1",
            "--firewall",
            "ufw",
        ])
        .done();
    stage.survey();
    let ran = stage.force("add");
    assert_eq!(
        stage.processes().len(),
        1,
        "it runs all the same\n{}",
        stage.describe()
    );
    script(&stage.tools().join("ufw"), "echo 'Status: inactive'");
    stage.survey();
    let before = identities(&stage);
    // wnm recognizes it again when it dies.
    stage
        .processes()
        .iter()
        .for_each(|process| kill(process.pid, Signal::SIGKILL));
    Played::since(before, stage, vec![ran])
}
