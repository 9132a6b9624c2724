//! What a server that ran anm comes to: the settings and rows of its colony, what is not taken over, and what the
//! operator should hear. Nothing is changed here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::convert_settings::{self, ConvertedSetting, most_frequent};
use super::cron::AnmAccount;
use super::disable;
use super::inspect::ServerState;
use super::node_rows;
use super::paths::BLOCK;
use super::unit_formats;
use super::units::NodeUnit;
use super::warning::{Warning, WarningCode};
use super::{Server, TakeoverError};
use crate::colony::{Node, NodeState};

/// What new nodes join.
const NETWORK: &str = "evm-arbitrum-one";

/// A server judged.
#[derive(Clone, Debug)]
pub struct TakeoverPlan {
    pub operator: AnmAccount,
    /// What the colony takes over from anm's settings.
    pub settings: Vec<ConvertedSetting>,
    /// The rows, in the order of their units.
    pub nodes: Vec<Node>,
    /// The units they were made from.
    pub units: Vec<NodeUnit>,
    /// Units of antnodes that are not taken over.
    pub foreign: Vec<NodeUnit>,
    /// What lies where nodes lie and is none of those taken over.
    pub not_nodes: Vec<PathBuf>,
    /// Numbers of nodes whose folders lie there without a unit.
    pub leftovers: Vec<u32>,
    /// Nodes that are STOPPED where anm believes that they run: stopped by the operator, or by a reboot.
    pub stopped_by_others: Vec<String>,
    /// When the machine was booted.
    pub boot: crate::colony::Timestamp,
    pub warnings: Vec<Warning>,
}

impl TakeoverPlan {
    /// How many nodes stand in each state.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<NodeState, usize> {
        let mut counts = BTreeMap::new();
        for node in &self.nodes {
            *counts.entry(node.state).or_insert(0) += 1;
        }
        counts
    }

    /// Nodes that a warning speaks of as broken or doubled, and that are disabled although they may run.
    #[must_use]
    pub fn excused(&self) -> BTreeSet<&str> {
        let codes = [
            WarningCode::UnitMalformed,
            WarningCode::IdCollision,
            WarningCode::PortCollision,
        ];
        let told = self
            .warnings
            .iter()
            .filter(|warning| codes.contains(&warning.code));
        told.filter_map(|warning| warning.node.as_deref()).collect()
    }
}

/// Reads the server and judges it. `cron` is the text of anm's cron file, wherever it lies now.
///
/// # Errors
/// What forbids a takeover, or cannot be read.
pub fn judge(server: &Server, cron: Option<&str>) -> Result<TakeoverPlan, TakeoverError> {
    let reading = ServerState::of(server, cron)?;
    let mut warnings = Vec::new();
    let (units, foreign) = part(&reading, &mut warnings);
    let nodes = node_rows::of(server, &reading, (&units, &foreign), &mut warnings);
    let settings = convert_settings::settings(&reading, &units, nodes.len(), &mut warnings)?;
    networks(&units, &mut warnings);
    let stopped_by_others = beliefs(&reading, &units, &nodes, &mut warnings);
    for unit in &units {
        peculiarities(&reading, unit, &mut warnings);
    }
    leftovers(&reading, &mut warnings);
    dropped(&reading, &mut warnings);
    lock(server, &reading, &mut warnings)?;
    Ok(TakeoverPlan {
        operator: reading.operator,
        settings,
        nodes,
        units,
        foreign,
        leftovers: reading.leftovers.iter().map(|leftover| leftover.number).collect(),
        not_nodes: reading.strangers,
        stopped_by_others,
        boot: reading.boot,
        warnings,
    })
}

