//! Compares the figures with the limits: may nodes be added, must nodes be removed.

use strum::{IntoStaticStr, VariantArray};

use crate::colony::Metrics;

use super::blocker::Blocker;
use super::policy::{Policy, Threshold};
use super::reason::{Cause, Quantity};

/// The features of a decision, named as the peer names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    pub allow_cpu: bool,
    pub allow_mem: bool,
    pub allow_hd: bool,
    pub remove_cpu: bool,
    pub remove_mem: bool,
    pub remove_hd: bool,
    /// Fewer nodes run than the cap.
    pub allow_node_cap: bool,
    pub allow_netio: bool,
    pub remove_netio: bool,
    pub allow_hdio: bool,
    pub remove_hdio: bool,
    /// All three load averages are below `desired_load_average`.
    pub load_allow: bool,
    /// One load average is above `max_load_average_allowed`.
    pub load_not_allow: bool,
    pub add_new_node: bool,
    pub remove: bool,
    pub upgrade: bool,
}

impl Features {
    /// The features of these figures. A figure or a limit that is NaN neither allows nor requires anything.
    #[must_use]
    pub fn of(policy: &Policy, metrics: &Metrics) -> Features {
        let (hdio, netio) = (hdio(policy, metrics), netio(policy, metrics));
        let load = load(policy, metrics);
        let mut features = Features {
            allow_cpu: cpu(policy, metrics).allows(),
            allow_mem: memory(policy, metrics).allows(),
            allow_hd: disk(policy, metrics).allows(),
            remove_cpu: cpu(policy, metrics).presses(),
            remove_mem: memory(policy, metrics).presses(),
            remove_hd: disk(policy, metrics).presses(),
            allow_node_cap: metrics.running_nodes < policy.cap,
            allow_netio: netio.iter().flatten().all(LimitedQuantity::allows),
            remove_netio: netio.iter().flatten().any(LimitedQuantity::presses),
            allow_hdio: hdio.iter().flatten().all(LimitedQuantity::allows),
            remove_hdio: hdio.iter().flatten().any(LimitedQuantity::presses),
            load_allow: load.iter().all(LimitedQuantity::allows),
            load_not_allow: load.iter().any(LimitedQuantity::presses),
            add_new_node: false,
            remove: false,
            upgrade: false,
        };
        features.add_new_node = features.has_resources()
            && features.allow_node_cap
            && underway(metrics) == 0
            && metrics.total_nodes < policy.cap;
        features.remove = features.has_pressure() || metrics.total_nodes > policy.cap;
        features.upgrade =
            !features.remove && upgrades_wanted(policy, metrics) >= 1 && binary_may_replace(metrics);
        features
    }

    /// Whether all limits leave room for another running node.
    #[must_use]
    pub fn has_resources(&self) -> bool {
        self.allow_cpu
            && self.allow_mem
            && self.allow_hd
            && self.allow_hdio
            && self.allow_netio
            && self.load_allow
    }

    /// Whether a limit is exceeded.
    #[must_use]
    pub fn has_pressure(&self) -> bool {
        self.remove_cpu
            || self.remove_mem
            || self.remove_hd
            || self.remove_hdio
            || self.remove_netio
            || self.load_not_allow
    }

    /// The value of one feature.
    #[must_use]
    pub fn answer(&self, feature: Feature) -> bool {
        match feature {
            Feature::AllowCpu => self.allow_cpu,
            Feature::AllowMem => self.allow_mem,
            Feature::AllowHd => self.allow_hd,
            Feature::RemoveCpu => self.remove_cpu,
            Feature::RemoveMem => self.remove_mem,
            Feature::RemoveHd => self.remove_hd,
            Feature::AllowNodeCap => self.allow_node_cap,
            Feature::AllowNetio => self.allow_netio,
            Feature::RemoveNetio => self.remove_netio,
            Feature::AllowHdio => self.allow_hdio,
            Feature::RemoveHdio => self.remove_hdio,
            Feature::LoadAllow => self.load_allow,
            Feature::LoadNotAllow => self.load_not_allow,
            Feature::AddNewNode => self.add_new_node,
            Feature::Remove => self.remove,
            Feature::Upgrade => self.upgrade,
        }
    }
}

