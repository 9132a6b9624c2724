//! The rows of the nodes that are taken over: what each unit, systemd, the node itself, its files and anm's own
//! record say of it, in this order of truth.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::Server;
use super::place::STATE;
use super::reading::Reading;
use super::unit::Unit;
use super::warning::{Code, Warning};
use crate::colony::{
    Answer, Figures, Home, ManagerKind, Memory, Mode, Node, NodeId, NodeName, Ports, ServiceName, State,
    Tool, Version, Wallet,
};
use crate::manager::{LaunchPolicy, launch};
use crate::survey::Limits;

/// What a node's network is when nothing says it.
const NETWORK: &str = "evm-arbitrum-one";

/// Where metrics are: the metrics server binds to nothing else, whatever `--ip` says.
const HOST: &str = "127.0.0.1";

/// The rows of `units`, in their order, and what there is to say of them.
pub fn of(server: &Server, reading: &Reading, units: &[Unit], warnings: &mut Vec<Warning>) -> Vec<Node> {
    let ids = ids(units, warnings);
    let mut nodes: Vec<Node> = units
        .iter()
        .zip(&ids)
        .map(|(unit, id)| draft(unit, id.0, reading))
        .collect();
    // A disabled node is not asked, and one that lacks a port cannot be.
    for (node, unit) in nodes.iter_mut().zip(units) {
        if !unit.is_whole() {
            node.state = State::Disabled;
        }
    }
    let answers = server.probe.ask(&nodes, &Limits::default(), reading.at);
    for (((node, unit), answer), id) in nodes.iter_mut().zip(units).zip(answers).zip(&ids) {
        settle(server, reading, unit, node, answer, warnings);
        if id.1 {
            node.state = State::Disabled;
        }
    }
    part_ports(units, &mut nodes, warnings);
    nodes
}

/// The id of each unit, and whether another has its number: the one that runs keeps it, else the one with the newer
/// identity; the others get ids above all.
fn ids(units: &[Unit], warnings: &mut Vec<Warning>) -> Vec<(NodeId, bool)> {
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
                "{} has the same number and keeps it; {} becomes node {highest} and is disabled",
                units[*keeper].name(),
                unit.name()
            );
            warnings.push(Warning::of_node(Code::IdCollision, unit.name(), say));
        }
        ids.push((NodeId(highest), keeper.is_some()));
    }
    ids
}

/// Which of two units with one number, or one port, is the node that counts.
fn rank(unit: &Unit) -> (bool, i64) {
    (unit.is_active(), unit.born.map_or(i64::MIN, |born| born.0))
}

