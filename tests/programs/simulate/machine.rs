//! The simulated machine: processors, memory, disk, load averages, pressure, and the processes of the nodes.
//!
//! Time passes in steps of five seconds, in which Linux updates its load averages.

use std::collections::BTreeMap;

use wnm::colony::{Counters, MachineReadings, Timestamp, WaitTimes};

use super::scenario::Scenario;

/// The length of a step in seconds.
pub const STEP: f64 = 5.0;

/// Memory above this part of all memory is reclaimed, and programs wait for it.
const RECLAIM_ABOVE: f64 = 0.92;

/// The process of a node.
#[derive(Clone, Debug)]
pub struct Process {
    pub version: String,
    pub age: f64,
    /// CPU time that the start still needs.
    pub start_left: f64,
    pub is_hung: bool,
    /// It dies at this age, in seconds.
    pub dies_at: Option<f64>,
}

/// Counters of the time in which programs waited, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waited {
    pub cpu_some: f64,
    pub io_full: f64,
    pub memory_full: f64,
}

/// The state of the machine.
pub struct Machine<'s> {
    scenario: &'s Scenario,
    /// Seconds since the beginning.
    pub now: f64,
    pub boot: f64,
    /// The machine is off until then.
    off_until: f64,
    pub processes: BTreeMap<u32, Process>,
    /// GB that each node has on the disk, with or without a process.
    pub data: BTreeMap<u32, f64>,
    load: [f64; 3],
    busy_ticks: f64,
    all_ticks: f64,
    pub waited: Waited,
    memory_used_gb: f64,
    /// The part of the wanted CPU time that programs get.
    share: f64,
}

