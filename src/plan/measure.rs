//! Computes the figures of a decision from nodes and machine readings.

use crate::colony::{
    Inodes, MachineReadings, Metrics, Node, NodeState, OwnUse, PausedNodes, Rates, Timestamp, Version,
    WaitShares,
};

use super::node_checks::{
    has_answered, is_due, is_expired, is_hung, is_paused, is_shunned, is_startable, is_upgradable,
    paused_until,
};
use super::policy::Policy;

/// A node that pressure stopped this long ago, or this often, is not expected to come back soon.
const LONG_PAUSE_S: i64 = 3600;
const MANY_STOPS: u32 = 3;

/// The readings of the machine, in the units of the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MachineFigures {
    /// When the machine was booted.
    pub boot: Timestamp,
    /// Load averages of 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Percent, rounded to a tenth, because the reports show them so.
    pub used_cpu_percent: f64,
    pub used_mem_percent: f64,
    pub used_hd_percent: f64,
    /// The disk has a larger part of its inodes taken than of its bytes.
    pub are_inodes_scarcer: bool,
    /// Bytes a second.
    pub hdio_read_bytes: f64,
    pub hdio_write_bytes: f64,
    pub netio_read_bytes: f64,
    pub netio_write_bytes: f64,
    /// The number of CPUs and megabytes of memory; 0: not known.
    pub cpus: u32,
    pub memory_mb: f64,
    /// Rates over a quarter of an hour; None if they are not known.
    pub sustained: Option<Rates>,
    /// How much of the time since the last survey programs waited.
    pub waits: WaitShares,
}

impl MachineFigures {
    /// The figures of `instruments`, and the rates since an earlier reading.
    #[must_use]
    pub fn of(instruments: &MachineReadings, rates: &Rates) -> MachineFigures {
        MachineFigures {
            boot: instruments.boot,
            load: instruments.load,
            used_cpu_percent: to_a_tenth(rates.used_cpu_percent),
            used_mem_percent: used_memory(instruments),
            used_hd_percent: used_disk(instruments),
            are_inodes_scarcer: instruments.is_disk_limited_by_inodes(),
            hdio_read_bytes: rates.disk_read.trunc(),
            hdio_write_bytes: rates.disk_written.trunc(),
            netio_read_bytes: rates.net_received.trunc(),
            netio_write_bytes: rates.net_sent.trunc(),
            cpus: instruments.cpus,
            memory_mb: instruments.memory_total as f64 / 1e6,
            sustained: None,
            waits: rates.waits,
        }
    }

    /// With the rates over a quarter of an hour.
    #[must_use]
    pub fn with_sustained(self, sustained: Option<Rates>) -> MachineFigures {
        MachineFigures { sustained, ..self }
    }
}

/// Counts the nodes and adds the figures of the machine. A node whose removal is due does not count.
#[must_use]
pub fn measure(
    nodes: &[Node],
    machine: &MachineFigures,
    binary: Option<&Version>,
    policy: &Policy,
    now: Timestamp,
) -> Metrics {
    let mut metrics = blank(machine, binary);
    let mut upgradable = 0;
    let mut startable = 0;
    let mut first: Option<&Node> = None;
    for node in nodes.iter().filter(|node| !is_expired(node, policy, now)) {
        metrics.total_nodes += 1;
        if let Some(count) = count_of(&mut metrics, node.state) {
            *count += 1;
        }
        if first.is_none_or(|first| node.id < first.id) {
            first = Some(node);
        }
        match (&node.version, binary) {
            (None, _) => metrics.nodes_no_version += 1,
            (Some(version), Some(binary)) if version != binary => metrics.nodes_to_upgrade += 1,
            _ => {}
        }
        upgradable += i64::from(is_upgradable(node, binary, now));
        startable += i64::from(is_startable(node, policy, now));
        metrics.hung_nodes += i64::from(is_hung(node) && is_due(node, now));
        metrics.mute_nodes += i64::from(is_hung(node));
        let is_starting = matches!(node.state, NodeState::Restarting | NodeState::Upgrading);
        metrics.unanswered_nodes += i64::from(is_starting && !has_answered(node));
        count_paused(&mut metrics.paused, node, policy, now);
        metrics.shunned_nodes += i64::from(is_shunned(node, policy));
    }
    metrics.last_group = last_group(nodes);
    metrics.own = own_use(nodes, machine);
    metrics.upgradable_nodes = Some(upgradable);
    metrics.startable_nodes = Some(startable);
    metrics.queen_node_version = first.map_or(binary, |first| first.version.as_ref()).cloned();
    metrics
}

