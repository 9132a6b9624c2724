//! A stage with a simulated antctl and a `systemctl` that runs real processes.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::stage::{Ran, Rpc, Stage};

/// The rewards address of these nodes: the faucet.
pub const WALLET: &str = "0x00455d78f850b0358E8cea5be24d415E01E107CF";

/// The stage, and the RPC ports of antctl's nodes.
pub struct Machine {
    stage: Stage,
    rpc: Rpc,
}

impl Deref for Machine {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Machine {
    /// Without a colony.
    pub fn new() -> Machine {
        let machine = Machine {
            stage: Stage::new(),
            rpc: Rpc::claim(),
        };
        let place = machine.home().join(".local/bin");
        let fakes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fakes/systemctl");
        let built = Path::new(env!("CARGO_BIN_EXE_wnm"))
            .with_file_name("examples")
            .join("antctl");
        let installed = Command::new("install")
            .args(["-m", "755", "-t"])
            .args([place, fakes, built])
            .status()
            .expect("install runs");
        assert!(installed.success(), "run `cargo build --example antctl`");
        for folder in [".systemctl", ".antctl"] {
            fs::create_dir_all(machine.home().join(folder)).expect("a folder");
        }
        machine
    }

    /// With a colony without nodes.
    pub fn colony(kind: &str, settings: &[&str]) -> Machine {
        let machine = Machine::new();
        machine.init(kind, settings).done();
        machine.survey();
        machine
    }

    /// With a colony of `count` running nodes; the calls of antctl so far are deleted.
    pub fn of(count: usize, kind: &str, settings: &[&str]) -> Machine {
        let machine = Machine::colony(kind, settings);
        machine
            .wnm(&["--force_action", "add", "--count", &count.to_string()])
            .done();
        machine.all_run(count);
        machine.forget_calls();
        machine
    }

    pub fn init(&self, kind: &str, settings: &[&str]) -> Ran {
        let rpc = self.rpc.start();
        let mut all = vec!["--process_manager", kind, "--rpc_port_start", &rpc];
        all.extend(settings);
        self.stage.init(&all)
    }

    /// Surveys until `count` nodes run.
    pub fn all_run(&self, count: usize) {
        self.survey_until_running(count);
    }

    /// The node, metrics and RPC ports of an id.
    pub fn ports(&self, id: u16) -> (u16, u16, u16) {
        let start = |name: &str| self.figure(&format!("SELECT {name} FROM machine")) as u16 * 1000 + id;
        (
            start("port_start"),
            start("metrics_port_start"),
            start("rpc_port_start"),
        )
    }

    /// Ports that wnm gives to no id, as options of `antctl add`.
    pub fn odd_ports(&self, nth: u16) -> Vec<String> {
        let port = |start: &str, above: u16| {
            (start.parse::<u16>().expect("a thousand") * 1000 + above + nth).to_string()
        };
        let ports = self.stage.ports();
        vec![
            "--node-port".to_owned(),
            port(&ports.nodes(), 40),
            "--metrics-port".to_owned(),
            port(&ports.metrics(), 45),
            "--rpc-port".to_owned(),
            port(&self.rpc.start(), 50),
        ]
    }

    fn environment(&self, command: &mut Command) {
        command.env_clear().env("HOME", self.home());
        command.env(
            "PATH",
            format!("{}/.local/bin:/usr/bin:/bin", self.home().display()),
        );
    }

    fn by_operator(&self, program: &str, words: &[&str]) {
        let calls = self.calls();
        let mut command = Command::new(self.home().join(".local/bin").join(program));
        self.environment(&mut command);
        let ended = command.args(words).output().expect("it runs");
        assert!(ended.status.success(), "{program} {words:?}: {ended:?}");
        // The calls of the operator are deleted from the record.
        fs::write(
            self.home().join(".antctl/calls"),
            calls.iter().map(|call| format!("{call}\n")).collect::<String>(),
        )
        .expect("the list of calls");
    }

    /// Runs antctl as the operator.
    pub fn antctl(&self, words: &[&str]) {
        self.by_operator("antctl", words);
    }

    /// Creates the operator's `nth` node with antctl.
    pub fn make(&self, nth: u16, options: &[&str]) {
        let ports = self.odd_ports(nth);
        let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
        self.by_hand(&[&ports, options].concat());
    }

    /// Creates a node with antctl as the operator.
    pub fn by_hand(&self, options: &[&str]) {
        let binary = self.home().join(".local/bin/antnode").display().to_string();
        let mut words = vec!["add", "--path", &binary, "--rewards-address", WALLET];
        words.extend(options);
        words.push("evm-arbitrum-one");
        self.antctl(&words);
    }

