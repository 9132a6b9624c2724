//! Full disks and read-only disks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::mount_namespace::{bind, mount, on_own_ground, remount, unmount, wnm};
use super::{Fault, Played, Then, is_well, play};
use crate::crashes::consistency::identities;
use crate::stage::Stage;

pub const FAULTS: &[Fault] = &[
    Fault {
        given: "the disk of BASE_DIR is full; a cycle",
        says: "error: cannot write `…colony.db`: the disk is full … hint: make room on its disk",
        codes: &[1],
        then: Then::GoesOn,
        play: || full(&[]),
    },
    Fault {
        given: "the disk of BASE_DIR is full; an upgrade",
        says: "error: cannot write `…colony.db`: the disk is full",
        codes: &[1],
        then: Then::GoesOn,
        play: || full(&["--force_action", "upgrade"]),
    },
    Fault {
        given: "the disk of BASE_DIR is full; a removal",
        says: "error: cannot write `…colony.db`: the disk is full",
        codes: &[1],
        then: Then::GoesOn,
        play: || full(&["--force_action", "remove"]),
    },
    Fault {
        given: "the disk of BASE_DIR is full; a change of a setting",
        says: "error: cannot write `…colony.db`: the disk is full",
        codes: &[1],
        then: Then::GoesOn,
        play: || full(&["--node_cap", "7"]),
    },
    Fault {
        given: "the disk has room for the database, but not for a binary; an add",
        says: "No space left on device",
        codes: &[3],
        then: Then::GoesOn,
        play: || nearly_full(&["--force_action", "add"]),
    },
    Fault {
        given: "the disk has room for the database, but not for a binary; an upgrade",
        says: "No space left on device",
        codes: &[3],
        then: Then::GoesOn,
        play: || nearly_full(&["--force_action", "upgrade", "--service_name", "1"]),
    },
    Fault {
        given: "the disk is full; `--init`",
        says: "the disk is full",
        codes: &[1],
        then: Then::GoesOn,
        play: full_at_init,
    },
    Fault {
        given: "the disk is full; a migration",
        says: "the disk is full",
        codes: &[1],
        then: Then::GoesOn,
        play: full_at_migration,
    },
    Fault {
        given: "the disk of `node_storage` is full; an add",
        says: "No space left on device",
        codes: &[3],
        then: Then::GoesOn,
        play: full_storage,
    },
    Fault {
        given: "the disk of the logs is full; an add",
        says: "",
        codes: &[0, 3],
        then: Then::GoesOn,
        play: full_logs,
    },
    Fault {
        given: "BASE_DIR is read-only; a cycle",
        says: "error: … Read-only file system",
        codes: &[1],
        then: Then::GoesOn,
        play: || read_only(&[]),
    },
    Fault {
        given: "BASE_DIR is read-only; a report",
        says: "",
        codes: &[0],
        then: Then::GoesOn,
        play: || read_only(&["--report", "node-status"]),
    },
    Fault {
        given: "`node_storage` is read-only; an add",
        says: "Read-only file system",
        codes: &[3],
        then: Then::GoesOn,
        play: || read_only_storage(&["--force_action", "add"]),
    },
    Fault {
        given: "`node_storage` is read-only; an upgrade",
        says: "Read-only file system",
        codes: &[3],
        then: Then::GoesOn,
        play: || read_only_storage(&["--force_action", "upgrade", "--service_name", "1"]),
    },
    Fault {
        given: "`node_storage` is read-only; a removal",
        says: "Read-only file system",
        codes: &[3],
        then: Then::Finishes,
        play: || read_only_storage(&["--force_action", "remove", "--service_name", "2"]),
    },
];

#[test]
fn full_or_read_only_disk() {
    on_own_ground("faults::full_disks::full_or_read_only_disk", || play(FAULTS));
}

/// The free space when the disk is filled: from nothing to more than any step needs.
const LEFT: [u64; 9] = [0, 4, 8, 16, 36, 64, 128, 512, 1500];

#[test]
fn disk_that_fills_up_at_any_point_loses_nothing() {
    on_own_ground(
        "faults::full_disks::disk_that_fills_up_at_any_point_loses_nothing",
        || {
            let stage = on_a_disk();
            let steps: [&[&str]; 5] = [
                &["--force_action", "add"],
                &[],
                &["--force_action", "survey"],
                &["--force_action", "upgrade", "--service_name", "1"],
                &["--force_action", "remove", "--service_name", "2"],
            ];
            let mut version = 18;
            let mut codes = Vec::new();
            for left in LEFT {
                for step in steps {
                    stage.cycle_until("two nodes run", |stage| stage.in_state("RUNNING") == 2);
                    if step.contains(&"upgrade") {
                        stage.install(&format!("0.4.{version}"));
                        version += 1;
                    }
                    let kept = identities(&stage).into_iter();
                    let kept = kept.filter(|(root, _)| *root == stage.root(1)).collect();
                    let ballast = fill(&stage.base(), left * 1024);
                    let ran = wnm(&stage, step).plain();
                    fs::remove_file(ballast).expect("room again");
                    assert!(matches!(ran.code, Some(0 | 1 | 3)), "{left} KiB left: {ran}");
                    codes.push(ran.code);
                    is_well(&stage, &kept, &format!("{left} KiB left: {}", ran.words));
                }
            }
            assert!(codes.contains(&Some(0)) && codes.contains(&Some(1)) && codes.contains(&Some(3)));
        },
    );
}

/// A stage whose colony is on a small filesystem of its own, which is gone with the namespace.
fn stage_of_none() -> Stage {
    let stage = Stage::new();
    mount(&stage.base(), 24 << 20);
    stage
}