/// The features by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Feature {
    AllowCpu,
    AllowMem,
    AllowHd,
    RemoveCpu,
    RemoveMem,
    RemoveHd,
    AllowNodeCap,
    AllowNetio,
    RemoveNetio,
    AllowHdio,
    RemoveHdio,
    LoadAllow,
    LoadNotAllow,
    AddNewNode,
    Remove,
    Upgrade,
}

impl Feature {
    /// All of them, in the peer's order.
    pub const ALL: &'static [Feature] = Feature::VARIANTS;

    /// The peer's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The quantities that decide it; none if it is about nodes, or about rates without limits.
    #[must_use]
    pub fn measured(self, policy: &Policy, metrics: &Metrics) -> Vec<LimitedQuantity> {
        match self {
            Feature::AllowCpu | Feature::RemoveCpu => vec![cpu(policy, metrics)],
            Feature::AllowMem | Feature::RemoveMem => vec![memory(policy, metrics)],
            Feature::AllowHd | Feature::RemoveHd => vec![disk(policy, metrics)],
            Feature::LoadAllow | Feature::LoadNotAllow => load(policy, metrics).to_vec(),
            Feature::AllowHdio | Feature::RemoveHdio => hdio(policy, metrics).into_iter().flatten().collect(),
            Feature::AllowNetio | Feature::RemoveNetio => {
                netio(policy, metrics).into_iter().flatten().collect()
            }
            Feature::AllowNodeCap | Feature::AddNewNode | Feature::Remove | Feature::Upgrade => Vec::new(),
        }
    }
}

/// One quantity against its limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitedQuantity {
    pub what: Quantity,
    pub is: f64,
    pub limits: Threshold,
}

impl LimitedQuantity {
    fn new(what: Quantity, is: f64, limits: Threshold) -> LimitedQuantity {
        LimitedQuantity { what, is, limits }
    }

    /// The cause of a step, if the value is above its limit.
    pub(super) fn cause(&self) -> Cause {
        Cause::Above {
            what: self.what,
            is: self.is,
            limit: self.limits.remove,
        }
    }

    fn allows(&self) -> bool {
        self.is < self.limits.add
    }

    fn presses(&self) -> bool {
        self.is > self.limits.remove
    }
}

fn cpu(policy: &Policy, metrics: &Metrics) -> LimitedQuantity {
    LimitedQuantity::new(Quantity::Cpu, metrics.used_cpu_percent, policy.cpu)
}

fn memory(policy: &Policy, metrics: &Metrics) -> LimitedQuantity {
    LimitedQuantity::new(Quantity::Memory, metrics.used_mem_percent, policy.memory)
}

fn disk(policy: &Policy, metrics: &Metrics) -> LimitedQuantity {
    let what = match metrics.are_inodes_scarcer {
        true => Quantity::DiskInodes,
        false => Quantity::Disk,
    };
    LimitedQuantity::new(what, metrics.used_hd_percent, policy.disk)
}

fn load(policy: &Policy, metrics: &Metrics) -> [LimitedQuantity; 3] {
    [
        LimitedQuantity::new(Quantity::Load1, metrics.load_average_1, policy.load),
        LimitedQuantity::new(Quantity::Load5, metrics.load_average_5, policy.load),
        LimitedQuantity::new(Quantity::Load15, metrics.load_average_15, policy.load),
    ]
}