    pub fn systemctl(&self, words: &[&str]) {
        self.by_operator("systemctl", &[&["--user"], words].concat());
    }

    /// Puts a version on antctl's download server and makes it the newest.
    pub fn release(&self, version: &str) {
        let folder = self.base().join("releases");
        fs::create_dir_all(&folder).expect("a server");
        self.stage.install(version);
        for name in [version, "latest"] {
            let copied = Command::new("cp")
                .arg(self.home().join(".local/bin/antnode"))
                .arg(folder.join(format!("antnode-{name}")))
                .status();
            assert!(copied.is_ok_and(|status| status.success()), "a release");
        }
    }

    /// Makes antctl misbehave; `tests/fakes/antctl.rs` lists the words.
    pub fn set_fault(&self, how: &str) {
        fs::write(self.home().join(".antctl/sick"), how).expect("the illness is written");
    }

    pub fn clear_fault(&self) {
        fs::remove_file(self.home().join(".antctl/sick")).expect("it was ill");
    }

    /// Stops node `id`, makes it misbehave and starts it again without wnm.
    pub fn rest(&self, id: u32, illness: &str) {
        let row = self.row(id);
        let unit = format!("{}.service", row.service);
        self.systemctl(&["stop", &unit]);
        fs::write(row.root.join("SIM_ANTNODE"), illness).expect("the illness is written");
        self.systemctl(&["start", &unit]);
        self.survey();
        self.all_run(self.running().len());
    }

    pub fn calls(&self) -> Vec<String> {
        lines(&self.home().join(".antctl/calls"))
    }

    /// The calls of antctl with this verb.
    pub fn calls_of(&self, verb: &str) -> Vec<String> {
        let verb = format!(" {verb}");
        let is_it = |call: &String| {
            call.split_once("antctl").is_some_and(|(_, rest)| {
                let rest = rest.strip_prefix(" --debug").unwrap_or(rest);
                rest == verb || rest.starts_with(&format!("{verb} "))
            })
        };
        self.calls().into_iter().filter(is_it).collect()
    }

    pub fn forget_calls(&self) {
        let _ = fs::remove_file(self.home().join(".antctl/calls"));
    }

    pub fn systemctl_calls(&self) -> Vec<String> {
        lines(&self.home().join(".systemctl/calls"))
    }

    pub fn forget_systemctl(&self) {
        let _ = fs::remove_file(self.home().join(".systemctl/calls"));
    }

    /// The XDG_RUNTIME_DIR of each call.
    pub fn runtime_dirs(&self) -> Vec<String> {
        lines(&self.home().join(".antctl/runtime"))
    }

    pub fn registry_path(&self) -> PathBuf {
        self.storage().join("node_registry.json")
    }

    pub fn registry(&self) -> Value {
        let text = fs::read_to_string(self.registry_path()).expect("a registry");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The states of the nodes in antctl's registry, in order.
    pub fn states(&self) -> Vec<String> {
        let registry = self.registry();
        let nodes = registry["nodes"].as_array().expect("nodes").iter();
        nodes
            .map(|node| node["status"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The ids of the nodes with a process.
    pub fn running(&self) -> Vec<u32> {
        let processes = self.processes();
        let runs = |root: &Path| processes.iter().any(|process| process.root == root);
        self.rows()
            .into_iter()
            .filter(|row| runs(&row.root))
            .map(|row| row.id)
            .collect()
    }

    /// The data and log folders of nodes.
    pub fn folders(&self) -> Vec<String> {
        let entries = ["node", "logs"].map(|folder| fs::read_dir(self.base().join(folder)));
        let names = entries.into_iter().flatten().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("antnode")).collect()
    }

    /// Whether an antctl of this machine is running.
    pub fn has_antctl(&self) -> bool {
        let program = self.home().join(".local/bin/antctl");
        let entries = fs::read_dir("/proc").expect("/proc").flatten();
        let mut links = entries.filter_map(|entry| fs::read_link(entry.path().join("exe")).ok());
        links.any(|link| link == program)
    }

    /// Runs wnm and kills it when antctl has done `verb` but not reported it.
    pub fn killed_at(&self, verb: &str, words: &[&str]) {
        self.set_fault(&format!("halt:{verb}"));
        let mut child = self.begin(words);
        self.wait_for("antctl is done", |stage| {
            stage.home().join(".antctl/halted").exists()
        });
        child.kill().expect("it runs");
        let _ = child.wait();
        self.clear_fault();
        let _ = fs::remove_file(self.home().join(".antctl/halted"));
        self.wait_for("antctl is gone", |_| !self.has_antctl());
    }
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
