//! Services whose units were edited after their nodes started: the running process differs from the unit.

use std::fs;

use super::operator_units::{all_answer, place, unit};
use super::{IMPORT, pids};
use crate::python_bugs::services;

#[test]
fn node_whose_unit_was_edited_is_reported_and_not_restarted() {
    let stage = services::machine();
    let storage = stage.storage();
    for number in 1..=4 {
        let name = format!("antnode{number:04}");
        unit(&name, number, storage.join(&name)).start(&stage);
    }
    all_answer(&stage, 4);
    let (nodes, metrics) = stage.thousands();
    let edit = |number: u16, from: &str, to: &str| {
        let file = place(&stage, &format!("antnode{number:04}"));
        let text = fs::read_to_string(&file).expect("a unit");
        assert!(text.contains(from), "{from} in {text}");
        fs::write(file, text.replace(from, to)).expect("it is edited");
    };
    edit(2, &format!("--port {nodes}002"), &format!("--port {nodes}032"));
    edit(
        3,
        &format!("--metrics-server-port={metrics}003"),
        &format!("--metrics-server-port={metrics}033"),
    );
    let away = storage.join("other/antnode0004");
    fs::create_dir_all(&away).expect("another folder");
    let old = format!("--root-dir \"{}\"", storage.join("antnode0004").display());
    edit(4, &old, &format!("--root-dir \"{}\"", away.display()));
    let running = pids(&stage);

    let words: Vec<&str> = IMPORT.iter().copied().chain(["--node_cap", "4"]).collect();
    let ran = stage
        .wnm(&words)
        .done()
        .says("imported 4 nodes (2 RUNNING, 2 DISABLED)");
    for said in [
        format!(
            "runs with `--port {nodes}002`, but its service was changed to `--port {nodes}032`; restart it, or revert"
        ),
        format!(
            "runs with `--metrics-server-port {metrics}003`, but its service was changed to `--metrics-server-port {metrics}033`"
        ),
        format!(
            "runs with `--root-dir {}`, but its service was changed to `--root-dir {}`",
            storage.join("antnode0004").display(),
            away.display()
        ),
        "then `wnm --force_action start --service_name antnode0004`".to_owned(),
    ] {
        assert_eq!(ran.stderr.matches(&said).count(), 1, "`{said}` in {ran}");
    }
    assert!(!ran.stderr.contains("`antnode0001.service`"), "{ran}");
    assert_eq!(
        stage.row(2).port.to_string(),
        format!("{nodes}032"),
        "the file's word"
    );
    stage.survey();
    for _ in 0..10 {
        stage.cycle();
    }
    assert_eq!(pids(&stage), running, "{}", stage.events());
    assert_eq!((stage.in_state("RUNNING"), stage.in_state("DISABLED")), (2, 2));

    // With the original unit it is a node like any other, still in the same process.
    edit(
        3,
        &format!("--metrics-server-port={metrics}033"),
        &format!("--metrics-server-port={metrics}003"),
    );
    super::lose_database(&stage);
    stage
        .wnm(&words)
        .done()
        .says("imported 4 nodes (3 RUNNING, 1 DISABLED)");
    assert_eq!(pids(&stage), running);
}