impl<'s> Machine<'s> {
    pub fn new(scenario: &'s Scenario) -> Machine<'s> {
        Machine {
            scenario,
            now: 0.0,
            boot: -30.0 * 86_400.0,
            off_until: 0.0,
            processes: BTreeMap::new(),
            data: BTreeMap::new(),
            load: [0.0; 3],
            busy_ticks: 0.0,
            all_ticks: 1e9,
            waited: Waited::default(),
            memory_used_gb: 0.0,
            share: 1.0,
        }
    }

    pub fn minute(&self) -> f64 {
        self.now / 60.0
    }

    pub fn is_off(&self) -> bool {
        self.now < self.off_until
    }

    /// Starts the process of a node.
    pub fn start(&mut self, node: u32, version: &str, dies_after_minutes: Option<f64>) {
        let cost = self.scenario.cost(version);
        let dies_after_minutes = dies_after_minutes.or(cost.dies_after_minutes);
        let process = Process {
            version: version.to_owned(),
            age: 0.0,
            start_left: cost.start_cpu_seconds,
            is_hung: false,
            dies_at: dies_after_minutes.map(|minutes| minutes * 60.0),
        };
        self.data.entry(node).or_insert(cost.disk_gb);
        self.processes.insert(node, process);
    }

    /// A process that has run for long.
    pub fn settle(&mut self, node: u32) {
        if let Some(process) = self.processes.get_mut(&node) {
            process.age = 86_400.0;
            process.start_left = 0.0;
        }
    }

    pub fn stop(&mut self, node: u32) {
        self.processes.remove(&node);
    }

    pub fn reboot(&mut self) {
        self.processes.clear();
        self.off_until = self.now + self.scenario.machine.reboot_seconds;
        self.boot = self.off_until;
        self.load = [0.0; 3];
        self.busy_ticks = 0.0;
        self.all_ticks = 1.0;
        self.waited = Waited::default();
    }

    /// Whether a node has a process that has finished its start and is not hung.
    pub fn is_ready(&self, node: u32) -> bool {
        self.processes.get(&node).is_some_and(|process| {
            let cost = self.scenario.cost(&process.version);
            !process.is_hung && process.start_left <= 0.0 && process.age >= cost.start_seconds
        })
    }

    /// CPUs and megabytes that a node uses now.
    pub fn usage(&self, node: u32) -> (f64, f64) {
        self.processes.get(&node).map_or((0.0, 0.0), |process| {
            let cost = self.scenario.cost(&process.version);
            let starting = if process.start_left > 0.0 { 1.0 } else { 0.0 };
            let leaked = cost.leak_mb_per_hour * process.age / 3600.0;
            ((cost.cpu + starting) * self.share, cost.memory_mb + leaked)
        })
    }

    /// Lets five seconds pass.
    pub fn step(&mut self) {
        if self.is_off() {
            self.now += STEP;
            return;
        }
        let shape = &self.scenario.machine;
        let cpus = f64::from(shape.cpus);
        let minute = self.minute();
        let mut wanted = shape.system_cpu;
        let mut memory = shape.system_memory_gb;
        let mut waiting = 0.0;
        for load in self.scenario.load.iter().filter(|load| load.is_on(minute)) {
            wanted += load.cpu;
            memory += load.memory_gb;
            waiting += load.waiting;
        }
        for process in self.processes.values() {
            let cost = self.scenario.cost(&process.version);
            wanted += cost.cpu + if process.start_left > 0.0 { 1.0 } else { 0.0 };
            memory += (cost.memory_mb + cost.leak_mb_per_hour * process.age / 3600.0) / 1024.0;
        }
        self.share = (cpus / wanted).min(1.0);
        self.account(wanted, waiting, memory);
        self.advance();
        self.now += STEP;
    }

    fn account(&mut self, wanted: f64, waiting: f64, memory: f64) {
        let shape = &self.scenario.machine;
        let cpus = f64::from(shape.cpus);
        self.busy_ticks += wanted.min(cpus) * STEP * 100.0;
        self.all_ticks += cpus * STEP * 100.0;
        for (average, seconds) in self.load.iter_mut().zip([60.0, 300.0, 900.0]) {
            let kept = f64::exp(-STEP / seconds);
            *average = *average * kept + (wanted + waiting) * (1.0 - kept);
        }
        let occupied = wanted / cpus;
        let short = (memory / shape.memory_gb - RECLAIM_ABOVE).max(0.0) / (1.0 - RECLAIM_ABOVE);
        self.waited.cpu_some += (0.4 * occupied.powi(4)).min(1.0) * STEP;
        self.waited.io_full += short.min(1.0) * STEP * 0.5;
        self.waited.memory_full += (short.min(1.0) * 0.5) * STEP;
        self.memory_used_gb = memory.min(shape.memory_gb);
        if memory > shape.memory_gb {
            self.kill_largest();
        }
    }

    /// Memory is exhausted: the kernel kills the largest node.
    fn kill_largest(&mut self) {
        let size = |process: &Process| {
            let cost = self.scenario.cost(&process.version);
            cost.memory_mb + cost.leak_mb_per_hour * process.age / 3600.0
        };
        let largest = self
            .processes
            .iter()
            .max_by(|one, other| size(one.1).total_cmp(&size(other.1)));
        if let Some(id) = largest.map(|(id, _)| *id) {
            self.processes.remove(&id);
        }
    }

    fn advance(&mut self) {
        let share = self.share;
        for (node, process) in &mut self.processes {
            let cost = self.scenario.cost(&process.version);
            process.age += STEP;
            process.start_left -= share * STEP;
            *self.data.entry(*node).or_default() += cost.disk_gb_per_hour * STEP / 3600.0;
        }
        self.processes
            .retain(|_, process| process.dies_at.is_none_or(|age| process.age < age));
    }

    fn disk_used_gb(&self) -> f64 {
        let minute = self.minute();
        let foreign: f64 = self
            .scenario
            .load
            .iter()
            .filter(|load| load.is_on(minute))
            .map(|load| load.disk_gb + load.disk_gb_per_hour * (minute - load.from) / 60.0)
            .sum();
        let all = self.scenario.machine.system_disk_gb + foreign + self.data.values().sum::<f64>();
        all.min(self.scenario.machine.disk_gb)
    }

    fn wait_times(&self) -> WaitTimes {
        if !self.scenario.machine.psi {
            return WaitTimes::default();
        }
        let microseconds = |seconds: f64| (seconds * 1e6) as u64;
        WaitTimes {
            cpu_some: microseconds(self.waited.cpu_some),
            io_full: microseconds(self.waited.io_full),
            memory_full: microseconds(self.waited.memory_full),
        }
    }

    /// What wnm reads of the machine.
    pub fn readings(&self, epoch: i64) -> MachineReadings {
        let shape = &self.scenario.machine;
        let bytes = |gb: f64| (gb * 1e9) as u64;
        let idle = self.all_ticks - self.busy_ticks;
        MachineReadings {
            counters: Counters {
                at_ms: (epoch + self.now as i64) * 1000,
                cpu_total: self.all_ticks as u64,
                cpu_idle: idle as u64,
                waited: self.wait_times(),
                ..Counters::default()
            },
            boot: Timestamp(epoch + self.boot as i64),
            cpus: shape.cpus,
            load: self.load,
            memory_total: bytes(shape.memory_gb),
            memory_available: bytes(shape.memory_gb - self.memory_used_gb),
            disk_total: bytes(shape.disk_gb),
            disk_used: bytes(self.disk_used_gb()),
            disk_free: bytes(shape.disk_gb - self.disk_used_gb()),
            ..MachineReadings::default()
        }
    }
}
