//! Missing disks: the nodes on them keep running, and do not count as dead or gone.

use std::fs;
use std::path::PathBuf;

use super::mount_namespace::{bind, mount, on_own_ground, unmount, wnm};
use super::{Fault, Played, Then, play};
use crate::crashes::consistency::identities;
use crate::stage::{Ran, Stage};

pub const FAULTS: &[Fault] = &[
    Fault {
        given: "the disk of `node_storage` is not mounted, and the mount point is empty; a cycle",
        says: "error: safety stop: the storage … lies on another filesystem than before … check what is mounted there",
        codes: &[4],
        then: Then::GoesOn,
        play: || unmounted(&[&[]]),
    },
    Fault {
        given: "the disk is not mounted; a forced removal",
        says: "error: safety stop: the storage … lies on another filesystem than before",
        codes: &[4],
        then: Then::GoesOn,
        play: || {
            unmounted(&[
                &["--force_action", "remove"],
                &["--force_action", "remove", "--service_name", "1"],
            ])
        },
    },
    Fault {
        given: "the disk is not mounted; a teardown with `--confirm`",
        says: "error: safety stop: … hint: nothing was changed; mount the disk",
        codes: &[4],
        then: Then::GoesOn,
        play: || unmounted(&[&["--force_action", "teardown", "--confirm"]]),
    },
    Fault {
        given: "the disk is not mounted; a forced add, start or upgrade",
        says: "error: safety stop: … hint: nothing was changed; mount the disk",
        codes: &[4],
        then: Then::GoesOn,
        play: || {
            unmounted(&[
                &["--force_action", "add"],
                &["--force_action", "start", "--service_name", "4"],
                &["--force_action", "upgrade", "--service_name", "1"],
            ])
        },
    },
    Fault {
        given: "the disk is not mounted; a forced stop or disable",
        says: "",
        codes: &[0],
        then: Then::GoesOn,
        play: stopped_without_its_disk,
    },
    Fault {
        given: "the disk is not mounted, and the mount point is missing; a cycle",
        says: "error: safety stop: the storage … is not there",
        codes: &[4],
        then: Then::GoesOn,
        play: mount_point_gone,
    },
    Fault {
        given: "another disk, which is empty, is mounted in its place; a cycle",
        says: "error: safety stop: the storage … lies on another filesystem than before",
        codes: &[4],
        then: Then::GoesOn,
        play: another_disk,
    },
    Fault {
        given: "a node's directory is a mount point, and its disk is not mounted; a cycle, and a start of that node",
        says: "error: safety stop: the storage … lies on another filesystem than before",
        codes: &[4],
        then: Then::GoesOn,
        play: own_disk,
    },
    Fault {
        given: "some nodes are in a second directory, and its disk is not mounted; a cycle, and a removal of one of these nodes",
        says: "error: safety stop: the storage … lies on another filesystem than before",
        codes: &[4],
        then: Then::GoesOn,
        play: second_storage,
    },
    Fault {
        given: "more than a tenth of the node directories are missing from a mounted disk; a cycle",
        says: "error: safety stop: 2 of 4 nodes lost their root directory at once",
        codes: &[4],
        then: Then::GoesOn,
        play: decimated,
    },
    Fault {
        given: "a run was killed during a removal, and then the disk is not mounted; a cycle",
        says: "error: safety stop: … lies on another filesystem than before",
        codes: &[4],
        then: Then::Finishes,
        play: killed_and_unmounted,
    },
];

#[test]
fn missing_disks() {
    on_own_ground("faults::missing_disks::missing_disks", || play(FAULTS));
}

/// Four nodes on a disk of their own, the last one stopped; also the path where the disk is visible without
/// being mounted.
fn on_a_disk() -> (Stage, PathBuf) {
    let stage = Stage::new();
    let disk = stage.home().join("disk");
    mount(&disk, 32 << 20);
    bind(&disk, &stage.storage());
    stage.init(&["--node_cap", "4"]).done();
    stage.survey();
    stage.force("add --count 4").done();
    stage.survey_until_running(4);
    stage.force("stop --service_name 4").done();
    stage.survey();
    (stage, disk)
}

/// Runs all of these while the disk is missing, and checks that nothing changed.
fn away(stage: &Stage, runs: &[&[&str]]) -> Vec<Ran> {
    let (rows, processes) = (stage.rows(), stage.processes());
    let ran: Vec<Ran> = runs.iter().map(|words| wnm(stage, words)).collect();
    assert_eq!((stage.rows(), stage.processes()), (rows, processes), "{ran:?}");
    ran
}

fn unmounted(runs: &[&[&str]]) -> Option<Played> {
    let (stage, disk) = on_a_disk();
    let before = identities(&stage);
    stage.install("0.4.18");
    unmount(&stage.storage());
    let mut ran = Vec::new();
    for _ in 0..3 {
        ran.extend(away(&stage, runs));
    }
    assert_eq!(
        fs::read_dir(stage.storage()).expect("the mount point").count(),
        0,
        "nothing was made in its place"
    );
    bind(&disk, &stage.storage());
    Played::since(before, stage, ran)
}

fn stopped_without_its_disk() -> Option<Played> {
    let (stage, disk) = on_a_disk();
    let before = identities(&stage);
    unmount(&stage.storage());
    let ran = vec![
        wnm(&stage, &["--force_action", "stop", "--service_name", "1"]),
        wnm(&stage, &["--force_action", "disable", "--service_name", "2"]),
    ];
    assert_eq!(stage.processes().len(), 1, "{}", stage.describe());
    assert_eq!(
        (stage.row(1).status.as_str(), stage.row(2).status.as_str()),
        ("STOPPED", "DISABLED")
    );
    bind(&disk, &stage.storage());
    stage.force("start --service_name 2").done();
    Played::since(before, stage, ran)
}

