//! The rows of the nodes, from these sources in order of priority: the unit, systemd, the answer of the node, its files
//! and `NodeDetails`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::Server;
use super::inspect::ServerState;
use super::paths::STATE;
use super::units::{NodeUnit, UnitActivity};
use super::warning::{Warning, WarningCode};
use crate::colony::{
    Answer, ManagerKind, Node, NodeFigures, NodeHistory, NodeId, NodeName, NodePaths, NodePorts, NodeState,
    ServiceName, Version, Wallet,
};
use crate::manager::{LaunchPolicy, launch_command};
use crate::survey::Limits;

/// The network of a node whose unit and environment name none.
const NETWORK: &str = "evm-arbitrum-one";

/// The address of the metrics server, which does not depend on `--ip`.
const HOST: &str = "127.0.0.1";

/// The rows of `units`, in their order. The ports of `foreign` units are not available to them.
pub fn of(
    server: &Server,
    reading: &ServerState,
    (units, foreign): (&[NodeUnit], &[NodeUnit]),
    warnings: &mut Vec<Warning>,
) -> Vec<Node> {
    let ids = ids(units, warnings);
    let mut nodes: Vec<Node> = units
        .iter()
        .zip(&ids)
        .map(|(unit, id)| draft(unit, id.0, reading))
        .collect();
    // Disabled nodes are not queried: one without a metrics port cannot be.
    for (node, unit) in nodes.iter_mut().zip(units) {
        if !unit.is_whole() {
            node.state = NodeState::Disabled;
        }
    }
    let answers = server.probe.ask(&nodes, &Limits::default(), reading.at);
    for (((node, unit), answer), id) in nodes.iter_mut().zip(units).zip(answers).zip(&ids) {
        let answer = if is_own_answer(unit, units, foreign) {
            answer
        } else {
            Answer::Down
        };
        settle(server, reading, unit, node, answer, warnings);
        if id.1 {
            node.state = NodeState::Disabled;
        }
    }
    disable_duplicates(units, &mut nodes, warnings);
    disable_conflicts_with(foreign, units, &mut nodes, warnings);
    nodes
}

/// The ID of each unit, and whether another unit keeps its number: the running one keeps it, else the one with the newer
/// identity. The others get new IDs above all numbers.
fn ids(units: &[NodeUnit], warnings: &mut Vec<Warning>) -> Vec<(NodeId, bool)> {
    let mut keepers: HashMap<u32, usize> = HashMap::new();
    for (index, unit) in units.iter().enumerate() {
        let Some(number) = unit.number else { continue };
        let better = |kept: &usize| rank(unit) > rank(&units[*kept]);
        if keepers.get(&number).is_none_or(better) {
            keepers.insert(number, index);
        }
    }
    let mut highest = keepers.keys().copied().max().unwrap_or(0);
    let mut ids = Vec::with_capacity(units.len());
    for (index, unit) in units.iter().enumerate() {
        let keeper = unit.number.and_then(|number| keepers.get(&number));
        if keeper == Some(&index) {
            ids.push((NodeId(unit.number.unwrap_or_default()), false));
            continue;
        }
        highest = highest.saturating_add(1);
        if let Some(keeper) = keeper {
            let say = format!(
                "{} has the same number and keeps it; {} gets the number {highest} and is disabled",
                units[*keeper].name(),
                unit.name()
            );
            warnings.push(Warning::of_node(WarningCode::IdCollision, unit.name(), say));
        }
        ids.push((NodeId(highest), keeper.is_some()));
    }
    ids
}

/// The priority of a unit among those with the same number or port.
fn rank(unit: &NodeUnit) -> (UnitActivity, i64) {
    (unit.activity(), unit.born.map_or(i64::MIN, |born| born.0))
}

/// Whether an answer at its metrics port is from this unit: of several units with that port, only one can answer.
fn is_own_answer(unit: &NodeUnit, units: &[NodeUnit], foreign: &[NodeUnit]) -> bool {
    let sharing = units.iter().chain(foreign);
    let sharing = sharing.filter(|other| other.metrics_port == unit.metrics_port);
    // Of equal ranks the first.
    let keeper = sharing.rev().max_by_key(|other| rank(other));
    keeper.is_none_or(|keeper| keeper.service == unit.service)
}