/// The units of anm's, and those of others: of antctl's, or with a name that anm never gave.
fn part(reading: &ServerState, warnings: &mut Vec<Warning>) -> (Vec<NodeUnit>, Vec<NodeUnit>) {
    let is_antctls = |unit: &NodeUnit| unit.is_antctls(&reading.registered);
    let (mut units, mut foreign) = (Vec::new(), Vec::new());
    for unit in reading.units.iter().cloned() {
        if unit.digits.is_empty() || is_antctls(&unit) {
            let whose = if is_antctls(&unit) {
                "antctl's"
            } else {
                "no unit of anm's"
            };
            let say = format!(
                "it is {whose} and not taken over; its number and its ports are not given to new nodes"
            );
            warnings.push(Warning::of_node(WarningCode::ForeignUnit, unit.name(), say));
            foreign.push(unit);
        } else {
            units.push(unit);
        }
    }
    (units, foreign)
}

/// Nodes in another network than most.
fn networks(units: &[NodeUnit], warnings: &mut Vec<Warning>) {
    let Some(usual) = most_frequent(units.iter().filter_map(|unit| unit.network.clone())) else {
        return;
    };
    for unit in units {
        match &unit.network {
            Some(network) if *network != usual => {
                let say = format!("{network}, where most are {usual}; it stays there");
                warnings.push(Warning::of_node(WarningCode::OtherNetwork, unit.name(), say));
            }
            None if unit.is_whole() => {
                let say = format!(
                    "its unit names no network; it is taken for {NETWORK} unless its environment says otherwise"
                );
                warnings.push(Warning::of_node(WarningCode::NetworkUnsaid, unit.name(), say));
            }
            _ => {}
        }
    }
    if usual != NETWORK {
        let say = format!("most nodes are in {usual}; new ones join {NETWORK}");
        warnings.push(Warning::new(WarningCode::NetworkOfNewNodes, say));
    }
}

/// Where anm's own record and the machine disagree; returns the nodes that are stopped and should run by it.
fn beliefs(
    reading: &ServerState,
    units: &[NodeUnit],
    nodes: &[Node],
    warnings: &mut Vec<Warning>,
) -> Vec<String> {
    let mut stopped = Vec::new();
    for (unit, node) in units.iter().zip(nodes) {
        let Some(belief) = reading.beliefs.get(unit.name()) else {
            continue;
        };
        if belief.is_running == unit.is_active() {
            continue;
        }
        let believed = if belief.is_running { "RUNNING" } else { "STOPPED" };
        let say = format!(
            "NodeDetails says {believed}, systemd says {}; taken over as {}",
            unit.shown.active, node.state
        );
        warnings.push(Warning::of_node(WarningCode::BeliefDiffers, unit.name(), say));
        if node.state == NodeState::Stopped {
            stopped.push(unit.name().to_owned());
        }
    }
    for name in reading.beliefs.keys() {
        if !reading.units.iter().any(|unit| unit.name() == name) {
            let say = "NodeDetails has it, and there is no unit of that name; it is passed over";
            warnings.push(Warning::of_node(WarningCode::Phantom, name, say));
        }
    }
    stopped
}

/// What a hand has changed about a unit, or what changed about its process.
fn peculiarities(reading: &ServerState, unit: &NodeUnit, warnings: &mut Vec<Warning>) {
    let mut warn = |code, say: String| warnings.push(Warning::of_node(code, unit.name(), say));
    let strange = unit_formats::strange_words(unit);
    if !strange.is_empty() {
        let say = format!(
            "`{}` was not written by anm; the unit is kept as it is",
            strange.join(" ")
        );
        warn(WarningCode::ExtraArguments, say);
    }
    if unit_formats::has_strange_environment(unit) {
        let lines = match unit.environment_lines {
            1 => String::new(),
            lines => format!("{lines} Environment lines: "),
        };
        let say = format!(
            "{lines}`{}`; anm writes none or `ANT_LOG=ant_evm=error`",
            unit.environment_text()
        );
        warn(WarningCode::EnvironmentDiffers, say);
    }
    if !unit.drop_ins.is_empty() {
        let files: Vec<String> = unit
            .drop_ins
            .iter()
            .map(|path| format!("`{}`", path.display()))
            .collect();
        warn(
            WarningCode::DropIns,
            format!("{} add to its unit; they are read and kept", files.join(", ")),
        );
    }
    if unit.is_whole()
        && unit
            .wallet
            .as_deref()
            .and_then(crate::colony::Wallet::from_address)
            .is_none()
    {
        let has = unit.wallet.as_deref().unwrap_or("none");
        warn(
            WarningCode::WalletUnusable,
            format!("its rewards address is `{has}`, which is no address"),
        );
    }
    if unit.shown.needs_reload {
        let say = "its unit was changed after systemd read it; the row is what the file says";
        warn(WarningCode::UnitChanged, say.to_owned());
    }
    let words = unit.pid().and_then(|pid| reading.processes.get(&pid));
    if let Some(words) = words.filter(|words| !words.is_empty() && !is_same(words, &unit.command)) {
        let say = format!(
            "its process runs `{}`, its unit says `{}`; the row is what the unit says",
            words.join(" "),
            unit.command.join(" ")
        );
        warn(WarningCode::ProcessDiffers, say);
    }
}

