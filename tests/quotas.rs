//! Quotas: wnm does as many things at once as the quotas allow, and no more.

use crate::stage::Stage;

#[test]
fn adds_use_the_quota_of_starts() {
    let stage = Stage::colony(&[
        "--node_cap",
        "5",
        "--max_concurrent_starts",
        "2",
        "--max_concurrent_operations",
        "3",
        "--delay_start",
        "1",
    ]);
    let mut most = 0;
    for _ in 0..200 {
        let before = stage.rows().len();
        stage.cycle();
        let added = stage.rows().len() - before;
        assert!(
            added <= 2 && stage.in_state("RESTARTING") <= 2,
            "{}",
            stage.describe()
        );
        most = most.max(added);
        if stage.in_state("RUNNING") == 5 {
            break;
        }
    }
    assert_eq!((most, stage.in_state("RUNNING")), (2, 5), "{}", stage.describe());
    stage.check_consistency(true);
}

#[test]
fn total_quota_limits_all_kinds_together() {
    let stage = Stage::running(
        4,
        &[
            "--node_cap",
            "4",
            "--max_concurrent_upgrades",
            "4",
            "--delay_upgrade",
            "1",
        ],
    );
    stage
        .wnm(&[
            "--max_concurrent_operations",
            "2",
            "--force_action",
            "update_config",
        ])
        .done();
    stage.install("0.4.18");
    stage.cycle_until("all are upgraded", |stage| {
        assert!(stage.in_motion() <= 2, "{}", stage.describe());
        stage.of_version("0.4.18") == 4 && stage.in_state("RUNNING") == 4
    });
}

#[test]
fn removals_have_their_own_quota() {
    let stage = Stage::running(
        5,
        &[
            "--node_cap",
            "5",
            "--delay_remove",
            "1",
            "--max_concurrent_removals",
            "2",
        ],
    );
    stage
        .pass(&["--node_cap", "1", "--max_concurrent_operations", "5"])
        .done();
    assert_eq!(stage.in_state("REMOVING"), 2);
    stage.cycle_until("one is left", |stage| {
        assert!(stage.in_state("REMOVING") <= 2, "{}", stage.describe());
        stage.ids() == [1]
    });
    stage.check_consistency(true);
}

#[test]
fn no_more_nodes_are_removed_than_the_cap_requires() {
    let stage = Stage::running(
        4,
        &[
            "--node_cap",
            "4",
            "--delay_remove",
            "1",
            "--max_concurrent_removals",
            "3",
        ],
    );
    let identities: Vec<_> = (1..=3).map(|id| stage.identity(id)).collect();
    stage
        .pass(&["--node_cap", "3", "--max_concurrent_operations", "3"])
        .done();
    assert_eq!(stage.in_state("REMOVING"), 1, "{}", stage.describe());
    stage.cycle_until("three are left", |stage| {
        assert!(stage.in_state("RUNNING") == 3, "{}", stage.describe());
        stage.rows().len() == 3
    });
    stage.cycle();
    assert_eq!(
        (1..=3).map(|id| stage.identity(id)).collect::<Vec<_>>(),
        identities
    );
    stage.check_consistency(true);
}
