//! The modes of the files that wnm creates under any umask, and files of others, which it never changes.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wnm::manager::ProcessManager;
use wnm::manager::systemd::Systemd;

use crate::adoption::ADOPT;
use crate::anm::takeover;
use crate::stage::anm::Machine;
use crate::stage::{Ran, Stage};
use crate::{launchd, systemd};

use super::root_rows::order;

/// A run that opens a pipe blocks for ever; this is longer than any other run takes on a busy machine.
const BLOCKED: Duration = Duration::from_secs(120);

/// Names the umask in the child process.
const SIGN: &str = "WNM_UMASK";

/// Runs `play` under each umask, each in a child process that runs only the test `name`, because a umask is
/// per process.
fn under(umasks: &[&str], name: &str, play: impl FnOnce(&str)) {
    if let Ok(umask) = std::env::var(SIGN) {
        return play(&umask);
    }
    for umask in umasks {
        let mut shell = Command::new("sh");
        shell.args(["-c", "umask \"$1\" && shift && exec \"$@\"", "sh", umask]);
        shell.arg(std::env::current_exe().expect("this program"));
        shell.args([name, "--exact", "--nocapture"]).env(SIGN, umask);
        let ended = shell.output().expect("it runs once more");
        let out = String::from_utf8_lossy(&ended.stdout);
        let err = String::from_utf8_lossy(&ended.stderr);
        assert!(
            ended.status.success() && out.contains("1 passed"),
            "umask {umask}:\n{out}\n{err}"
        );
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o7777
}

/// Everything in and below a folder, with modes; symlinks are not followed.
fn modes(folder: &Path) -> BTreeMap<PathBuf, u32> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(seen) = fs::symlink_metadata(&folder) else {
            continue;
        };
        if seen.is_symlink() {
            continue;
        }
        all.insert(folder.clone(), seen.permissions().mode() & 0o7777);
        if seen.is_dir() {
            folders.extend(
                fs::read_dir(&folder)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|entry| entry.path()),
            );
        }
    }
    all
}

fn is_secret(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("colony.db") || name.starts_with("wnm_active")
}

/// Only the owner may write anything there, and only the owner may read a database, its copies or the lock.
fn nobody_else_writes(folder: &Path, umask: &str) -> usize {
    let all = modes(folder);
    for (path, mode) in &all {
        assert_eq!(mode & 0o7022, 0, "{} is {mode:o}, umask {umask}", path.display());
        assert!(
            !is_secret(path) || mode & 0o077 == 0,
            "{} is {mode:o}, umask {umask}",
            path.display()
        );
    }
    all.len()
}

fn with_umask(stage: &Stage, umask: &str, words: &[&str]) -> Ran {
    let mut shell = Command::new("sh");
    let script = "umask \"$1\" && shift && exec \"$@\"";
    shell.args(["-c", script, "sh", umask, env!("CARGO_BIN_EXE_wnm")]);
    Ran::of(stage.at_home(shell, words))
}

/// A node from its creation to its removal.
fn live(stage: &Stage, umask: &str) {
    let places = [stage.base(), stage.home().join("Library")];
    let look = || {
        places
            .iter()
            .map(|place| nobody_else_writes(place, umask))
            .sum::<usize>()
    };
    stage.force("add").done();
    look();
    stage.install("0.4.18");
    stage.survey_until_running(2);
    for what in ["upgrade", "stop", "start", "disable", "start"] {
        stage.wnm(&order(what, "1")).done().plain();
        look();
    }
    // The files of a killed run and of a report.
    stage.wnm(&["--report", "node-status"]).done();
    stage.wnm(&order("remove", "2")).done();
    assert!(look() > 8, "{:?}", modes(&stage.base()));
    stage.force("teardown --confirm").done();
    look();
}

#[test]
fn only_the_owner_can_write_files_that_wnm_creates_under_any_umask() {
    under(
        &["000", "022", "077"],
        "hostile::file_modes::only_the_owner_can_write_files_that_wnm_creates_under_any_umask",
        |umask| {
            let stage = Stage::running(1, &["--node_cap", "3"]);
            live(&stage, umask);
            let jobs = launchd::machine::of(launchd::machine::Mode::User, 1, &["--node_cap", "3"])
                .expect("a machine");
            live(&jobs, umask);
            let folder = TempDir::new().expect("a folder");
            fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its mode");
            let policy = systemd::policy(&folder);
            let manager = Systemd::new(wnm::colony::Mode::User, policy.clone());
            manager
                .define(&systemd::node(&policy), &systemd::binary(&folder))
                .expect("a unit");
            fs::remove_file(folder.path().join("download")).expect("it was ours");
            assert!(
                nobody_else_writes(folder.path(), umask) > 4,
                "{:?}",
                modes(folder.path())
            );
        },
    );
}