/// Whether a process has the words of a unit. A program that is a script has its interpreter before them.
fn is_same(words: &[String], command: &[String]) -> bool {
    words.ends_with(command)
}

fn leftovers(reading: &ServerState, warnings: &mut Vec<Warning>) {
    for leftover in &reading.leftovers {
        let number = leftover.number;
        let (code, what) = match (leftover.is_log, leftover.has_key) {
            (true, _) => (WarningCode::LeftoverLogDir, "logs of a node"),
            (false, true) => (WarningCode::OrphanDataDir, "it has a secret-key"),
            (false, false) => (
                WarningCode::LeftoverDataDir,
                "a node's folder without a secret-key",
            ),
        };
        let say = format!("{what} and no unit; {number} is not given to a new node");
        warnings.push(Warning::of_path(code, &leftover.path, say));
    }
    for path in &reading.other_manager {
        let say = "it is of a manager of `ant-node`, whose ports begin at 12000; it is left alone";
        warnings.push(Warning::of_path(WarningCode::OtherManager, path, say));
    }
}

/// What anm did and nothing does any more.
fn dropped(reading: &ServerState, warnings: &mut Vec<Warning>) {
    // Nothing comes of these, so they need not be understood.
    let said = |name: &str| {
        let said = reading.effective.get(name)?;
        Some(said.text.as_deref().unwrap_or("?"))
    };
    if let (Some(hour), Some(minute)) = (said("UpgradeHour"), said("UpgradeMin")) {
        let version = match said("NodeVersion") {
            None | Some("") => "the newest version",
            Some("?") => "a version that only a shell can tell",
            Some(version) => version,
        };
        let say =
            format!("anm ran antup at {hour:0>2}:{minute:0>2} daily with {version}; nothing does so now");
        warnings.push(Warning::new(WarningCode::AntupScheduleDropped, say));
    }
    if let Some(order) = said("Action").filter(|text| !text.is_empty() && *text != "0") {
        let say = format!("`Action={order}` is an order to anm, which wnm does not follow");
        warnings.push(Warning::new(WarningCode::ControlDropped, say));
    }
    for (path, what) in &reading.controls {
        warnings.push(Warning::of_path(WarningCode::ControlDropped, path, what));
    }
}

/// A lock that no run of anm holds.
fn lock(server: &Server, reading: &ServerState, warnings: &mut Vec<Warning>) -> Result<(), TakeoverError> {
    let is_old = server.changed(BLOCK).is_some_and(|at| at < reading.boot);
    if is_old && !disable::is_ours(server) && disable::running(server)?.is_none() {
        warnings.push(stale_block(
            "it is older than this boot; since then anm has done nothing",
        ));
    }
    Ok(())
}

/// That there was a lock of a run of anm that had long gone.
pub(super) fn stale_block(how: &str) -> Warning {
    let say = format!("the lock of a run of anm that was killed: {how}");
    Warning::of_path(WarningCode::StaleBlock, BLOCK, say)
}
