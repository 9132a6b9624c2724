//! Scenarios: a machine, its colony, and what happens to them, as read from a TOML file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// One scenario. Times are minutes since its beginning.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in one sentence.
    pub about: String,
    /// How long it lasts.
    pub hours: f64,
    #[serde(default)]
    pub machine: MachineShape,
    pub colony: ColonyShape,
    /// What a node of each version costs; the first one is the version at the beginning.
    pub version: Vec<NodeCost>,
    /// Load that other programs cause.
    #[serde(default)]
    pub load: Vec<ForeignLoad>,
    #[serde(default)]
    pub event: Vec<Event>,
}

/// The machine without its nodes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MachineShape {
    pub cpus: u32,
    pub memory_gb: f64,
    pub disk_gb: f64,
    /// CPUs that the system itself uses.
    pub system_cpu: f64,
    pub system_memory_gb: f64,
    pub system_disk_gb: f64,
    /// How long a reboot takes.
    pub reboot_seconds: f64,
    /// Whether the kernel reports pressure in `/proc/pressure`.
    pub psi: bool,
}

impl Default for MachineShape {
    fn default() -> MachineShape {
        MachineShape {
            cpus: 8,
            memory_gb: 64.0,
            disk_gb: 4000.0,
            system_cpu: 0.2,
            system_memory_gb: 1.0,
            system_disk_gb: 20.0,
            reboot_seconds: 60.0,
            psi: true,
        }
    }
}

/// The colony at the beginning.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColonyShape {
    /// The number of nodes that run at the beginning.
    pub nodes: u32,
    /// Settings of wnm by name; all others have their defaults.
    #[serde(default)]
    pub settings: BTreeMap<String, toml::Value>,
}

/// What one node of a version costs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeCost {
    pub version: String,
    /// CPUs that a node uses all the time.
    pub cpu: f64,
    pub memory_mb: f64,
    #[serde(default)]
    pub disk_gb: f64,
    /// What a node writes to the disk in an hour.
    #[serde(default)]
    pub disk_gb_per_hour: f64,
    /// The CPU time of a start; a start uses at most one CPU.
    #[serde(default = "start_cpu_seconds")]
    pub start_cpu_seconds: f64,
    /// The least time from a start to the first answer.
    #[serde(default = "start_seconds")]
    pub start_seconds: f64,
    /// Memory that a node leaks in an hour.
    #[serde(default)]
    pub leak_mb_per_hour: f64,
    /// A node of this version dies so long after each start.
    #[serde(default)]
    pub dies_after_minutes: Option<f64>,
}

fn start_cpu_seconds() -> f64 {
    10.0
}

fn start_seconds() -> f64 {
    15.0
}

/// Load of other programs, between two times, all the time or at the beginning of each period.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignLoad {
    #[serde(default)]
    pub from: f64,
    /// Until the end if absent.
    pub to: Option<f64>,
    /// The length of a period.
    pub every: Option<f64>,
    /// How long the load lasts in each period.
    #[serde(rename = "for")]
    pub lasts: Option<f64>,
    /// CPUs that it wants.
    #[serde(default)]
    pub cpu: f64,
    #[serde(default)]
    pub memory_gb: f64,
    #[serde(default)]
    pub disk_gb: f64,
    /// What it writes to the disk in an hour, from `from` on.
    #[serde(default)]
    pub disk_gb_per_hour: f64,
    /// Processes that wait for a device: they raise the load average and use nothing.
    #[serde(default)]
    pub waiting: f64,
}

impl ForeignLoad {
    /// Whether it is there at a time in minutes.
    pub fn is_on(&self, minute: f64) -> bool {
        let is_within = minute >= self.from && self.to.is_none_or(|to| minute < to);
        let is_in_period = match (self.every, self.lasts) {
            (Some(every), Some(lasts)) => (minute - self.from).rem_euclid(every) < lasts,
            _ => true,
        };
        is_within && is_in_period
    }
}

/// Something that happens at a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    pub at: f64,
    pub what: EventKind,
    /// The nodes that it happens to, by id; all if absent.
    pub nodes: Option<Vec<u32>>,
    /// How long it lasts, in minutes; for good if absent.
    #[serde(rename = "for")]
    pub lasts: Option<f64>,
    /// A number: the new cap, or how often nodes are shunned.
    #[serde(default)]
    pub count: i64,
    /// The version of a release.
    pub version: Option<String>,
    /// How long after each start a node of a crash loop dies.
    #[serde(default)]
    pub minutes: f64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The machine boots; no node starts by itself.
    Reboot,
    /// The processes of the nodes end.
    Crash,
    /// The processes of the nodes end again and again, `minutes` after each start.
    CrashLoop,
    /// The processes run and do not answer, until they are restarted.
    Hang,
    /// Nothing reaches the nodes, whatever is restarted.
    Unreachable,
    /// The nodes report that they are shunned `count` times.
    Shun,
    /// A new antnode of this `version` is there.
    Release,
    /// The operator sets `node_cap` to `count`.
    Cap,
}

impl Scenario {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Scenario, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let scenario: Scenario =
            toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        if scenario.version.is_empty() {
            return Err(format!("{}: `version` has no entry", path.display()));
        }
        Ok(scenario)
    }

    /// What a node of this version costs.
    pub fn cost(&self, version: &str) -> &NodeCost {
        let found = self.version.iter().find(|cost| cost.version == version);
        found.unwrap_or(&self.version[0])
    }
}
