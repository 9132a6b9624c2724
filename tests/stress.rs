//! Stress: under many simultaneous events, after each run rows, processes and files match and no quota is
//! exceeded; without events the colony settles.
//!
//! `cargo test` runs a short one; `WNM_STRESS=full` runs 100 cycles on 30 nodes.

use nix::sys::signal::Signal;

use crate::stage::{Random, Stage, kill};

/// The quotas, and the numbers of nodes before the run.
struct Quotas {
    starts: usize,
    upgrades: usize,
    removals: usize,
    operations: usize,
}

const QUOTAS: Quotas = Quotas {
    starts: 3,
    upgrades: 2,
    removals: 2,
    operations: 4,
};

impl Quotas {
    fn hold(&self, stage: &Stage) {
        let counts = ["RESTARTING", "UPGRADING", "REMOVING"].map(|state| stage.in_state(state));
        let limits = [self.starts, self.upgrades, self.removals];
        for (count, limit) in counts.iter().zip(limits) {
            assert!(
                *count <= limit,
                "{counts:?} are over {limits:?}\n{}",
                stage.describe()
            );
        }
        assert!(
            counts.iter().sum::<usize>() <= self.operations,
            "{counts:?}\n{}",
            stage.describe()
        );
    }
}

#[test]
fn colony_stays_consistent_under_random_events() {
    let full = std::env::var("WNM_STRESS").is_ok_and(|how| how == "full");
    let (cycles, cap) = if full { (100, 30) } else { (15, 8) };
    let mut random = Random::new();
    let cap_text = cap.to_string();
    let stage = Stage::colony(&[
        "--node_cap",
        &cap_text,
        "--max_concurrent_starts",
        "3",
        "--max_concurrent_upgrades",
        "2",
        "--max_concurrent_removals",
        "2",
        "--max_concurrent_operations",
        "4",
        "--delay_start",
        "1",
        "--delay_upgrade",
        "1",
        "--delay_remove",
        "1",
    ]);
    stage
        .wnm(&["--force_action", "add", "--count", &(cap * 2 / 3).to_string()])
        .done();
    stage.until("they have settled", |stage| stage.in_motion() == 0, Stage::survey);
    let mut version = 17;
    for cycle in 0..cycles {
        let busy = misfortune(&stage, &mut random, &mut version, cap);
        let before = stage.rows().len();
        stage.simulate_minute(busy);
        let ran = stage.wnm(&[]).plain();
        assert!(matches!(ran.code, Some(0 | 3)), "cycle {cycle}: {ran}");
        assert!(
            stage.rows().len() <= before + QUOTAS.starts,
            "cycle {cycle}: {}",
            stage.describe()
        );
        QUOTAS.hold(&stage);
        stage.check_consistency(false);
    }
    rest(&stage, cap, version);
}

/// Lets a random event happen; returns the CPU usage of the last minute.
fn misfortune(stage: &Stage, random: &mut Random, version: &mut usize, cap: usize) -> i64 {
    match random.below(8) {
        0 | 1 => {
            let processes = stage.processes();
            for _ in 0..1 + random.below(3) {
                if let Some(victim) = processes.get(random.below(processes.len())) {
                    kill(victim.pid, Signal::SIGKILL);
                }
            }
        }
        2 => {
            *version += 1;
            stage.install(&format!("0.4.{version}"));
        }
        3 => return 60 + random.below(40) as i64,
        4 => {
            let fewer = (cap - 1 - random.below(cap / 2)).to_string();
            let ran = stage.wnm(&[
                "--node_cap",
                &fewer,
                "--force_action",
                "update_config",
                "--confirm",
            ]);
            assert_eq!(ran.code, Some(0), "{ran}");
        }
        5 => {
            let mut child = stage.begin(&[]);
            std::thread::sleep(std::time::Duration::from_millis(random.below(400) as u64));
            let _ = child.kill();
            let _ = child.wait();
        }
        _ => {
            let whole = cap.to_string();
            stage
                .wnm(&["--node_cap", &whole, "--force_action", "update_config"])
                .done();
        }
    }
    5
}

/// Without events, every node gets the newest version, and then nothing more happens.
fn rest(stage: &Stage, cap: usize, version: usize) {
    let newest = format!("0.4.{version}");
    let whole = cap.to_string();
    stage.until(
        "all nodes run the newest version",
        |stage| stage.in_state("RUNNING") == cap && stage.of_version(&newest) == cap,
        |stage| {
            // A node that was killed before it answered is skipped for a minute; this ends the minute at
            // once.
            stage.tamper("UPDATE node SET retry_at = retry_at - 60");
            let ran = stage.pass(&["--node_cap", &whole]);
            assert!(matches!(ran.code, Some(0 | 3)), "{ran}");
            QUOTAS.hold(stage);
            stage.check_consistency(false);
        },
    );
    stage.check_consistency(true);
    let (processes, events) = (stage.processes(), stage.figure("SELECT count(*) FROM event"));
    stage.cycle();
    stage.cycle();
    assert_eq!(stage.processes(), processes, "it rests");
    assert_eq!(
        stage.figure("SELECT count(*) FROM event"),
        events,
        "{}",
        stage.describe()
    );
}
