//! Nodes on a second disk outside of `node_storage`.

use std::fs;

use super::operator_units::{Unit, all_answer, place, unit};
use super::{IMPORT, pids};
use crate::python_bugs::services;
use crate::stage::Stage;

/// Imports three nodes on one disk and two on another, all running.
fn two_disks() -> Stage {
    let stage = services::machine();
    for number in 1..=3 {
        let name = format!("antnode{number:04}");
        unit(&name, number, stage.home().join("disk1/nodes").join(&name)).start(&stage);
    }
    for number in [20, 21] {
        let name = format!("antnode{number:04}");
        unit(&name, number, stage.home().join("disk2").join(&name)).start(&stage);
    }
    all_answer(&stage, 5);
    let words: Vec<&str> = IMPORT.iter().copied().chain(["--node_cap", "5"]).collect();
    stage.wnm(&words).done().says("imported 5 nodes (5 RUNNING)");
    stage.survey();
    stage
}

#[test]
fn nodes_of_a_missing_second_disk_are_not_dead() {
    let stage = two_disks();
    let (disk, away) = (stage.home().join("disk2"), stage.home().join("away"));
    let (rows, running) = (stage.rows(), pids(&stage).into_values().collect::<Vec<_>>());
    fs::rename(&disk, &away).expect("the disk goes");
    stage
        .wnm(&[])
        .code(4)
        .says(&format!(
            "the storage `{}` is not there, nor is the root directory of 2 nodes",
            disk.display()
        ))
        .complains();
    let doctor = stage.wnm(&["--doctor"]).code(1);
    let found = format!(
        "2 of 5 nodes have no data directory; the first missing one is in `{}`",
        disk.display()
    );
    assert!(doctor.stdout.contains(&found), "{doctor}");
    assert_eq!(stage.rows(), rows, "nothing was removed");
    assert!(!disk.exists(), "nothing was made in its place");

    fs::rename(&away, &disk).expect("the disk comes back");
    stage.cycle();
    assert_eq!(stage.in_state("RUNNING"), 5);
    assert_eq!(pids(&stage).into_values().collect::<Vec<_>>(), running);
}

#[test]
fn node_behind_a_dangling_symlink_is_not_dead() {
    let stage = two_disks();
    let root = stage.home().join("disk2/antnode0020");
    let real = stage.home().join("disk3");
    fs::rename(&root, &real).expect("it lies elsewhere");
    std::os::unix::fs::symlink(stage.home().join("no disk"), &root).expect("a link");
    stage.cycle();
    stage.cycle();
    assert_eq!(stage.ids(), [1, 2, 3, 20, 21]);
    assert_eq!(stage.in_state("DEAD"), 0, "{}", stage.describe());
}

#[test]
fn removing_a_node_on_a_second_disk_deletes_only_its_folder() {
    let stage = two_disks();
    let disk = stage.home().join("disk2");
    fs::write(disk.join("mine"), "not a node's").expect("a file of the operator's");
    stage.force("remove --service_name antnode0020").done();
    assert!(!disk.join("antnode0020").exists() && !place(&stage, "antnode0020").exists());
    assert!(disk.join("antnode0021").exists() && disk.join("mine").exists());
    assert_eq!(stage.ids(), [1, 2, 3, 21]);
    assert_eq!(pids(&stage).len(), 4, "the others run on");
}

#[test]
fn folder_that_the_unit_does_not_name_is_never_deleted() {
    let stage = two_disks();
    let precious = stage.home().join("photos/antnode0021");
    fs::create_dir_all(&precious).expect("a folder");
    fs::write(precious.join("one.jpg"), "of my cat").expect("a photo");
    let old = stage.home().join("disk2/antnode0021");
    stage.tamper(&format!(
        "UPDATE node SET root_dir = '{}' WHERE id = 21",
        precious.display()
    ));
    let order = ["--force_action", "remove", "--service_name", "antnode0021"];
    stage.wnm(&order).code(3).says("it is the service of a node in");
    assert!(precious.join("one.jpg").exists());
    assert!(
        place(&stage, "antnode0021").exists(),
        "the unit tells whose the folder is"
    );
    assert_eq!(stage.ids(), [1, 2, 3, 20, 21]);

    // A folder with another name may hold more than the node.
    let shared = stage.home().join("disk2/all");
    fs::rename(&old, &shared).expect("it is moved");
    let odd = Unit {
        root: shared.clone(),
        ..unit("antnode0021", 21, shared.clone())
    };
    odd.lay(&stage);
    stage.tamper(&format!(
        "UPDATE node SET root_dir = '{0}', binary = '{0}/antnode' WHERE id = 21",
        shared.display()
    ));
    stage.wnm(&order).code(3).says("its name is not `antnode0021`");
    assert!(shared.join("secret-key").exists());

    // With its original name it is deleted.
    fs::rename(&shared, &old).expect("it is moved back");
    unit("antnode0021", 21, old.clone()).lay(&stage);
    stage.tamper(&format!(
        "UPDATE node SET root_dir = '{0}', binary = '{0}/antnode' WHERE id = 21",
        old.display()
    ));
    stage.wnm(&order).done();
    assert!(!old.exists() && precious.join("one.jpg").exists());
    assert_eq!(stage.ids(), [1, 2, 3, 20]);
}
