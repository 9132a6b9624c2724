//! What a play of a scenario yields.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use wnm::colony::{Node, NodeId, NodeState};
use wnm::plan::{MachineFigures, Policy};

/// The figures of one play.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// Hours in which nodes ran and could be reached, summed.
    pub node_hours: f64,
    pub adds: u32,
    pub starts: u32,
    pub upgrades: u32,
    /// Stops because of pressure.
    pub stops: u32,
    /// Hung nodes that were stopped to be started again.
    pub restarts: u32,
    /// Nodes that were deleted, with their identities.
    pub removals: u32,
    /// Those that neither the disk nor the cap required.
    pub lost_to_load: u32,
    /// Minutes in which a value was above its limit for removing nodes.
    pub minutes_above: MinutesAbove,
    /// The longest time in minutes that a node was down although nothing was above its limit.
    pub longest_down: u32,
    /// The minute in which all nodes of the colony ran again after they did not.
    pub all_up_at: Option<u32>,
    /// The highest load average of one minute.
    pub highest_load: f64,
    #[serde(skip)]
    down: BTreeMap<NodeId, u32>,
    #[serde(skip)]
    minutes: u32,
    #[serde(skip)]
    was_all_up: bool,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct MinutesAbove {
    pub any: u32,
    pub cpu: u32,
    pub memory: u32,
    pub disk: u32,
    pub load: u32,
}

impl Outcome {
    /// Counts one minute.
    pub fn observe_minute(
        &mut self,
        policy: &Policy,
        figures: &MachineFigures,
        nodes: &[Node],
        earning: &BTreeSet<u32>,
    ) {
        self.minutes += 1;
        let cpu = figures.used_cpu_percent > policy.cpu.remove;
        let memory = figures.used_mem_percent > policy.memory.remove;
        let disk = figures.used_hd_percent > policy.disk.remove;
        let load = figures.load.iter().any(|load| *load > policy.load.remove);
        let above = &mut self.minutes_above;
        above.cpu += u32::from(cpu);
        above.memory += u32::from(memory);
        above.disk += u32::from(disk);
        above.load += u32::from(load);
        let is_above = cpu || memory || disk || load;
        above.any += u32::from(is_above);
        self.highest_load = self.highest_load.max(figures.load[0]);
        let is_all_up = nodes.iter().all(|node| earning.contains(&node.id.0));
        if is_all_up && !self.was_all_up && self.minutes > 1 {
            self.all_up_at = Some(self.minutes);
        }
        self.was_all_up = is_all_up;
        for node in nodes {
            if earning.contains(&node.id.0) || matches!(node.state, NodeState::Removing | NodeState::Disabled)
            {
                self.down.remove(&node.id);
            } else if !is_above {
                let minutes = self.down.entry(node.id).or_default();
                *minutes += 1;
                self.longest_down = self.longest_down.max(*minutes);
            }
        }
    }
}

/// The heading of [`line`].
pub fn heading() -> String {
    format!(
        "{:22} {:5} {:>10} {:>5} {:>6} {:>5} {:>5} {:>7} {:>4} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} {:>7} {:>6}",
        "scenario",
        "rules",
        "node-hours",
        "adds",
        "starts",
        "stops",
        "rest.",
        "removed",
        "lost",
        "above",
        "cpu",
        "mem",
        "disk",
        "load",
        "down",
        "all up",
        "load1"
    )
}

/// One line of the table.
pub fn line(name: &str, rules: &str, outcome: &Outcome) -> String {
    let above = outcome.minutes_above;
    format!(
        "{name:22} {rules:5} {:>10.1} {:>5} {:>6} {:>5} {:>5} {:>7} {:>4} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} {:>7} {:>6.2}",
        outcome.node_hours,
        outcome.adds,
        outcome.starts,
        outcome.stops,
        outcome.restarts,
        outcome.removals,
        outcome.lost_to_load,
        above.any,
        above.cpu,
        above.memory,
        above.disk,
        above.load,
        outcome.longest_down,
        outcome
            .all_up_at
            .map_or("-".to_owned(), |minute| minute.to_string()),
        outcome.highest_load,
    )
}
