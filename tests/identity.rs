//! A node is its process and its identity: what answers at its port, or has its path in a container, is not the node.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::faults::mount_namespace::{bind, mount, on_own_ground, wnm};
use crate::probing::server::{Act, Server, status};
use crate::python_bugs::services;
use crate::stage::{Stage, StandIn, listen};
use wnm::manager::process_scan::Processes;

const STRANGER: &str = "12D3KooWStranger";

/// A program that answers at a port as another antnode does.
fn stranger(port: u16) -> Server {
    Server::on(listen(port), |path| {
        let metadata = format!(
            "ant_node_antnode_version_info{{antnode_version=\"0.4.17\"}} 1\n\
             ant_networking_peer_id_info{{peer_id=\"{STRANGER}\"}} 1\n# EOF\n"
        );
        let metrics = "ant_node_uptime 86400\nant_networking_connected_peers 4\n# EOF\n".to_owned();
        let body = if path == "/metadata" { metadata } else { metrics };
        Act::Say(status("200 OK", &body))
    })
}

/// A colony of two nodes; the first one's process was killed, and a stranger answers at its metrics port.
fn with_a_stranger() -> (Stage, Server) {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let port = stage.row(1).metrics_port;
    stage.kill_node(1);
    let server = stranger(port);
    (stage, server)
}

#[test]
fn dead_node_whose_port_another_process_answers_is_down() {
    let (stage, _server) = with_a_stranger();
    let before = stage.row(1);
    let said = stage.force("survey");
    let row = stage.row(1);
    assert_eq!(row.status, "STOPPED", "{}", stage.describe());
    assert_eq!(row.peer_id, before.peer_id, "the stranger's peer ID is not taken");
    assert_eq!(stage.row(2).status, "RUNNING");
    let error = row.last_error.unwrap_or_default();
    assert!(error.contains("port answered by another process"), "{error}");
    assert!(
        format!("{said}").contains("port answered by another process"),
        "{said}"
    );
    for words in [
        &["--report", "node-status-details", "--service_name", "1"][..],
        &["--report", "plan"],
        &["--doctor"],
    ] {
        let ran = stage.wnm(words);
        assert!(
            ran.stdout.contains("answered by another process"),
            "{words:?}: {ran:?}"
        );
    }
}

#[test]
fn start_of_a_node_whose_port_is_taken_fails_and_is_retried_later() {
    let (stage, server) = with_a_stranger();
    stage.survey();
    let ran = stage.force("start --service_name 1");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(stage.figure("SELECT start_failures FROM node WHERE id = 1") > 0);
    drop(server);
    stage.force("start --service_name 1").done();
    stage.survey_until_running(2);
    assert_eq!(stage.row(1).last_error, None);
}

#[test]
fn peer_id_that_changes_without_a_new_identity_file_is_reported_and_not_taken() {
    let (stage, _server) = with_a_stranger();
    let before = stage.row(1).peer_id;
    stage.tamper("UPDATE node SET last_seen = unixepoch() + 5");
    let process = StandIn::of(&stage.root(1));
    let said = stage.force("survey");
    assert_eq!(stage.row(1).peer_id, before, "{said}");
    assert!(
        format!("{said}").contains("port answered by another process"),
        "{said}"
    );
    // A new identity file makes it a new node.
    stage.tamper("UPDATE node SET last_seen = NULL");
    let key = stage.root(1).join("secret-key");
    fs::write(&key, fs::read(&key).expect("an identity")).expect("it is written again");
    stage.survey();
    assert_eq!(stage.row(1).peer_id.as_deref(), Some(STRANGER));
    drop(process);
}

#[test]
fn parent_that_carries_the_command_line_of_its_child_is_no_second_node() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("antnode0001");
    fs::create_dir(&root).expect("a root");
    let script = root.join("antnode");
    fs::write(&script, "read -r line\n").expect("a script");
    let screen = folder.path().join("screen");
    fs::copy("/bin/sh", &screen).expect("a program");
    let spawn = |program: &Path| {
        let mut parent = Command::new(program);
        parent.arg(&script).arg("--root-dir").arg(&root);
        parent.stdin(Stdio::piped()).spawn().expect("it runs")
    };
    let mut parent = spawn(&screen);
    assert!(found(&root).is_empty(), "the parent is no node");
    let mut node = spawn(Path::new("/bin/sh"));
    assert_eq!(found(&root), [node.id()]);
    for child in [&mut parent, &mut node] {
        child.kill().expect("it ends");
        child.wait().expect("it is reaped");
    }
}

