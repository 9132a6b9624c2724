//! The machine of the demo: a temporary home, its antnode, and the state of the colony as seen from
//! outside.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use super::ports::Block;

/// One node in wnm's report.
#[derive(Debug)]
pub struct Node {
    pub service: String,
    pub state: String,
    pub version: Option<String>,
}

/// A home that is deleted when the demo ends.
pub struct Machine {
    home: PathBuf,
    ports: Block,
    guard: Child,
    begun: Instant,
    said: String,
    /// The CPU usage in percent in the minutes between runs.
    pub busy: i64,
}

impl Machine {
    /// Creates the home, and a guard process that deletes it even if this process is killed.
    pub fn new() -> Result<Machine, String> {
        let home = std::env::temp_dir().join(format!("wnm-demo-{}", std::process::id()));
        fs::create_dir(&home).map_err(|error| format!("cannot make {}: {error}", home.display()))?;
        let program = std::env::current_exe().map_err(text)?;
        // A process group of its own: Ctrl-C ends the demo but not the guard, which then reads the end of
        // the pipe.
        let mut guard = Command::new(program);
        guard.arg("--guard").arg(&home).process_group(0);
        guard
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let guard = guard.spawn().map_err(text)?;
        let ports = Block::claim();
        Ok(Machine {
            home,
            ports,
            guard,
            begun: Instant::now(),
            said: String::new(),
            busy: 5,
        })
    }

    /// The time since it was created.
    pub fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    pub fn node_ports(&self) -> String {
        self.ports.nodes()
    }

    pub fn metrics_ports(&self) -> String {
        self.ports.metrics()
    }

