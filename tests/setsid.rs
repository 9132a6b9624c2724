//! Nodes as plain processes of setsid: start, stop, upgrade, remove and discover, with real processes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wnm::colony::{
    Binary, BinaryKey, ManagerKind, Mode, Node, NodeFigures, NodeHistory, NodeId, NodeName, NodePaths,
    NodePorts, NodeState, ProcessState, ServiceName, Timestamp, Tool, Version,
};
use wnm::manager::process_scan::Processes;
use wnm::manager::{LaunchPolicy, ManagerError, Managers, ProcessManager};

use crate::stage::Stage;

const LIVES: &str = "#!/bin/sh\ntrap 'exit 0' TERM\nwhile :; do sleep 0.05; done\n";
const STUBBORN: &str = "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.05; done\n";
const DIES: &str = "#!/bin/sh\necho cannot bind >&2\nexit 7\n";

/// A node that has not ended by then is killed.
const GRACE: Duration = Duration::from_secs(10);

/// A folder of a colony; all its nodes are stopped when the test ends.
struct Place {
    folder: TempDir,
    managers: Managers,
}

impl Place {
    fn new() -> Place {
        let folder = TempDir::with_prefix("wnm setsid ").unwrap();
        let managers = Managers::real(&LaunchPolicy::under(folder.path()));
        Place { folder, managers }
    }

    fn manager(&self) -> &dyn ProcessManager {
        self.managers.of(kind()).unwrap()
    }

    fn node(&self, id: u32) -> Node {
        let name = NodeName::of(NodeId(id));
        let root = self.folder.path().join("node").join(name.full());
        Node {
            id: NodeId(id),
            service: ServiceName(format!("{}.service", name.full())),
            manager: kind(),
            ports: NodePorts {
                node: 55000 + id as u16,
                metrics: 13000 + id as u16,
                rpc: 30000 + id as u16,
            },
            wallet: Some("0x00455d78f850b0358E8cea5be24d415E01E107CF".into()),
            peer_id: None,
            host: "127.0.0.1".into(),
            user: "ant".into(),
            network: "evm-arbitrum-one".into(),
            environment: Some("GREETING='hello world' B=2".into()),
            home: NodePaths {
                binary: root.join("antnode"),
                logs: Some(self.folder.path().join("logs").join(name.full())),
                root,
            },
            name,
            version: None,
            born: Timestamp(0),
            state: NodeState::Stopped,
            since: Timestamp(0),
            figures: NodeFigures::default(),
            memory: NodeHistory::default(),
        }
    }

    /// Node 1 with this version and script as its binary.
    fn defined(&self, version: &str, script: &str) -> Node {
        let node = self.node(1);
        self.manager()
            .define(&node, &self.binary(version, script))
            .unwrap();
        node
    }

    /// The same, started.
    fn running(&self, version: &str, script: &str) -> Node {
        let node = self.defined(version, script);
        self.manager().start(&node).unwrap();
        node
    }

    fn binary(&self, version: &str, script: &str) -> Binary {
        let path = self.folder.path().join(format!("download-{version}"));
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let seen = fs::metadata(&path).unwrap();
        Binary {
            version: Version::new(version),
            key: BinaryKey {
                size: seen.len(),
                mtime_ns: i128::from(seen.mtime()) * 1_000_000_000 + i128::from(seen.mtime_nsec()),
                inode: seen.ino(),
            },
            path,
        }
    }

