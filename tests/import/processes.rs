//! Processes that an operator started by hand, in his own storage.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::IMPORT;
use crate::stage::{Ran, Stage};

const WALLET: &str = "0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a";

fn ports(stage: &Stage, number: u16) -> (String, String) {
    let (nodes, metrics) = stage.thousands();
    let of = |thousand: String| (thousand.parse::<u16>().expect("a thousand") * 1000 + number).to_string();
    (of(nodes), of(metrics))
}

fn root(stage: &Stage, name: &str) -> PathBuf {
    let root = stage.storage().join(name);
    fs::create_dir_all(&root).expect("a root");
    let copied = Command::new("cp")
        .arg(stage.home().join(".local/bin/antnode"))
        .arg(root.join("antnode"))
        .status();
    assert!(copied.expect("cp runs").success());
    root
}

/// A process of the operator, which ends with the stage at the latest.
struct Mine(Child);

impl Drop for Mine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(
    stage: &Stage,
    program: impl AsRef<Path>,
    change: impl Fn(&mut Command),
    number: u16,
    root: &str,
) -> Mine {
    let (node, metrics) = ports(stage, number);
    let mut command = Command::new(program.as_ref());
    command
        .env_clear()
        .env("HOME", stage.home())
        .env("PATH", "/usr/bin:/bin");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.current_dir(stage.home());
    change(&mut command);
    command.args([root, "--port", &node, &format!("--metrics-server-port={metrics}")]);
    command.args(["--rewards-address", WALLET, "evm-arbitrum-one"]);
    Mine(command.spawn().expect("it starts"))
}

fn import(stage: &Stage, more: &[&str]) -> Ran {
    stage.wnm(&[&IMPORT[..27], &["setsid+user"], more].concat())
}

fn answer(stage: &Stage, count: usize) {
    stage.wait_for("all answer", |stage| {
        let ran = import(stage, &["--dry_run", "--json"]);
        let nodes = ran.json();
        let nodes = nodes.as_array().expect("a list").iter();
        nodes.filter(|node| node["status"] == "RUNNING").count() == count
    });
}

/// The processes of this stage's antnodes with any name and arguments, and their binaries.
pub fn programs(stage: &Stage) -> BTreeMap<u32, PathBuf> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let all = entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Some((pid, fs::read_link(entry.path().join("exe")).ok()?))
    });
    let is_node = |path: &Path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        path.starts_with(stage.home()) && name.starts_with("antnode")
    };
    all.filter(|(_, program)| is_node(program)).collect()
}

