//! All that is read of a server before it is judged, and what forbids a takeover at once.

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
/// Where anm keeps nodes unless it was told otherwise.
pub const SERVICES: &str = "/var/antctl/services";
/// Where antctl lists its nodes.
const REGISTRY: &str = "/var/antctl/node_registry.json";
/// Of the anm before the nodes were called antnode.
const OLD_SYSTEM: &str = "/var/safenode-manager/system";

/// What the file says that sets the wallet before each add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletFile {
    /// There is none, or it sets no wallet.
    Unsaid,
    /// It sets this one.
    Plain(Assignment),
    /// What it sets, only running it would tell.
    Program(PathBuf),
}

/// A folder of a node, by its name, that no unit names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftoverFolder {
    pub path: PathBuf,
    pub number: u32,
    /// Whether an identity is in it.
    pub has_key: bool,
    /// Whether it is one of logs.
    pub is_log: bool,
}

/// The server as it was at one moment.
#[derive(Clone, Debug)]
pub struct ServerState {
    pub at: Timestamp,
    pub boot: Timestamp,
    pub operator: AnmAccount,
    pub effective: EffectiveConfig,
    pub wallet_file: WalletFile,
    /// All units of antnodes, whoever wrote them.
    pub units: Vec<NodeUnit>,
    /// Names that antctl lists as its own.
    pub registered: BTreeSet<String>,
    /// What anm believes, by the name of the node.
    pub beliefs: BTreeMap<String, NodeDetail>,
    /// Every folder that holds nodes, that for new ones first.
    pub storages: Vec<PathBuf>,
    /// Folders of nodes without a unit.
    pub leftovers: Vec<LeftoverFolder>,
    /// What else lies where nodes lie.
    pub strangers: Vec<PathBuf>,
    /// The words of each process of a unit.
    pub processes: BTreeMap<u32, Vec<String>>,
    /// Files of the operator's that had anm do more: the path, and what it did.
    pub controls: Vec<(PathBuf, &'static str)>,
    /// Units of the manager of `ant-node` in the operator's home.
    pub other_manager: Vec<PathBuf>,
}

impl ServerState {
    /// Reads the server. `cron` is the text of anm's cron file, wherever it lies now; None: there is none.
    ///
    /// # Errors
    /// When this is no server that ran anm, its nodes are to be destroyed, or something cannot be read.
    pub fn of(server: &Server, cron: Option<&str>) -> Result<ServerState, TakeoverError> {
        refuse_unfit(server)?;
        let operator = cron::operator(server, cron)?;
        let elsewhere = cron::elsewhere(server, &operator)?;
        if !elsewhere.is_empty() {
            return Err(TakeoverError::refused(
                format_args!("anm is started from elsewhere too: {}", elsewhere.join(", ")),
                "take these lines away, so that anm cannot come back by itself, and call it again",
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

/// What forbids a takeover whatever else is found.
fn refuse_unfit(server: &Server) -> Result<(), TakeoverError> {
    if !server.has(SYSTEM) {
        if server.has(OLD_SYSTEM) {
            return Err(TakeoverError::refused(
                format_args!("`{OLD_SYSTEM}` is of an anm that ran safenodes, whose networks are gone"),
                "there is nothing to take over; make a new colony with `wnm --init`",
            ));
        }
        return Err(TakeoverError::refused(
            format_args!("`{SYSTEM}` is not there: anm is not installed on this machine"),
            "nodes of other managers are taken over with `wnm --init --import`",
        ));
    }
    if let Some(why) = config::teardown_ordered(server)? {
        return Err(TakeoverError::refused(
            why,
            "if the nodes shall live, put that right yourself before anm runs again; \
             wnm leaves it as it is",
        ));
    }
    if server.mode == Mode::Sudo {
        if !server.has("/run/systemd/system") {
            return Err(TakeoverError::refused(
                "this machine was not booted with systemd, by which anm runs its nodes",
                "call it on the server itself",
            ));
        }
        Program::new("true").rights(server.mode).run().map_err(|error| {
            TakeoverError::refused(
                format_args!("root's rights are needed: cannot {error}"),
                "call it as root, or as a user who may use sudo without a password",
            )
        })?;
    }
    Ok(())
}

/// Every folder that holds nodes, that for new ones first.
fn storages(effective: &EffectiveConfig, units: &[NodeUnit]) -> Vec<PathBuf> {
    let said = effective.get("NodeStorage").and_then(|said| said.text.as_deref());
    let mut storages: Vec<PathBuf> = said
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

/// Folders with the names of nodes and no unit, and what else lies there.
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
    // anm has one folder of logs; a hand may have made another.
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

/// The number in the name of a node's folder.
fn number_of(folder: &str) -> Option<u32> {
    units::digits_of(&format!("{folder}.service"))?.parse().ok()
}

fn wallet_file(server: &Server, operator: &AnmAccount) -> Result<WalletFile, TakeoverError> {
    let path = operator.home.join(".local/share/anm-wallet");
    let Some(text) = server.read(&path)? else {
        return Ok(WalletFile::Unsaid);
    };
    let Ok(mut said) = config::parse(&text, &path) else {
        return Ok(WalletFile::Program(path));
    };
    Ok(match said.remove("RewardsAddress") {
        None => WalletFile::Unsaid,
        Some(said) if said.text.is_none() => WalletFile::Program(path),
        Some(said) => WalletFile::Plain(said),
    })
}

/// The names of antctl's own nodes. A list that cannot be understood lists none: antctl's units tell themselves.
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
            "it kept anm from running antup and let it wipe the fattest node under load; wnm does neither",
        ),
        (
            shunned,
            "it orders anm to wipe a node that is shunned; wnm does not read it",
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
