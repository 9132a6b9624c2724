//! One play of a scenario: minute by minute the machine, the survey, the engine and the steps of its plan.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use wnm::colony::{
    Answer, Counters, ManagerKind, Node, NodeFigures, NodeHistory, NodeId, NodeObservation, NodePaths,
    NodeReading, NodeState, ProcessState, ProcessStatus, Rates, ServiceName, Timestamp, Version,
};
use wnm::plan::{
    self, Action, MachineFigures, NewNode, Plan, PlanInput, Policy, Reason, Step, StopReason, StorageFolder,
    Task, Template, Trigger,
};

use super::engine::{self, Rules};
use super::machine::{Machine, STEP};
use super::outcome::Outcome;
use super::scenario::{Event, EventKind, Scenario};
use super::settings;

/// 2026-11-24T12:00:00Z, the beginning of each scenario.
pub const EPOCH: i64 = 1_795_521_600;

/// One sample a minute for a quarter of an hour.
const SAMPLES: usize = 15;

/// A scenario that is being played.
pub struct Play<'s> {
    scenario: &'s Scenario,
    rules: Rules,
    machine: Machine<'s>,
    nodes: Vec<Node>,
    policy: Policy,
    template: Template,
    /// The newest antnode.
    release: Version,
    /// The counters of each cycle in the last quarter of an hour, and the boot time then.
    samples: VecDeque<(Counters, Timestamp)>,
    /// Why each REMOVING node is removed.
    leaving: BTreeMap<NodeId, bool>,
    outcome: Outcome,
    is_traced: bool,
}

impl<'s> Play<'s> {
    pub fn new(scenario: &'s Scenario, rules: Rules, is_traced: bool) -> Result<Play<'s>, String> {
        let cpus = scenario.machine.cpus;
        let machine = Machine::new(scenario);
        let boot = Timestamp(EPOCH + machine.boot as i64);
        let (policy, template) = settings::read(&scenario.colony.settings, cpus, boot)?;
        let mut play = Play {
            scenario,
            rules,
            machine,
            nodes: Vec::new(),
            policy,
            template,
            release: Version::new(&scenario.version[0].version),
            samples: VecDeque::new(),
            leaving: BTreeMap::new(),
            outcome: Outcome::default(),
            is_traced,
        };
        for id in 1..=scenario.colony.nodes {
            let mut node = play.row(NodeId(id));
            node.born = Timestamp(EPOCH - 86_400 + i64::from(id));
            node.state = NodeState::Running;
            node.since = Timestamp(EPOCH - 43_200);
            play.nodes.push(node);
            let version = scenario.version[0].version.clone();
            play.machine.start(id, &version, None);
            play.machine.settle(id);
        }
        Ok(play)
    }

    fn now(&self) -> Timestamp {
        Timestamp(EPOCH + self.machine.now as i64)
    }

    /// Plays the whole scenario.
    pub fn run(mut self) -> Outcome {
        let mut events: Vec<&Event> = self.scenario.event.iter().collect();
        events.sort_by(|one, other| one.at.total_cmp(&other.at));
        let mut due = events.into_iter().peekable();
        let end = self.scenario.hours * 3600.0;
        let mut next_cycle = 60.0;
        while self.machine.now < end {
            while let Some(event) = due.next_if(|event| event.at * 60.0 <= self.machine.now) {
                self.happen(event);
            }
            self.machine.step();
            self.observe_step();
            if self.machine.now >= next_cycle {
                next_cycle += 60.0;
                if !self.machine.is_off() {
                    self.cycle();
                }
            }
        }
        self.outcome
    }

    fn happen(&mut self, event: &Event) {
        match event.what {
            EventKind::Reboot => self.machine.reboot(),
            EventKind::Crash | EventKind::CrashLoop => {
                for id in self.affected(event) {
                    self.machine.stop(id);
                }
            }
            EventKind::Hang => {
                for id in self.affected(event) {
                    if let Some(process) = self.machine.processes.get_mut(&id) {
                        process.is_hung = true;
                    }
                }
            }
            EventKind::Release => {
                if let Some(version) = &event.version {
                    self.release = Version::new(version);
                }
            }
            EventKind::Cap => self.policy.cap = event.count,
            EventKind::Unreachable | EventKind::Shun => {}
        }
    }

    fn affected(&self, event: &Event) -> Vec<u32> {
        match &event.nodes {
            Some(nodes) => nodes.clone(),
            None => self.nodes.iter().map(|node| node.id.0).collect(),
        }
    }

    /// The event of this kind that lasts now and concerns the node.
    fn lasting(&self, what: EventKind, node: u32) -> Option<&'s Event> {
        let minute = self.machine.minute();
        self.scenario.event.iter().find(|event| {
            let is_now = event.at <= minute && event.lasts.is_none_or(|lasts| minute < event.at + lasts);
            event.what == what && is_now && event.nodes.as_ref().is_none_or(|nodes| nodes.contains(&node))
        })
    }

    fn is_earning(&self, node: u32) -> bool {
        self.machine.is_ready(node) && self.lasting(EventKind::Unreachable, node).is_none()
    }

