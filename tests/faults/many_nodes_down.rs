//! Most nodes of a colony are down at once: they are restarted at the rate of the quotas, and nothing else
//! happens.

use nix::sys::signal::Signal;

use super::{Fault, Played, Then, play};
use crate::crashes::consistency::{Identities, identities};
use crate::stage::{Ran, Stage, kill};

pub const FAULTS: &[Fault] = &[
    Fault {
        given: "the processes of all 6 nodes end within a minute; cycles",
        says: "",
        codes: &[0],
        then: Then::Bears,
        play: || all_die("1"),
    },
    Fault {
        given: "the processes of all 6 nodes end within a minute, and `max_concurrent_starts` is 2; cycles",
        says: "",
        codes: &[0],
        then: Then::Bears,
        play: || all_die("2"),
    },
    Fault {
        given: "the ports of 6 running nodes refuse connections, because of the firewall or the network; cycles",
        says: "",
        codes: &[0],
        then: Then::Bears,
        play: all_refuse,
    },
    Fault {
        given: "all 6 nodes accept connections and send no response; cycles",
        says: "",
        codes: &[0],
        then: Then::Bears,
        play: all_mute,
    },
];

#[test]
fn many_nodes_down_at_once() {
    play(FAULTS);
}

fn colony(starts: &str) -> (Stage, Identities) {
    let settings = [
        "--node_cap",
        "6",
        "--max_concurrent_starts",
        starts,
        "--max_concurrent_operations",
        starts,
    ];
    let stage = Stage::running(6, &settings);
    let before = identities(&stage);
    (stage, before)
}

/// A cycle that starts at most `most` nodes, and otherwise only stops or starts.
fn measured(stage: &Stage, most: i64) -> Ran {
    let last = stage.figure("SELECT coalesce(max(id), 0) FROM event");
    let ran = stage.pass(&[]);
    let count = |what: &str| {
        stage.figure(&format!(
            "SELECT count(*) FROM event WHERE id > {last} AND {what}"
        ))
    };
    assert!(count("action = 'start'") <= most, "{ran}\n{}", stage.describe());
    assert_eq!(
        count("action NOT IN ('start', 'stop', 'died')"),
        0,
        "{ran}\n{}",
        stage.describe()
    );
    assert_eq!(stage.ids(), [1, 2, 3, 4, 5, 6], "none is removed");
    ran
}

fn all_die(starts: &str) -> Option<Played> {
    let (stage, before) = colony(starts);
    stage
        .processes()
        .iter()
        .for_each(|process| kill(process.pid, Signal::SIGKILL));
    stage.wait_for("all are gone", |stage| stage.processes().is_empty());
    let most = starts.parse().expect("a number");
    let mut ran = vec![measured(&stage, most)];
    assert_eq!(stage.in_state("STOPPED") as i64, 6 - most, "{}", stage.describe());
    while stage.in_state("RUNNING") < 6 && ran.len() < 60 {
        ran.push(measured(&stage, most));
    }
    assert_eq!(stage.in_state("RUNNING"), 6, "{}", stage.describe());
    Played::since(before, stage, ran)
}

fn all_refuse() -> Option<Played> {
    let (stage, before) = colony("1");
    let processes = stage.processes();
    // The simulated nodes listen only on 127.0.0.1.
    stage.tamper("UPDATE node SET host = '127.0.0.2'");
    let mut ran: Vec<Ran> = (0..8).map(|_| measured(&stage, 1)).collect();
    assert_eq!(
        stage.processes(),
        processes,
        "no second process, and none was ended\n{}",
        stage.describe()
    );
    assert_eq!(
        stage.figure("SELECT count(*) FROM event WHERE action = 'died'"),
        0
    );
    stage.tamper("UPDATE node SET host = '127.0.0.1'");
    ran.push(stage.pass(&[]));
    ran.push(stage.pass(&[]));
    assert_eq!(stage.in_state("RUNNING"), 6, "{}", stage.describe());
    assert_eq!(stage.processes(), processes);
    Played::since(before, stage, ran)
}

fn all_mute() -> Option<Played> {
    let (stage, before) = colony("1");
    (1..=6).for_each(|id| stage.set_fault(id, "mute"));
    let processes = stage.processes();
    let mut ran: Vec<Ran> = (0..2).map(|_| measured(&stage, 1)).collect();
    assert_eq!(stage.processes(), processes);
    // From the third survey on they count as hung and are restarted one by one.
    ran.extend((0..2).map(|_| measured(&stage, 1)));
    assert!(stage.processes().len() >= 5, "{}", stage.describe());
    (1..=6).for_each(|id| stage.clear_fault(id));
    stage.cycle_until("all run again", |stage| stage.in_state("RUNNING") == 6);
    Played::since(before, stage, ran)
}
