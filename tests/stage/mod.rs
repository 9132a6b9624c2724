//! A stage: a private machine for one test, with a temporary home, a cleared environment, simulated
//! antnodes that are real processes, and ports that no other stage uses. Dropping it ends the processes and
//! deletes the files.
//!
//! It reads `/proc`, so it needs Linux.

pub mod anm;
mod colony;
mod listen;
mod ports;
mod python_database;
mod random;
mod rpc;
mod run;
mod sandbox;
mod stand_in;

use std::fs;
use std::iter;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

pub use colony::{Process, kill, processes_under};
pub use listen::{CLOSED_PORT, listen};
pub use ports::Block;
pub use random::Random;
pub use rpc::Rpc;
pub use run::{Ran, Stopwatch};
pub use sandbox::Sandbox;
pub use stand_in::StandIn;

/// Longer than any wait in the tests, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A private machine for one test.
pub struct Stage {
    /// Set in the modes with sudo. Declared before `home`, because it must be dropped first.
    sandbox: Option<Sandbox>,
    home: TempDir,
    ports: Block,
}

impl Stage {
    /// A machine with antnode 0.4.17 in `~/.local/bin` and no colony.
    pub fn new() -> Stage {
        Stage::with_home_prefix("wnm-stage-")
    }

    /// The same, with a home whose name starts with `name`.
    pub fn with_home_prefix(name: &str) -> Stage {
        let home = tempfile::Builder::new()
            .prefix(name)
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary home");
        // The umask of a test must not change the mode of the home.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("its mode");
        let stage = Stage {
            sandbox: None,
            home,
            ports: Block::claim(),
        };
        stage.install("0.4.17");
        stage
    }

    /// The same, with a sudo that allows everything; None where namespaces are not allowed.
    pub fn with_sudo(name: &str) -> Option<Stage> {
        let mut stage = Stage::with_home_prefix(name);
        let sandbox = Sandbox::build(&stage.home().join(".sandbox"), stage.home())?;
        let sudo = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fakes/sudo");
        stage.sandbox = Some(sandbox);
        stage.install_program(&sudo);
        Some(stage)
    }

    /// Installs a program in PATH, for root too where there is a sudo.
    pub fn install_program(&self, program: &Path) {
        let place = self.tools();
        let installed = Command::new("install")
            .args(["-m", "755", "-t"])
            .args([&place, program])
            .status();
        assert!(
            installed.expect("install runs").success(),
            "{} is there",
            program.display()
        );
    }

    /// The folder where [`Stage::install_program`] installs programs.
    pub fn tools(&self) -> PathBuf {
        match &self.sandbox {
            Some(sandbox) => sandbox.tools(),
            None => self.home().join(".local/bin"),
        }
    }

    /// The path inside the stage of a real path.
    pub fn known(&self, path: impl AsRef<Path>) -> PathBuf {
        match &self.sandbox {
            Some(sandbox) => sandbox.inside(path.as_ref()),
            None => path.as_ref().to_owned(),
        }
    }

    /// The real path of a path inside the stage. With sudo, root's folders are elsewhere.
    pub fn seen(&self, path: impl AsRef<Path>) -> PathBuf {
        match &self.sandbox {
            Some(sandbox) => sandbox.outside(path.as_ref()),
            None => path.as_ref().to_owned(),
        }
    }

    /// A machine with a colony without nodes: setsid, no delays, and limits that the load of the real
    /// machine does not reach; [`Stage::simulate_minute`] sets the CPU usage. `settings` override these.
    pub fn colony(settings: &[&str]) -> Stage {
        let stage = Stage::new();
        stage.init(settings).done();
        stage.survey();
        stage
    }

    /// A colony of `count` nodes that run and have settled.
    pub fn running(count: usize, settings: &[&str]) -> Stage {
        let stage = Stage::colony(settings);
        stage.force(&format!("add --count {count}")).done();
        stage.wait_for("all nodes answer", |stage| stage.processes().len() == count);
        stage.survey_until_running(count);
        stage
    }

    /// The arguments of a `wnm --init` that uses only the ports of this stage.
    pub fn init_arguments(&self) -> Vec<String> {
        let (nodes, metrics) = self.thousands();
        let words = [
            "--init",
            "--rewards_address",
            "faucet",
            "--process_manager",
            "setsid+user",
            "--port_start",
            &nodes,
            "--metrics_port_start",
            &metrics,
            "--rpc_port_start",
            "64",
        ];
        words.map(str::to_owned).into()
    }