    /// Installs this version of antnode: a copy of this program with a version at its end.
    pub fn install(&self, version: &str) -> Result<(), String> {
        let folder = self.home.join(".local/bin");
        fs::create_dir_all(&folder).map_err(text)?;
        let fresh = folder.join("antnode.new");
        fs::copy(std::env::current_exe().map_err(text)?, &fresh).map_err(text)?;
        let mut file = OpenOptions::new().append(true).open(&fresh).map_err(text)?;
        write!(file, "antnode-version:{version}").map_err(text)?;
        drop(file);
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).map_err(text)?;
        fs::rename(&fresh, folder.join("antnode")).map_err(text)
    }

    /// Runs wnm as cron would, and returns its output.
    pub fn wnm(&mut self, words: &[&str]) -> Result<String, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wnm"));
        command
            .args(words)
            .env_clear()
            .current_dir(&self.home)
            .stdin(Stdio::null());
        command
            .env("HOME", &self.home)
            .env("LOGNAME", "op")
            .env("SHELL", "/bin/sh")
            .env("PATH", "/usr/bin:/bin");
        let output = command.output().map_err(text)?;
        let (printed, said) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        self.said = format!("{printed}{said}");
        if output.status.success() {
            Ok(printed.into_owned())
        } else {
            Err(format!(
                "`wnm {}` ended with {}:\n{}",
                words.join(" "),
                output.status,
                self.said
            ))
        }
    }

    /// Sets wnm's last sample to one minute ago, with this CPU usage in percent since then. wnm keeps the
    /// counters in its database, so a run need not wait to measure, and the real load does not matter.
    pub fn simulate_minute(&self, busy: i64) -> Result<(), String> {
        let idle = 60 * (100 - busy);
        let sql = format!(
            "UPDATE sample SET counted_ms = (SELECT unixepoch() - 60) * 1000, cpu_total = cpu_total - 6000,
             cpu_idle = cpu_idle - {idle} WHERE id = (SELECT max(id) FROM sample) AND cpu_idle > 6000"
        );
        self.database()
            .and_then(|database| database.execute_batch(&sql))
            .map_err(|error| error.to_string())
    }

    /// The last action of each kind, with its reason.
    pub fn reasons(&self) -> Result<Vec<String>, String> {
        let sql =
            "SELECT action || ' ' || coalesce(service, 'colony') || ': ' || reason FROM event WHERE id IN
                   (SELECT max(id) FROM event GROUP BY action, substr(reason, 1, 6)) ORDER BY id";
        let read = || {
            let database = self.database()?;
            let mut query = database.prepare(sql)?;
            query
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<Vec<String>>>()
        };
        read().map_err(|error| error.to_string())
    }

    fn database(&self) -> rusqlite::Result<Connection> {
        Connection::open(self.home.join(".local/share/autonomi/colony.db"))
    }

    /// The output of the last run.
    pub fn last_words(&self) -> &str {
        &self.said
    }

    /// The nodes in wnm's report.
    pub fn nodes(&mut self) -> Result<Vec<Node>, String> {
        let report = self.report("node-status-details")?;
        let rows = match report {
            Value::Array(rows) => rows,
            Value::Object(told) if told.contains_key("error") => Vec::new(),
            one => vec![one],
        };
        let word = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).map(str::to_owned);
        let node = |row: &Value| {
            Some(Node {
                service: word(row, "service")?,
                state: word(row, "status")?,
                version: word(row, "version"),
            })
        };
        rows.iter()
            .map(|row| node(row).ok_or(format!("no node: {row}")))
            .collect()
    }

    fn report(&mut self, name: &str) -> Result<Value, String> {
        let kept = self.said.clone();
        let printed = self.wnm(&["--report", name, "--json"])?;
        self.said = kept;
        serde_json::from_str(&printed)
            .map_err(|error| format!("the report {name} is no JSON ({error}): {printed}"))
    }

    /// The running node processes, found without wnm.
    pub fn processes(&self) -> Vec<u32> {
        belonging_to(&self.storage(), &["cmdline"])
    }

    pub fn kill(&self, pid: u32) -> Result<(), String> {
        kill(pid).then_some(()).ok_or(format!("could not kill {pid}"))
    }

    /// The versions of those processes, reported by the binary of each.
    pub fn running_versions(&self) -> BTreeSet<String> {
        let version = |pid: &u32| {
            let output = Command::new(format!("/proc/{pid}/exe"))
                .arg("--version")
                .output()
                .ok()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.lines()
                .next()?
                .split_once(" v")
                .map(|(_, version)| version.to_owned())
        };
        self.processes().iter().filter_map(version).collect()
    }

    /// The folders of nodes on disk.
    pub fn folders(&self) -> Vec<String> {
        let entries = fs::read_dir(self.storage()).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// The identities of the nodes.
    pub fn identities(&self) -> Vec<(String, Vec<u8>)> {
        let key = |name: String| {
            let key = fs::read(self.storage().join(&name).join("secret-key")).unwrap_or_default();
            (name, key)
        };
        self.folders().into_iter().map(key).collect()
    }

    fn storage(&self) -> PathBuf {
        self.home.join(".local/share/autonomi/node")
    }

    /// Ends the processes that still run, deletes the home, and reports if either was necessary or failed.
    pub fn clean(mut self) -> Result<(), String> {
        let left = belonging_to(&self.home, &["cmdline", "environ"]);
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
        if self.home.exists() {
            return Err(format!("{} could not be deleted", self.home.display()));
        }
        println!("  checked: no process and no file of the demo is left");
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("processes were left and had to be killed: {left:?}"))
        }
    }
}

/// The guard: waits for the end of the demo, and deletes what it left.
pub fn guard(folder: &Path) -> ExitCode {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    // A wnm that is running may start one more node before it is killed.
    for _ in 0..100 {
        let left = belonging_to(folder, &["cmdline", "environ"]);
        for pid in &left {
            let _ = kill(*pid);
        }
        if left.is_empty() && (fs::remove_dir_all(folder).is_ok() || !folder.exists()) {
            return ExitCode::SUCCESS;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    ExitCode::FAILURE
}

/// Every other process with the folder in its arguments or environment.
fn belonging_to(folder: &Path, files: &[&str]) -> Vec<u32> {
    let sign = folder.as_os_str().as_encoded_bytes();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| OsStr::to_str(&entry.file_name())?.parse::<u32>().ok());
    let ours = |pid: &u32| {
        let named = |file: &&str| {
            let content = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let is_guard = content.windows(8).any(|part| part == b"--guard\0");
            !is_guard && content.windows(sign.len()).any(|part| part == sign)
        };
        *pid != std::process::id() && files.iter().any(named)
    };
    let mut found: Vec<_> = pids.filter(ours).collect();
    found.sort_unstable();
    found
}

/// With the program `kill`: the standard library can only kill its own children.
fn kill(pid: u32) -> bool {
    let status = Command::new("/bin/sh")
        .args(["-c", &format!("kill -9 {pid}")])
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}