#[test]
fn processes_started_in_any_way_are_imported_as_they_run() {
    let stage = Stage::new();
    // A root in one word with its option; a relative root; a process name of its own and a deleted binary;
    // a root behind a symlink; a name without a number, and all kinds of arguments.
    let one = root(&stage, "antnode0001");
    let two = root(&stage, "antnode0002");
    let three = root(&stage, "antnode0003");
    let four = root(&stage, "antnode0004");
    let odd = root(&stage, "antnode-mine");
    symlink(stage.storage(), stage.home().join("link")).expect("a link");
    let _all = [
        start(
            &stage,
            one.join("antnode"),
            |command| {
                command.env("ANT_LOG", "all of it").env("EDITOR", "vi");
            },
            1,
            &format!("--root-dir={}/", one.display()),
        ),
        start(
            &stage,
            two.join("antnode"),
            |command| {
                command.arg0("./antnode").current_dir(&two);
            },
            2,
            "--root-dir=.",
        ),
        start(
            &stage,
            three.join("antnode"),
            |command| {
                command.arg0("my node");
            },
            3,
            &format!("--root-dir={}", three.display()),
        ),
        start(
            &stage,
            four.join("antnode"),
            |_| {},
            4,
            &format!("--root-dir={}", stage.home().join("link/antnode0004").display()),
        ),
        start(
            &stage,
            odd.join("antnode"),
            |command| {
                command.args(["--ip", "127.0.0.1", "--bootstrap-cache-dir", "/tmp/a b\n'c'"]);
            },
            5,
            &format!("--root-dir={}", odd.display()),
        ),
    ];
    answer(&stage, 5);
    fs::remove_file(three.join("antnode")).expect("it is deleted");
    // The messages for a process with other arguments, for one that does not answer, and for one in another
    // place.
    let stale = format!(
        "env A=1 {0}/antnode --root-dir {0} --port 9 --metrics-server-port 8\n",
        one.display()
    );
    fs::write(one.join("node.command"), stale).expect("a stale file");
    for (name, text) in [("antnode0007", "garbage ' \0"), ("antnode0008", "")] {
        let root = root(&stage, name);
        fs::write(root.join("secret-key"), "key").expect("an identity");
        if !text.is_empty() {
            fs::write(root.join("node.command"), text).expect("garbage");
        }
    }
    let running = programs(&stage);
    let mut gone = Command::new("true")
        .spawn()
        .expect("a process that has ended and is not awaited");
    let ran = import(&stage, &["--node_cap", "5"]).done();
    let ran = ran
        .says("imported 5 nodes (5 RUNNING)")
        .says("but its `node.command` has `--port 9 --metrics-server-port 8`: wnm takes over the ports of the process")
        .says("antnode0007` contains a node whose ports are unknown")
        .says("antnode0008` contains a node whose ports are unknown")
        .says("`antnode-mine` has no number in its name; its id is 5");
    gone.wait().expect("it has ended");
    assert_eq!(stage.ids(), [1, 2, 3, 4, 5], "{ran}");
    assert_eq!(stage.row(2).root, two);
    assert_eq!(stage.row(5).root, odd);
    let cell = |column: &str, id: u32| -> Option<String> {
        let sql = format!("SELECT {column} FROM node WHERE id = {id}");
        stage.look().query_row(&sql, [], |row| row.get(0)).expect("a row")
    };
    assert_eq!(cell("binary", 2), Some(two.join("antnode").display().to_string()));
    assert_eq!(
        cell("binary", 3),
        Some(three.join("antnode").display().to_string())
    );
    stage.survey();
    for _ in 0..10 {
        stage.cycle();
    }
    assert_eq!(running.len(), 5);
    assert_eq!(programs(&stage), running, "{}", stage.describe());
    assert_eq!(stage.in_state("RUNNING"), 5, "{}", stage.describe());
}

#[test]
fn node_started_through_a_symlink_is_not_started_twice_and_can_be_stopped() {
    let stage = Stage::new();
    let one = root(&stage, "antnode0001");
    symlink(stage.storage(), stage.home().join("link")).expect("a link");
    let root = |folder: &Path| format!("--root-dir={}", folder.join("antnode0001").display());
    let mine = start(
        &stage,
        one.join("antnode"),
        |_| {},
        1,
        &root(&stage.home().join("link")),
    );
    answer(&stage, 1);
    import(&stage, &["--node_cap", "1"]).done();
    stage.tamper(&format!(
        "UPDATE node SET root_dir = '{}', status = 'STOPPED'",
        one.display()
    ));
    stage.force("start --service_name antnode0001").done();
    assert_eq!(programs(&stage).len(), 1, "it runs already");
    // Waits for the child, so that it is no zombie.
    let mut mine = mine;
    let reaper = std::thread::spawn(move || mine.0.wait());
    stage.force("stop --service_name antnode0001").done();
    assert!(programs(&stage).is_empty());
    reaper.join().expect("a thread").expect("it ended");
}

#[test]
fn two_processes_with_one_root_are_imported_once_with_a_warning() {
    let stage = Stage::new();
    let one = root(&stage, "antnode0001");
    let word = format!("--root-dir={}", one.display());
    let first = start(&stage, one.join("antnode"), |_| {}, 1, &word);
    let second = start(&stage, one.join("antnode"), |_| {}, 2, &word);
    stage.wait_for("both are there", |stage| programs(stage).len() == 2);
    let ran = import(&stage, &["--dry_run"]).done();
    let ran = ran
        .says("is the root of processes ")
        .says("they count as one node");
    assert!(ran.stdout.contains("1 node ("), "{ran}");
    for pid in [first.0.id(), second.0.id()] {
        assert!(ran.stderr.contains(&pid.to_string()), "{ran}");
    }
}