/// What the unit alone says.
fn draft(unit: &Unit, id: NodeId, reading: &Reading) -> Node {
    let in_environment = |name: &str| {
        let mut pairs = unit.environment.iter().rev();
        pairs.find(|(own, _)| own == name).map(|(_, value)| value.clone())
    };
    Node {
        id,
        name: NodeName(unit.digits.clone()),
        service: ServiceName(unit.service.clone()),
        manager: ManagerKind {
            tool: Tool::Systemd,
            mode: Mode::Sudo,
        },
        ports: Ports {
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
            .or_else(|| in_environment("EVM_NETWORK").map(|name| format!("evm-{name}")))
            .unwrap_or_else(|| NETWORK.to_owned()),
        environment: Some(unit.environment_text()),
        home: Home {
            root: unit.root.clone().unwrap_or_default(),
            logs: unit.logs.clone(),
            binary: unit.binary.clone(),
        },
        version: None,
        born: unit.born.unwrap_or_default(),
        state: State::Stopped,
        since: reading.at,
        figures: Figures::default(),
        memory: Memory {
            start_args: Some(own_words(unit)),
            ..Memory::default()
        },
    }
}

/// What its command says beyond its row, for the day its unit is lost.
fn own_words(unit: &Unit) -> String {
    let mut policy = LaunchPolicy::under(Path::new(STATE));
    policy.bootstrap_cache = Path::new(STATE).join("bootstrap-cache");
    let words = unit.command.get(1..).unwrap_or_default();
    let network = unit.network.as_deref().unwrap_or(NETWORK);
    shell_words::join(launch::words_beyond_row(words, network, &policy))
}

/// What state it is in, and who it is.
fn settle(
    server: &Server,
    reading: &Reading,
    unit: &Unit,
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
        let say = format!("its unit has {}; it is disabled and left as it is", lacks(unit));
        warn(Code::UnitMalformed, say);
        return;
    }
    node.state = match (unit.is_active(), &answer) {
        (true, Answer::Up(_)) => State::Running,
        (true, _) if !unit.has_root => State::Running,
        (true, _) => State::Restarting,
        (false, _) if !unit.has_root => State::Disabled,
        (false, _) => State::Stopped,
    };
    if !unit.has_root {
        let finds = elsewhere(server, reading, unit);
        let say = match (node.state, finds.is_empty()) {
            (State::Disabled, true) => {
                "its data directory is not there; it is disabled, and never removed by itself".to_owned()
            }
            (State::Disabled, false) => format!(
                "its data directory is not there but perhaps at {}; it is disabled, and never removed by itself",
                listed(&finds)
            ),
            _ => {
                "it runs, and its data directory is not there: deleted under it, or its unit is read wrongly"
                    .to_owned()
            }
        };
        let root = &node.home.root;
        warn(Code::DataDirMissing, format!("`{}`: {say}", root.display()));
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
                    Code::AnswersThoughStopped,
                    format!(
                        "systemd says {}, and a node answers at its metrics port {}",
                        unit.shown.active, node.ports.metrics
                    ),
                );
            } else if node.state == State::Restarting {
                let say = "systemd runs it, and it does not answer yet; the survey decides";
                warn(Code::Silent, say.to_owned());
            }
            if unit.has_root {
                let told = server.host.version(&server.path(&unit.binary), &node.user);
                node.version = told.or(node.version.take());
            }
        }
    }
}

/// What of a whole unit it lacks.
fn lacks(unit: &Unit) -> String {
    let parts = [
        (unit.number.is_none(), "number that can be a node's"),
        (unit.root.is_none(), "`--root-dir`"),
        (unit.port.is_none(), "`--port`"),
        (unit.metrics_port.is_none(), "`--metrics-server-port`"),
    ];
    let missing = parts.iter().filter(|(is_missing, _)| *is_missing);
    let names: Vec<&str> = missing.map(|(_, name)| *name).collect();
    format!("no {}", names.join(", no "))
}

/// Where else a folder with the name of the node's lies.
fn elsewhere(server: &Server, reading: &Reading, unit: &Unit) -> Vec<PathBuf> {
    let roots = reading
        .units
        .iter()
        .filter_map(|unit| unit.root.as_deref()?.parent());
    let storages: std::collections::BTreeSet<&Path> = roots.collect();
    let places = storages.into_iter().map(|storage| storage.join(unit.name()));
    places.filter(|place| server.has(place)).collect()
}

/// Of several with one port those that do not run are disabled, and of those that stand all alike all but one.
fn part_ports(units: &[Unit], nodes: &mut [Node], warnings: &mut Vec<Warning>) {
    let mut holders: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for port in [node.ports.node, node.ports.metrics] {
            if port > 0 {
                holders.entry(port).or_default().push(index);
            }
        }
    }
    for (port, holders) in holders {
        let wins = |index: &&usize| (nodes[**index].state != State::Disabled, rank(&units[**index]));
        let Some(keeper) = holders.iter().rev().max_by_key(wins).copied() else {
            continue;
        };
        for loser in holders.iter().filter(|index| **index != keeper) {
            let say = format!(
                "port {port} is also {}'s; {} is disabled",
                units[keeper].name(),
                units[*loser].name()
            );
            let is_told = warnings.iter().any(|warning| {
                warning.code == Code::PortCollision && warning.node.as_deref() == Some(units[*loser].name())
            });
            if !is_told {
                warnings.push(Warning::of_node(Code::PortCollision, units[*loser].name(), say));
            }
            nodes[*loser].state = State::Disabled;
        }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    paths.join(", ")
}
