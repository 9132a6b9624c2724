//! Properties of the decision engine for thousands of random colonies.
#![expect(clippy::unwrap_used, reason = "what cannot be made up fails its test")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use wnm::colony::{
    Answer, ForcedAction, ManagerKind, Metrics, Mode, Node, NodeFigures, NodeHistory, NodeId, NodeName,
    NodeObservation, NodePaths, NodePorts, NodeReading, NodeState, PausedNodes, ProcessState, ProcessStatus,
    ServiceName, Timestamp, Tool, Version, WaitShares,
};
use wnm::plan::decide::decide;
use wnm::plan::node_states::UpdatedNodes;
use wnm::plan::plan_checks::breaches;
use wnm::plan::policy::{Delays, Quotas, Threshold};
use wnm::plan::{
    Action, MachineFigures, NodeSelection, Plan, PlanInput, Policy, SafetyStop, StopReason, StorageFolder,
    Template, Trigger, plan_cycle::plan, plan_forced, update_states,
};

const NOW: i64 = 1_800_000_000;

fn newest() -> Version {
    Version::new("0.4.17")
}

fn kind() -> ManagerKind {
    ManagerKind {
        tool: Tool::Setsid,
        mode: Mode::User,
    }
}

fn template() -> Template {
    Template {
        manager: kind(),
        port_start: 55,
        metrics_port_start: 13,
        rpc_port_start: 30,
        storage: "/nodes".into(),
        logs: "/logs".into(),
        host: "127.0.0.1".to_owned(),
        user: "op".to_owned(),
        network: "evm-arbitrum-one".to_owned(),
        environment: String::new(),
        highest_id_used: None,
        reserved: Vec::new(),
        reserved_ports: Vec::new(),
    }
}

fn free(_: NodePorts) -> Option<wnm::colony::BusyPort> {
    None
}

fn storage() -> StorageFolder {
    StorageFolder {
        path: "/nodes".into(),
        present: true,
        device_before: None,
        device_now: Some(1),
    }
}

