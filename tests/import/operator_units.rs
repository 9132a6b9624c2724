//! Units that an operator wrote, with his own folders, ports and arguments.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{IMPORT, kept, pids};
use crate::python_bugs::services;
use crate::stage::Stage;

const WALLET: &str = "0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a";

/// A node that was set up by hand.
pub struct Unit<'a> {
    pub name: &'a str,
    /// Added to the first port of the stage.
    pub number: u16,
    pub root: PathBuf,
    /// Arguments that wnm would not pass.
    pub words: &'a str,
    /// Lines before `ExecStart=`.
    pub lines: &'a str,
}

impl Unit<'_> {
    /// The text of the unit.
    fn text(&self, stage: &Stage) -> String {
        let port = |thousand: String| thousand.parse::<u16>().expect("a thousand") * 1000 + self.number;
        let (nodes, metrics) = stage.thousands();
        format!(
            "# mine\n[Unit]\nDescription=a node of mine\n[Service]\n{lines}ExecStart=\"{root}/antnode\" --root-dir \
             \"{root}\" --port {port} --metrics-server-port={metrics} --enable-metrics-server \
             --log-output-dest \"{root}/logs\" {words} --rewards-address {WALLET} evm-arbitrum-one\n\
             Restart=on-failure\nRestartSec=7\n[Install]\nWantedBy=default.target\n",
            lines = self.lines,
            root = self.root.display(),
            port = port(nodes),
            metrics = port(metrics),
            words = self.words,
        )
    }

    /// Writes the unit and the node's folder.
    pub fn lay(&self, stage: &Stage) {
        fs::create_dir_all(&self.root).expect("its root");
        let copied = Command::new("cp")
            .arg("--remove-destination")
            .arg(stage.home().join(".local/bin/antnode"))
            .arg(self.root.join("antnode"))
            .status();
        assert!(copied.expect("cp runs").success());
        let place = place(stage, self.name);
        fs::create_dir_all(place.parent().expect("a folder")).expect("the folder of units");
        fs::write(place, self.text(stage)).expect("a unit");
    }

    /// Writes them and starts the node as the operator.
    pub fn start(&self, stage: &Stage) {
        self.lay(stage);
        let mut start = Command::new(stage.home().join(".local/bin/systemctl"));
        start.args(["--user", "start", &format!("{}.service", self.name)]);
        start
            .env_clear()
            .env("HOME", stage.home())
            .env("PATH", "/usr/bin:/bin");
        assert!(start.status().expect("systemctl runs").success());
    }
}

pub fn place(stage: &Stage, name: &str) -> PathBuf {
    stage.home().join(format!(".config/systemd/user/{name}.service"))
}

pub fn unit<'a>(name: &'a str, number: u16, root: PathBuf) -> Unit<'a> {
    Unit {
        name,
        number,
        root,
        words: "",
        lines: "",
    }
}

/// All nodes of the stage answer on their metrics ports.
pub fn all_answer(stage: &Stage, count: usize) {
    stage.wait_for("all nodes answer", |stage| {
        let ran = stage.wnm(&[
            "--init",
            "--import",
            "--dry_run",
            "--json",
            "--process_manager",
            "systemd+user",
        ]);
        let nodes = ran.json();
        let nodes = nodes.as_array().expect("a list");
        nodes.iter().filter(|node| node["status"] == "RUNNING").count() == count
    });
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("a file")
}