fn on_a_disk() -> Stage {
    let stage = stage_of_none();
    stage.init(&["--node_cap", "2"]).done();
    stage.survey();
    stage.cycle_until("two nodes run", |stage| stage.in_state("RUNNING") == 2);
    stage
}

/// Fills a disk with a file until this number of bytes is free.
fn fill(disk: &Path, left: u64) -> PathBuf {
    let ballast = disk.join(".ballast");
    let free = nix::sys::statvfs::statvfs(disk).expect("a disk");
    let free = free.blocks_available() * free.fragment_size();
    let size = usize::try_from(free.saturating_sub(left)).expect("a small disk");
    fs::write(&ballast, vec![1_u8; size]).expect("it is filled");
    ballast
}

fn full(words: &[&str]) -> Option<Played> {
    let stage = on_a_disk();
    stage.install("0.4.18");
    let before = identities(&stage);
    let ballast = fill(&stage.base(), 0);
    let ran = wnm(&stage, words);
    fs::remove_file(ballast).expect("room again");
    Played::since(before, stage, vec![ran])
}

fn nearly_full(words: &[&str]) -> Option<Played> {
    let stage = on_a_disk();
    stage.install("0.4.18");
    let before = identities(&stage);
    let (rows, ballast) = (stage.rows(), fill(&stage.base(), 200 << 10));
    let ran = wnm(&stage, words);
    fs::remove_file(ballast).expect("room again");
    assert_eq!(stage.ids(), [1, 2], "{}", stage.describe());
    assert_eq!(
        stage.row(1).version,
        rows[0].version,
        "the old binary is there still"
    );
    assert!(stage.process(1).is_some(), "and runs: {ran}");
    Played::since(before, stage, vec![ran])
}

fn full_at_init() -> Option<Played> {
    let stage = stage_of_none();
    let ballast = fill(&stage.base(), 0);
    let ran = stage.init(&[]);
    assert!(!stage.database().exists(), "no half a colony is left");
    fs::remove_file(ballast).expect("room again");
    stage.init(&["--node_cap", "1"]).done();
    Played::of(stage, vec![ran])
}

fn full_at_migration() -> Option<Played> {
    let stage = stage_of_none();
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/databases/e2f4a512d24c.sql");
    let peer = Connection::open(stage.database()).expect("a new database");
    peer.execute_batch(&fs::read_to_string(dump).expect("a dump"))
        .expect("it is filled");
    drop(peer);
    let theirs = fs::read(stage.database()).expect("it is there");
    let ballast = fill(&stage.base(), 0);
    let words = ["--force_action", "wnm-db-migration", "--confirm"];
    let ran = wnm(&stage, &words);
    assert_eq!(fs::read(stage.database()).expect("it is there"), theirs, "{ran}");
    fs::remove_file(ballast).expect("room again");
    wnm(&stage, &words).done();
    // Its subject is on no disk here; another test covers it.
    for file in fs::read_dir(stage.base()).expect("a folder").flatten() {
        let _ = fs::remove_file(file.path());
    }
    stage.init(&["--node_cap", "1"]).done();
    Played::of(stage, vec![ran])
}

fn full_storage() -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let before = identities(&stage);
    let disk = stage.home().join("disk");
    mount(&disk, 1 << 20);
    let ballast = fill(&disk, 100 << 10);
    let place = disk.display().to_string();
    let ran = wnm(&stage, &["--force_action", "add", "--node_storage", &place]);
    fs::remove_file(ballast).expect("room again");
    assert_eq!(
        fs::read_dir(&disk).expect("a folder").count(),
        0,
        "nothing is left of it"
    );
    let own = stage.storage().display().to_string();
    stage.wnm(&["--node_storage", &own]);
    Played::since(before, stage, vec![ran])
}

fn full_logs() -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let logs = stage.logs();
    fs::create_dir_all(&logs).expect("a folder");
    let before = identities(&stage);
    mount(&logs, 64 << 10);
    let ballast = fill(&logs, 0);
    let ran = wnm(&stage, &["--force_action", "add"]);
    fs::remove_file(ballast).expect("room again");
    unmount(&logs);
    Played::since(before, stage, vec![ran])
}

fn read_only(words: &[&str]) -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    bind(&stage.base(), &stage.base());
    remount(&stage.base(), "ro");
    let ran = wnm(&stage, words);
    unmount(&stage.base());
    Played::of(stage, vec![ran])
}

fn read_only_storage(words: &[&str]) -> Option<Played> {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.install("0.4.18");
    let before = identities(&stage).into_iter();
    let before = before.filter(|(root, _)| *root == stage.root(1)).collect();
    bind(&stage.storage(), &stage.storage());
    remount(&stage.storage(), "ro");
    let ran = wnm(&stage, words);
    unmount(&stage.storage());
    assert!(
        stage.process(1).is_some(),
        "node 1 runs: {ran}\n{}",
        stage.describe()
    );
    Played::since(before, stage, vec![ran])
}

/// A missing permission instead of a full disk: BASE_DIR belongs to another user.
#[test]
fn folder_without_write_permission_is_named() {
    on_own_ground(
        "faults::full_disks::folder_without_write_permission_is_named",
        || {
            let stage = Stage::running(1, &["--node_cap", "1"]);
            let rights =
                |mode| fs::set_permissions(stage.base(), fs::Permissions::from_mode(mode)).expect("rights");
            rights(0o000);
            let ran = [wnm(&stage, &[]), wnm(&stage, &["--report", "node-status"])];
            rights(0o755);
            for ran in ran {
                let ran = ran.code(1).complains();
                assert!(ran.stderr.contains(".local/share/autonomi"), "{ran}");
                assert!(!ran.stderr.contains("--init"), "{ran}");
            }
            is_well(&stage, &identities(&stage), "no rights");
        },
    );
}