#[test]
fn only_the_owner_can_write_files_created_as_root_under_any_umask() {
    for umask in ["000", "077"] {
        let Some(stage) = Stage::with_sudo("wnm-hostile-") else {
            return;
        };
        let mut founding = stage.init_arguments();
        founding.extend(["--process_manager", "setsid+sudo", "--firewall", "null"].map(str::to_owned));
        let founding: Vec<&str> = founding.iter().map(String::as_str).collect();
        with_umask(&stage, umask, &founding).done();
        with_umask(&stage, umask, &["--force_action", "survey"]).done();
        with_umask(&stage, umask, &["--force_action", "add"]).done();
        stage.install("0.4.18");
        for what in ["upgrade", "stop", "start"] {
            with_umask(&stage, umask, &order(what, "1")).done();
        }
        for folder in [stage.base(), stage.logs()] {
            let all = modes(&folder);
            assert!(all.len() > 1, "{all:?}");
            for (path, mode) in all {
                assert_eq!(mode & 0o7022, 0, "{} is {mode:o}, umask {umask}", path.display());
            }
        }
        for (name, bits) in [("colony.db", 0o640), ("wnm_active", 0o600)] {
            assert_eq!(mode(&stage.base().join(name)), bits, "{name}, umask {umask}");
        }
    }
}

#[test]
fn unusable_umask_gives_an_error_and_opens_no_file_to_others() {
    for umask in ["117", "777", "700"] {
        let stage = Stage::new();
        let founding = stage.init_arguments();
        let words: Vec<&str> = founding.iter().map(String::as_str).collect();
        for words in [
            &words[..],
            &["--force_action", "survey"],
            &["--force_action", "add"],
        ] {
            let ran = with_umask(&stage, umask, words).plain();
            // root is not limited by a umask.
            assert!(matches!(ran.code, Some(0..=3)), "{ran}");
            assert!(ran.code == Some(0) || !ran.stderr.is_empty(), "{ran}");
            nobody_else_writes(&stage.home().join(".local/share"), umask);
        }
        // Lets the test delete the folder.
        let _ = Command::new("chmod")
            .args(["-R", "u+rwX"])
            .arg(stage.home())
            .status();
    }
}

#[test]
fn only_the_owner_can_write_files_of_an_anm_takeover_under_any_umask() {
    let name = "hostile::file_modes::only_the_owner_can_write_files_of_an_anm_takeover_under_any_umask";
    under(&["000", "077"], name, |umask| {
        let machine = Machine::new(None);
        // anm's own files keep their modes; files that are new or have a new mode are wnm's.
        let before = modes(&machine.root());
        let look = |what: &str| {
            let mut new = 0;
            for (path, mode) in modes(&machine.root()) {
                if before.get(&path) == Some(&mode) {
                    continue;
                }
                new += 1;
                assert_eq!(
                    mode & 0o7022,
                    0,
                    "{what}: {} is {mode:o}, umask {umask}",
                    path.display()
                );
                // With sudo, the group of the database may read it.
                let others = if is_secret(&path) { 0o007 } else { 0 };
                assert_eq!(
                    mode & others,
                    0,
                    "{what}: {} is {mode:o}, umask {umask}",
                    path.display()
                );
            }
            new
        };
        takeover::take(&machine, &[]).expect("it is taken over");
        assert!(look("a takeover") > 10);
        for backup in takeover::backups(&machine) {
            assert_eq!(mode(&backup), 0o700, "a backup is root's own, umask {umask}");
        }
        takeover::patiently(|| {
            let flags = [("confirm", "true")];
            wnm::commands::init::anm::give_back(&machine.session(&flags), &machine.server())
        })
        .expect("it is given back");
        look("a rollback");
    });
}

#[test]
fn copy_of_a_database_has_its_owner_and_nobody_else_can_write_it() {
    for bits in [0o600, 0o640, 0o644, 0o660, 0o666, 0o400] {
        for umask in ["000", "077"] {
            let stage = Stage::new();
            fs::create_dir_all(stage.base()).expect("its folder");
            let made = rusqlite::Connection::open(stage.database()).expect("a database");
            let dump = include_str!("../databases/e2f4a512d24c.sql");
            made.execute_batch(dump).expect("its rows");
            drop(made);
            fs::set_permissions(stage.database(), Permissions::from_mode(bits)).expect("its mode");
            let ran = with_umask(&stage, umask, &ADOPT).plain();
            // root may write everything.
            if ran.code != Some(0) {
                assert!(
                    bits == 0o400 || ran.stderr.contains("not with root's rights"),
                    "{ran}"
                );
            }
            assert_eq!(mode(&stage.database()), bits, "its own stays");
            let copies: Vec<PathBuf> = modes(&stage.base())
                .into_keys()
                .filter(|path| path.to_string_lossy().ends_with(".bak"))
                .collect();
            assert_eq!(copies.len(), usize::from(ran.code == Some(0)), "{ran}");
            for copy in copies {
                assert_eq!(mode(&copy), bits & 0o755, "umask {umask}");
            }
        }
    }
}

