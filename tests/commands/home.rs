//! The environment of the recordings: a home, an `antnode` of version 0.4.17, nodes that answer.
//!
//! The recordings were made as user `op` with uid 1234 in `/home/op`. Here the home is a temporary folder,
//! its path is replaced in all input and output, and root changes to the uid before it runs wnm.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::database::{self, Rows};
use crate::stand_in::StandIn;

/// The home in the recordings.
pub const RECORDED: &str = "/home/op";
pub const UID: u32 = 1234;

/// A home that is emptied for each case, and state that is kept between cases.
pub struct Home {
    folder: TempDir,
    program: PathBuf,
    is_root: bool,
    /// Adopted databases, by the dump that they were created from.
    adopted: HashMap<String, Vec<u8>>,
    /// Simulated nodes and their stop flags.
    nodes: Vec<(u16, Arc<AtomicBool>)>,
    /// Their processes.
    processes: Vec<StandIn>,
}

/// The result of a run, with the home as in the recordings.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// The version of `antnode` in the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Antnode<'a> {
    Of(&'a str),
    Broken,
    Missing,
}

impl Home {
    pub fn new() -> Home {
        let folder = tempfile::Builder::new()
            .prefix("wnm-replay-")
            .tempdir()
            .expect("a temporary home");
        let program = folder.path().join("wnm");
        fs::copy(env!("CARGO_BIN_EXE_wnm"), &program).expect("a copy of wnm that any user may run");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it may be entered");
        let home = Home {
            is_root: nix::unistd::geteuid().is_root(),
            program,
            folder,
            adopted: HashMap::new(),
            nodes: Vec::new(),
            processes: Vec::new(),
        };
        home.empty(Antnode::Of("0.4.17"));
        home
    }

