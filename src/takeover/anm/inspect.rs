//! Reads a server before its takeover is planned, and checks the preconditions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::config::{self, Assignment, EffectiveConfig};
use super::cron::{self, AnmAccount};
use super::node_details_file::{self, NodeDetail};
use super::paths::{NODE_DETAILS, STATE, SYSTEM};
use super::units::{self, NodeUnit};
use super::{Server, TakeoverError};
use crate::colony::{Mode, Timestamp};
use crate::program::Program;

/// Where anm keeps the logs of nodes.
pub const LOGS: &str = "/var/log/antnode";
/// anm's default storage of nodes.
pub const SERVICES: &str = "/var/antctl/services";
/// Where antctl lists its nodes.
const REGISTRY: &str = "/var/antctl/node_registry.json";
/// A file of the anm versions that ran safenodes.
const OLD_SYSTEM: &str = "/var/safenode-manager/system";

/// The file that sets the wallet before anm adds a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletFile {
    /// It does not exist, or sets no wallet.
    Unset,
    /// It sets this address.
    Plain(Assignment),
    /// It is a program: only a shell could evaluate what it sets.
    Program(PathBuf),
}

/// A directory with the name of a node that no unit uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftoverFolder {
    pub path: PathBuf,
    pub number: u32,
    /// Whether it has an identity (`secret-key`).
    pub has_key: bool,
    /// Whether it is a log directory.
    pub is_log: bool,
}