#[test]
fn units_of_an_operator_are_imported_and_never_rewritten() {
    let stage = services::machine();
    let disk = stage.home().join("my disk/ant-nodes");
    let one = Unit {
        words: "--ip 127.0.0.3 --bootstrap-cache-dir '/tmp/my cache' --max-log-files 5",
        lines: "Environment=\"GREETING=two words\" B=2\n",
        ..unit("antnode0007", 7, disk.join("antnode0007"))
    };
    one.start(&stage);
    unit("antnode12", 12, disk.join("antnode12")).start(&stage);
    unit("antnode0013", 13, disk.join("antnode0013")).lay(&stage);
    // Units that the manager must skip.
    let antctl = format!(
        "[Service]\nExecStart={0}/a/antnode --rpc 127.0.0.1:1 --root-dir {0}/a --port 9 evm-arbitrum-one\n",
        disk.display()
    );
    fs::write(place(&stage, "antnode5"), antctl).expect("a unit of antctl's");
    fs::write(place(&stage, "antnode9"), "[Service]\nExecStart=/bin/sleep 5\n").expect("a unit of no node");
    let named = format!(
        "[Service]\nExecStart={0}/b/antnode --root-dir {0}/b --port 9 --metrics-server-port 8 evm-arbitrum-one\n",
        disk.display()
    );
    fs::write(place(&stage, "my-node"), named).expect("a unit with another name");
    all_answer(&stage, 2);

    let before = stage.tree();
    let dry: Vec<&str> = IMPORT.iter().copied().chain(["--dry_run"]).collect();
    let ran = stage.wnm(&dry).done();
    assert_eq!(stage.tree(), before, "a dry run changes nothing");
    let ran = ran
        .says("antnode5.service` is ignored: antctl made it")
        .says("antnode9.service` is ignored")
        .says("1 unit with an antnode; the first is `my-node.service`");
    for said in [
        "would create the colony",
        "antnode0007.service  RUNNING  0.4.17",
        "GREETING='two words' B=2",
        "--ip 127.0.0.3 --bootstrap-cache-dir '/tmp/my cache' --max-log-files 5",
        "antnode0013.service  STOPPED  0.4.17",
        "3 nodes (2 RUNNING, 1 STOPPED)",
        "node_storage is `",
        "node_cap is 20: wnm will add 17 more if the machine allows",
    ] {
        assert!(ran.stdout.contains(said), "`{said}` in {ran}");
    }

    let texts =
        |stage: &Stage| ["antnode0007", "antnode12", "antnode0013"].map(|name| text(&place(stage, name)));
    let (units, running) = (texts(&stage), pids(&stage));
    let capped: Vec<&str> = IMPORT.iter().copied().chain(["--node_cap", "3"]).collect();
    stage
        .wnm(&capped)
        .done()
        .says("imported 3 nodes (2 RUNNING, 1 STOPPED)");
    assert_eq!(stage.ids(), [7, 12, 13]);
    let (nodes, metrics) = stage.thousands();
    assert_eq!(
        (kept(&stage, "port_start"), kept(&stage, "metrics_port_start")),
        (nodes, metrics)
    );
    assert_eq!(kept(&stage, "rewards_address"), WALLET);
    assert_eq!(Path::new(&kept(&stage, "node_storage")), disk);
    assert_eq!(stage.row(7).root, disk.join("antnode0007"));
    assert_eq!(stage.row(7).logs, Some(disk.join("antnode0007/logs")));

    stage.survey();
    for _ in 0..10 {
        stage.cycle();
    }
    let now = pids(&stage);
    assert_eq!(
        now.len(),
        3,
        "the one that was down was started: {}",
        stage.describe()
    );
    assert!(
        running.iter().all(|(root, pid)| now[root] == *pid),
        "{}",
        stage.events()
    );
    assert_eq!(texts(&stage), units, "no unit was rewritten");
    assert_eq!(stage.in_state("RUNNING"), 3, "{}", stage.describe());

    // A lost unit is written again with all its options.
    stage.force("stop --service_name antnode0007").done();
    fs::remove_file(place(&stage, "antnode0007")).expect("the unit is lost");
    stage.force("start --service_name antnode0007").done();
    let anew = text(&place(&stage, "antnode0007"));
    for said in [
        "--ip 127.0.0.3",
        "--max-log-files 5",
        "\"/tmp/my cache\"",
        "GREETING=two words",
        "antnode0007/logs",
    ] {
        assert!(anew.contains(said), "`{said}` in {anew}");
    }
    assert_eq!(anew.matches("--bootstrap-cache-dir").count(), 1, "{anew}");
    assert_eq!(anew.matches("--max-log-files").count(), 1, "{anew}");

    // From now on they are nodes like any other.
    stage.install("0.4.18");
    stage.force("upgrade --service_name antnode12").done();
    assert_eq!(
        text(&place(&stage, "antnode12")),
        units[1],
        "an upgrade leaves the unit as it is"
    );
    stage.force("remove --service_name antnode0013").done();
    assert!(!disk.join("antnode0013").exists() && !place(&stage, "antnode0013").exists());
    assert_eq!(stage.ids(), [7, 12]);
    assert!(place(&stage, "antnode5").exists() && place(&stage, "antnode9").exists());
}

