//! A stage with the tools of one manager, and the properties of each manager.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use crate::stage::{Process, Ran, Rpc, Stage, simulated};

/// A process manager and its properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub word: &'static str,
    tool: Tool,
    pub has_sudo: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Setsid,
    Systemd,
    Launchd,
    Antctl,
    Zen,
}

impl Kind {
    pub fn of(word: &'static str) -> Kind {
        let (tool, mode) = word.split_once('+').expect("a tool and a mode");
        let tool = match (tool, mode) {
            ("setsid", _) => Tool::Setsid,
            ("systemd", _) => Tool::Systemd,
            ("launchd", _) => Tool::Launchd,
            ("antctl", "zen") => Tool::Zen,
            ("antctl", _) => Tool::Antctl,
            _ => panic!("no manager {word}"),
        };
        Kind {
            word,
            tool,
            has_sudo: mode == "sudo",
        }
    }

    /// Whether antctl creates the nodes: it numbers them and has its own folders.
    pub fn is_antctl(self) -> bool {
        matches!(self.tool, Tool::Antctl | Tool::Zen)
    }

    /// Whether the sandbox can show which user a node belongs to. It cannot where only the owner of the
    /// files shows it, because all accounts are one there; `tests/lab` covers that.
    pub fn tells_users(self) -> bool {
        !(self.tool == Tool::Setsid && self.has_sudo)
    }

    /// Whether wnm chooses the nodes' folders.
    pub fn places_nodes(self) -> bool {
        self.tool != Tool::Zen
    }
}

/// A stage with the tools of one manager.
pub struct ManagerStage {
    pub kind: Kind,
    stage: Stage,
    /// The RPC ports of antctl's nodes.
    rpc: Option<Rpc>,
}

impl Deref for ManagerStage {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl ManagerStage {
    /// A stage without a colony, with a home whose name starts with `home`; None where this machine cannot
    /// run it.
    pub fn called(kind: &Kind, home: &str) -> Option<ManagerStage> {
        let stage = if kind.has_sudo {
            Stage::with_sudo(home)?
        } else {
            Stage::with_home_prefix(home)
        };
        let fakes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fakes");
        match kind.tool {
            Tool::Setsid => {}
            Tool::Systemd => stage.install_program(&fakes.join("systemctl")),
            Tool::Launchd => stage.install_program(&simulated("launchctl")),
            Tool::Antctl | Tool::Zen => {
                stage.install_program(&fakes.join("systemctl"));
                stage.install_program(&simulated("antctl"));
            }
        }
        if kind.tool == Tool::Launchd && !kind.has_sudo {
            fs::create_dir_all(stage.home().join(".launchctl")).expect("a folder");
        }
        let stage = ManagerStage {
            kind: *kind,
            rpc: kind.is_antctl().then(Rpc::claim),
            stage,
        };
        if stage.kind.tool == Tool::Zen {
            stage.release("0.4.17");
        }
        Some(stage)
    }

    /// A stage with a colony of `count` running nodes.
    pub fn of(kind: &Kind, count: usize, settings: &[&str]) -> Option<ManagerStage> {
        let stage = ManagerStage::called(kind, "wnm-contract-")?;
        stage.found(count, settings);
        Some(stage)
    }

    /// Creates a colony of `count` running nodes.
    pub fn found(&self, count: usize, settings: &[&str]) {
        self.init(settings).done();
        self.survey();
        self.wnm(&["--force_action", "add", "--count", &count.to_string()])
            .done();
        self.all_run(count);
    }

    pub fn init(&self, settings: &[&str]) -> Ran {
        let mut all = vec!["--process_manager", self.kind.word, "--firewall", "null"];
        let rpc = self.rpc.as_ref().map(Rpc::start);
        if let Some(rpc) = &rpc {
            all.extend(["--rpc_port_start", rpc]);
        }
        all.extend(settings);
        self.stage.init(&all)
    }

    /// Surveys until `count` nodes run.
    pub fn all_run(&self, count: usize) {
        self.survey_until_running(count);
    }

    /// Makes this version of antnode the newest that the manager finds.
    pub fn publish(&self, version: &str) {
        self.install(version);
        if self.kind.tool == Tool::Zen {
            self.release(version);
        }
    }

    fn release(&self, version: &str) {
        let folder = self.base().join("releases");
        fs::create_dir_all(&folder).expect("a server");
        self.install(version);
        for name in [version, "latest"] {
            let copied = std::process::Command::new("cp")
                .arg(self.home().join(".local/bin/antnode"))
                .arg(folder.join(format!("antnode-{name}")))
                .status();
            assert!(copied.is_ok_and(|status| status.success()), "a release");
        }
    }

