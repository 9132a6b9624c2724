//! Dry run: `--dry_run` prints exactly what wnm would do, and changes no byte on disk.

use crate::stage::Stage;

/// Runs wnm with `--dry_run` and checks that nothing changed.
fn dry(stage: &Stage, words: &[&str]) -> String {
    stage.simulate_minute(0);
    let (tree, processes) = (stage.tree(), stage.processes());
    let words: Vec<_> = words.iter().copied().chain(["--dry_run"]).collect();
    let ran = stage.wnm(&words).done().plain();
    let after = stage.tree();
    assert_eq!(different(&tree, &after), Vec::<&str>::new(), "{ran}");
    assert_eq!(stage.processes(), processes, "{ran}");
    format!("{}{}", ran.stdout, ran.stderr)
}

/// The lines that only one of the two has.
fn different<'a>(before: &'a str, after: &'a str) -> Vec<&'a str> {
    let one_way = before
        .lines()
        .filter(|line| !after.lines().any(|other| other == *line));
    let other_way = after
        .lines()
        .filter(|line| !before.lines().any(|other| other == *line));
    one_way.chain(other_way).collect()
}

#[test]
fn names_the_node_it_would_add_and_changes_nothing() {
    let stage = Stage::running(1, &["--node_cap", "3"]);
    let next = stage.row(1);
    stage.until(
        "it has room to add",
        |stage| {
            let said = dry(stage, &[]);
            said.contains("antnode0002") && said.contains(&(next.port + 1).to_string())
        },
        |_| {},
    );
    stage.check_consistency(true);
}

#[test]
fn every_action_has_a_dry_run() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    stage.force("stop --service_name antnode0003").done();
    for (words, named) in [
        (&["--force_action", "add", "--count", "2"][..], "antnode0005"),
        (
            &["--force_action", "remove", "--service_name", "antnode0001"],
            "antnode0001",
        ),
        (
            &["--force_action", "stop", "--service_name", "antnode0002"],
            "antnode0002",
        ),
        (
            &["--force_action", "start", "--service_name", "antnode0003"],
            "antnode0003",
        ),
        (
            &["--force_action", "disable", "--service_name", "antnode0002"],
            "antnode0002",
        ),
        (&["--force_action", "teardown", "--confirm"], "all 3 nodes"),
        (
            &["--force_action", "teardown", "--confirm"],
            "remove antnode0002 with",
        ),
    ] {
        let said = dry(&stage, words);
        assert!(
            said.contains(named),
            "`{named}` in what {words:?} would do:\n{said}"
        );
    }
    stage.check_consistency(true);
}

#[test]
fn setting_given_to_a_dry_run_applies_and_is_not_stored() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let said = dry(&stage, &["--node_cap", "1"]);
    assert!(said.contains("antnode0002"), "{said}");
    assert_eq!(stage.figure("SELECT node_cap FROM machine"), 2);
    let ran = stage.pass(&["--node_cap", "1"]).done();
    assert!(
        ran.stdout.contains("antnode0002") || stage.row(2).status != "RUNNING",
        "it predicted what happens"
    );
}

#[test]
fn dry_run_of_init_creates_nothing() {
    let stage = Stage::new();
    let before = stage.tree();
    stage.init(&["--dry_run"]).done();
    assert_eq!(different(&before, &stage.tree()), Vec::<&str>::new());
}
