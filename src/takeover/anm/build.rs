//! Plans the takeover of a server: settings and rows of its colony, the units that are not taken over, and warnings.
//! Changes nothing.

use std::collections::BTreeSet;

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
use crate::colony::{Node, NodeState, Timestamp};

/// The network of new nodes.
const NETWORK: &str = "evm-arbitrum-one";

/// What a takeover will write.
#[derive(Clone, Debug)]
pub struct TakeoverPlan {
    pub operator: AnmAccount,
    /// The settings of the colony, converted from anm's.
    pub settings: Vec<ConvertedSetting>,
    /// The rows, in the order of their units.
    pub nodes: Vec<Node>,
    /// The units of these rows, in the same order.
    pub units: Vec<NodeUnit>,
    /// Units of antnodes that are not taken over.
    pub foreign: Vec<NodeUnit>,
    /// The numbers of node directories without a unit.
    pub leftovers: Vec<u32>,
    /// Nodes that are STOPPED although anm recorded them as running: stopped by the operator or by a reboot.
    pub stopped_by_others: Vec<String>,
    /// When the machine was booted.
    pub boot: Timestamp,
    pub warnings: Vec<Warning>,
}

impl TakeoverPlan {
    /// Nodes with a broken unit, or with a number or port of another node. They are disabled although they may run.
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

/// Reads the server and plans its takeover. `cron` is the text of anm's cron file, also after it was moved.
///
/// # Errors
/// When a precondition is not met, or something cannot be read.
pub fn build_plan(server: &Server, cron: Option<&str>) -> Result<TakeoverPlan, TakeoverError> {
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
    for path in &reading.strangers {
        tracing::debug!(
            "`{}` is not a node's directory, and is left alone",
            path.display()
        );
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
        stopped_by_others,
        boot: reading.boot,
        warnings,
    })
}

/// Separates anm's units from those of antctl and those with a name that anm never uses.
fn part(reading: &ServerState, warnings: &mut Vec<Warning>) -> (Vec<NodeUnit>, Vec<NodeUnit>) {
    let is_antctls = |unit: &NodeUnit| unit.is_antctls(&reading.registered);
    let (mut units, mut foreign) = (Vec::new(), Vec::new());
    for unit in reading.units.iter().cloned() {
        if unit.digits.is_empty() || is_antctls(&unit) {
            let whose = if is_antctls(&unit) {
                "antctl wrote it"
            } else {
                "anm did not write it"
            };
            let say = format!("{whose}, so it is not taken over; no new node gets its number or ports");
            warnings.push(Warning::of_node(WarningCode::ForeignUnit, unit.name(), say));
            foreign.push(unit);
        } else {
            units.push(unit);
        }
    }
    (units, foreign)
}

/// Warns about nodes in another network than most nodes.
fn networks(units: &[NodeUnit], warnings: &mut Vec<Warning>) {
    let Some(usual) = most_frequent(units.iter().filter_map(|unit| unit.network.clone())) else {
        return;
    };
    for unit in units {
        match &unit.network {
            Some(network) if *network != usual => {
                let say = format!("its network is {network}, but most nodes have {usual}; it stays there");
                warnings.push(Warning::of_node(WarningCode::OtherNetwork, unit.name(), say));
            }
            None if unit.is_whole() => {
                let say = format!(
                    "its unit names no network; wnm assumes {NETWORK}, unless its environment names another one"
                );
                warnings.push(Warning::of_node(WarningCode::NetworkUnsaid, unit.name(), say));
            }
            _ => {}
        }
    }
    if usual != NETWORK {
        let say = format!("most nodes are in {usual}, but new nodes join {NETWORK}");
        warnings.push(Warning::new(WarningCode::NetworkOfNewNodes, say));
    }
}

/// Warns where `NodeDetails` and systemd differ. Returns the stopped nodes that `NodeDetails` has as running.
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
            let say = "NodeDetails lists it, but there is no such unit; it is skipped";
            warnings.push(Warning::of_node(WarningCode::Phantom, name, say));
        }
    }
    stopped
}