fn mount_point_gone() -> Option<Played> {
    let (stage, disk) = on_a_disk();
    let before = identities(&stage);
    unmount(&stage.storage());
    fs::remove_dir(stage.storage()).expect("an empty mount point");
    let ran = away(&stage, &[&[], &["--force_action", "teardown", "--confirm"], &[]]);
    assert!(!stage.storage().exists(), "nothing was made in its place");
    bind(&disk, &stage.storage());
    Played::since(before, stage, ran)
}

fn another_disk() -> Option<Played> {
    let (stage, disk) = on_a_disk();
    let before = identities(&stage);
    unmount(&stage.storage());
    mount(&stage.storage(), 1 << 20);
    let ran = away(&stage, &[&[], &[]]);
    unmount(&stage.storage());
    bind(&disk, &stage.storage());
    Played::since(before, stage, ran)
}

/// Node 12 of twelve, so that the loss of one node is not more than the safety limit.
fn own_disk() -> Option<Played> {
    let stage = Stage::running(12, &["--node_cap", "12"]);
    let (disk, root) = (stage.home().join("disk"), stage.root(12));
    stage.force("stop --service_name 12").done();
    mount(&disk, 8 << 20);
    for entry in fs::read_dir(&root).expect("a root").flatten() {
        let moved = std::process::Command::new("cp")
            .arg("-a")
            .args([entry.path(), disk.join(entry.file_name())])
            .status();
        assert!(moved.expect("cp runs").success());
    }
    fs::remove_dir_all(&root).expect("it was copied");
    bind(&disk, &root);
    stage.force("start --service_name 12").done();
    stage.survey();
    let before = identities(&stage);
    unmount(&root);
    let mut ran = away(&stage, &[&[]]);
    stage.force("stop --service_name 12").done();
    ran.extend(away(
        &stage,
        &[&["--force_action", "start", "--service_name", "12"]],
    ));
    assert_eq!(
        fs::read_dir(&root).expect("the mount point").count(),
        0,
        "no other node was made"
    );
    bind(&disk, &root);
    Played::since(before, stage, ran)
}

fn second_storage() -> Option<Played> {
    let stage = Stage::running(3, &["--node_cap", "5"]);
    let (disk, second) = (stage.home().join("disk"), stage.home().join("second"));
    mount(&disk, 16 << 20);
    bind(&disk, &second);
    let place = second.display().to_string();
    stage
        .wnm(&["--force_action", "add", "--count", "2", "--node_storage", &place])
        .done();
    let own = stage.storage().display().to_string();
    stage
        .wnm(&["--node_storage", &own, "--force_action", "survey"])
        .done();
    stage.survey_until_running(5);
    let keys: Vec<_> = ["antnode0004", "antnode0005"]
        .map(|name| fs::read(second.join(name).join("secret-key")).expect("a key"))
        .into();
    let before = identities(&stage);
    unmount(&second);
    let ran = away(
        &stage,
        &[&[], &["--force_action", "remove", "--service_name", "5"]],
    );
    // Nodes on other disks can still be removed.
    wnm(&stage, &["--force_action", "remove", "--service_name", "3"]).done();
    assert_eq!(stage.ids(), [1, 2, 4, 5]);
    bind(&disk, &second);
    stage.survey();
    let after: Vec<_> = ["antnode0004", "antnode0005"]
        .map(|name| fs::read(second.join(name).join("secret-key")).expect("a key"))
        .into();
    assert_eq!(after, keys);
    assert_eq!(stage.in_state("RUNNING"), 4, "{}", stage.describe());
    // The remaining steps look at one storage.
    let there = ["--node_storage", &place, "--node_cap", "2"];
    let words = [&["--force_action", "remove", "--service_name", "4,5"], &there[..]];
    stage.wnm(&words.concat()).done();
    stage
        .wnm(&["--node_storage", &own, "--force_action", "survey"])
        .done();
    let before = before
        .into_iter()
        .filter(|(root, _)| !root.ends_with("antnode0003"))
        .collect();
    Played::since(before, stage, ran)
}

fn decimated() -> Option<Played> {
    let stage = Stage::running(4, &["--node_cap", "4"]);
    let before = identities(&stage);
    let kept = stage.home().join("kept");
    fs::create_dir_all(&kept).expect("a folder");
    for id in [2, 3] {
        fs::rename(stage.root(id), kept.join(id.to_string())).expect("it goes");
    }
    let ran = away(&stage, &[&[], &[]]);
    for id in [2, 3] {
        fs::rename(kept.join(id.to_string()), stage.root(id)).expect("it comes back");
    }
    Played::since(before, stage, ran)
}

fn killed_and_unmounted() -> Option<Played> {
    let (stage, disk) = on_a_disk();
    let before = identities(&stage)
        .into_iter()
        .filter(|(root, _)| *root != stage.root(4))
        .collect();
    stage.tamper("INSERT INTO intent (run, action, node, detail, at) VALUES ('killed', 'remove', 4, '{}', unixepoch())");
    unmount(&stage.storage());
    let ran = away(
        &stage,
        &[
            &[],
            &["--force_action", "survey"],
            &["--force_action", "teardown", "--confirm"],
        ],
    );
    assert_eq!(stage.ids(), [1, 2, 3, 4]);
    bind(&disk, &stage.storage());
    stage.pass(&["--node_cap", "3"]).done();
    assert_eq!(
        stage.ids(),
        [1, 2, 3],
        "the removal was finished\n{}",
        stage.describe()
    );
    Played::since(before, stage, ran)
}