    fn observe_step(&mut self) {
        let earning: BTreeSet<u32> = self
            .nodes
            .iter()
            .map(|node| node.id.0)
            .filter(|id| self.is_earning(*id))
            .collect();
        self.outcome.node_hours += earning.len() as f64 * STEP / 3600.0;
        let is_minute = (self.machine.now % 60.0).abs() < STEP / 2.0;
        if is_minute && !self.machine.is_off() {
            let figures = self.figures();
            self.outcome
                .observe_minute(&self.policy, &figures, &self.nodes, &earning);
        }
    }

    /// The figures since the last minute, without remembering them for the next cycle.
    fn figures(&self) -> MachineFigures {
        let readings = self.machine.readings(EPOCH);
        let last = self.samples.back();
        let rates = last.and_then(|(counters, boot)| Rates::since(counters, *boot, &readings));
        let sustained = self.samples.front().and_then(|(counters, boot)| {
            let is_known = self.samples.len() == SAMPLES && *boot == readings.boot;
            is_known
                .then(|| Rates::between(counters, &readings.counters))
                .flatten()
        });
        MachineFigures::of(&readings, &rates.unwrap_or(Rates::UNKNOWN)).with_sustained(sustained)
    }

    fn cycle(&mut self) {
        let now = self.now();
        let machine = self.figures();
        let readings = self.machine.readings(EPOCH);
        self.samples.push_back((readings.counters, readings.boot));
        if self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
        let seen: Vec<NodeObservation> = self.nodes.iter().map(|node| self.observation(node)).collect();
        let mut nodes = std::mem::take(&mut self.nodes);
        plan::end_at_boot(&mut nodes, &seen, readings.boot, now);
        let storage = StorageFolder {
            path: "/mnt/nodes".into(),
            present: true,
            device_before: None,
            device_now: None,
        };
        let updated = plan::update_states(nodes, &seen, &[storage], &self.policy, true, now);
        self.nodes = updated.map(|updated| updated.nodes).unwrap_or_default();
        let plan = engine::plan(
            self.rules,
            &self.nodes,
            &PlanInput {
                policy: &self.policy,
                template: &self.template,
                machine: &machine,
                binary: Some(&self.release),
                trigger: Trigger::Ordinary,
                port_in_use: &|_| None,
                now,
            },
        );
        if self.is_traced {
            self.trace(&machine, &plan);
        }
        for step in &plan.steps {
            self.execute(step, now);
        }
    }

    fn trace(&self, machine: &MachineFigures, plan: &Plan) {
        let count = |state| self.nodes.iter().filter(|node| node.state == state).count();
        eprintln!(
            "{:>6.0} cpu {:>5.1} memory {:>5.1} disk {:>5.1} load {:>6.2} {:>6.2} {:>6.2} running {} starting {} stopped {}: {}",
            self.machine.minute(),
            machine.used_cpu_percent,
            machine.used_mem_percent,
            machine.used_hd_percent,
            machine.load[0],
            machine.load[1],
            machine.load[2],
            count(NodeState::Running),
            count(NodeState::Restarting) + count(NodeState::Upgrading),
            count(NodeState::Stopped),
            match plan.steps.as_slice() {
                [] => plan
                    .blockers
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; "),
                [one] => one.to_string(),
                [first, .., last] => format!("{} steps: {first} … {last}", plan.steps.len()),
            }
        );
    }

    fn observation(&self, node: &Node) -> NodeObservation {
        let id = node.id.0;
        let is_alive = self.machine.processes.contains_key(&id);
        let is_hung = self
            .machine
            .processes
            .get(&id)
            .is_some_and(|process| process.is_hung);
        let is_mute = is_hung || self.lasting(EventKind::Unreachable, id).is_some();
        let answer = match () {
            () if node.state == NodeState::Disabled => Answer::Unasked,
            () if is_alive && is_mute => Answer::Silent,
            () if self.machine.is_ready(id) => Answer::Up(Box::new(self.reading(id))),
            () => Answer::Down,
        };
        let process = matches!(answer, Answer::Silent).then(|| match is_alive {
            true => ProcessStatus::running(id),
            false => ProcessStatus::without(ProcessState::Stopped),
        });
        NodeObservation {
            answer,
            has_root: true,
            process,
        }
    }

    fn reading(&self, id: u32) -> NodeReading {
        let process = self.machine.processes.get(&id);
        let (cpu, memory_mb) = self.machine.usage(id);
        let hundredths = |value: f64| (value * 100.0).round() as i64;
        NodeReading {
            version: Version::new(process.map_or("", |process| &process.version)),
            peer_id: None,
            figures: Some(NodeFigures {
                uptime: process.map_or(0, |process| process.age as i64),
                cpu: hundredths(cpu * 100.0),
                mem: hundredths(memory_mb),
                shunned: self.lasting(EventKind::Shun, id).map_or(0, |event| event.count),
                ..NodeFigures::default()
            }),
        }
    }