fn count_paused(paused: &mut PausedNodes, node: &Node, policy: &Policy, now: Timestamp) {
    if !is_paused(node) {
        return;
    }
    paused.all += 1;
    paused.startable += i64::from(is_startable(node, policy, now));
    paused.lasting +=
        i64::from(now.since(node.since) >= LONG_PAUSE_S || node.memory.pressure_stops >= MANY_STOPS);
    if let Some(until) = paused_until(node, policy).filter(|until| now < *until) {
        paused.waiting += 1;
        paused.until = Some(paused.until.map_or(until, |first| first.min(until)));
    }
}

/// The nodes that were started together last. A run starts its nodes within this many seconds.
fn last_group(nodes: &[Node]) -> i64 {
    const GROUP_S: i64 = 55;
    let starting = || nodes.iter().filter(|node| node.state == NodeState::Restarting);
    let Some(last) = starting().map(|node| node.since).max() else {
        return 0;
    };
    starting().filter(|node| last.since(node.since) < GROUP_S).count() as i64
}

/// None if no running node reports what it uses, or the size of the machine is not known.
fn own_use(nodes: &[Node], machine: &MachineFigures) -> Option<OwnUse> {
    let running = || nodes.iter().filter(|node| node.state == NodeState::Running);
    // A node may report any number, so a sum of integers could overflow.
    let cpu: f64 = running().map(|node| node.figures.cpu as f64).sum();
    let memory: f64 = running().map(|node| node.figures.mem as f64).sum();
    if machine.cpus == 0 || machine.memory_mb <= 0.0 || (cpu == 0.0 && memory == 0.0) {
        return None;
    }
    Some(OwnUse {
        cpu: cpu / 100.0 / f64::from(machine.cpus),
        memory: memory / machine.memory_mb,
    })
}

/// The field that counts a state; disabled nodes count only in the total.
fn count_of(metrics: &mut Metrics, state: NodeState) -> Option<&mut i64> {
    Some(match state {
        NodeState::Running => &mut metrics.running_nodes,
        NodeState::Stopped => &mut metrics.stopped_nodes,
        NodeState::Restarting => &mut metrics.restarting_nodes,
        NodeState::Upgrading => &mut metrics.upgrading_nodes,
        NodeState::Removing => &mut metrics.removing_nodes,
        NodeState::Migrating => &mut metrics.migrating_nodes,
        NodeState::Dead => &mut metrics.dead_nodes,
        NodeState::Disabled => return None,
    })
}

/// The machine's figures, and no nodes yet.
fn blank(machine: &MachineFigures, binary: Option<&Version>) -> Metrics {
    Metrics {
        system_start: machine.boot,
        total_nodes: 0,
        running_nodes: 0,
        stopped_nodes: 0,
        restarting_nodes: 0,
        upgrading_nodes: 0,
        migrating_nodes: 0,
        removing_nodes: 0,
        dead_nodes: 0,
        shunned_nodes: 0,
        antnode_version: binary.cloned(),
        queen_node_version: None,
        nodes_no_version: 0,
        nodes_to_upgrade: 0,
        upgradable_nodes: None,
        startable_nodes: None,
        hung_nodes: 0,
        mute_nodes: 0,
        unanswered_nodes: 0,
        last_group: 0,
        paused: PausedNodes::default(),
        own: None,
        sustained: machine.sustained,
        waits: machine.waits,
        load_average_1: machine.load[0],
        load_average_5: machine.load[1],
        load_average_15: machine.load[2],
        used_cpu_percent: machine.used_cpu_percent,
        used_mem_percent: machine.used_mem_percent,
        used_hd_percent: machine.used_hd_percent,
        are_inodes_scarcer: machine.are_inodes_scarcer,
        hdio_write_bytes: machine.hdio_write_bytes,
        hdio_read_bytes: machine.hdio_read_bytes,
        netio_write_bytes: machine.netio_write_bytes,
        netio_read_bytes: machine.netio_read_bytes,
    }
}

/// NaN for a disk that tells neither its bytes nor its inodes.
fn used_disk(instruments: &MachineReadings) -> f64 {
    if instruments.disk_used == 0 && instruments.disk_free == 0 && instruments.inodes == Inodes::default() {
        return f64::NAN;
    }
    to_a_tenth(instruments.used_hd_percent())
}

