//! The units of a server's nodes, parsed as systemd does, with their drop-ins.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Server, TakeoverError};
use crate::colony::Timestamp;
use crate::manager::systemctl::UnitProperties;
use crate::manager::{launch_command, node_args, unit_file};

/// Where anm writes its units.
pub const UNITS: &str = "/etc/systemd/system";

/// Node numbers are below this, so that a port computed from one does not overflow.
const TOO_HIGH: u32 = 10_000_000;

/// Whether a unit runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitActivity {
    Down,
    /// Starting, stopping, or in a restart loop.
    Changing,
    Up,
}

/// The unit of a node, or one that looks like it.
#[derive(Clone, Debug, Default)]
pub struct NodeUnit {
    /// The name of its file: `antnode0001.service`.
    pub service: String,
    /// The path of its file on the server.
    pub path: PathBuf,
    /// Its drop-ins, in the order in which systemd reads them.
    pub drop_ins: Vec<PathBuf>,
    /// The digits of its name, with leading zeros; empty if the name is not `antnode` and digits.
    pub digits: String,
    /// These digits as a number; `None`: no valid number.
    pub number: Option<u32>,
    /// Its program and arguments.
    pub command: Vec<String>,
    /// `Environment=`, in the order of its lines; the last value of a name wins, as for systemd.
    pub environment: Vec<(String, String)>,
    /// How many `Environment=` lines it has.
    pub environment_lines: usize,
    /// Empty if not set.
    pub user: String,
    /// Its antnode, without doubled slashes.
    pub binary: PathBuf,
    /// Its data directory.
    pub root: Option<PathBuf>,
    /// Its log directory.
    pub logs: Option<PathBuf>,
    pub port: Option<u16>,
    pub metrics_port: Option<u16>,
    /// The rewards address as written, valid or not.
    pub wallet: Option<String>,
    /// `evm-arbitrum-one`; `None`: not among the arguments.
    pub network: Option<String>,
    /// Arguments without a column of their own, in order.
    pub extra: Vec<String>,
    /// Whether `--no-upnp` is among the arguments.
    pub no_upnp: bool,
    /// Its properties in systemd.
    pub shown: UnitProperties,
    /// Whether its data directory exists.
    pub has_root: bool,
    /// When its identity was created; `None`: it has none.
    pub born: Option<Timestamp>,
}

impl NodeUnit {
    /// Whether it runs, starts or stops.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.activity() != UnitActivity::Down
    }

    /// `antnode0001`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.service.strip_suffix(".service").unwrap_or(&self.service)
    }

    /// Its main process.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.shown.pid
    }

    /// Whether it has everything that a node needs: data directory, port and metrics port.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lacks().is_empty()
    }

    /// What it lacks, as fragments after "its unit has".
    #[must_use]
    pub fn lacks(&self) -> Vec<String> {
        let no_port = |flag: &str| {
            let glued = format!("{flag}=");
            let mut words = self.command.iter().skip_while(|word| *word != flag).skip(1);
            let value = words.next().filter(|word| !word.starts_with("--"));
            let value = value.map(String::as_str).or_else(|| {
                let mut words = self.command.iter();
                words.find_map(|word| word.strip_prefix(&*glued))
            });
            match value {
                Some(value) => format!("`{flag} {value}`, which is not a port"),
                None => format!("no `{flag}`"),
            }
        };
        let mut all = Vec::new();
        if self.number.is_none() {
            all.push("no valid number".to_owned());
        }
        if self.root.is_none() {
            all.push("no `--root-dir`".to_owned());
        }
        if self.port.is_none() {
            all.push(no_port("--port"));
        }
        match self.metrics_port {
            None => all.push(no_port("--metrics-server-port")),
            port if port == self.port => all.push("the same port for node and metrics".to_owned()),
            Some(_) => {}
        }
        all
    }

    /// Whether antctl wrote it: it has `--rpc`, or is in antctl's registry.
    #[must_use]
    pub fn is_antctls(&self, registered: &BTreeSet<String>) -> bool {
        let is_rpc = |word: &String| word == "--rpc" || word.starts_with("--rpc=");
        registered.contains(self.name()) || self.command.iter().any(is_rpc)
    }

    /// Whether it runs.
    #[must_use]
    pub fn activity(&self) -> UnitActivity {
        match self.shown.active.as_str() {
            "inactive" | "failed" | "" => UnitActivity::Down,
            "active" | "reloading" => UnitActivity::Up,
            _ => UnitActivity::Changing,
        }
    }

    /// All its ports, also that of `--rpc`.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        let mut words = self.command.iter();
        let mut rpc = Vec::new();
        while let Some(word) = words.next() {
            rpc.extend(match word.strip_prefix("--rpc") {
                Some("") => words.next().map(String::as_str),
                Some(rest) => rest.strip_prefix('='),
                None => None,
            });
        }
        let rpc = rpc
            .into_iter()
            .filter_map(|address| address.rsplit(':').next()?.parse().ok());
        let own = [self.port, self.metrics_port].into_iter().flatten();
        own.chain(rpc).filter(|port| *port > 0).collect()
    }

    /// Its environment as in a row: `A=1 B='two words'`.
    #[must_use]
    pub fn environment_text(&self) -> String {
        launch_command::environment_text(&self.environment)
    }

    /// Parses the text of the unit file and those of its drop-ins.
    #[must_use]
    pub fn read(service: &str, texts: &[String]) -> NodeUnit {
        let text = texts.join("\n");
        let read = unit_file::Unit::read(&text);
        let digits = digits_in(service).unwrap_or_default().to_owned();
        let mut unit = NodeUnit {
            service: service.to_owned(),
            path: Path::new(UNITS).join(service),
            number: digits
                .parse()
                .ok()
                .filter(|number| (1..TOO_HIGH).contains(number)),
            digits,
            user: read.user.unwrap_or_default(),
            environment: once_each(read.environment),
            environment_lines: text
                .lines()
                .filter(|line| line.trim_start().starts_with("Environment="))
                .count(),
            ..NodeUnit::default()
        };
        unit.take_words(&read.command);
        unit.command = read.command;
        unit
    }

    /// Parses the arguments. Unknown ones go to `extra`.
    fn take_words(&mut self, command: &[String]) {
        let mut words = command.iter().peekable();
        let program = words.next().map(String::as_str).unwrap_or_default();
        self.binary = collapsed(program);
        // An unknown option right before the network takes no value.
        let first = || command.iter().skip(1).find(|word| word.starts_with("evm-"));
        let network = node_args::network_of(command).or_else(|| first().cloned());
        while let Some(word) = words.next() {
            if self.network.is_none() && network.as_ref() == Some(word) {
                self.network.clone_from(&network);
                continue;
            }
            let (name, glued) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            match name {
                "--enable-metrics-server" => continue,
                "--no-upnp" => {
                    self.no_upnp = true;
                    continue;
                }
                _ if !VALUED.contains(&name) => {
                    self.extra.push(word.clone());
                    continue;
                }
                _ => {}
            }
            // An option whose value is missing must not swallow the next one.
            let value = glued.or_else(|| words.next_if(|next| !next.starts_with("--")).cloned());
            let path = || {
                value
                    .as_deref()
                    .filter(|text| text.starts_with('/'))
                    .map(collapsed)
            };
            let port = || {
                value
                    .as_deref()
                    .and_then(|text| text.parse().ok())
                    .filter(|port| *port > 0)
            };
            match name {
                "--root-dir" => self.root = path(),
                "--log-output-dest" => self.logs = path(),
                "--port" => self.port = port(),
                "--metrics-server-port" => self.metrics_port = port(),
                "--rewards-address" => self.wallet = value,
                // One log file and one archive, as every node has them.
                _ if value.as_deref() == Some("1") => {}
                _ => {
                    self.extra.push(name.to_owned());
                    self.extra.extend(value);
                }
            }
        }
    }
}