fn found(root: &Path) -> Vec<u32> {
    let all = Processes::scan().expect("processes can be read");
    all.of(root).iter().map(|process| process.pid).collect()
}

/// A process in a PID and mount namespace of its own whose command line names this root; none where that is not allowed.
fn in_a_container(root: &Path) -> Option<Child> {
    let script = "mount -t tmpfs none \"$2\" && exec -a antnode sh -c 'echo up; read -r line; :' antnode --root-dir \"$2\" --local";
    let mut child = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount",
            "bash",
            "-c",
            script,
            "sh",
            "x",
        ])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take()?);
    std::io::BufRead::read_line(&mut out, &mut line).ok()?;
    if line != "up\n" {
        eprintln!("SKIPPED: no namespace can be made here");
        return None;
    }
    Some(child)
}

#[test]
fn process_in_a_container_with_the_same_path_is_not_the_node() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    stage.force("stop --service_name 1").done();
    let Some(mut container) = in_a_container(&stage.root(1)) else {
        return;
    };
    assert!(
        found(&stage.root(1)).is_empty(),
        "the container's process is not ours"
    );
    stage.force("remove --service_name 1").done();
    assert_eq!(container.try_wait().expect("its state"), None, "it still runs");
    drop(container.stdin.take());
    container.wait().expect("it ends");
}

#[test]
fn service_with_only_a_mount_namespace_is_the_node() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("antnode0001");
    fs::create_dir(&root).expect("a root");
    let script = "exec -a antnode sh -c 'echo up; read -r line; :' antnode --root-dir \"$1\" --local";
    let child = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "bash", "-c", script, "sh"])
        .arg(&root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.expect("unshare runs");
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().expect("its output"));
    let _ = std::io::BufRead::read_line(&mut out, &mut line);
    if line == "up\n" {
        assert_eq!(found(&root), [child.id()]);
    } else {
        eprintln!("SKIPPED: no namespace can be made here");
    }
    drop(child.stdin.take());
    child.wait().expect("it ends");
}

#[test]
fn remove_under_systemd_first_stops_a_process_outside_of_the_unit() {
    let stage = services::of(1, &["--node_cap", "1"]);
    let root = stage.root(1);
    stage.force("disable --service_name 1").done();
    let words = fs::read_to_string(services::unit(&stage, 1)).expect("its unit");
    let line = words
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .expect("a command");
    let mut stray = Command::new("/bin/sh")
        .args(["-c", &format!("exec {line}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it is started by hand");
    let until = Instant::now() + Duration::from_secs(20);
    while found(&root).is_empty() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    let reaped = std::thread::spawn(move || stray.wait());
    let ran = stage.force("remove --service_name 1");
    ran.done();
    assert!(found(&root).is_empty(), "no process is left");
    assert!(!root.exists(), "its folder is gone");
    reaped.join().expect("the thread").expect("it was stopped");
}

#[test]
fn removal_is_refused_while_something_is_mounted_below_the_node() {
    on_own_ground(
        "identity::removal_is_refused_while_something_is_mounted_below_the_node",
        || {
            let stage = Stage::running(1, &["--node_cap", "1"]);
            let disk = stage.home().join("disk 2");
            mount(&disk, 1 << 20);
            let same = stage.home().join("same");
            fs::create_dir(&same).expect("a folder");
            let precious = [disk.join("precious"), same.join("precious")];
            for file in &precious {
                fs::write(file, "precious").expect("a file");
            }
            bind(&disk, &stage.root(1).join("backup"));
            bind(&same, &stage.root(1).join("of the same filesystem"));
            let ran = wnm(&stage, &["--force_action", "remove", "--service_name", "1"]);
            assert_eq!(ran.code, Some(3), "{ran:?}");
            assert!(
                ran.stderr.contains("is a mount point") && ran.stderr.contains("umount"),
                "{ran:?}"
            );
            for file in &precious {
                assert!(file.exists(), "{}", file.display());
            }
            assert!(stage.root(1).join("secret-key").exists(), "its identity is there");
            assert!(stage.logs().join("antnode0001").exists(), "and its logs");
            assert_eq!(stage.processes().len(), 1, "it was not even stopped");
            assert_eq!(stage.row(1).status, "RUNNING");
        },
    );
}
