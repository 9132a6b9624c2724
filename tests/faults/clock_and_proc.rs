//! Changed clocks and boot times, and a missing `/proc`.

use std::process::Command;

use super::mount_namespace::{on_own_ground, wnm};
use super::{Fault, Played, Then, play};
use crate::stage::{Ran, Stage};

pub const FAULTS: &[Fault] = &[
    Fault {
        given: "the clock is set back one hour, and later forward again; cycles",
        says: "",
        codes: &[0],
        then: Then::Bears,
        play: clock,
    },
    Fault {
        given: "the boot time in the database is wrong; a cycle",
        says: "",
        codes: &[0],
        then: Then::Bears,
        play: boot_in_the_future,
    },
    Fault {
        given: "`/proc` is not mounted; a cycle",
        says: "error: cannot read … /proc",
        codes: &[1],
        then: Then::GoesOn,
        play: no_proc,
    },
];

#[test]
fn changed_clock_boot_time_or_proc() {
    on_own_ground("faults::clock_and_proc::changed_clock_boot_time_or_proc", || {
        play(FAULTS)
    });
}

/// Shifts all stored times by this number of seconds, which has the effect of changing the clock in the
/// other direction.
fn shift(stage: &Stage, seconds: i64) {
    stage.tamper(&format!(
        "UPDATE sample SET at = at + {seconds}, counted_ms = counted_ms + {seconds} * 1000;
         UPDATE node SET timestamp = timestamp + {seconds}, age = age + {seconds}, last_seen = last_seen + {seconds};
         UPDATE machine SET last_stopped_at = last_stopped_at + {seconds};"
    ));
}

/// Runs wnm; no node may be stopped, started, added or removed.
fn still(stage: &Stage, words: &[&str]) -> Ran {
    let before = stage.processes();
    let ran = wnm(stage, words);
    assert_eq!(stage.processes(), before, "{ran}\n{}", stage.describe());
    ran
}

fn clock() -> Option<Played> {
    let stage = Stage::running(
        3,
        &["--node_cap", "3", "--cpu_less_than", "99", "--cpu_remove", "100"],
    );
    let mut ran = Vec::new();
    for seconds in [3600, -3600, 86_400, -86_400, -3600, 3600] {
        shift(&stage, seconds);
        ran.push(still(&stage, &[]));
        ran.push(still(&stage, &[]));
    }
    // A delay that began in the future must not last an hour longer.
    stage.tamper("UPDATE node SET status = 'RESTARTING', timestamp = unixepoch() + 3600 WHERE id = 1");
    ran.push(still(&stage, &["--delay_start", "1"]));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    ran.push(still(&stage, &["--delay_start", "0"]));
    assert_eq!(stage.in_state("RUNNING"), 3, "{}", stage.describe());
    Played::of(stage, ran)
}

fn boot_in_the_future() -> Option<Played> {
    let stage = Stage::running(
        2,
        &["--node_cap", "2", "--cpu_less_than", "99", "--cpu_remove", "100"],
    );
    let mut ran = Vec::new();
    for boot in ["unixepoch() + 86400", "1000", "NULL", "unixepoch() - 5"] {
        stage.tamper(&format!(
            "UPDATE machine SET boot_time = {boot}; UPDATE sample SET boot = coalesce({boot}, 0)"
        ));
        ran.push(still(&stage, &[]));
    }
    Played::of(stage, ran)
}

fn no_proc() -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let before = stage.rows();
    let bare = "mount -t tmpfs none /proc && exec setpriv --inh-caps=-all --ambient-caps=-all -- \"$@\"";
    let words = ["--mount", "sh", "-c", bare, "sh", env!("CARGO_BIN_EXE_wnm")];
    let ran = Ran::of(stage.at_home(Command::new("unshare"), &words));
    assert_eq!(stage.rows(), before);
    Played::of(stage, vec![ran])
}