fn used_memory(instruments: &MachineReadings) -> f64 {
    if instruments.memory_total == 0 {
        return f64::NAN;
    }
    to_a_tenth(instruments.used_mem_percent())
}

fn to_a_tenth(percent: f64) -> f64 {
    (percent * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{NOW, calm, metrics, newest, node, nodes, policy};
    use super::*;
    use crate::colony::Counters;
    use crate::colony::NodeState::*;

    #[test]
    fn every_state_is_counted() {
        let figures = metrics(&nodes(&[
            Running, Running, Stopped, Restarting, Upgrading, Migrating, Removing, Dead, Disabled,
        ]));
        assert_eq!(
            (figures.total_nodes, figures.running_nodes, figures.stopped_nodes),
            (9, 2, 1)
        );
        assert_eq!(
            (
                figures.restarting_nodes,
                figures.upgrading_nodes,
                figures.migrating_nodes
            ),
            (1, 1, 1)
        );
        assert_eq!((figures.removing_nodes, figures.dead_nodes), (1, 1));
    }

    #[test]
    fn node_due_for_removal_is_not_counted() {
        let mut colony = nodes(&[Running, Removing]);
        colony[1].since = NOW.plus(-300);
        let figures = metrics(&colony);
        assert_eq!((figures.total_nodes, figures.removing_nodes), (1, 0));
    }

    #[test]
    fn every_other_version_is_outdated_and_only_older_running_nodes_are_upgradable() {
        let mut colony = nodes(&[Running, Running, Stopped, Disabled, Running, Running]);
        for (node, version) in colony
            .iter_mut()
            .zip(["0.4.9", "0.4.18", "0.4.9", "0.4.9", "None", "0.4.9"])
        {
            node.version = Some(Version::new(version));
        }
        colony[5].memory.retry_at = Some(NOW.plus(60));
        colony.push(Node {
            version: None,
            ..node(7, Running)
        });
        let figures = metrics(&colony);
        assert_eq!((figures.nodes_to_upgrade, figures.nodes_no_version), (6, 1));
        assert_eq!(figures.upgradable_nodes, Some(1));
    }

    #[test]
    fn retry_time_beyond_the_longest_delay_is_ignored() {
        for (ahead, due) in [
            (0, true),
            (1, false),
            (3600, false),
            (3601, true),
            (i64::MAX, true),
        ] {
            let mut node = node(1, Stopped);
            node.memory.retry_at = Some(NOW.plus(ahead));
            assert_eq!(is_due(&node, NOW), due, "{ahead} s ahead");
        }
    }

    #[test]
    fn without_a_binary_nothing_is_outdated() {
        let figures = measure(&nodes(&[Running]), &calm(), None, &policy(), NOW);
        assert_eq!((figures.nodes_to_upgrade, figures.upgradable_nodes), (0, Some(0)));
        assert_eq!(figures.antnode_version, None);
    }

    #[test]
    fn queen_is_the_first_node_or_the_binary() {
        let mut colony = nodes(&[Running, Running]);
        colony[0].version = Some(Version::new("0.4.1"));
        colony.reverse();
        assert_eq!(metrics(&colony).queen_node_version, Some(Version::new("0.4.1")));
        assert_eq!(metrics(&[]).queen_node_version, Some(newest()));
    }

    #[test]
    fn rounds_percentages_to_tenths_and_rates_to_bytes() {
        let instruments = MachineReadings {
            counters: Counters::default(),
            boot: NOW,
            cpus: 2,
            load: [1.0, 2.0, 3.0],
            memory_total: 3000,
            memory_available: 1000,
            disk_total: 1000,
            disk_used: 300,
            disk_free: 600,
            inodes: Default::default(),
        };
        let rates = Rates {
            used_cpu_percent: 12.345,
            disk_read: 10.9,
            net_sent: 7.2,
            ..Rates::default()
        };
        let gauged = MachineFigures::of(&instruments, &rates);
        assert_eq!((gauged.used_mem_percent, gauged.used_hd_percent), (66.7, 33.3));
        assert_eq!(
            (
                gauged.used_cpu_percent,
                gauged.hdio_read_bytes,
                gauged.netio_write_bytes
            ),
            (12.3, 10.0, 7.0)
        );
        let nothing = MachineReadings {
            memory_total: 0,
            ..instruments
        };
        assert!(MachineFigures::of(&nothing, &rates).used_mem_percent.is_nan());
    }
}