    /// The path of the home.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("op")
    }

    /// The default path of the database.
    pub fn database(&self) -> PathBuf {
        self.path().join(".local/share/autonomi/colony.db")
    }

    /// Replaces the recorded home by the real one.
    pub fn here(&self, text: &str) -> String {
        text.replace(RECORDED, &self.path().display().to_string())
    }

    /// Replaces the real home by the recorded one.
    pub fn recorded(&self, text: &str) -> String {
        text.replace(&self.path().display().to_string(), RECORDED)
    }

    /// Empties the home and installs an antnode.
    pub fn empty(&self, antnode: Antnode<'_>) {
        let _ = fs::remove_dir_all(self.path());
        let programs = self.path().join(".local/bin");
        fs::create_dir_all(&programs).expect("a folder for programs");
        fs::create_dir_all(self.database().parent().expect("it has one")).expect("a folder for the colony");
        // A systemd that answers and has no units.
        put_program(
            &programs.join("systemctl"),
            "#!/bin/sh\n[ \"$1 $2\" = '--user show' ] && [ $# = 3 ]\n",
        );
        let script = match antnode {
            Antnode::Of(version) => format!("#!/bin/sh\necho 'Autonomi Node v{version}'\n"),
            Antnode::Broken => "#!/bin/sh\nexit 1\n".to_owned(),
            Antnode::Missing => return,
        };
        put_program(&programs.join("antnode"), &script);
    }

    /// Puts a recorded file into the home.
    pub fn put(&self, place: &str, text: &str) {
        let place = self.path().join(place);
        fs::create_dir_all(place.parent().expect("it has one")).expect("its folder");
        fs::write(place, self.here(text)).expect("the file is written");
    }

    /// Puts a database at `place` that `make` creates and wnm then adopts; created once for each `name`.
    pub fn put_adopted(&mut self, name: &str, place: &Path, make: impl FnOnce(&Path)) {
        if let Some(content) = self.adopted.get(name) {
            fs::write(place, content).expect("the database is written");
            return;
        }
        let own = self.database();
        make(&own);
        database::replace(&own, RECORDED, &self.path().display().to_string());
        let words = ["--force_action", "wnm-db-migration", "--confirm"].map(str::to_owned);
        let ran = self.run(&words, &BTreeMap::new(), false);
        assert_eq!(ran.code, 0, "the database {name} is adopted: {}", ran.stderr);
        let content = fs::read(&own).expect("the adopted database");
        for entry in fs::read_dir(own.parent().expect("it has one"))
            .expect("its folder")
            .flatten()
        {
            fs::remove_file(entry.path()).expect("what the adoption left");
        }
        fs::write(place, &content).expect("the database is written");
        self.adopted.insert(name.to_owned(), content);
    }

    /// Runs wnm as in the recording, as root only where the recording was.
    pub fn run(&mut self, words: &[String], variables: &BTreeMap<String, String>, as_root: bool) -> Ran {
        let home = self.path();
        self.give_away(&home, as_root);
        let mut command = Command::new(&self.program);
        command
            .args(words.iter().map(|word| self.here(word)))
            .env_clear()
            .env("HOME", &home)
            .env("USER", "op")
            .env("LOGNAME", "op")
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("COLUMNS", "80")
            .env(
                "PATH",
                format!("{}/.local/bin:/usr/local/bin:/usr/bin:/bin", home.display()),
            )
            .envs(variables.iter().map(|(name, text)| (name, self.here(text))))
            .current_dir(&home)
            .stdin(Stdio::null());
        if self.is_root && !as_root {
            command.uid(UID).gid(UID);
        }
        let output = command.output().expect("wnm runs");
        let text = |bytes: &[u8]| self.recorded(&String::from_utf8_lossy(bytes));
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    fn give_away(&self, place: &Path, as_root: bool) {
        if !self.is_root {
            return;
        }
        let uid = if as_root { 0 } else { UID };
        chown(place, Some(uid), Some(uid)).expect("the home is given away");
        for entry in fs::read_dir(place).expect("a folder").flatten() {
            let path = entry.path();
            if entry.file_type().expect("a kind").is_dir() {
                self.give_away(&path, as_root);
            } else {
                chown(&path, Some(uid), Some(uid)).expect("a file is given away");
            }
        }
    }

    /// Whether this may run as root.
    pub fn is_root(&self) -> bool {
        self.is_root
    }

    /// Simulates nodes on those ports of `rows` where nodes answered in the recordings, and creates the
    /// folder of each node.
    pub fn populate(&mut self, rows: &Rows) {
        for root in rows
            .roots()
            .iter()
            .filter(|root| Path::new(root).starts_with(self.path()))
        {
            let _ = fs::create_dir_all(root);
        }
        for (port, root) in rows.metrics_ports() {
            let answers = (13_001..=14_000).contains(&port);
            if !answers || self.nodes.iter().any(|(other, _)| *other == port) {
                continue;
            }
            match TcpListener::bind(("127.0.0.1", port)) {
                Ok(listener) => {
                    let over = Arc::new(AtomicBool::new(false));
                    self.nodes.push((port, Arc::clone(&over)));
                    thread::spawn(move || serve(&listener, &over));
                    self.processes.push(StandIn::of(Path::new(&root)));
                }
                Err(error) => eprintln!("port {port} cannot be had, so no node answers there: {error}"),
            }
        }
    }

    /// Ends all simulated nodes.
    pub fn silence(&mut self) {
        for (port, over) in self.nodes.drain(..) {
            over.store(true, Ordering::Relaxed);
            // The last connection ends the listener; the port is free once it has ended.
            let _ = TcpStream::connect(("127.0.0.1", port));
            while TcpListener::bind(("127.0.0.1", port)).is_err() {
                thread::sleep(Duration::from_millis(1));
            }
        }
        self.processes.clear();
    }
}

fn put_program(place: &Path, script: &str) {
    fs::write(place, script).expect("the program is written");
    fs::set_permissions(place, fs::Permissions::from_mode(0o755)).expect("it may be run");
}

/// Answers as a node of version 0.4.17.
fn serve(listener: &TcpListener, over: &AtomicBool) {
    for mut stream in listener.incoming().flatten() {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let mut request = [0; 2048];
        let length = stream.read(&mut request).unwrap_or(0);
        let body = if request[..length].starts_with(b"GET /metadata") {
            "ant_node_antnode_version_info{antnode_version=\"0.4.17\"} 1\n\
             ant_networking_peer_id_info{peer_id=\"12D3KooWFleetFleetFleetFleetFleetFleetFleetFleetFleetX\"} 1\n# EOF\n"
        } else {
            "ant_node_uptime 86400\nant_networking_connected_peers 4\n# EOF\n"
        };
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
    }
}