fn an_id_to_node(
    id: u32,
    state: NodeState,
    version: &str,
    born: i64,
    since: i64,
    memory: NodeHistory,
) -> Node {
    let name = NodeName::of(NodeId(id));
    let low = u16::try_from(id).unwrap();
    let root = std::path::PathBuf::from("/nodes").join(name.full());
    Node {
        id: NodeId(id),
        service: ServiceName(name.full()),
        name,
        manager: kind(),
        ports: NodePorts {
            node: 55_000 + low,
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
        version: (!version.is_empty()).then(|| Version::new(version)),
        born: Timestamp(NOW - born),
        state,
        since: Timestamp(NOW - since),
        figures: NodeFigures::default(),
        memory,
    }
}

prop_compose! {
    fn a_memory()(silent in 0_u32..5, shunned in 0_u32..5, failures in 0_u32..4, retry in -300_i64..300) -> NodeHistory {
        NodeHistory {
            silent,
            shunned,
            start_failures: failures,
            retry_at: (failures > 0).then_some(Timestamp(NOW + retry)),
            ..NodeHistory::default()
        }
    }
}

/// Nodes with any ids, many created in the same second.
fn a_colony(states: &'static [NodeState], most: usize) -> impl Strategy<Value = Vec<Node>> {
    let versions = prop::sample::select(vec!["0.4.17", "0.4.17", "0.4.9", "0.4.18", "None", ""]);
    let one = (
        prop::sample::select(states),
        versions,
        0_i64..20,
        -10_i64..600,
        a_memory(),
    );
    (prop::collection::vec(one, 0..most), 0_u32..3).prop_map(|(nodes, gap)| {
        let mut id = 0;
        let mut colony = Vec::with_capacity(nodes.len());
        for (state, version, born, since, memory) in nodes {
            id += 1 + gap;
            colony.push(an_id_to_node(id, state, version, born, since, memory));
        }
        colony
    })
}

prop_compose! {
    fn a_policy()(
        cap in 0_i64..40,
        (operations, starts, upgrades, removals) in (1_i64..7, 1_i64..5, 1_i64..5, 1_i64..5),
        delay in 0_i64..400,
        stopped in 0_i64..600,
        (upgrade_nodes, is_start_set, is_bounded) in any::<(bool, bool, bool)>(),
        shunned in prop::option::of(1_i64..5),
    ) -> Policy {
        let limits = |add, remove| Threshold { add, remove };
        Policy {
            cap,
            cpu: limits(50.0, 70.0),
            memory: limits(60.0, 75.0),
            disk: limits(75.0, 90.0),
            load: limits(1.2, 2.0),
            hdio: [limits(0.0, 0.0); 2],
            netio: [limits(1000.0, 2000.0); 2],
            quotas: Quotas { operations, starts, upgrades, removals, restarts: is_bounded.then_some(starts.min(operations)) },
            delays: Delays { start: delay, upgrade: delay, remove: delay, is_start_set },
            last_stopped_at: Timestamp(NOW - stopped),
            upgrades: upgrade_nodes,
            shunned,
            remove_for_upgrade: upgrade_nodes,
            takeover: None,
        }
    }
}

fn calm() -> MachineFigures {
    MachineFigures {
        load: [0.1; 3],
        used_cpu_percent: 10.0,
        used_mem_percent: 10.0,
        used_hd_percent: 10.0,
        ..MachineFigures::default()
    }
}

prop_compose! {
    fn a_machine()(
        cpu in prop::sample::select(vec![10.0, 55.0, 85.0, f64::NAN]),
        disk in prop::sample::select(vec![10.0, 10.0, 80.0, 95.0]),
        net in prop::sample::select(vec![0.0, 1500.0, 9000.0]),
        boot in prop::sample::select(vec![0, 0, 0, NOW]),
    ) -> MachineFigures {
        MachineFigures {
            boot: Timestamp(boot),
            used_cpu_percent: cpu,
            used_hd_percent: disk,
            netio_read_bytes: net,
            ..calm()
        }
    }
}

fn plan_at(nodes: &[Node], policy: &Policy, machine: &MachineFigures, now: Timestamp) -> Plan {
    let (template, newest) = (template(), newest());
    let situation = PlanInput {
        policy,
        template: &template,
        machine,
        binary: Some(&newest),
        trigger: Trigger::Ordinary,
        port_in_use: &free,
        now,
    };
    plan(nodes, &situation).plan
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_breaks_a_rule(nodes in a_colony(NodeState::ALL, 40), policy in a_policy(), machine in a_machine()) {
        let plan = plan_at(&nodes, &policy, &machine, Timestamp(NOW));
        prop_assert_eq!(breaches(&plan, &policy, &nodes), vec![]);
        prop_assert_eq!(plan.steps.is_empty(), plan.resting().is_some(), "{:?}", plan);
    }

    #[test]
    fn order_of_the_nodes_has_no_effect(
        (nodes, mixed) in a_colony(NodeState::ALL, 30).prop_flat_map(|nodes| (Just(nodes.clone()), Just(nodes).prop_shuffle())),
        policy in a_policy(),
        machine in a_machine(),
    ) {
        let now = Timestamp(NOW);
        let (one, other) = (plan_at(&nodes, &policy, &machine, now), plan_at(&mixed, &policy, &machine, now));
        // Compared as text, because an unknown level (NaN) equals nothing.
        prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }

    #[test]
    fn no_values_cause_a_panic_or_exceed_a_quota(
        counts in prop::array::uniform12(any::<i64>()),
        levels in prop::array::uniform10(any::<f64>()),
        policy in a_policy(),
        now in prop::option::of(any::<i64>()),
    ) {
        let metrics = figures(counts, levels);
        let decision = decide(&policy, &metrics, Trigger::Ordinary, now.map(Timestamp));
        prop_assert!(!decision.work.is_empty());
        prop_assert!(decision.work.len() <= 30_000);
    }

    #[test]
    fn survey_changes_no_timer_and_no_disabled_node(
        nodes in a_colony(NodeState::ALL, 30),
        answers in prop::collection::vec((0_u8..5, any::<bool>()), 30),
        policy in a_policy(),
    ) {
        let seen: Vec<NodeObservation> = answers.iter().map(|(answer, lives)| observation(*answer, *lives)).collect();
        let now = Timestamp(NOW);
        let updated = update_states(nodes.clone(), &seen, &[storage()], &policy, false, now).unwrap();
        for (before, after) in nodes.iter().zip(&updated.nodes) {
            let delay = match before.state {
                NodeState::Restarting => policy.delays.start,
                NodeState::Upgrading => policy.delays.upgrade,
                _ => i64::MAX,
            };
            if before.state.is_timed() && now.since(before.since.min(now)) < delay {
                prop_assert_eq!(before.state, after.state);
                prop_assert_eq!(after.since, before.since.min(now));
            }
            if before.state == NodeState::Disabled {
                prop_assert_eq!(before, after);
            }
            prop_assert!(before.state == after.state || after.since == now);
        }
        prop_assert!(updated.nodes.iter().all(|node| node.state != NodeState::Dead));
    }

    #[test]
    fn at_most_a_tenth_of_the_nodes_die_in_one_run(
        nodes in a_colony(NodeState::ALL, 40),
        has_root in prop::collection::vec(prop::bool::weighted(0.85), 40),
        policy in a_policy(),
    ) {
        let seen: Vec<NodeObservation> =
            has_root.iter().map(|has_root| NodeObservation { has_root: *has_root, ..observation(1, true) }).collect();
        let dead = |nodes: &[Node]| nodes.iter().filter(|node| node.state == NodeState::Dead).count();
        let limit = (nodes.len() / 10).max(1);
        match update_states(nodes.clone(), &seen, &[storage()], &policy, false, Timestamp(NOW)) {
            Ok(updated) => prop_assert!(dead(&updated.nodes) <= dead(&nodes) + limit),
            Err(SafetyStop::TooManyMissing { roots, .. }) => prop_assert!(roots > limit),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn actions_name_each_node_once_and_undo_nothing(
        nodes in a_colony(NodeState::ALL, 20),
        count in -2_i64..30,
        which in 0_u8..10,
        names in prop::collection::vec("(antnode)?0{0,3}[0-9]{1,2}(.service)?|[a-zé]{1,3}", 0..6),
    ) {
        let whom = if count < 10 { NodeSelection::Named(names) } else { NodeSelection::Count(count - 10) };
        let action = match which {
            0 => ForcedAction::Add,
            1 => ForcedAction::Teardown,
            2 => ForcedAction::Disable,
            3 | 4 => ForcedAction::Remove,
            5 | 6 => ForcedAction::Upgrade,
            7 | 8 => ForcedAction::Start,
            _ => ForcedAction::Stop,
        };
        let policy = Policy { cap: 5, ..quiet_policy() };
        let plan = plan_forced(action, &whom, (&nodes, &BTreeSet::new()), &template(), Some(&newest()), &free, &policy);
        prop_assert_eq!(breaches(&plan, &policy, &nodes), vec![]);
        prop_assert!(!plan.steps.is_empty() || !plan.blockers.is_empty());
    }
}

fn figures(counts: [i64; 12], levels: [f64; 10]) -> Metrics {
    let [
        system_start,
        total,
        running,
        stopped,
        restarting,
        upgrading,
        migrating,
        removing,
        dead,
        outdated,
        startable,
        hung,
    ] = counts;
    let [
        load_average_1,
        load_average_5,
        load_average_15,
        cpu,
        mem,
        hd,
        hw,
        hr,
        nw,
        nr,
    ] = levels;
    Metrics {
        system_start: Timestamp(system_start.min(NOW)),
        total_nodes: total,
        running_nodes: running,
        stopped_nodes: stopped,
        restarting_nodes: restarting,
        upgrading_nodes: upgrading,
        migrating_nodes: migrating,
        removing_nodes: removing,
        dead_nodes: dead,
        shunned_nodes: hung,
        antnode_version: Some(newest()),
        queen_node_version: None,
        nodes_no_version: 0,
        nodes_to_upgrade: outdated,
        upgradable_nodes: None,
        startable_nodes: Some(startable),
        hung_nodes: hung,
        mute_nodes: hung,
        unanswered_nodes: 0,
        last_group: restarting,
        paused: PausedNodes::default(),
        own: None,
        sustained: None,
        waits: WaitShares::default(),
        load_average_1,
        load_average_5,
        load_average_15,
        used_cpu_percent: cpu,
        used_mem_percent: mem,
        used_hd_percent: hd,
        are_inodes_scarcer: false,
        hdio_write_bytes: hw,
        hdio_read_bytes: hr,
        netio_write_bytes: nw,
        netio_read_bytes: nr,
    }
}

fn observation(answer: u8, lives: bool) -> NodeObservation {
    let answer = match answer {
        0 => Answer::Up(Box::new(NodeReading {
            version: newest(),
            peer_id: None,
            figures: Some(NodeFigures::default()),
        })),
        1 => Answer::Down,
        2 => Answer::Unasked,
        _ => Answer::Silent,
    };
    let process = if lives {
        ProcessStatus::running(1)
    } else {
        ProcessStatus::without(ProcessState::Stopped)
    };
    NodeObservation {
        answer,
        has_root: true,
        process: Some(process),
    }
}

fn quiet_policy() -> Policy {
    let limits = |add, remove| Threshold { add, remove };
    Policy {
        cap: 5,
        cpu: limits(50.0, 70.0),
        memory: limits(60.0, 75.0),
        disk: limits(75.0, 90.0),
        load: limits(1.2, 2.0),
        hdio: [limits(0.0, 0.0); 2],
        netio: [limits(0.0, 0.0); 2],
        quotas: Quotas {
            operations: 1,
            starts: 1,
            upgrades: 1,
            removals: 1,
            restarts: Some(1),
        },
        delays: Delays {
            start: 60,
            upgrade: 60,
            remove: 60,
            is_start_set: true,
        },
        last_stopped_at: Timestamp(NOW),
        upgrades: true,
        shunned: None,
        remove_for_upgrade: false,
        takeover: None,
    }
}

/// A machine whose nodes answer as soon as they start, except those that never do.
struct Machine {
    nodes: Vec<Node>,
    policy: Policy,
    now: Timestamp,
    running: BTreeSet<NodeId>,
    ill: BTreeSet<NodeId>,
    gauged: MachineFigures,
}

impl Machine {
    fn new(nodes: Vec<Node>, policy: Policy) -> Machine {
        let up = |node: &&Node| {
            !matches!(
                node.state,
                NodeState::Stopped | NodeState::Removing | NodeState::Dead | NodeState::Disabled
            )
        };
        let running = nodes.iter().filter(up).map(|node| node.id).collect();
        Machine {
            nodes,
            policy,
            now: Timestamp(NOW),
            running,
            ill: BTreeSet::new(),
            gauged: calm(),
        }
    }

    /// One run of wnm, and the minute after it.
    fn simulate_minute(&mut self) -> Plan {
        let seen: Vec<NodeObservation> = self.nodes.iter().map(|node| self.look(node)).collect();
        let nodes = std::mem::take(&mut self.nodes);
        let UpdatedNodes { nodes, .. } =
            update_states(nodes, &seen, &[storage()], &self.policy, true, self.now).unwrap();
        self.nodes = nodes;
        let plan = plan_at(&self.nodes, &self.policy, &self.gauged, self.now);
        assert_eq!(breaches(&plan, &self.policy, &self.nodes), []);
        for step in &plan.steps {
            self.carry_out(&step.action);
        }
        self.now = self.now.plus(60);
        plan
    }

    fn look(&self, node: &Node) -> NodeObservation {
        let version = node.version.clone().unwrap_or_else(newest);
        let reading = NodeReading {
            version,
            peer_id: None,
            figures: Some(NodeFigures::default()),
        };
        let up = self.running.contains(&node.id) && !self.ill.contains(&node.id);
        NodeObservation {
            answer: if up {
                Answer::Up(Box::new(reading))
            } else {
                Answer::Down
            },
            has_root: node.state != NodeState::Dead,
            process: None,
        }
    }

    fn enter(&mut self, id: NodeId, state: NodeState) -> &mut Node {
        let now = self.now;
        let node = self.nodes.iter_mut().find(|node| node.id == id).unwrap();
        (node.state, node.since) = (state, now);
        node
    }

    fn carry_out(&mut self, action: &Action) {
        match action {
            Action::Add(new) => {
                let mut node = an_id_to_node(
                    new.id.0,
                    NodeState::Restarting,
                    "0.4.17",
                    0,
                    0,
                    NodeHistory::default(),
                );
                (node.born, node.since) = (self.now, self.now);
                self.nodes.push(node);
                self.running.insert(new.id);
            }
            Action::Start(id, None) => {
                self.enter(*id, NodeState::Restarting);
                self.running.insert(*id);
            }
            Action::Start(id, Some(version)) | Action::Upgrade(id, version) => {
                self.enter(*id, NodeState::Upgrading).version = Some(version.clone());
                self.running.insert(*id);
            }
            Action::Stop(id, rest) => {
                let state = match rest {
                    StopReason::Stopped => NodeState::Stopped,
                    StopReason::Removing => NodeState::Removing,
                    StopReason::Disabled => NodeState::Disabled,
                };
                self.enter(*id, state);
                self.running.remove(id);
                if *rest == StopReason::Stopped {
                    self.policy.last_stopped_at = self.now;
                }
            }
            Action::Remove(id) => {
                self.nodes.retain(|node| node.id != *id);
                self.running.remove(id);
            }
            Action::Teardown(ids) => self.nodes.retain(|node| !ids.contains(&node.id)),
            Action::Resurvey => self.policy.last_stopped_at = self.now,
        }
    }

    fn count(&self, state: NodeState) -> i64 {
        self.nodes.iter().filter(|node| node.state == state).count() as i64
    }
}

/// All states except MIGRATING, which no event here ends.
const LIVELY: [NodeState; 7] = [
    NodeState::Running,
    NodeState::Stopped,
    NodeState::Restarting,
    NodeState::Upgrading,
    NodeState::Removing,
    NodeState::Dead,
    NodeState::Disabled,
];

/// With quotas of one and a hundred nodes, a colony needs a few hundred minutes.
const LONG: usize = 600;

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn colony_settles_at_its_cap_from_every_state(
        nodes in a_colony(&LIVELY, 20),
        policy in a_policy(),
        cap in 0_i64..20,
    ) {
        let disabled = nodes.iter().filter(|node| node.state == NodeState::Disabled).count() as i64;
        let mut machine = Machine::new(nodes, Policy { cap, shunned: None, ..policy });
        let mut still = 0;
        for _ in 0..LONG {
            still = if machine.simulate_minute().steps.is_empty() { still + 1 } else { 0 };
        }
        prop_assert!(still > 60, "still for {} minutes: {:?}", still, machine.nodes);
        prop_assert_eq!(machine.count(NodeState::Disabled), disabled);
        prop_assert_eq!(machine.nodes.len() as i64, cap.max(disabled));
        prop_assert_eq!(machine.count(NodeState::Running), cap.max(disabled) - disabled);
        if machine.policy.upgrades {
            let outdated = |node: &&Node| node.state == NodeState::Running
                && node.version.as_ref().is_some_and(|version| version.is_older_than(&newest()));
            prop_assert_eq!(machine.nodes.iter().filter(outdated).count(), 0);
        }
    }

    #[test]
    fn nodes_that_never_start_block_no_others(
        nodes in a_colony(&[NodeState::Stopped, NodeState::Running], 12),
        ill in prop::collection::vec(any::<bool>(), 12),
    ) {
        let cap = nodes.len() as i64;
        let mut machine = Machine::new(nodes.clone(), Policy { cap, ..quiet_policy() });
        let ill = nodes.iter().zip(ill).filter(|(_, ill)| *ill).map(|(node, _)| node.id);
        machine.ill = ill.collect();
        let mut starts = 0;
        for _ in 0..LONG {
            let plan = machine.simulate_minute();
            let of_the_ill = |step: &&wnm::plan::Step| step.action.node().is_some_and(|id| machine.ill.contains(&id));
            starts += plan.steps.iter().filter(of_the_ill).count();
        }
        for node in &machine.nodes {
            prop_assert!(node.state == NodeState::Running || machine.ill.contains(&node.id), "{:?}", node);
        }
        // Seven attempts in the first two hours, then one per hour.
        prop_assert!(starts <= machine.ill.len() * 20, "{} starts of {} nodes", starts, machine.ill.len());
        prop_assert!(starts >= machine.ill.len());
    }

    #[test]
    fn pressure_stops_nodes_one_by_one_and_all_restart(
        count in 1_usize..8,
        delay in prop::sample::select(vec![60_i64, 180, 300]),
    ) {
        let nodes = (1..=count).map(|id| an_id_to_node(u32::try_from(id).unwrap(), NodeState::Running, "0.4.17", 0, 600, NodeHistory::default()));
        let policy = Policy {
            cap: count as i64,
            delays: Delays { start: delay, upgrade: delay, remove: delay, is_start_set: true },
            ..quiet_policy()
        };
        let mut machine = Machine::new(nodes.collect(), policy);
        machine.gauged.used_cpu_percent = 90.0;
        let mut last = None;
        for _ in 0..60 {
            let now = machine.now;
            if !machine.simulate_minute().steps.is_empty() {
                prop_assert!(last.is_none_or(|last| now.since(last) >= delay));
                last = Some(now);
            }
        }
        prop_assert_eq!(machine.count(NodeState::Stopped), count as i64);
        machine.gauged = calm();
        for _ in 0..LONG {
            let _ = machine.simulate_minute();
        }
        prop_assert_eq!(machine.count(NodeState::Running), count as i64);
    }
}
