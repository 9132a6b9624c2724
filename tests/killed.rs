//! Killed: given a run that was killed at any moment, when wnm runs again, then it finds its way: nothing is
//! lost, nothing is there twice.

use std::time::Duration;

use crate::stage::Stage;

/// Kills runs of `words` after 0, `step`, 2 x `step` … milliseconds, each followed by a run that must mend
/// what was left.
fn killed(stage: &Stage, words: &[&str], step: u64, mut between: impl FnMut(&Stage)) {
    for turn in 0..12 {
        let mut child = stage.begin(words);
        std::thread::sleep(Duration::from_millis(turn * step));
        let _ = child.kill();
        let _ = child.wait();
        stage.survey();
        stage.agree(false);
        between(stage);
    }
}

#[test]
fn a_run_killed_while_it_adds_leaves_whole_nodes_or_none() {
    let stage = Stage::colony(&["--node_cap", "40"]);
    killed(&stage, &["--force_action", "add", "--count", "3"], 90, |_| {});
    stage.wnm(&["--force_action", "add"]).done();
    stage.until(
        "all of them answer",
        |stage| stage.in_state("RUNNING") == stage.rows().len(),
        |stage| {
            stage.wnm(&["--force_action", "start", "--count", "40"]);
            stage.survey();
        },
    );
    stage.agree(true);
}

#[test]
fn a_run_killed_while_it_removes_leaves_whole_nodes_or_none() {
    let stage = Stage::of(3, &["--node_cap", "40"]);
    killed(
        &stage,
        &["--force_action", "remove", "--count", "2"],
        15,
        |stage| {
            let missing = 3_usize.saturating_sub(stage.rows().len());
            if missing > 0 {
                stage
                    .wnm(&["--force_action", "add", "--count", &missing.to_string()])
                    .done();
            }
        },
    );
    stage.agree(false);
}

#[test]
fn a_run_killed_while_it_upgrades_loses_no_identity() {
    let stage = Stage::of(
        2,
        &[
            "--node_cap",
            "2",
            "--max_concurrent_upgrades",
            "2",
            "--max_concurrent_operations",
            "2",
        ],
    );
    let identities = [stage.identity(1), stage.identity(2)];
    let mut version = 17;
    for turn in 0..8 {
        version += 1;
        stage.install(&format!("0.4.{version}"));
        let mut child = stage.begin(&["--force_action", "upgrade", "--count", "2"]);
        std::thread::sleep(Duration::from_millis(turn * 60));
        let _ = child.kill();
        let _ = child.wait();
        let newest = format!("0.4.{version}");
        stage.until(
            "both run the new version",
            |stage| stage.of_version(&newest) == 2 && stage.in_state("RUNNING") == 2,
            |stage| drop(stage.pass(&[])),
        );
        assert_eq!([stage.identity(1), stage.identity(2)], identities);
        stage.agree(true);
    }
}
