//! The events that a page describes between two commands.

use std::fs;
use std::net::TcpStream;

use nix::sys::signal::Signal;

use crate::stage::{Stage, kill, processes_under};

/// Makes the event happen.
pub fn come_true(stage: &Stage, told: &str) {
    let all_run = |stage: &Stage| stage.in_state("RUNNING") == 3;
    match told {
        "cron runs it from now on; some minutes later" => {
            stage.cycle_until("three nodes run", all_run);
        }
        "the processors are busy for a minute" => {
            stage.survey();
            stage.simulate_minute(85);
            let ran = stage.wnm(&["--quiet"]).done();
            assert_eq!(stage.in_state("STOPPED"), 1, "{ran}");
        }
        "they are idle again, and antnode 0.4.18 is installed" => {
            stage.cycle_until("all run again", all_run);
            stage.install("0.4.18");
            stage.cycle_until("all are upgraded", |stage| {
                all_run(stage) && stage.of_version("0.4.18") == 3
            });
        }
        "a newer antnode is put in its place" => stage.install("0.4.18"),
        "the disk with the nodes breaks" => {
            let nodes = fs::canonicalize(stage.storage()).expect("where the nodes are");
            for process in processes_under(stage.home()) {
                kill(process.pid, Signal::SIGKILL);
            }
            stage.wait_for("no process is left", |stage| {
                processes_under(stage.home()).is_empty()
            });
            fs::remove_dir_all(nodes).expect("the nodes are lost");
        }
        other => panic!("how does this come true: {other}"),
    }
}

/// Waits until the started nodes answer, as they would within the minute between two commands.
pub fn settle(stage: &Stage) {
    let processes = processes_under(stage.home());
    for row in stage.rows() {
        let lives = processes.iter().any(|process| {
            process
                .words
                .iter()
                .any(|word| word == &row.metrics_port.to_string())
        });
        if lives {
            stage.wait_for("a node listens", |_| {
                TcpStream::connect(("127.0.0.1", row.metrics_port)).is_ok()
            });
        }
    }
}