/// A server at one point in time.
#[derive(Clone, Debug)]
pub struct ServerState {
    pub at: Timestamp,
    pub boot: Timestamp,
    pub operator: AnmAccount,
    pub effective: EffectiveConfig,
    pub wallet_file: WalletFile,
    /// All units of antnodes, whoever wrote them.
    pub units: Vec<NodeUnit>,
    /// The names in antctl's registry.
    pub registered: BTreeSet<String>,
    /// The entries of `NodeDetails`, by the name of the node.
    pub beliefs: BTreeMap<String, NodeDetail>,
    /// The storage directories, that for new nodes first.
    pub storages: Vec<PathBuf>,
    /// Directories of nodes without a unit.
    pub leftovers: Vec<LeftoverFolder>,
    /// Everything else in the storage directories.
    pub strangers: Vec<PathBuf>,
    /// The command line of each process of a unit.
    pub processes: BTreeMap<u32, Vec<String>>,
    /// Files with which the operator changed what anm does: the path and the warning.
    pub controls: Vec<(PathBuf, &'static str)>,
    /// Units of a manager of `ant-node` in the operator's home directory.
    pub other_manager: Vec<PathBuf>,
}

impl ServerState {
    /// Reads the server. `cron` is the text of anm's cron file, also after it was moved. `None`: it does not exist.
    ///
    /// # Errors
    /// When anm is not installed, its next run would delete all nodes, or something cannot be read.
    pub fn of(server: &Server, cron: Option<&str>) -> Result<ServerState, TakeoverError> {
        refuse_unfit(server)?;
        let operator = cron::operator(server, cron)?;
        let others = cron::other_starters(server, &operator)?;
        if !others.is_empty() {
            return Err(TakeoverError::refused(
                format_args!("other files also start anm: {}", others.join(", ")),
                "remove these lines, so that anm cannot start again, and run this again",
            ));
        }
        let effective = EffectiveConfig::read(server)?;
        let units = units::all(server)?;
        let pids: BTreeSet<u32> = units.iter().filter_map(NodeUnit::pid).collect();
        let processes = server.host.processes()?.into_iter();
        let beliefs = node_details_file::read(&server.read(NODE_DETAILS)?.unwrap_or_default());
        let storages = storages(&effective, &units);
        let (leftovers, strangers) = leftovers(server, &storages, &units)?;
        Ok(ServerState {
            at: server.clock.now(),
            boot: server.host.boot()?,
            wallet_file: wallet_file(server, &operator)?,
            registered: registered(server)?,
            beliefs: beliefs
                .into_iter()
                .map(|detail| (detail.name.clone(), detail))
                .collect(),
            processes: processes
                .filter(|process| pids.contains(&process.pid))
                .map(|process| (process.pid, process.words))
                .collect(),
            controls: controls(server, &operator),
            other_manager: other_manager(server, &operator)?,
            operator,
            effective,
            units,
            storages,
            leftovers,
            strangers,
        })
    }
}

/// Checks the preconditions that do not depend on the nodes.
fn refuse_unfit(server: &Server) -> Result<(), TakeoverError> {
    if !server.has(SYSTEM) {
        if server.has(OLD_SYSTEM) {
            return Err(TakeoverError::refused(
                format_args!(
                    "`{OLD_SYSTEM}` belongs to an anm that ran safenodes, whose networks no longer exist"
                ),
                "there is nothing to take over; to set up a new colony: `wnm --init --rewards_address ADDRESS`",
            ));
        }
        return Err(TakeoverError::refused(
            format_args!("`{SYSTEM}` not found: anm is not installed on this machine"),
            "to import nodes of other managers: `wnm --init --import`",
        ));
    }
    if let Some(why) = config::teardown_reason(server)? {
        return Err(TakeoverError::refused(
            why,
            "to keep the nodes, correct this before anm runs again; \
             wnm does not change it",
        ));
    }
    if server.mode == Mode::Sudo {
        if !server.has("/run/systemd/system") {
            return Err(TakeoverError::refused(
                "systemd is not running, and anm runs its nodes with systemd",
                "run this on the server itself, not in a container",
            ));
        }
        Program::new("true").rights(server.mode).run().map_err(|error| {
            TakeoverError::refused(
                format_args!("this needs root: cannot {error}"),
                "run it as root, or as a user with sudo without a password",
            )
        })?;
    }
    Ok(())
}

/// The storage directories, that for new nodes first.
fn storages(effective: &EffectiveConfig, units: &[NodeUnit]) -> Vec<PathBuf> {
    let value = effective
        .get("NodeStorage")
        .and_then(|value| value.text.as_deref());
    let mut storages: Vec<PathBuf> = value
        .filter(|path| path.starts_with('/'))
        .map(units::collapsed)
        .into_iter()
        .collect();
    let roots = units.iter().filter_map(|unit| unit.root.as_deref());
    storages.extend(roots.filter_map(Path::parent).map(Path::to_owned));
    storages.push(SERVICES.into());
    let mut seen = BTreeSet::new();
    storages.retain(|path| path.components().count() > 1 && seen.insert(path.clone()));
    storages
}

/// Finds directories with the names of nodes but without a unit, and everything else in the storage directories.
fn leftovers(
    server: &Server,
    storages: &[PathBuf],
    units: &[NodeUnit],
) -> Result<(Vec<LeftoverFolder>, Vec<PathBuf>), TakeoverError> {
    let taken: BTreeSet<&Path> = units
        .iter()
        .flat_map(|unit| [unit.root.as_deref(), unit.logs.as_deref()])
        .flatten()
        .collect();
    let (mut leftovers, mut strangers) = (Vec::new(), Vec::new());
    for storage in storages {
        for name in server.names(storage)? {
            let path = storage.join(&name);
            if taken.contains(path.as_path()) {
                continue;
            }
            strangers.push(path.clone());
            if let Some(number) = number_of(&name) {
                leftovers.push(LeftoverFolder {
                    has_key: server.has(path.join("secret-key")),
                    is_log: false,
                    path,
                    number,
                });
            }
        }
    }
    // anm has one log directory, but an operator may have changed it in a unit.
    let mut folders: BTreeSet<&Path> = units
        .iter()
        .filter_map(|unit| unit.logs.as_deref()?.parent())
        .filter(|folder| folder.parent().is_some())
        .collect();
    folders.insert(Path::new(LOGS));
    for folder in folders {
        for name in server.names(folder)? {
            let path = folder.join(&name);
            let is_known = taken.contains(path.as_path()) || storages.iter().any(|storage| storage == folder);
            if let Some(number) = number_of(&name).filter(|_| !is_known) {
                leftovers.push(LeftoverFolder {
                    has_key: false,
                    is_log: true,
                    path,
                    number,
                });
            }
        }
    }
    Ok((leftovers, strangers))
}

/// The number in the name of a node directory.
fn number_of(folder: &str) -> Option<u32> {
    units::digits_in(&format!("{folder}.service"))?.parse().ok()
}

fn wallet_file(server: &Server, operator: &AnmAccount) -> Result<WalletFile, TakeoverError> {
    let path = operator.home.join(".local/share/anm-wallet");
    let Some(text) = server.read(&path)? else {
        return Ok(WalletFile::Unset);
    };
    let Ok(mut values) = config::parse(&text, &path) else {
        return Ok(WalletFile::Program(path));
    };
    Ok(match values.remove("RewardsAddress") {
        None => WalletFile::Unset,
        Some(value) if value.text.is_none() => WalletFile::Program(path),
        Some(value) => WalletFile::Plain(value),
    })
}

/// The names of antctl's nodes. A registry that cannot be parsed has none: antctl's units are recognised by `--rpc`.
pub(super) fn registered(server: &Server) -> Result<BTreeSet<String>, TakeoverError> {
    let text = server.read(REGISTRY)?.unwrap_or_default();
    let listed: Value = serde_json::from_str(&text).unwrap_or_default();
    let nodes = listed["nodes"].as_array().cloned().unwrap_or_default();
    Ok(nodes
        .iter()
        .filter_map(|node| {
            let name = node["service_name"].as_str()?;
            Some(name.strip_suffix(".service").unwrap_or(name).to_owned())
        })
        .collect())
}

fn controls(server: &Server, operator: &AnmAccount) -> Vec<(PathBuf, &'static str)> {
    let control = operator.home.join(".local/share/anm-control.sh");
    let shunned = Path::new(STATE).join("MaxShunnedNode");
    [
        (
            control,
            "it stopped anm from running antup and let it delete the largest node under load; wnm does neither",
        ),
        (
            shunned,
            "it orders anm to delete a shunned node; wnm does not read it",
        ),
    ]
    .into_iter()
    .filter(|(path, _)| server.has(path))
    .collect()
}

fn other_manager(server: &Server, operator: &AnmAccount) -> Result<Vec<PathBuf>, TakeoverError> {
    let folder = operator.home.join(".config/systemd/user");
    let names = server.names(&folder)?.into_iter();
    Ok(names
        .filter(|name| name.starts_with("ant-node-") && name.ends_with(".service"))
        .map(|name| folder.join(name))
        .collect())
}