/// Each variable once, at its first position, with its last value.
fn once_each(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut once: Vec<(String, String)> = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        match once.iter_mut().find(|(own, _)| *own == name) {
            Some(known) => known.1 = value,
            None => once.push((name, value)),
        }
    }
    once
}

/// Options with a column of their own, or that every node has.
const VALUED: [&str; 7] = [
    "--root-dir",
    "--log-output-dest",
    "--port",
    "--metrics-server-port",
    "--rewards-address",
    "--max-log-files",
    "--max-archived-log-files",
];

/// The digits of `antnode0001.service`; `None` for another name.
#[must_use]
pub fn digits_in(service: &str) -> Option<&str> {
    let digits = service.strip_suffix(".service")?.strip_prefix("antnode")?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

/// Removes doubled slashes from a path.
#[must_use]
pub fn collapsed(path: impl AsRef<Path>) -> PathBuf {
    path.as_ref().components().collect()
}

/// All units of the server that run an antnode or have its name, sorted by number and name.
///
/// # Errors
/// When a unit cannot be read, or systemd does not answer.
pub fn all(server: &Server) -> Result<Vec<NodeUnit>, TakeoverError> {
    let mut units = Vec::new();
    for service in server.names(UNITS)? {
        if !service.ends_with(".service") {
            continue;
        }
        let Some(text) = server.read(Path::new(UNITS).join(&service))? else {
            continue;
        };
        let drop_ins = drop_ins(server, &service)?;
        let mut texts = vec![text];
        for path in &drop_ins {
            texts.extend(server.read(path)?);
        }
        let mut unit = NodeUnit::read(&service, &texts);
        unit.drop_ins = drop_ins;
        if let Some(root) = &unit.root {
            unit.has_root = server.is_folder(root);
            unit.born = server.changed(root.join("secret-key"));
        }
        let runs_antnode = unit
            .binary
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("antnode"));
        if digits_in(&service).is_some() || runs_antnode {
            units.push(unit);
        }
    }
    let names: Vec<String> = units.iter().map(|unit| unit.service.clone()).collect();
    if !names.is_empty() {
        for (unit, shown) in units.iter_mut().zip(server.host.show(&names)?) {
            unit.shown = shown;
        }
    }
    units.sort_by(|one, other| (one.number, &one.service).cmp(&(other.number, &other.service)));
    Ok(units)
}

/// The drop-ins of a unit, sorted by name.
fn drop_ins(server: &Server, service: &str) -> Result<Vec<PathBuf>, TakeoverError> {
    let folder = Path::new(UNITS).join(format!("{service}.d"));
    let names = server.names(&folder)?;
    Ok(names
        .iter()
        .filter(|name| name.ends_with(".conf"))
        .map(|name| folder.join(name))
        .collect())
}
