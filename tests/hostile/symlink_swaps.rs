//! A node that replaces files in its own folder by symlinks, before and while wnm works there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use crate::stage::Stage;

use super::root_rows::{content, order};

/// The names that a node may replace: its binary, identity, logs, and files that wnm writes.
const NAMES: [&str; 8] = [
    "antnode",
    "secret-key",
    "logs",
    "node.pid",
    "node.command",
    "record_store",
    ".antnode.new",
    ".antnode.old",
];

/// A folder of the operator that has all of these names.
fn victim(stage: &Stage) -> PathBuf {
    let victim = stage.home().join("victim");
    fs::create_dir_all(victim.join("logs")).expect("a folder");
    fs::create_dir_all(victim.join("record_store")).expect("a folder");
    for name in NAMES {
        let _ = fs::write(victim.join(name), format!("my own {name}"));
    }
    fs::write(victim.join("record_store/photo"), "irreplaceable").expect("a file");
    victim
}

fn held(victim: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = content(victim);
    all.extend(content(&victim.join("record_store")));
    all
}

/// Swaps two names and returns whether it did; creates a symlink first where one is missing.
fn exchange(name: &Path, link: &Path) -> bool {
    renameat2(AT_FDCWD, name, AT_FDCWD, link, RenameFlags::RENAME_EXCHANGE).is_ok()
}

#[test]
fn replaces_symlinks_in_a_nodes_folder_and_does_not_follow_them() {
    let stage = Stage::running(2, &[]);
    let victim = victim(&stage);
    let before = held(&victim);
    stage.wnm(&order("stop", "2")).done();
    stage.install("0.4.18");
    for name in [
        "antnode",
        "node.pid",
        "node.command",
        ".antnode.new",
        ".antnode.old",
    ] {
        let path = stage.root(2).join(name);
        let _ = fs::remove_file(&path);
        symlink(victim.join(name), &path).expect("a link");
        stage.wnm(&order("upgrade", "2")).plain();
        stage.wnm(&order("start", "2")).plain();
        stage.wnm(&order("stop", "2")).plain();
        assert_eq!(held(&victim), before, "{name}");
    }
    stage.force("teardown --confirm").done();
    assert_eq!(held(&victim), before);
    assert!(stage.processes().is_empty());
}

#[test]
fn does_not_block_on_a_pipe_in_place_of_a_console_log() {
    let stage = Stage::running(1, &[]);
    stage.wnm(&order("stop", "1")).done();
    let console = stage.logs().join("antnode0001/console.log");
    assert!(console.is_file(), "{}", console.display());
    fs::remove_file(&console).expect("it is there");
    let pipe = Command::new("mkfifo").arg(&console).status();
    assert!(pipe.expect("mkfifo runs").success());
    stage.wnm(&order("start", "1")).done();
    assert_eq!(stage.processes().len(), 1, "it runs, and says nothing");
}

#[test]
fn symlinks_swapped_while_wnm_works_lead_it_nowhere_else() {
    let stage = Stage::running(2, &[]);
    let victim = victim(&stage);
    let before = held(&victim);
    let (is_over, exchanges) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let root = stage.root(2);
    let node = thread::spawn({
        let (is_over, exchanges, victim) = (is_over.clone(), exchanges.clone(), victim.clone());
        move || {
            while !is_over.load(Ordering::Relaxed) {
                for name in NAMES {
                    let (own, link) = (root.join(name), root.join(format!(".link-{name}")));
                    let _ = symlink(victim.join(name), &link);
                    exchanges.fetch_add(usize::from(exchange(&own, &link)), Ordering::Relaxed);
                }
                thread::yield_now();
            }
        }
    });
    for version in ["0.4.18", "0.4.19"] {
        stage.install(version);
        for what in ["stop", "upgrade", "start"] {
            stage.wnm(&order(what, "2")).plain();
            assert_eq!(held(&victim), before, "{what} to {version}");
        }
    }
    // The node may fill the folder faster than wnm empties it: then wnm reports it, and the next run tries
    // again.
    stage.wnm(&order("remove", "2")).plain();
    is_over.store(true, Ordering::Relaxed);
    node.join().expect("the node's tricks end");
    assert!(exchanges.load(Ordering::Relaxed) > 100, "the node did play");
    assert_eq!(held(&victim), before, "remove");
    stage.force("teardown --confirm").done();
    assert_eq!(held(&victim), before, "teardown");
    assert!(!stage.root(2).exists() && stage.processes().is_empty());
}
