//! What is true on a stage: the rows, the processes and the files, and whether they tell the same story.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;
use rusqlite::{Connection, OpenFlags};

use super::Stage;

/// One row of table `node`, as far as the tests ask.
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

/// One process of a node: its argv names the node's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    pub root: PathBuf,
    pub words: Vec<String>,
}

impl Stage {
    /// The database, to look at.
    pub fn look(&self) -> Connection {
        Connection::open_with_flags(self.database(), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("colony.db opens")
    }

    /// Changes the database behind wnm's back.
    pub fn tamper(&self, sql: &str) {
        Connection::open(self.database())
            .expect("colony.db opens")
            .execute_batch(sql)
            .expect("the change is made");
    }

    /// Makes the last look at the machine a minute old, and its processors busy for so many percent of that
    /// minute. The counters are wnm's own, kept in the database: what this machine really does while the tests
    /// run must not decide what they find, and a cycle need not wait for a second of it.
    pub fn minute(&self, busy: i64) {
        let idle = 60 * (100 - busy);
        self.tamper(&format!(
            "UPDATE sample SET counted_ms = (SELECT unixepoch() - 60) * 1000,
                               cpu_total = cpu_total - 6000, cpu_idle = cpu_idle - {idle}
             WHERE id = (SELECT max(id) FROM sample) AND cpu_idle > 6000"
        ));
    }

    /// One figure from the database.
    pub fn figure(&self, sql: &str) -> i64 {
        self.look()
            .query_row(sql, [], |row| row.get(0))
            .expect("a figure")
    }

    /// All node rows, by id.
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

    /// How many nodes stand in this state.
    pub fn in_state(&self, state: &str) -> usize {
        self.rows().iter().filter(|row| row.status == state).count()
    }

    /// How many nodes are on their way from one state to another.
    pub fn in_motion(&self) -> usize {
        ["RESTARTING", "UPGRADING", "REMOVING"]
            .iter()
            .map(|state| self.in_state(state))
            .sum()
    }

    /// How many rows say that their node is of this version.
    pub fn of_version(&self, version: &str) -> usize {
        self.rows()
            .iter()
            .filter(|row| row.version.as_deref() == Some(version))
            .count()
    }

    /// The processes of all nodes on this stage.
    pub fn processes(&self) -> Vec<Process> {
        let Some(house) = &self.house else {
            return processes_under(&self.storage());
        };
        let mut all = processes_under(Path::new("/"));
        all.retain(|process| house.holds(process.pid));
        all.iter_mut()
            .for_each(|process| process.root = house.outside(&process.root));
        all
    }

    /// The process of one node.
    pub fn process(&self, id: u32) -> Option<Process> {
        self.processes()
            .into_iter()
            .find(|process| process.root == self.root(id))
    }

    /// The key that is a node's identity.
    pub fn identity(&self, id: u32) -> Vec<u8> {
        fs::read(self.root(id).join("secret-key")).expect("a node has an identity")
    }

    /// Rows, processes and files must tell the same story. `settled`: no process has died or been killed
    /// since the last survey, so RUNNING means running.
    pub fn agree(&self, settled: bool) {
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
            // Which is no port: nodes that others made may have none for RPC.
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

    /// All there is to know when a test fails.
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

    /// The last twenty events, oldest first, a line each.
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

/// Every process whose command line names a root directory under `folder`. A process that has ended and
/// waits to be reaped has no command line, and does not count.
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

/// Sends a signal; a process that is gone is well.
pub fn kill(pid: i32, signal: Signal) {
    let _ = send(Pid::from_raw(pid), signal);
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}