    /// Runs `wnm --init` with the settings of [`Stage::colony`] and these.
    pub fn init(&self, settings: &[&str]) -> Ran {
        let founding = self.init_arguments();
        let mut words: Vec<&str> = founding.iter().map(String::as_str).collect();
        words.extend([
            "--cpu_less_than",
            "50",
            "--cpu_remove",
            "70",
            "--mem_less_than",
            "99",
        ]);
        words.extend([
            "--mem_remove",
            "100",
            "--hd_less_than",
            "99",
            "--hd_remove",
            "100",
        ]);
        words.extend([
            "--desired_load_average",
            "5000",
            "--max_load_average_allowed",
            "10000",
        ]);
        words.extend([
            "--delay_start",
            "0",
            "--delay_upgrade",
            "0",
            "--delay_remove",
            "0",
        ]);
        words.extend(settings);
        self.wnm(&words)
    }

    /// Installs this version of antnode in `~/.local/bin`.
    pub fn install(&self, version: &str) {
        let place = self.home().join(".local/bin");
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o755);
        folder.create(&place).expect("a folder for programs");
        let fresh = place.join("antnode.new");
        // A separate process writes the file: a child forked by another test could inherit a file that this
        // process has open for writing, and the file could not be executed.
        let written = Command::new("/bin/sh")
            .args([
                "-c",
                "cp \"$1\" \"$2\" && printf 'antnode-version:%s' \"$3\" >>\"$2\"",
                "sh",
            ])
            .args([simulated_antnode().as_os_str(), fresh.as_os_str()])
            .arg(version)
            .status()
            .expect("sh runs");
        assert!(written.success(), "a copy of the simulated antnode");
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).expect("it may be run");
        fs::rename(&fresh, place.join("antnode")).expect("it takes its place");
    }

    /// The first digits of its node ports and metrics ports, in the form of wnm's settings.
    pub fn thousands(&self) -> (String, String) {
        (self.ports.nodes(), self.ports.metrics())
    }

    /// The operator's home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The ports of this stage.
    pub fn ports(&self) -> &Block {
        &self.ports
    }

    /// The folder where wnm keeps the colony.
    pub fn base(&self) -> PathBuf {
        match &self.sandbox {
            Some(sandbox) => sandbox.outside(Path::new("/var/antctl")),
            None => self.home().join(".local/share/autonomi"),
        }
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.base().join("colony.db")
    }

    /// The folder of the nodes' root directories.
    pub fn storage(&self) -> PathBuf {
        self.base().join(if self.sandbox.is_some() {
            "services"
        } else {
            "node"
        })
    }

    /// The folder of the nodes' log directories.
    pub fn logs(&self) -> PathBuf {
        match &self.sandbox {
            Some(sandbox) => sandbox.outside(Path::new("/var/log/antnode")),
            None => self.base().join("logs"),
        }
    }

    /// The root directory of one node.
    pub fn root(&self, id: u32) -> PathBuf {
        self.storage().join(format!("antnode{id:04}"))
    }

    /// Makes a node misbehave; `tests/fakes/antnode.rs` lists the words.
    pub fn set_fault(&self, id: u32, illness: &str) {
        fs::write(self.root(id).join("SIM_ANTNODE"), illness).expect("the illness is written");
    }

    /// Ends the misbehaviour.
    pub fn clear_fault(&self, id: u32) {
        fs::remove_file(self.root(id).join("SIM_ANTNODE")).expect("the illness goes");
    }

    /// wnm in the environment of an operator's shell, without the variables of the test.
    pub fn command(&self, words: &[&str]) -> Command {
        self.at_home(Command::new(env!("CARGO_BIN_EXE_wnm")), words)
    }

    /// Another program in the same environment.
    pub fn at_home(&self, mut command: Command, words: &[&str]) -> Command {
        command.args(words);
        if let Some(sandbox) = &self.sandbox {
            command = sandbox.enter(&command);
        }
        command.env_clear().current_dir(self.home()).stdin(Stdio::null());
        command
            .env("HOME", self.home())
            .env("USER", "op")
            .env("LOGNAME", "op")
            .env("LANG", "C.UTF-8");
        command.env(
            "PATH",
            format!(
                "{}/.local/bin:/usr/local/bin:/usr/bin:/bin",
                self.home().display()
            ),
        );
        command
    }

    /// Runs wnm and waits for it.
    pub fn wnm(&self, words: &[&str]) -> Ran {
        Ran::of(self.command(words))
    }

    /// Runs `wnm --force_action` with these words, which are separated by blanks.
    pub fn force(&self, action: &str) -> Ran {
        let words: Vec<&str> = iter::once("--force_action")
            .chain(action.split_whitespace())
            .collect();
        self.wnm(&words)
    }

    /// Runs wnm with these environment variables too, and waits for it.
    pub fn wnm_with(&self, variables: &[(&str, &str)], words: &[&str]) -> Ran {
        let mut command = self.command(words);
        command.envs(variables.iter().copied());
        Ran::of(command)
    }

    /// Starts wnm and does not wait.
    pub fn begin(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wnm starts")
    }

    /// Simulates a minute without load, then runs wnm with these arguments.
    pub fn pass(&self, words: &[&str]) -> Ran {
        self.simulate_minute(0);
        self.wnm(words)
    }

    /// Runs one cycle, which must succeed.
    pub fn cycle(&self) -> Ran {
        self.pass(&[]).done()
    }

    /// Surveys the nodes, so that their rows are up to date.
    pub fn survey(&self) {
        self.simulate_minute(0);
        self.force("survey").done();
    }

    /// Surveys until `count` nodes run.
    pub fn survey_until_running(&self, count: usize) {
        self.until(
            &format!("{count} nodes run"),
            |stage| stage.in_state("RUNNING") == count,
            Stage::survey,
        );
    }

    /// Kills the process of a node and waits until it is gone.
    pub fn kill_node(&self, id: u32) {
        kill(self.process(id).expect("the node runs").pid, Signal::SIGKILL);
        self.wait_for("the killed node is gone", |stage| stage.process(id).is_none());
    }

    /// Runs cycles until `so` is true.
    pub fn cycle_until(&self, what: &str, so: impl Fn(&Stage) -> bool) {
        self.until(what, so, |stage| drop(stage.cycle()));
    }

    /// Waits until `so` is true.
    pub fn wait_for(&self, what: &str, so: impl Fn(&Stage) -> bool) {
        self.until(what, so, |_| std::thread::sleep(Duration::from_millis(50)));
    }

    /// Repeats `again` until `so` is true; fails with the state of the colony after a minute.
    pub fn until(&self, what: &str, so: impl Fn(&Stage) -> bool, again: impl Fn(&Stage)) {
        let begun = Instant::now();
        while !so(self) {
            assert!(
                begun.elapsed() < PATIENCE,
                "never came true: {what}\n{}",
                self.describe()
            );
            again(self);
        }
    }

    /// Ends the jobs of the simulated launchd, which would otherwise restart killed processes.
    fn unload_all(&self) {
        let state = self.home().join(".launchctl");
        let _ = fs::remove_dir_all(state.join("jobs"));
        let is_kept = || fs::read_dir(state.join("keepers")).is_ok_and(|mut kept| kept.next().is_some());
        for _ in 0..500 {
            if !is_kept() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything under the home as text; any change of a name, mode, time or content changes it.
    pub fn tree(&self) -> String {
        let mut lines = Vec::new();
        walk(self.home(), self.home(), &mut lines);
        lines.sort();
        lines.join("\n")
    }
}

impl Drop for Stage {
    /// Ends every process that was started under the home.
    fn drop(&mut self) {
        self.unload_all();
        self.sandbox = None;
        for _ in 0..50 {
            let left = processes_under(self.home());
            if left.is_empty() {
                return;
            }
            left.iter().for_each(|process| kill(process.pid, Signal::SIGKILL));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The simulated antnode, which `cargo test` builds as an example.
pub fn simulated_antnode() -> PathBuf {
    simulated("antnode")
}

/// A simulated program, which `cargo test` builds as an example.
pub fn simulated(name: &str) -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_wnm"))
        .with_file_name("examples")
        .join(name);
    assert!(
        built.exists(),
        "{} is missing: run `cargo build --example {name}`",
        built.display()
    );
    built
}

fn walk(top: &Path, folder: &Path, lines: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder that can be read").flatten() {
        let path = entry.path();
        let facts = entry.metadata().expect("an entry that can be read");
        let name = path.strip_prefix(top).unwrap_or(&path).display().to_string();
        let content = if facts.is_file() {
            fs::read(&path).unwrap_or_default()
        } else {
            Vec::new()
        };
        let changed = facts.modified().expect("a time of change");
        lines.push(format!(
            "{name} {:o} {changed:?} {} {:x}",
            facts.permissions().mode(),
            facts.len(),
            digest(&content)
        ));
        if facts.is_dir() {
            walk(top, &path, lines);
        }
    }
}

fn digest(content: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
