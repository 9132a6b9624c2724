//! Folders, programs and hosts that a row or setting must not lead to, with the operator's rights or
//! root's.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::probing::server::Server;
use crate::stage::Stage;

use super::root_rows::{colony, content, order};

#[test]
fn operators_own_folder_never_becomes_a_nodes_folder() {
    let stage = Stage::running(2, &[]);
    stage.wnm(&order("stop", "2")).done();
    stage.install("0.4.18");
    let project = stage.home().join("project");
    fs::create_dir(&project).expect("a folder");
    fs::write(project.join("antnode"), "my own script").expect("a file");
    let before = content(&project);
    stage.tamper(&format!(
        "UPDATE node SET root_dir = '{0}', binary = '{0}/antnode' WHERE id = 2",
        project.display()
    ));
    for what in ["start", "upgrade", "remove"] {
        let ran = stage.wnm(&order(what, "2")).code(3).plain();
        ran.says(&project.display().to_string());
        assert_eq!(content(&project), before, "{what}");
    }
    stage.force("teardown --confirm").plain();
    assert_eq!(content(&project), before);
    assert_eq!(stage.figure("SELECT count(*) FROM node"), 1, "the row stays");
}

#[test]
fn does_not_block_on_what_a_node_puts_in_place_of_its_pid_file() {
    let stage = Stage::running(2, &[]);
    let note = |id| stage.root(id).join("node.pid");
    for id in [1, 2] {
        fs::remove_file(note(id)).expect("it is there");
    }
    let pipe = Command::new("mkfifo").arg(note(1)).status();
    assert!(pipe.expect("mkfifo runs").success());
    symlink("/dev/zero", note(2)).expect("a link");
    stage.tamper("UPDATE node SET status = 'STOPPED'");
    for id in ["1", "2"] {
        stage.wnm(&order("start", id)).done();
    }
    assert_eq!(stage.processes().len(), 2, "each is known by what it runs");
    for id in [1, 2] {
        let noted = fs::read_to_string(note(id)).expect("a file again");
        let pid = stage.process(id).expect("it runs").pid;
        assert_eq!(noted.trim(), pid.to_string());
    }
    stage.force("teardown --confirm").done();
    assert!(stage.processes().is_empty());
}

#[test]
fn host_column_leads_to_no_other_address() {
    let stage = Stage::running(1, &[]);
    let other = Server::of("", "");
    for host in [
        format!("127.0.0.1:{}/#", other.port),
        format!("127.0.0.1:{}/?", other.port),
        format!("me@127.0.0.1:{}/x", other.port),
        "-oProxyCommand=id".to_owned(),
        "a\nb".to_owned(),
    ] {
        stage.tamper(&format!("UPDATE node SET host = '{host}'"));
        stage.force("survey").done().plain();
        assert!(other.heard().is_empty(), "{host}");
        assert_eq!(stage.row(1).status, "RUNNING", "{host}: silence stops nothing");
    }
}

#[test]
fn file_that_is_no_program_is_not_stored_whatever_the_binaries_table_says() {
    use std::os::unix::fs::MetadataExt;
    let stage = Stage::running(1, &["--node_cap", "3"]);
    let secret = stage.home().join("secret");
    fs::write(&secret, "for my eyes").expect("a file");
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("its mode");
    let seen = fs::metadata(&secret).expect("it is there");
    let mtime = i128::from(seen.mtime()) * 1_000_000_000 + i128::from(seen.mtime_nsec());
    stage.tamper(&format!(
        "INSERT INTO binary (path, size, mtime_ns, inode, version) VALUES ('{0}', {1}, {mtime}, {2}, '9.9.9');
         UPDATE machine SET antnode_path = '{0}'",
        secret.display(),
        seen.len(),
        seen.ino()
    ));
    stage.force("add").code(3).plain();
    stage.wnm(&order("upgrade", "1")).plain();
    let shelf: Vec<String> = content(&stage.base().join("bin"))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(shelf, ["antnode-0.4.17"]);
    assert_eq!(stage.ids(), [1]);
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o777)).expect("its mode");
}

