//! Safety: when a disk is missing, wnm takes no node for dead, changes nothing, and names what to check.

use std::fs;

use crate::stage::Stage;

#[test]
fn node_with_one_missing_folder_is_dead_and_removed() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    fs::remove_dir_all(stage.root(2)).expect("it was there");
    stage.cycle();
    stage.cycle_until("the colony is whole again", |stage| {
        stage.in_state("RUNNING") == 3
    });
    assert!(stage.events().contains("dead"), "{}", stage.events());
    stage.check_consistency(true);
}

#[test]
fn missing_storage_stops_everything() {
    let stage = Stage::running(3, &["--node_cap", "5"]);
    let away = stage.home().join("elsewhere");
    fs::rename(stage.storage(), &away).expect("the disk goes");
    let (rows, processes) = (stage.rows(), stage.processes());
    stage
        .wnm(&[])
        .code(4)
        .says(&stage.storage().display().to_string())
        .complains();
    assert_eq!((stage.rows(), stage.processes()), (rows, processes));
    assert!(!stage.storage().exists(), "nothing was made in its place");
    fs::rename(&away, stage.storage()).expect("the disk comes back");
    stage.cycle();
    assert_eq!(stage.in_state("RUNNING"), 3);
}

#[test]
fn many_missing_folders_at_once_count_as_a_missing_disk() {
    let stage = Stage::running(4, &["--node_cap", "4"]);
    let away = stage.home().join("elsewhere");
    fs::create_dir_all(&away).expect("a folder");
    for id in [1, 2] {
        fs::rename(stage.root(id), away.join(id.to_string())).expect("it goes");
    }
    let before = stage.rows();
    stage.wnm(&[]).code(4).says("--confirm").complains();
    assert_eq!(stage.rows(), before);
    for id in [1, 2] {
        fs::rename(away.join(id.to_string()), stage.root(id)).expect("it comes back");
    }
    stage.cycle();
    assert_eq!(stage.in_state("RUNNING"), 4);
    stage.check_consistency(true);
}

#[test]
fn operator_can_confirm_that_nodes_are_lost() {
    let stage = Stage::running(4, &["--node_cap", "2"]);
    for id in [1, 2] {
        fs::remove_dir_all(stage.root(id)).expect("it was there");
    }
    stage.wnm(&[]).code(4);
    stage.pass(&["--confirm"]).done();
    stage.cycle_until("only the living are left", |stage| stage.ids() == [3, 4]);
    stage.wait_for("no orphan", |stage| stage.processes().len() == 2);
    stage.check_consistency(true);
}
