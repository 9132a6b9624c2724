//! A running Python wnm: a takeover waits for the operator, and a Python run that starts later does
//! nothing.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rusqlite::Connection;

use crate::stage::Stage;

/// A process with the arguments of a Python wnm that does nothing; killed when the test ends.
struct AtWork(Child);

impl AtWork {
    fn on(stage: &Stage) -> AtWork {
        let python = stage.home().join("python3");
        if !python.exists() {
            symlink("/bin/sh", &python).expect("a shell called python3");
        }
        let script = stage.home().join("venv/bin/wnm");
        fs::create_dir_all(script.parent().expect("a folder")).expect("its folder");
        fs::write(&script, "read line\n").expect("its script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it may be run");
        let child = Command::new(python)
            .arg(script)
            .env("HOME", stage.home())
            .stdin(Stdio::piped())
            .spawn()
            .expect("it is at work");
        AtWork(child)
    }

    fn ends(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("it ends");
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Puts a database of the Python wnm there.
fn theirs(stage: &Stage) -> Vec<u8> {
    let path = stage.database();
    fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/databases/e2f4a512d24c.sql");
    let peer = Connection::open(&path).expect("a new database");
    peer.execute_batch(&fs::read_to_string(dump).expect("a dump"))
        .expect("it is filled");
    drop(peer);
    fs::read(&path).expect("it is there")
}

#[test]
fn running_python_wnm_prevents_adoption_and_import() {
    let stage = Stage::new();
    let before = theirs(&stage);
    let adopt = ["--force_action", "wnm-db-migration", "--confirm"];
    let at_work = AtWork::on(&stage);
    stage
        .wnm(&adopt)
        .code(1)
        .says(&format!("the Python wnm is running (process {})", at_work.0.id()))
        .says("wait until it exits");
    assert_eq!(fs::read(stage.database()).expect("it is there"), before);
    fs::remove_file(stage.database()).expect("it goes");
    stage
        .init(&["--import", "--process_manager", "setsid+user"])
        .code(1)
        .says("the Python wnm is running");
    assert!(!stage.database().exists());
    fs::write(stage.database(), &before).expect("it is there again");
    // A Python wnm of another home does not matter.
    let other = Stage::new();
    theirs(&other);
    other.wnm(&adopt).done();
    at_work.ends();
    stage.wnm(&adopt).done();
}

/// With `WNM_PEER`, a Python wnm that cron starts after the adoption.
#[test]
fn later_python_run_finds_our_lock_and_does_nothing() {
    let Ok(peer) = std::env::var("WNM_PEER") else {
        eprintln!("SKIPPED: WNM_PEER names no Python wnm");
        return;
    };
    let stage = Stage::new();
    theirs(&stage);
    stage.force("wnm-db-migration --confirm").done();
    let before = fs::read(stage.database()).expect("it is there");
    let mut words = peer.split(' ');
    let ran = Command::new(words.next().expect("a program"))
        .args(words)
        .env("HOME", stage.home())
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", stage.home().join(".local/bin").display()),
        )
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("wnm still running"), "{said}");
    assert_eq!(fs::read(stage.database()).expect("it is there"), before);
}