fn hdio(policy: &Policy, metrics: &Metrics) -> Option<[LimitedQuantity; 2]> {
    is_watched(&policy.hdio).then(|| {
        [
            LimitedQuantity::new(Quantity::DiskRead, metrics.hdio_read_bytes, policy.hdio[0]),
            LimitedQuantity::new(Quantity::DiskWrite, metrics.hdio_write_bytes, policy.hdio[1]),
        ]
    })
}

fn netio(policy: &Policy, metrics: &Metrics) -> Option<[LimitedQuantity; 2]> {
    is_watched(&policy.netio).then(|| {
        [
            LimitedQuantity::new(Quantity::NetRead, metrics.netio_read_bytes, policy.netio[0]),
            LimitedQuantity::new(Quantity::NetWrite, metrics.netio_write_bytes, policy.netio[1]),
        ]
    })
}

/// The peer's rule: a pair counts as configured when its four limits sum to more than 1.
fn is_watched(pair: &[Threshold; 2]) -> bool {
    pair.iter().map(|limits| limits.add + limits.remove).sum::<f64>() > 1.0
}

pub(super) fn all(policy: &Policy, metrics: &Metrics) -> impl Iterator<Item = LimitedQuantity> {
    [
        cpu(policy, metrics),
        memory(policy, metrics),
        disk(policy, metrics),
    ]
    .into_iter()
    .chain(load(policy, metrics))
    .chain(hdio(policy, metrics).into_iter().flatten())
    .chain(netio(policy, metrics).into_iter().flatten())
}

/// Every quantity that is above its limit.
pub(super) fn pressures(policy: &Policy, metrics: &Metrics) -> Vec<Cause> {
    pressing(policy, metrics)
        .map(|quantity| quantity.cause())
        .collect()
}

/// The quantities that are above their limits.
pub(super) fn pressing(policy: &Policy, metrics: &Metrics) -> impl Iterator<Item = LimitedQuantity> {
    all(policy, metrics).filter(LimitedQuantity::presses)
}

/// Every quantity that is not below its limit for adding.
pub(super) fn obstacles(policy: &Policy, metrics: &Metrics) -> impl Iterator<Item = Blocker> {
    all(policy, metrics)
        .filter(|measured| !measured.allows())
        // Without a load, one average stands for all three.
        .filter(|measured| {
            let is_repeated = matches!(measured.what, Quantity::Load5 | Quantity::Load15)
                && measured.is.is_nan()
                && metrics.load_average_1.is_nan();
            !is_repeated
        })
        .map(|measured| Blocker::NotBelow {
            what: measured.what,
            is: measured.is,
            limit: measured.limits.add,
        })
}

/// Nodes that are starting, upgrading, being removed or moved: the figures of the machine are about to change.
pub(super) fn underway(metrics: &Metrics) -> i64 {
    operations(metrics).saturating_add(metrics.migrating_nodes)
}

/// Operations that count against the quota of all kinds together.
pub(super) fn operations(metrics: &Metrics) -> i64 {
    metrics
        .upgrading_nodes
        .saturating_add(metrics.restarting_nodes)
        .saturating_add(metrics.removing_nodes)
}

/// How many nodes need an upgrade; the exact count if it is known.
pub(super) fn upgrades_wanted(policy: &Policy, metrics: &Metrics) -> i64 {
    if policy.upgrades {
        metrics.upgradable_nodes.unwrap_or(metrics.nodes_to_upgrade)
    } else {
        0
    }
}

/// Whether the version of the binary is readable and would not downgrade a node. Nodes counted as upgradable are
/// older than the binary; if only outdated nodes are counted, the version of the first node decides, as in the peer.
pub(super) fn binary_may_replace(metrics: &Metrics) -> bool {
    match (&metrics.antnode_version, &metrics.queen_node_version) {
        (Some(binary), _) if !binary.is_readable() => false,
        (Some(_), _) if metrics.upgradable_nodes.is_some() => true,
        (Some(binary), Some(first)) => !binary.is_older_than(first),
        (Some(_), None) => true,
        (None, _) => false,
    }
}