#[test]
fn sqlite_files_beside_a_database_are_as_private_as_the_database() {
    let stage = Stage::running(1, &[]);
    let beside = |end: &str| stage.base().join(format!("colony.db-{end}"));
    let mut child = stage.begin(&["--force_action", "add"]);
    let begun = Instant::now();
    let mut seen = 0;
    while child.try_wait().expect("it is ours").is_none() && begun.elapsed() < Duration::from_secs(60) {
        for end in ["wal", "shm", "journal"] {
            if let Ok(there) = fs::symlink_metadata(beside(end)) {
                assert_eq!(there.permissions().mode() & 0o777, 0o600, "{end}");
                seen += 1;
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.wait().expect("it ended");
    assert!(seen > 0, "they were there for a moment");
}

/// The console log of the stage's node.
fn console(stage: &Stage) -> PathBuf {
    let console = stage.logs().join("antnode0001/console.log");
    assert!(console.is_file(), "{:?}", modes(&stage.base()));
    console
}

/// A file of somebody else with a hard link where wnm writes.
struct Foreign {
    path: PathBuf,
    text: Vec<u8>,
}

impl Foreign {
    fn at(stage: &Stage, name: &Path, text: impl Into<Vec<u8>>) -> Foreign {
        let path = stage.home().join("foreign");
        let _ = fs::remove_file(&path);
        let text = text.into();
        fs::write(&path, &text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o604)).expect("its mode");
        let _ = fs::remove_file(name);
        fs::hard_link(&path, name).expect("a second name");
        Foreign { path, text }
    }

    fn is_as_it_was(&self, what: &str) {
        assert!(fs::read(&self.path).expect("it is there") == self.text, "{what}");
        assert_eq!(mode(&self.path), 0o604, "{what}");
    }
}

#[test]
fn does_not_write_truncate_or_chmod_a_file_with_a_second_hard_link() {
    let stage = Stage::running(1, &["--node_cap", "3"]);
    stage.wnm(&order("stop", "1")).done();
    let long = vec![b'x'; 1 << 20];

    let lock = Foreign::at(&stage, &stage.base().join("wnm_active"), long.clone());
    stage.force("survey").done();
    stage.wnm(&["--doctor"]).plain();
    lock.is_as_it_was("the lock");

    for end in ["wal", "journal", "shm"] {
        let name = stage.base().join(format!("colony.db-{end}"));
        let beside = Foreign::at(&stage, &name, "somebody's own");
        for words in [
            &["--force_action", "survey"][..],
            &["--node_cap", "4"],
            &["--report", "node-status"],
        ] {
            let ran = stage.wnm(words).plain();
            assert!(
                ran.code == Some(0) || ran.stderr.contains("beside it is a link"),
                "{end}: {ran}"
            );
            beside.is_as_it_was(end);
        }
        fs::remove_file(&name).expect("it goes");
    }

    let said = Foreign::at(&stage, &console(&stage), long);
    stage.wnm(&order("start", "1")).done();
    stage.wnm(&order("stop", "1")).done();
    said.is_as_it_was("what a node says");
    for name in ["node.pid", "node.command", ".node.pid.new", ".node.command.new"] {
        let noted = Foreign::at(&stage, &stage.root(1).join(name), "4711");
        stage.wnm(&order("start", "1")).done();
        stage.wnm(&order("stop", "1")).done();
        noted.is_as_it_was(name);
    }

    // In the binary store, and where its files are written first.
    stage.install("0.4.18");
    for name in ["antnode-0.4.18", ".antnode-0.4.18.new"] {
        let program = Foreign::at(&stage, &stage.base().join("bin").join(name), "somebody's own");
        stage.wnm(&order("upgrade", "1")).done();
        program.is_as_it_was(name);
        stage.wnm(&order("stop", "1")).done();
    }
    let program = Foreign::at(&stage, &stage.root(1).join("antnode"), "somebody's own");
    stage.install("0.4.19");
    stage.wnm(&order("upgrade", "1")).done();
    program.is_as_it_was("a node's program");
    stage.force("teardown --confirm").done();
    program.is_as_it_was("a node's program");
}

#[test]
fn does_not_create_a_colony_in_a_hard_linked_file() {
    let stage = Stage::new();
    fs::create_dir_all(stage.base()).expect("its folder");
    for text in ["", "somebody's own"] {
        let foreign = Foreign::at(&stage, &stage.database(), text);
        stage.init(&[]).code(1).plain().complains();
        foreign.is_as_it_was("the database");
    }
    assert_eq!(fs::metadata(stage.database()).expect("it is there").nlink(), 2);
}

#[test]
fn does_not_block_on_a_pipe_in_place_of_the_console_log() {
    let stage = Stage::running(1, &[]);
    stage.wnm(&order("stop", "1")).done();
    let console = console(&stage);
    fs::remove_file(&console).expect("it goes");
    assert!(
        Command::new("mkfifo")
            .arg(&console)
            .status()
            .expect("mkfifo runs")
            .success()
    );
    let begun = Instant::now();
    stage.wnm(&order("start", "1")).done();
    assert!(begun.elapsed() < BLOCKED);
    assert_eq!(stage.processes().len(), 1);
}