#[test]
fn one_of_two_nodes_with_the_same_port_is_kept_and_no_cap_removes_a_node() {
    let stage = services::machine();
    let storage = stage.storage();
    unit("antnode0001", 1, storage.join("antnode0001")).start(&stage);
    unit("antnode1", 21, storage.join("antnode1")).lay(&stage);
    unit("antnode2", 2, storage.join("antnode2")).start(&stage);
    // The port of another node, an unmounted disk, and nothing to recognize it by.
    unit("antnode3", 2, storage.join("antnode3")).lay(&stage);
    unit("antnode4", 4, storage.join("antnode4")).lay(&stage);
    fs::rename(storage.join("antnode4"), stage.home().join("away")).expect("its root goes");
    unit("antnode5", 5, storage.join("antnode5")).lay(&stage);
    let blind = text(&place(&stage, "antnode5")).replace("--metrics-server-port=", "--max-log-files=");
    fs::write(place(&stage, "antnode5"), blind).expect("a unit without metrics");
    all_answer(&stage, 2);
    let running = pids(&stage);

    let capped: Vec<&str> = IMPORT.iter().copied().chain(["--node_cap", "1"]).collect();
    let ran = stage.wnm(&capped).done();
    for said in [
        "the id of `antnode1.service` is 6, because another node has 1",
        "`antnode3.service` is DISABLED: port ",
        "`antnode4.service` is DISABLED: its root directory `",
        "`antnode5.service` is DISABLED: it has no `--metrics-server-port`",
        "node_cap is raised to 6, the number of nodes",
    ] {
        assert!(ran.stderr.contains(said), "`{said}` in {ran}");
    }
    assert_eq!(stage.ids(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(stage.row(6).service, "antnode1.service");
    assert_eq!(stage.in_state("DISABLED"), 3);
    stage.survey();
    for _ in 0..5 {
        stage.cycle();
    }
    assert_eq!(
        stage.ids(),
        [1, 2, 3, 4, 5, 6],
        "nothing was removed, the one without a disk least of all"
    );
    assert_eq!(
        (stage.in_state("DISABLED"), stage.in_state("RUNNING")),
        (3, 3),
        "{}",
        stage.describe()
    );
    let now = pids(&stage);
    assert!(running.iter().all(|(root, pid)| now[root] == *pid));
}

#[test]
fn unit_that_the_operator_masked_is_not_written_again() {
    let stage = services::machine();
    unit("antnode0013", 13, stage.home().join("nodes/antnode0013")).lay(&stage);
    stage.wnm(&IMPORT).done();
    let path = place(&stage, "antnode0013");
    fs::remove_file(&path).expect("the unit goes");
    std::os::unix::fs::symlink("/dev/null", &path).expect("the mask");
    let ran = stage.wnm(&["--force_action", "start", "--service_name", "antnode0013"]);
    ran.code(3).says("it is masked, a symlink to /dev/null");
    assert_eq!(fs::read_link(&path).expect("a symlink"), Path::new("/dev/null"));
}