    /// Changes rows and processes as the executor does.
    fn execute(&mut self, step: &Step, now: Timestamp) {
        match &step.action {
            Action::Add(new) => {
                let node = self.new_node(new, now);
                self.machine
                    .start(node.id.0, self.release.as_str(), self.crash_loop(node.id.0));
                self.nodes.push(node);
                self.outcome.adds += 1;
            }
            Action::Start(id, version) => {
                let state = match version {
                    Some(_) => NodeState::Upgrading,
                    None => NodeState::Restarting,
                };
                self.restart(*id, version.as_ref(), state, now);
                self.outcome.starts += 1;
            }
            Action::Upgrade(id, version) => {
                self.restart(*id, Some(version), NodeState::Upgrading, now);
                self.outcome.upgrades += 1;
            }
            Action::Stop(id, reason) => self.stop(*id, *reason, step, now),
            Action::Remove(id) => self.remove(*id, step),
            Action::Resurvey => self.policy.last_stopped_at = now,
            Action::Teardown(_) => {}
        }
    }

    fn stop(&mut self, id: NodeId, reason: StopReason, step: &Step, now: Timestamp) {
        self.machine.stop(id.0);
        if let Some(node) = self.nodes.iter_mut().find(|node| node.id == id) {
            node.memory.retry_at = None;
            node.memory.last_error = None;
            node.state = reason.state();
            node.since = now;
        }
        match reason {
            StopReason::Stopped => {
                self.policy.last_stopped_at = now;
                if let Some(node) = self.nodes.iter_mut().find(|node| node.id == id)
                    && matches!(step.reason, Reason::Planned { task: Task::Stop, .. })
                {
                    node.memory.note_pressure_stop(now);
                }
                if is_restart(step) {
                    self.outcome.restarts += 1;
                } else {
                    self.outcome.stops += 1;
                }
            }
            StopReason::Removing | StopReason::Disabled => {
                self.leaving.insert(id, is_wanted(step));
            }
        }
    }

    fn remove(&mut self, id: NodeId, step: &Step) {
        self.machine.stop(id.0);
        self.machine.data.remove(&id.0);
        self.nodes.retain(|node| node.id != id);
        self.outcome.removals += 1;
        let is_wanted = self.leaving.remove(&id).unwrap_or_else(|| is_wanted(step));
        if !is_wanted {
            self.outcome.lost_to_load += 1;
        }
    }

    fn restart(&mut self, id: NodeId, version: Option<&Version>, state: NodeState, now: Timestamp) {
        let Some(node) = self.nodes.iter_mut().find(|node| node.id == id) else {
            return;
        };
        if let Some(version) = version {
            node.version = Some(version.clone());
        }
        node.state = state;
        node.since = now;
        node.memory.silent = 0;
        node.memory.last_error = None;
        let version = node.version.clone().unwrap_or_else(|| self.release.clone());
        let dies_after = self.crash_loop(id.0);
        self.machine.start(id.0, version.as_str(), dies_after);
    }

    fn crash_loop(&self, id: u32) -> Option<f64> {
        self.lasting(EventKind::CrashLoop, id).map(|event| event.minutes)
    }

    fn new_node(&self, new: &NewNode, now: Timestamp) -> Node {
        let mut node = self.row(new.id);
        node.ports = new.ports;
        node.born = now;
        node.state = NodeState::Restarting;
        node.since = now;
        node.version = Some(self.release.clone());
        node
    }

    /// The row of a node that was just made.
    fn row(&self, id: NodeId) -> Node {
        let name = wnm::colony::NodeName::of(id);
        let root = PathBuf::from("/mnt/nodes").join(name.full());
        let low = u16::try_from(id.0).unwrap_or(u16::MAX);
        Node {
            id,
            service: ServiceName(format!("{}.service", name.full())),
            name,
            manager: ManagerKind::from_choice("systemd+user").unwrap_or(self.template.manager),
            ports: wnm::colony::NodePorts {
                node: 55_000_u16.saturating_add(low),
                metrics: 13_000 + low,
                rpc: 30_000 + low,
            },
            wallet: None,
            peer_id: None,
            host: "127.0.0.1".to_owned(),
            user: "op".to_owned(),
            network: "evm-arbitrum-one".to_owned(),
            environment: None,
            home: NodePaths {
                binary: root.join("antnode"),
                logs: None,
                root,
            },
            version: Some(self.release.clone()),
            born: self.now(),
            state: NodeState::Running,
            since: self.now(),
            figures: NodeFigures::default(),
            memory: NodeHistory::default(),
        }
    }
}

fn is_restart(step: &Step) -> bool {
    matches!(
        step.reason,
        Reason::Planned {
            task: Task::RestartHung,
            ..
        }
    )
}

/// Whether the disk, the cap or the operator wants this node removed. All other removals lose identities to load.
fn is_wanted(step: &Step) -> bool {
    let figures = step.reason.figures();
    let is_disk = figures["above"].as_array().is_some_and(|above| {
        above.iter().any(|cause| {
            cause["what"]
                .as_str()
                .is_some_and(|what| what.starts_with("disk"))
        })
    });
    is_disk || !figures["over_cap"].is_null()
}