    /// Forces an action on one node, which must succeed.
    pub fn order(&self, what: &str, id: u32) -> Ran {
        let id = id.to_string();
        self.wnm(&["--force_action", what, "--service_name", &id]).done()
    }

    /// Changes the rows of these nodes without wnm.
    pub fn set(&self, ids: &[u32], what: &str) {
        let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
        self.tamper(&format!("UPDATE node SET {what} WHERE id IN ({})", ids.join(",")));
    }

    /// Adds the intents of a killed run that had started `action` for these nodes.
    pub fn had_begun(&self, action: &str, ids: &[u32]) {
        for id in ids {
            self.tamper(&format!(
                "INSERT INTO intent (at, run, action, node, detail)
                 VALUES (unixepoch(), 'killed', '{action}', {id}, '{{\"forced\": true}}')"
            ));
        }
    }

    /// The process of a node.
    pub fn process_of(&self, id: u32) -> Option<Process> {
        let root = self.row(id).root;
        self.processes().into_iter().find(|process| process.root == root)
    }

    pub fn pid_of(&self, id: u32) -> i32 {
        self.process_of(id)
            .unwrap_or_else(|| panic!("node {id} runs\n{}", self.describe()))
            .pid
    }

    /// The node's secret key, which is its identity.
    pub fn identity_of(&self, id: u32) -> Vec<u8> {
        fs::read(self.row(id).root.join("secret-key")).expect("a node has an identity")
    }

    /// The file that defines the node's service.
    pub fn service(&self, id: u32) -> PathBuf {
        let row = self.row(id);
        let folder = match (self.kind.tool, self.kind.has_sudo) {
            (Tool::Setsid, _) => return row.root.join("node.command"),
            (Tool::Launchd, false) => self.home().join("Library/LaunchAgents"),
            (Tool::Launchd, true) => self.seen("/Library/LaunchDaemons"),
            (_, false) => self.home().join(".config/systemd/user"),
            (_, true) => self.seen("/etc/systemd/system"),
        };
        let ending = if self.kind.tool == Tool::Launchd {
            "plist"
        } else {
            "service"
        };
        let name = row.service.strip_suffix(".service").unwrap_or(&row.service);
        folder.join(format!("{name}.{ending}"))
    }

    /// Checks that rows, processes, folders and services match, and that `running` nodes run.
    pub fn is_consistent(&self, running: usize) {
        let story = || self.describe();
        let (rows, processes) = (self.rows(), self.processes());
        assert_eq!(processes.len(), running, "processes\n{}", story());
        for row in &rows {
            let same = processes.iter().filter(|process| process.root == row.root);
            let expected = usize::from(row.status != "STOPPED");
            assert_eq!(
                same.count(),
                expected,
                "processes of node {}\n{}",
                row.id,
                story()
            );
            assert!(
                self.service(row.id).is_file(),
                "node {} is a service\n{}",
                row.id,
                story()
            );
            assert!(
                row.root.join("antnode").is_file(),
                "node {} has an antnode\n{}",
                row.id,
                story()
            );
        }
        assert_eq!(
            self.figure("SELECT count(*) FROM intent"),
            0,
            "intents\n{}",
            story()
        );
        let of_each = if self.kind.places_nodes() { 2 } else { 1 };
        let folders = self.folders();
        assert_eq!(folders.len(), of_each * rows.len(), "{folders:?}\n{}", story());
    }

    /// The data and log folders of all nodes.
    pub fn folders(&self) -> Vec<PathBuf> {
        let places = [self.storage(), self.logs()];
        let entries = places.iter().filter_map(|place| fs::read_dir(place).ok());
        let paths = entries.flatten().flatten().map(|entry| entry.path());
        let is_nodes = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("antnode")
        };
        paths.filter(is_nodes).collect()
    }

    /// Checks that no process, folder or service of a node is left.
    pub fn is_bare(&self) {
        assert_eq!(self.processes(), [], "{}", self.describe());
        assert_eq!(self.folders(), Vec::<PathBuf>::new());
        assert_eq!(self.services(), Vec::<String>::new());
    }

    /// The service files of nodes in all folders of all managers.
    pub fn services(&self) -> Vec<String> {
        let places = [
            self.home().join("Library/LaunchAgents"),
            self.seen("/Library/LaunchDaemons"),
            self.home().join(".config/systemd/user"),
            self.seen("/etc/systemd/system"),
        ];
        let places = places.iter().filter(|place| place.starts_with(self.home()));
        let entries = places.filter_map(|place| fs::read_dir(place).ok());
        let names = entries.flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains("antnode")).collect()
    }
}