/// The row as far as the unit alone determines it.
fn draft(unit: &NodeUnit, id: NodeId, reading: &ServerState) -> Node {
    let in_environment = |name: &str| {
        let mut pairs = unit.environment.iter().rev();
        pairs.find(|(own, _)| own == name).map(|(_, value)| value.clone())
    };
    Node {
        id,
        name: NodeName(unit.digits.clone()),
        service: ServiceName(unit.service.clone()),
        manager: ManagerKind::ANM,
        ports: NodePorts {
            node: unit.port.unwrap_or(0),
            metrics: unit.metrics_port.unwrap_or(0),
            rpc: 0,
        },
        wallet: unit
            .wallet
            .as_deref()
            .and_then(Wallet::from_address)
            .map(|wallet| wallet.0),
        peer_id: None,
        host: HOST.to_owned(),
        user: if unit.user.is_empty() {
            "root".to_owned()
        } else {
            unit.user.clone()
        },
        network: unit
            .network
            .clone()
            .or_else(|| {
                in_environment("EVM_NETWORK").map(|name| format!("evm-{}", name.trim_start_matches("evm-")))
            })
            .unwrap_or_else(|| NETWORK.to_owned()),
        environment: Some(unit.environment_text()),
        home: NodePaths {
            root: unit.root.clone().unwrap_or_default(),
            logs: unit.logs.clone(),
            binary: unit.binary.clone(),
        },
        version: None,
        born: unit.born.unwrap_or_default(),
        state: NodeState::Stopped,
        since: reading.at,
        figures: NodeFigures::default(),
        memory: NodeHistory {
            start_args: Some(extra_arguments(unit)),
            ..NodeHistory::default()
        },
    }
}

/// The arguments that are in no other column, so that wnm can write the unit again if it is lost.
fn extra_arguments(unit: &NodeUnit) -> String {
    let mut policy = LaunchPolicy::under(Path::new(STATE));
    policy.bootstrap_cache = Path::new(STATE).join("bootstrap-cache");
    let words = unit.command.get(1..).unwrap_or_default();
    let network = unit.network.as_deref().unwrap_or(NETWORK);
    shell_words::join(launch_command::arguments_beyond_row(words, network, &policy))
}

/// Sets state, peer ID and version.
fn settle(
    server: &Server,
    reading: &ServerState,
    unit: &NodeUnit,
    node: &mut Node,
    answer: Answer,
    warnings: &mut Vec<Warning>,
) {
    let name = unit.name();
    let mut warn = |code, say: String| warnings.push(Warning::of_node(code, name, say));
    let belief = reading.beliefs.get(name);
    let told = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    node.peer_id = belief.and_then(|belief| told(&belief.peer_id));
    node.version = belief.and_then(|belief| told(&belief.version)).map(Version::new);
    if !unit.is_whole() {
        let lacks = unit.lacks().join(", ");
        let say = format!("its unit has {lacks}; the node is disabled, and its process keeps running");
        warn(WarningCode::UnitMalformed, say);
        return;
    }
    node.state = match (unit.is_active(), &answer) {
        (true, Answer::Up(_)) => NodeState::Running,
        // It runs, so the unit may have been read wrongly. A unit in a restart loop does not run.
        (true, _) if !unit.has_root && unit.activity() == UnitActivity::Up => NodeState::Running,
        (true, _) => NodeState::Restarting,
        (false, _) if !unit.has_root => NodeState::Disabled,
        (false, _) => NodeState::Stopped,
    };
    if !unit.has_root {
        let finds = elsewhere(server, reading, unit);
        let say = match (node.state, finds.is_empty()) {
            (NodeState::Disabled, true) => {
                "its data directory does not exist; the node is disabled, and wnm does not remove it"
                    .to_owned()
            }
            (NodeState::Disabled, false) => format!(
                "its data directory does not exist, but perhaps it is {}; the node is disabled, and wnm does not remove it",
                listed(&finds)
            ),
            _ => format!(
                "its state in systemd is {}, but its data directory does not exist: it was deleted, or its unit was read wrongly",
                unit.shown.active
            ),
        };
        let root = &node.home.root;
        warn(
            WarningCode::DataDirMissing,
            format!("`{}`: {say}", root.display()),
        );
    }
    match answer {
        Answer::Up(reading_of_it) if unit.is_active() => {
            node.version = Some(reading_of_it.version);
            if reading_of_it.peer_id.is_some() {
                node.peer_id = reading_of_it.peer_id;
            }
            node.figures = reading_of_it.figures.unwrap_or_default();
            node.memory.last_seen = Some(reading.at);
        }
        answer => {
            if matches!(answer, Answer::Up(_)) {
                warn(
                    WarningCode::AnswersThoughStopped,
                    format!(
                        "its state in systemd is {}, but a node answers at its metrics port {}",
                        unit.shown.active, node.ports.metrics
                    ),
                );
            } else if node.state == NodeState::Restarting {
                let say = "it runs but does not answer yet; the first survey sets its state";
                warn(WarningCode::Silent, say.to_owned());
            }
            if unit.has_root {
                let told = server.host.version(&server.path(&unit.binary), &node.user);
                node.version = told.or(node.version.take());
            }
        }
    }
}