    fn shelf(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path().join("bin"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn pid(&self, node: &Node) -> Option<u32> {
        self.manager().inspect(std::slice::from_ref(node)).unwrap()[0].pid
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let nodes: Vec<Node> = (1..=12).map(|id| self.node(id)).collect();
        let all: Vec<&Node> = nodes.iter().collect();
        let _ = self.manager().stop_many(&all);
    }
}

fn kind() -> ManagerKind {
    ManagerKind {
        tool: Tool::Setsid,
        mode: Mode::User,
    }
}

fn variables(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    text.split('\0').map(str::to_owned).collect()
}

fn ids_in(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default()
}

#[test]
fn node_starts_stops_and_is_removed() {
    let place = Place::new();
    let (manager, node) = (place.manager(), place.node(1));
    let defined = manager.define(&node, &place.binary("0.4.17", LIVES)).unwrap();
    assert_eq!(defined.service, node.service);
    assert_eq!(place.pid(&node), None);

    manager.start(&node).unwrap();
    let pid = place.pid(&node).unwrap();
    assert_eq!(
        fs::read_to_string(node.home.root.join("node.pid")).unwrap(),
        format!("{pid}\n")
    );
    assert!(variables(pid).contains(&"GREETING=hello world".to_owned()));
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(3)
        .unwrap();
    assert_eq!(session, pid.to_string(), "it leads a session of its own");
    let status = || fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let blocks_nothing = || status().contains("SigBlk:\t0000000000000000");
    // The C library blocks all signals while it creates a thread.
    let until = Instant::now() + Duration::from_secs(5);
    while !blocks_nothing() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(blocks_nothing(), "{}", status());
    let status = status();
    assert!(status.contains("Umask:\t0027"), "{status}");
    let held: Vec<PathBuf> = (0..64)
        .filter_map(|fd| fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok())
        .collect();
    assert!(
        held.iter().all(|file| ["/dev/null", "console.log", "antnode"]
            .iter()
            .any(|end| file.ends_with(end))),
        "it holds nothing of ours: {held:?}"
    );

    manager.start(&node).unwrap();
    assert_eq!(place.pid(&node), Some(pid), "twice is once");

    let begun = Instant::now();
    manager.stop(&node).unwrap();
    assert!(begun.elapsed() < GRACE, "it was killed after its grace period");
    assert_eq!(place.pid(&node), None);
    manager.stop(&node).unwrap();

    manager.remove(&node).unwrap();
    manager.remove(&node).unwrap();
    assert!(ids_in(&place.folder.path().join("node")).is_empty());
    assert!(ids_in(&place.folder.path().join("logs")).is_empty());
    assert_eq!(place.shelf(), ["antnode-0.4.17"]);
}

#[test]
fn many_nodes_start_in_parallel_and_share_one_file() {
    let place = Place::new();
    let binary = place.binary("0.4.17", LIVES);
    let nodes: Vec<Node> = (1..=10).map(|id| place.node(id)).collect();
    for node in &nodes {
        place.manager().define(node, &binary).unwrap();
    }
    assert_eq!(fs::metadata(&nodes[0].home.binary).unwrap().nlink(), 11);
    let begun = Instant::now();
    place.manager().start(&nodes[0]).unwrap();
    let one_after_the_other = begun.elapsed() * 9;
    let begun = Instant::now();
    let all: Vec<&Node> = nodes[1..].iter().collect();
    for outcome in place.manager().start_many(&all) {
        outcome.unwrap();
    }
    let took = begun.elapsed();
    assert!(
        took < one_after_the_other,
        "{took:?}, not less than {one_after_the_other:?}"
    );
    let seen = place.manager().inspect(&nodes).unwrap();
    assert!(
        seen.iter()
            .all(|process| process.activity == ProcessState::Running)
    );
    assert!(place.manager().teardown(&nodes).is_empty());
    assert!(ids_in(&place.folder.path().join("node")).is_empty());
}

#[test]
fn node_that_exits_at_once_is_reported_with_its_last_output() {
    let place = Place::new();
    let node = place.defined("0.4.17", DIES);
    assert_eq!(
        place.manager().start(&node).unwrap_err().to_string(),
        "start `antnode0001`: it ended at once, exit code 7: cannot bind"
    );
    fs::remove_file(&node.home.binary).unwrap();
    let error = place.manager().start(&node).unwrap_err().to_string();
    assert!(error.ends_with("antnode0001/antnode` is missing"), "{error}");
}

#[test]
fn lost_binary_is_restored_from_the_store() {
    let place = Place::new();
    let mut node = place.node(1);
    node.version = Some(Version::new("0.4.17"));
    place
        .manager()
        .define(&node, &place.binary("0.4.17", LIVES))
        .unwrap();
    fs::remove_file(&node.home.binary).unwrap();
    place.manager().start(&node).unwrap();
}

#[test]
fn node_that_ignores_sigterm_is_killed() {
    let place = Place::new();
    let node = place.running("0.4.17", STUBBORN);
    place.manager().stop(&node).unwrap();
    assert_eq!(place.pid(&node), None);
}

#[test]
fn process_that_is_not_the_node_is_never_signalled() {
    let place = Place::new();
    let node = place.defined("0.4.17", LIVES);
    let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    fs::write(node.home.root.join("node.pid"), other.id().to_string()).unwrap();
    place.manager().stop(&node).unwrap();
    assert!(other.try_wait().unwrap().is_none());
    fs::write(node.home.root.join("node.pid"), other.id().to_string()).unwrap();
    place.manager().start(&node).unwrap();
    assert_ne!(place.pid(&node), Some(other.id()));
    place.manager().remove(&node).unwrap();
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn node_without_a_pid_file_is_found_and_not_started_twice() {
    let place = Place::new();
    let node = place.running("0.4.17", LIVES);
    fs::remove_file(node.home.root.join("node.pid")).unwrap();
    place.manager().start(&node).unwrap();
    // A forked shell that has not called exec yet looks like a second process.
    let is_one = |_| Processes::scan().unwrap().of(&node.home.root).len() == 1;
    assert!((0..50).any(is_one));
    place.manager().stop(&node).unwrap();
    assert_eq!(place.pid(&node), None);
}

#[test]
fn upgrade_runs_the_new_binary_and_deletes_the_old_one() {
    let place = Place::new();
    let node = place.running("0.4.16", LIVES);
    let old = place.pid(&node).unwrap();
    fs::write(node.home.root.join("secret-key"), "identity").unwrap();
    let new = place.binary("0.4.17", &format!("{LIVES}# new\n"));
    place.manager().upgrade(&node, &new).unwrap();
    assert_ne!(place.pid(&node), Some(old));
    assert!(
        fs::read_to_string(&node.home.binary)
            .unwrap()
            .ends_with("# new\n")
    );
    assert_eq!(place.shelf(), ["antnode-0.4.17"]);
    assert_eq!(
        fs::read_to_string(node.home.root.join("secret-key")).unwrap(),
        "identity"
    );
}

#[test]
fn upgrade_that_does_not_start_is_rolled_back() {
    let place = Place::new();
    let node = place.running("0.4.16", LIVES);
    let error = place
        .manager()
        .upgrade(&node, &place.binary("0.4.17", DIES))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "upgrade `antnode0001`: start `antnode0001`: it ended at once, exit code 7: cannot bind; \
         its old binary is back and runs"
    );
    assert!(place.pid(&node).is_some());
    assert_eq!(fs::read_to_string(&node.home.binary).unwrap(), LIVES);
}

#[test]
fn binary_that_changed_since_it_was_checked_is_rejected() {
    let place = Place::new();
    let node = place.node(1);
    let binary = place.binary("0.4.17", LIVES);
    fs::write(&binary.path, STUBBORN).unwrap();
    let error = place.manager().define(&node, &binary).unwrap_err();
    assert!(matches!(error, ManagerError::BinaryChanged { .. }), "{error}");
    assert!(!node.home.root.exists(), "nothing is left of it");
}

#[test]
fn unknown_identity_is_never_reused() {
    let place = Place::new();
    let node = place.node(1);
    fs::create_dir_all(&node.home.root).unwrap();
    fs::write(node.home.root.join("secret-key"), "somebody").unwrap();
    let error = place
        .manager()
        .define(&node, &place.binary("0.4.17", LIVES))
        .unwrap_err();
    assert!(matches!(error, ManagerError::IdentityExists { .. }), "{error}");
    assert!(node.home.root.join("secret-key").exists());
}

#[test]
fn discovers_running_and_stopped_nodes() {
    let place = Place::new();
    let binary = place.binary("0.4.17", LIVES);
    let nodes = [place.node(1), place.node(2)];
    for node in &nodes {
        place.manager().define(node, &binary).unwrap();
    }
    place.manager().start(&nodes[1]).unwrap();
    let found = place.manager().discover().unwrap();
    assert_eq!(found.len(), 2);
    for (found, node) in found.iter().zip(&nodes) {
        assert_eq!(
            (found.id, &found.name, found.service.0.as_str(), &found.home),
            // The service name of setsid is the node's name.
            (node.id, &node.name, node.name.full().as_str(), &node.home)
        );
        assert_eq!(
            (
                found.ports.node,
                found.ports.metrics,
                &found.wallet,
                &found.network
            ),
            (node.ports.node, node.ports.metrics, &node.wallet, &node.network)
        );
        let words = shell_words::split(found.environment.as_deref().unwrap()).unwrap();
        assert_eq!(words, ["GREETING=hello world", "B=2"]);
    }
}

#[test]
fn folder_that_is_not_a_nodes_own_is_never_deleted() {
    let place = Place::new();
    let precious = place.folder.path().join("precious");
    fs::create_dir_all(precious.join("antnode0001")).unwrap();
    let refused = |root: PathBuf| {
        let mut node = place.node(1);
        node.home.binary = root.join("antnode");
        node.home.root = root;
        node.home.logs = None;
        place.manager().remove(&node).unwrap_err().to_string()
    };
    let storage = place.folder.path().join("node");
    fs::create_dir_all(storage.join("antnode0002")).unwrap();
    std::os::unix::fs::symlink(precious.join("antnode0001"), storage.join("antnode0001")).unwrap();
    std::os::unix::fs::symlink(&precious, storage.join("out")).unwrap();
    assert!(refused(precious.join("antnode0001")).contains("it is not inside"));
    assert!(refused(storage.join("antnode0002")).contains("its name is not `antnode0001`"));
    assert!(refused(storage.join("antnode0001")).contains("it is a symbolic link"));
    assert!(refused(storage.join("out/antnode0001")).contains("a symlink leads out of"));
    assert!(refused(storage.join("../precious/antnode0001")).contains("without `..`"));
    assert!(refused(storage.clone()).contains("it is not inside"));
    assert!(precious.join("antnode0001").exists() && storage.join("antnode0002").exists());
}

#[test]
fn node_inherits_no_open_file() {
    let stage = Stage::colony(&["--node_cap", "1"]);
    let lock = stage.home().join("lock");
    // As in a crontab: `flock` passes its lock to its children.
    let mut once = stage.at_home(Command::new("flock"), &["-n"]);
    once.arg(&lock).arg(env!("CARGO_BIN_EXE_wnm"));
    stage.simulate_minute(0);
    assert!(once.status().unwrap().success());
    assert_eq!(stage.processes().len(), 1);
    stage.simulate_minute(0);
    assert!(
        once.status().unwrap().success(),
        "the node that was started holds the lock"
    );
    for entry in fs::read_dir(format!("/proc/{}/fd", stage.processes()[0].pid)).unwrap() {
        let open = fs::read_link(entry.unwrap().path()).unwrap_or_default();
        assert_ne!(open, lock);
    }
}