#[test]
fn root_writes_in_no_folder_that_others_may_write() {
    let Some(stage) = colony() else { return };
    let (base, storage) = (stage.base(), stage.storage());
    stage.wnm(&order("stop", "2")).done();

    open_to_all(&storage);
    let held = content(&stage.root(2));
    stage.install("0.4.18");
    for what in ["start", "upgrade", "remove"] {
        let ran = stage.wnm(&order(what, "2")).code(3);
        ran.says("can be written by everybody").says("chmod go-w");
    }
    assert_eq!(content(&stage.root(2)), held);
    fs::set_permissions(&storage, Permissions::from_mode(0o755)).expect("its mode");

    for open in [base.clone(), stage.database()] {
        let mode = fs::metadata(&open).expect("it is there").permissions();
        open_to_all(&open);
        for words in [
            &[][..],
            &order("start", "2"),
            &["--import"],
            &["--remove_lockfile"],
        ] {
            let ran = stage.wnm(words).code(1).plain();
            ran.says("not with root's rights").says("chmod go-w");
        }
        stage.wnm(&["--report", "node-status"]).done();
        fs::set_permissions(&open, mode).expect("its mode");
    }
    stage.wnm(&order("start", "2")).done();
}

#[test]
fn does_not_create_a_colony_where_others_may_write() {
    let Some(stage) = Stage::with_sudo("wnm-hostile-") else {
        return;
    };
    fs::create_dir(stage.base()).expect("somebody makes it first");
    open_to_all(&stage.base());
    let ran = stage.init(&["--process_manager", "setsid+sudo", "--firewall", "null"]);
    ran.code(1).says("can be written by everybody");
    assert!(content(&stage.base()).is_empty(), "nothing was made");
}

#[test]
fn new_colony_creates_no_node_folder_where_others_may_write() {
    let Some(stage) = Stage::with_sudo("wnm-hostile-") else {
        return;
    };
    let disk = stage.home().join("disk");
    fs::create_dir(&disk).expect("a disk");
    open_to_all(&disk);
    let nodes = disk.join("nodes").display().to_string();
    let settings = ["--process_manager", "setsid+sudo", "--firewall", "null"];
    let ran = stage.init(&[&settings[..], &["--node_storage", &nodes]].concat());
    ran.code(1).says("can be written by everybody").says("chmod go-w");
    assert!(content(&disk).is_empty(), "nothing was made");
}

#[test]
fn accepts_a_root_database_only_in_a_folder_that_only_root_may_write() {
    let Some(stage) = Stage::with_sudo("wnm-hostile-") else {
        return;
    };
    let shared = stage.home().join("shared");
    fs::create_dir(&shared).expect("a folder");
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).expect("its mode");
    let at = |name: &str| shared.join(name).display().to_string();
    let settings = [
        "--process_manager",
        "setsid+sudo",
        "--firewall",
        "null",
        "--dbpath",
    ];
    let ran = stage.init(&[&settings[..], &[&at("colony.db")]].concat());
    ran.code(1).says("can be written by everybody");
    assert!(content(&shared).is_empty(), "nothing was made");
    // The operator's own folder in it is accepted.
    stage
        .init(&[&settings[..], &[&at("own/colony.db")]].concat())
        .done();
}

#[test]
fn files_of_a_colony_belong_to_its_owner_under_any_umask() {
    for umask in ["000", "077"] {
        let stage = Stage::new();
        let with_umask = |words: &[&str]| {
            let mut shell = Command::new("sh");
            shell.args([
                "-c",
                &format!("umask {umask}; exec \"$@\""),
                "sh",
                env!("CARGO_BIN_EXE_wnm"),
            ]);
            crate::stage::Ran::of(stage.at_home(shell, words))
        };
        let founding = stage.init_arguments();
        with_umask(&founding.iter().map(String::as_str).collect::<Vec<_>>()).done();
        with_umask(&["--force_action", "survey"]).done();
        with_umask(&["--force_action", "add"]).done();
        stage.wait_for("it runs", |stage| stage.processes().len() == 1);
        with_umask(&["--force_action", "survey"]).done();
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        let base = stage.base();
        for name in ["colony.db", "wnm_active"] {
            assert_eq!(mode(&base.join(name)), 0o600, "{name}, umask {umask}");
        }
        assert_eq!(mode(&base.join("bin/antnode-0.4.17")), 0o755, "umask {umask}");
        for path in [
            base.clone(),
            base.join("bin"),
            stage.storage(),
            stage.root(1),
            stage.root(1).join("node.pid"),
            stage.root(1).join("node.command"),
        ] {
            assert_eq!(mode(&path) & 0o022, 0, "{}, umask {umask}", path.display());
        }
    }
}
