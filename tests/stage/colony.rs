//! The state of a stage: its rows, processes and files, and checks that they match.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;
use rusqlite::{Connection, OpenFlags};

use super::Stage;

/// One row of table `node`, with the columns that tests read.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub id: u32,
    pub service: String,
    pub status: String,
    pub version: Option<String>,
    pub peer_id: Option<String>,
    pub port: u16,
    pub metrics_port: u16,
    pub rpc_port: u16,
    pub root: PathBuf,
    pub logs: Option<PathBuf>,
    pub wallet: String,
    pub records: i64,
    pub last_error: Option<String>,
}

/// The process of a node; its arguments name the node's root directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    pub root: PathBuf,
    pub words: Vec<String>,
}

impl Stage {
    /// Opens the database read-only.
    pub fn look(&self) -> Connection {
        Connection::open_with_flags(self.database(), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("colony.db opens")
    }

    /// Changes the database without wnm.
    pub fn tamper(&self, sql: &str) {
        Connection::open(self.database())
            .expect("colony.db opens")
            .execute_batch(sql)
            .expect("the change is made");
    }

    /// Sets `node_cap` without a run.
    pub fn set_cap(&self, cap: u32) {
        self.tamper(&format!("UPDATE machine SET node_cap = {cap}"));
    }

    /// Sets the last sample to one minute ago, with this CPU usage in percent since then. wnm keeps the
    /// counters in the database, so the real load of the machine does not change what a test finds, and a
    /// cycle need not wait a second to measure it.
    pub fn simulate_minute(&self, busy: i64) {
        let idle = 60 * (100 - busy);
        self.tamper(&format!(
            "UPDATE sample SET counted_ms = (SELECT unixepoch() - 60) * 1000,
                               cpu_total = cpu_total - 6000, cpu_idle = cpu_idle - {idle}
             WHERE id = (SELECT max(id) FROM sample) AND cpu_idle > 6000"
        ));
    }

    /// Runs a query that returns one number.
    pub fn figure(&self, sql: &str) -> i64 {
        self.look()
            .query_row(sql, [], |row| row.get(0))
            .expect("a figure")
    }

    /// All rows of table `node`, by id.
    pub fn rows(&self) -> Vec<Row> {
        let database = self.look();
        let mut query = database
            .prepare(
                "SELECT id, service, status, version, peer_id, port, metrics_port, rpc_port, root_dir, log_dir,
                        wallet, records, last_error FROM node ORDER BY id",
            )
            .expect("the columns of node");
        let rows = query.query_map([], |row| {
            Ok(Row {
                id: row.get(0)?,
                service: row.get(1)?,
                status: row.get(2)?,
                version: row.get(3)?,
                peer_id: row.get(4)?,
                port: row.get(5)?,
                metrics_port: row.get(6)?,
                rpc_port: row.get(7)?,
                root: self.seen(row.get::<_, String>(8)?),
                logs: row.get::<_, Option<String>>(9)?.map(|logs| self.seen(logs)),
                wallet: row.get(10)?,
                records: row.get::<_, Option<i64>>(11)?.unwrap_or(0),
                last_error: row.get(12)?,
            })
        });
        rows.expect("rows").map(|row| row.expect("a row")).collect()
    }

    /// The row of one node.
    pub fn row(&self, id: u32) -> Row {
        self.rows()
            .into_iter()
            .find(|row| row.id == id)
            .unwrap_or_else(|| panic!("no node {id}\n{}", self.describe()))
    }

    /// The ids of all rows.
    pub fn ids(&self) -> Vec<u32> {
        self.rows().iter().map(|row| row.id).collect()
    }

    /// The number of nodes in this state.
    pub fn in_state(&self, state: &str) -> usize {
        self.rows().iter().filter(|row| row.status == state).count()
    }

    /// The number of nodes that are restarting, upgrading or being removed.
    pub fn in_motion(&self) -> usize {
        ["RESTARTING", "UPGRADING", "REMOVING"]
            .iter()
            .map(|state| self.in_state(state))
            .sum()
    }

    /// The number of nodes with this version.
    pub fn of_version(&self, version: &str) -> usize {
        self.rows()
            .iter()
            .filter(|row| row.version.as_deref() == Some(version))
            .count()
    }

    /// The processes of all nodes of this stage.
    pub fn processes(&self) -> Vec<Process> {
        let Some(sandbox) = &self.sandbox else {
            return processes_under(&self.storage());
        };
        let mut all = processes_under(Path::new("/"));
        all.retain(|process| sandbox.holds(process.pid));
        all.iter_mut()
            .for_each(|process| process.root = sandbox.outside(&process.root));
        all
    }

    /// The process of one node.
    pub fn process(&self, id: u32) -> Option<Process> {
        self.processes()
            .into_iter()
            .find(|process| process.root == self.root(id))
    }

    /// The node's secret key, which is its identity.
    pub fn identity(&self, id: u32) -> Vec<u8> {
        fs::read(self.root(id).join("secret-key")).expect("a node has an identity")
    }

    /// Checks that rows, processes and files match. `settled`: no process has ended since the last survey,
    /// so every node that is RUNNING has a process.
    pub fn check_consistency(&self, settled: bool) {
        let (rows, processes) = (self.rows(), self.processes());
        let story = || self.describe();
        let roots: BTreeSet<_> = rows.iter().map(|row| row.root.clone()).collect();
        let folders: BTreeSet<_> = entries(&self.storage()).into_iter().collect();
        assert_eq!(
            folders,
            roots,
            "every folder has a row, every row a folder\n{}",
            story()
        );
        for process in &processes {
            assert!(
                roots.contains(&process.root),
                "an orphan: {process:?}\n{}",
                story()
            );
            let same = processes
                .iter()
                .filter(|other| other.root == process.root)
                .count();
            assert_eq!(
                same,
                1,
                "two processes in {}\n{}",
                process.root.display(),
                story()
            );
        }
        let logs: BTreeSet<_> = rows.iter().filter_map(|row| row.logs.clone()).collect();
        let kept: BTreeSet<_> = entries(&self.logs()).into_iter().collect();
        assert!(kept.is_subset(&logs), "logs of no node: {kept:?}\n{}", story());
        let ports: Vec<_> = rows
            .iter()
            .flat_map(|row| [row.port, row.metrics_port, row.rpc_port])
            // Port 0 means none: nodes that wnm did not create may have no RPC port.
            .filter(|port| *port != 0)
            .collect();
        assert_eq!(
            ports.iter().collect::<BTreeSet<_>>().len(),
            ports.len(),
            "a port twice\n{}",
            story()
        );
        for row in &rows {
            let lives = processes.iter().any(|process| process.root == row.root);
            match row.status.as_str() {
                "STOPPED" | "DISABLED" | "REMOVING" | "DEAD" => {
                    assert!(
                        !lives,
                        "antnode{:04} is {} and runs\n{}",
                        row.id,
                        row.status,
                        story()
                    );
                }
                "RUNNING" if settled => {
                    assert!(lives, "antnode{:04} is RUNNING and does not\n{}", row.id, story())
                }
                _ => {}
            }
        }
        assert_eq!(
            self.figure("SELECT count(*) FROM intent"),
            0,
            "an intent was left\n{}",
            story()
        );
    }

    /// The rows, processes and last events, for the message of a failed test.
    pub fn describe(&self) -> String {
        let mut text = String::from("rows:\n");
        for row in self.rows() {
            text += &format!("  {row:?}\n");
        }
        text += "processes:\n";
        for process in self.processes() {
            text += &format!("  {} {}\n", process.pid, process.root.display());
        }
        text += "last events:\n";
        text + &self.events()
    }

    /// The last twenty events, oldest first, one per line.
    pub fn events(&self) -> String {
        let database = self.look();
        let Ok(mut query) = database.prepare("SELECT * FROM event ORDER BY rowid DESC LIMIT 20") else {
            return String::new();
        };
        let width = query.column_count();
        let lines = query.query_map([], |row| {
            let cells = (0..width).map(|column| row.get::<_, rusqlite::types::Value>(column));
            Ok(cells
                .map(|cell| cell.map(|cell| format!("{cell:?}")).unwrap_or_default())
                .collect::<Vec<_>>()
                .join(" "))
        });
        let mut lines: Vec<String> = lines.map(|lines| lines.flatten().collect()).unwrap_or_default();
        lines.reverse();
        lines.join("\n")
    }
}

/// Every process whose command line names a root directory under `folder`. A zombie has no command line and
/// is not returned.
pub fn processes_under(folder: &Path) -> Vec<Process> {
    let pids = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let mut found: Vec<_> = pids.filter_map(|pid| process(pid, folder)).collect();
    found.sort_by_key(|process| process.pid);
    found
}

fn process(pid: i32, folder: &Path) -> Option<Process> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words: Vec<_> = line
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let root = words
        .iter()
        .skip_while(|word| *word != "--root-dir")
        .nth(1)
        .map(PathBuf::from)?;
    root.starts_with(folder).then_some(Process { pid, root, words })
}

/// Sends a signal; a process that has already ended is no error.
pub fn kill(pid: i32, signal: Signal) {
    let _ = send(Pid::from_raw(pid), signal);
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}
