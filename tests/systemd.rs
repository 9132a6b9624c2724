//! Units of systemd, written and parsed without systemd. `tests/lab` runs them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use wnm::colony::{Binary, BinaryKey, ManagerKind, Mode, Node, NodeId, NodeState, Version};
use wnm::manager::systemd::Systemd;
use wnm::manager::{LaunchPolicy, ManagerError, ProcessManager};

const PEERS: &str = "[Unit]\nDescription=antnode0002\n[Service]\nEnvironment=\"A=1 B=2\"\nUser=ant\n\
    ExecStart=/s/antnode0002/antnode --bootstrap-cache-dir /b --root-dir /s/antnode0002 --port 55002 \
    --enable-metrics-server --metrics-server-port 13002 --log-output-dest /l/antnode0002 --max-log-files 1 \
    --max-archived-log-files 1 --ip 10.0.0.7 --rewards-address 0xabc evm-arbitrum-one\nRestart=always\n\
    #RestartSec=300\n";

fn user_mode() -> ManagerKind {
    ManagerKind::from_choice("systemd+user").unwrap()
}

pub fn policy(folder: &TempDir) -> LaunchPolicy {
    LaunchPolicy::under(folder.path())
}

/// A node with the values of a unit, then with a home under `policy`.
pub fn node(policy: &LaunchPolicy) -> Node {
    let units = TempDir::new().unwrap();
    fs::write(units.path().join("antnode0002.service"), PEERS).unwrap();
    let told = LaunchPolicy {
        user_units: units.path().to_owned(),
        ..policy.clone()
    };
    let mut node = Systemd::new(Mode::User, told).discover().unwrap().remove(0);
    node.home.root = policy.storage.join("antnode0002");
    node.home.binary = node.home.root.join("antnode");
    node.home.logs = Some(policy.logs.join("antnode0002"));
    node.environment = Some("GREETING='50% of $HOME' B=\"it's\"".into());
    node
}

pub fn binary(folder: &TempDir) -> Binary {
    let path = folder.path().join("download");
    fs::write(&path, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let seen = fs::metadata(&path).unwrap();
    Binary {
        path,
        version: Version::new("0.4.17"),
        key: BinaryKey {
            size: seen.len(),
            mtime_ns: i128::from(seen.mtime()) * 1_000_000_000 + i128::from(seen.mtime_nsec()),
            inode: seen.ino(),
        },
    }
}

#[test]
fn unit_of_the_python_wnm_is_read_completely() {
    let folder = TempDir::new().unwrap();
    let policy = LaunchPolicy {
        system_units: folder.path().to_owned(),
        ..policy(&folder)
    };
    fs::write(folder.path().join("antnode0002.service"), PEERS).unwrap();
    fs::write(
        folder.path().join("antnode0003.service"),
        "[Service]\nExecStart=/bin/sleep 5\n",
    )
    .unwrap();
    fs::write(folder.path().join("ssh.service"), PEERS).unwrap();
    let found = Systemd::new(Mode::Sudo, policy).discover().unwrap();
    assert_eq!(found.len(), 1);
    let node = &found[0];
    assert_eq!((node.id, node.name.0.as_str()), (NodeId(2), "0002"));
    assert_eq!(node.service.0, "antnode0002.service");
    assert_eq!(node.manager.to_string(), "systemd+sudo");
    assert_eq!((node.ports.node, node.ports.metrics), (55002, 13002));
    assert_eq!(node.wallet.as_deref(), Some("0xabc"));
    // Metrics are always on 127.0.0.1, whatever `--ip` is.
    assert_eq!((node.user.as_str(), node.host.as_str()), ("ant", "127.0.0.1"));
    assert_eq!(
        node.memory.start_args.as_deref(),
        Some("--bootstrap-cache-dir /b --ip 10.0.0.7")
    );
    assert_eq!(node.home.root, PathBuf::from("/s/antnode0002"));
    assert_eq!(node.home.logs, Some(PathBuf::from("/l/antnode0002")));
    assert_eq!(node.state, NodeState::Stopped);
    // systemd reads the Python wnm's quoting as one variable.
    assert_eq!(node.environment.as_deref(), Some("A='1 B=2'"));
}

#[test]
fn missing_folder_of_units_means_no_nodes() {
    let folder = TempDir::new().unwrap();
    assert_eq!(Systemd::new(Mode::User, policy(&folder)).discover().unwrap(), []);
}

#[test]
fn defined_node_is_discovered_and_its_unit_is_valid() {
    let folder = TempDir::with_prefix("wnm 50% $x ").unwrap();
    let policy = policy(&folder);
    let node = node(&policy);
    let manager = Systemd::new(Mode::User, policy.clone());
    let defined = manager.define(&node, &binary(&folder)).unwrap();
    manager
        .define(&node, &binary(&folder))
        .unwrap_or_else(|error| panic!("twice is once: {error}"));
    assert_eq!(defined.service.0, "antnode0002.service");
    let found = manager.discover().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].home, node.home);
    assert_eq!(found[0].manager, user_mode());
    let words = |node: &Node| shell_words::split(node.environment.as_deref().unwrap()).unwrap();
    assert_eq!(words(&found[0]), words(&node));
    let unit = policy.user_units.join("antnode0002.service");
    let text = fs::read_to_string(&unit).unwrap();
    assert!(
        text.contains("Restart=always") && !text.contains("[Install]"),
        "{text}"
    );
    // Checked by systemd-analyze where it is installed.
    let checked = Command::new("systemd-analyze")
        .args(["verify", "--user"])
        .arg(&unit)
        .output();
    if let Ok(checked) = checked {
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(!said.contains("antnode0002.service:"), "{said}");
    }
}

#[test]
fn value_that_no_unit_can_have_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let policy = policy(&folder);
    let manager = Systemd::new(Mode::User, policy.clone());
    let mut node = node(&policy);
    node.environment = Some("A='x\nExecStartPre=/bin/false'".into());
    assert!(manager.define(&node, &binary(&folder)).is_err());
    node.environment = None;
    node.service.0 = "../antnode".into();
    assert!(manager.define(&node, &binary(&folder)).is_err());
    assert!(!policy.storage.exists() && !policy.user_units.exists());
}

#[test]
fn identity_without_a_unit_is_never_reused() {
    let folder = TempDir::new().unwrap();
    let policy = policy(&folder);
    let node = node(&policy);
    fs::create_dir_all(&node.home.root).unwrap();
    fs::write(node.home.root.join("secret-key"), "somebody").unwrap();
    let defined = Systemd::new(Mode::User, policy).define(&node, &binary(&folder));
    assert!(matches!(defined, Err(ManagerError::IdentityExists { .. })));
    assert!(node.home.root.join("secret-key").exists());
}