/// Warns about what an operator changed in a unit, and about a process that differs from its unit.
fn peculiarities(reading: &ServerState, unit: &NodeUnit, warnings: &mut Vec<Warning>) {
    let mut warn = |code, say: String| warnings.push(Warning::of_node(code, unit.name(), say));
    let strange = unit_formats::strange_words(unit);
    if !strange.is_empty() {
        let say = format!(
            "`{}` was not written by anm; the unit stays as it is",
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
            format!(
                "drop-ins of its unit: {}; they are read and kept",
                files.join(", ")
            ),
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
            format!("its rewards address `{has}` is invalid"),
        );
    }
    if unit.shown.needs_reload {
        let say = "its unit file was changed after systemd read it; the row has the values of the file";
        warn(WarningCode::UnitChanged, say.to_owned());
    }
    let words = unit.pid().and_then(|pid| reading.processes.get(&pid));
    if let Some(words) = words.filter(|words| !words.is_empty() && !is_same(words, &unit.command)) {
        let say = format!(
            "its process runs `{}`, but its unit has `{}`; the row has the values of the unit",
            words.join(" "),
            unit.command.join(" ")
        );
        warn(WarningCode::ProcessDiffers, say);
    }
}

/// Whether a process has the command line of a unit. That of a script starts with its interpreter.
fn is_same(words: &[String], command: &[String]) -> bool {
    words.ends_with(command)
}

fn leftovers(reading: &ServerState, warnings: &mut Vec<Warning>) {
    for leftover in &reading.leftovers {
        let number = leftover.number;
        let (code, what) = match (leftover.is_log, leftover.has_key) {
            (true, _) => (WarningCode::LeftoverLogDir, "it has logs of a node"),
            (false, true) => (WarningCode::OrphanDataDir, "it has a secret-key"),
            (false, false) => (
                WarningCode::LeftoverDataDir,
                "it is a node directory without a secret-key",
            ),
        };
        let say = format!("{what} and no unit; no new node gets the number {number}");
        warnings.push(Warning::of_path(code, &leftover.path, say));
    }
    for path in &reading.other_manager {
        let say = "it belongs to a manager of `ant-node`, which uses ports from 12000 on; it is left alone";
        warnings.push(Warning::of_path(WarningCode::OtherManager, path, say));
    }
}

/// Warns about what anm did and wnm does not do.
fn dropped(reading: &ServerState, warnings: &mut Vec<Warning>) {
    // wnm does not use these values, so that they may need a shell.
    let value = |name: &str| {
        let value = reading.effective.get(name)?;
        Some(value.text.as_deref().unwrap_or("?"))
    };
    if let (Some(hour), Some(minute)) = (value("UpgradeHour"), value("UpgradeMin")) {
        let version = match value("NodeVersion") {
            None | Some("") => "the newest version",
            Some("?") => "a version that only a shell can evaluate",
            Some(version) => version,
        };
        let say = format!("anm ran antup daily at {hour:0>2}:{minute:0>2} with {version}; wnm does not");
        warnings.push(Warning::new(WarningCode::AntupScheduleDropped, say));
    }
    if let Some(order) = value("Action").filter(|text| !text.is_empty() && *text != "0") {
        let say = format!("`Action={order}` is an order to anm; wnm ignores it");
        warnings.push(Warning::new(WarningCode::ControlDropped, say));
    }
    for (path, what) in &reading.controls {
        warnings.push(Warning::of_path(WarningCode::ControlDropped, path, what));
    }
}

/// Warns about the lock of a run of anm that was killed.
fn lock(server: &Server, reading: &ServerState, warnings: &mut Vec<Warning>) -> Result<(), TakeoverError> {
    let is_old = server.changed(BLOCK).is_some_and(|at| at < reading.boot);
    if is_old && !disable::is_ours(server) && disable::running(server)?.is_none() {
        warnings.push(stale_block(
            "it is older than this boot, and anm has done nothing since then",
        ));
    }
    Ok(())
}

/// The warning about the lock of a run of anm that was killed.
pub(super) fn stale_block(how: &str) -> Warning {
    let say = format!("the lock of a run of anm that was killed: {how}");
    Warning::of_path(WarningCode::StaleBlock, BLOCK, say)
}