/// Directories with the name of the node in other storage directories.
fn elsewhere(server: &Server, reading: &ServerState, unit: &NodeUnit) -> Vec<PathBuf> {
    let places = reading.storages.iter().map(|storage| storage.join(unit.name()));
    places.filter(|place| server.has(place)).collect()
}

/// Disables all but one of several nodes with the same port; a running node has priority.
fn disable_duplicates(units: &[NodeUnit], nodes: &mut [Node], warnings: &mut Vec<Warning>) {
    let mut holders: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for port in [node.ports.node, node.ports.metrics] {
            if port > 0 {
                holders.entry(port).or_default().push(index);
            }
        }
    }
    for (port, holders) in holders {
        let wins = |index: &&usize| {
            let state = nodes[**index].state;
            (
                state != NodeState::Disabled,
                state == NodeState::Running,
                rank(&units[**index]),
            )
        };
        let Some(keeper) = holders.iter().rev().max_by_key(wins).copied() else {
            continue;
        };
        for loser in holders.iter().filter(|index| **index != keeper) {
            let say = format!(
                "{} also has the port {port}; {} is disabled",
                units[keeper].name(),
                units[*loser].name()
            );
            let is_told = warnings.iter().any(|warning| {
                warning.code == WarningCode::PortCollision
                    && warning.node.as_deref() == Some(units[*loser].name())
            });
            if !is_told {
                warnings.push(Warning::of_node(
                    WarningCode::PortCollision,
                    units[*loser].name(),
                    say,
                ));
            }
            nodes[*loser].state = NodeState::Disabled;
        }
    }
}

/// Disables a stopped node if a unit that is not taken over has one of its ports.
fn disable_conflicts_with(
    foreign: &[NodeUnit],
    units: &[NodeUnit],
    nodes: &mut [Node],
    warnings: &mut Vec<Warning>,
) {
    for (node, unit) in nodes.iter_mut().zip(units) {
        let own = [node.ports.node, node.ports.metrics];
        let shared = foreign.iter().find_map(|other| {
            let mut ports = other.ports().into_iter();
            Some((other.name(), ports.find(|port| own.contains(port))?))
        });
        let Some((other, port)) = shared else { continue };
        let what = if unit.is_active() {
            "it keeps running"
        } else {
            node.state = NodeState::Disabled;
            "it is disabled"
        };
        let say = format!("{other}, which is not taken over, also has the port {port}; {what}");
        warnings.push(Warning::of_node(WarningCode::PortCollision, unit.name(), say));
    }
}

fn listed(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    paths.join(", ")
}
