//! Checks every plan against rules that no plan may break, independently of the code that makes plans.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::colony::{Node, NodeId, NodeState};

use super::action::{Action, NewNode, StopReason};
use super::policy::Policy;
use super::reason::{Quota, Reason};
use super::step::{Plan, Step};

/// A rule that a plan breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breach {
    /// Two steps act on the same node.
    Twice(NodeId),
    /// A step acts on a node that does not exist.
    NoSuchNode(NodeId),
    /// The state of the node does not allow the step.
    OutOfState(NodeId, NodeState),
    /// A planned step acts on a disabled node.
    Disabled(NodeId),
    /// More operations would be in progress than the quota allows.
    OverQuota {
        quota: Quota,
        under_way: i64,
        limit: i64,
    },
    /// More nodes would exist or run than the cap allows.
    OverCap {
        nodes: i64,
        cap: i64,
    },
    IdTaken(NodeId),
    PortTaken(u16),
    /// A node would be downgraded.
    Downgrade(NodeId),
    /// A step comes before one of higher priority.
    OutOfOrder,
}

/// The rules that `plan` breaks; none for every plan of this module. Forced actions ignore quotas and the cap.
#[must_use]
pub fn breaches(plan: &Plan, policy: &Policy, nodes: &[Node]) -> Vec<Breach> {
    if plan.steps.is_empty() {
        return Vec::new();
    }
    let by_id: HashMap<NodeId, &Node> = nodes.iter().map(|node| (node.id, node)).collect();
    let mut found = Vec::new();
    if !plan
        .steps
        .is_sorted_by_key(|step| std::cmp::Reverse(step.priority))
    {
        found.push(Breach::OutOfOrder);
    }
    let mut touched = HashSet::new();
    for step in &plan.steps {
        if let Some(id) = step.action.node()
            && !touched.insert(id)
        {
            found.push(Breach::Twice(id));
        }
        found.extend(step_breach(step, &by_id));
    }
    found.extend(new_node_breaches(plan, nodes, &by_id));
    let planned: Vec<&Step> = plan.steps.iter().filter(|step| is_planned(step)).collect();
    if !planned.is_empty() {
        let after = PlannedTotals::new(&planned, nodes, &by_id);
        found.extend(after.breaches(policy));
    }
    found
}

fn is_planned(step: &Step) -> bool {
    matches!(step.reason, Reason::Planned { .. })
}

fn step_breach(step: &Step, nodes: &HashMap<NodeId, &Node>) -> Option<Breach> {
    if matches!(step.action, Action::Add(_)) {
        return None;
    }
    let id = step.action.node()?;
    let Some(node) = nodes.get(&id) else {
        return Some(Breach::NoSuchNode(id));
    };
    if is_planned(step) && node.state == NodeState::Disabled {
        return Some(Breach::Disabled(id));
    }
    let version = match &step.action {
        Action::Start(_, Some(version)) | Action::Upgrade(_, version) => Some(version),
        _ => None,
    };
    if let (Some(has), Some(version)) = (&node.version, version)
        && version.is_older_than(has)
    {
        return Some(Breach::Downgrade(id));
    }
    let fits = match (&step.action, node.state) {
        (Action::Start(..), NodeState::Stopped) => true,
        (Action::Start(..), NodeState::Disabled | NodeState::Removing) => !is_planned(step),
        (Action::Upgrade(..), NodeState::Running) => true,
        (Action::Upgrade(..), NodeState::Restarting) => !is_planned(step),
        (Action::Stop(_, StopReason::Stopped | StopReason::Removing), NodeState::Running) => true,
        (Action::Stop(_, StopReason::Removing), _) => false,
        (
            Action::Stop(_, StopReason::Stopped),
            NodeState::Disabled | NodeState::Removing | NodeState::Dead | NodeState::Migrating,
        ) => false,
        (Action::Stop(..), _) => !is_planned(step),
        (Action::Remove(_), NodeState::Stopped | NodeState::Dead | NodeState::Removing) => true,
        (Action::Remove(_), _) => !is_planned(step),
        (Action::Add(_) | Action::Teardown(_) | Action::Resurvey, _) => true,
        _ => false,
    };
    (!fits).then_some(Breach::OutOfState(id, node.state))
}

fn new_nodes(plan: &Plan) -> impl Iterator<Item = &NewNode> {
    plan.steps.iter().filter_map(|step| match &step.action {
        Action::Add(new) => Some(new.as_ref()),
        _ => None,
    })
}

fn new_node_breaches(plan: &Plan, nodes: &[Node], by_id: &HashMap<NodeId, &Node>) -> Vec<Breach> {
    let mut found = Vec::new();
    if new_nodes(plan).next().is_none() {
        return found;
    }
    let each = |ports: &crate::colony::NodePorts| [ports.node, ports.metrics, ports.rpc];
    let mut ports: HashSet<u16> = nodes.iter().flat_map(|node| each(&node.ports)).collect();
    for new in new_nodes(plan) {
        if by_id.contains_key(&new.id) {
            found.push(Breach::IdTaken(new.id));
        }
        for port in each(&new.ports) {
            if port != 0 && !ports.insert(port) {
                found.push(Breach::PortTaken(port));
            }
        }
    }
    found
}

/// The operations in progress once all planned steps have started.
#[derive(Default)]
struct PlannedTotals {
    starts: i64,
    upgrades: i64,
    removals: i64,
    /// All nodes, and those that run or start.
    nodes: i64,
    up: i64,
    /// Nodes that are started again, which have a quota of their own.
    restarts: i64,
    /// Which of these numbers the plan increases.
    more: More,
}

#[derive(Default)]
struct More {
    starts: bool,
    upgrades: bool,
    removals: bool,
    nodes: bool,
    up: bool,
}

impl PlannedTotals {
    fn new(planned: &[&Step], nodes: &[Node], by_id: &HashMap<NodeId, &Node>) -> PlannedTotals {
        let mut after = PlannedTotals::default();
        for node in nodes {
            after.nodes += 1;
            match node.state {
                NodeState::Running => after.up += 1,
                NodeState::Restarting => (after.starts, after.up) = (after.starts + 1, after.up + 1),
                NodeState::Upgrading => (after.upgrades, after.up) = (after.upgrades + 1, after.up + 1),
                NodeState::Removing => after.removals += 1,
                NodeState::Stopped | NodeState::Migrating | NodeState::Dead | NodeState::Disabled => {}
            }
        }
        for step in planned {
            let state = step
                .action
                .node()
                .and_then(|id| by_id.get(&id))
                .map(|node| node.state);
            after.count(&step.action, state);
        }
        after
    }

    fn count(&mut self, action: &Action, state: Option<NodeState>) {
        match action {
            Action::Add(_) => {
                self.starts += 1;
                self.nodes += 1;
                self.up += 1;
                (self.more.starts, self.more.nodes, self.more.up) = (true, true, true);
            }
            Action::Start(_, version) => {
                self.up += 1;
                self.more.up = true;
                if version.is_some() {
                    self.upgrades += 1;
                    self.more.upgrades = true;
                } else {
                    self.restarts += 1;
                }
            }
            Action::Upgrade(..) => {
                self.upgrades += 1;
                self.more.upgrades = true;
            }
            Action::Stop(_, StopReason::Removing) => {
                self.removals += 1;
                self.more.removals = true;
            }
            // A REMOVING node was counted as a removal before; a dead node never is.
            Action::Remove(_) => {
                self.nodes -= 1;
                match state {
                    Some(NodeState::Removing) => self.removals -= 1,
                    Some(NodeState::Dead) => {}
                    _ => {
                        self.removals += 1;
                        self.more.removals = true;
                    }
                }
            }
            Action::Stop(..) | Action::Teardown(_) | Action::Resurvey => {}
        }
    }

    /// Exceeding a limit is a breach only if the plan adds to it, because the operator may have lowered the limit.
    fn breaches(&self, policy: &Policy) -> Vec<Breach> {
        let mut quotas = policy.quotas;
        let (mut starts, mut more_starts) = (self.starts, self.more.starts);
        if let Some(quota) = quotas.restarts {
            starts += self.restarts;
            more_starts |= self.restarts > 0;
            quotas.operations = quotas.operations.max(quota);
        } else if !more_starts {
            starts = 0;
        }
        let all = starts + self.upgrades + self.removals;
        let more = more_starts || self.more.upgrades || self.more.removals;
        let mut found = Vec::new();
        for (quota, under_way, limit, more) in [
            (Quota::Starts, starts, quotas.starts, more_starts),
            (
                Quota::Upgrades,
                self.upgrades,
                quotas.upgrades,
                self.more.upgrades,
            ),
            (
                Quota::Removals,
                self.removals,
                quotas.removals,
                self.more.removals,
            ),
            (Quota::Operations, all, quotas.operations, more),
        ] {
            if more && under_way > limit {
                found.push(Breach::OverQuota {
                    quota,
                    under_way,
                    limit,
                });
            }
        }
        for (nodes, more) in [(self.nodes, self.more.nodes), (self.up, self.more.up)] {
            if more && nodes > policy.cap {
                found.push(Breach::OverCap {
                    nodes,
                    cap: policy.cap,
                });
            }
        }
        found
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Breach::Twice(id) => write!(f, "two steps act on node {id}"),
            Breach::NoSuchNode(id) => write!(f, "node {id} does not exist"),
            Breach::OutOfState(id, state) => {
                write!(f, "the state {state} of node {id} does not allow its step")
            }
            Breach::Disabled(id) => write!(f, "node {id} is disabled, and a planned step acts on it"),
            Breach::OverQuota {
                quota,
                under_way,
                limit,
            } => {
                write!(
                    f,
                    "{under_way} {quota} would be in progress, the limit is {limit}"
                )
            }
            Breach::OverCap { nodes, cap } => write!(f, "{nodes} nodes would be above the cap of {cap}"),
            Breach::IdTaken(id) => write!(f, "the id {id} is in use"),
            Breach::PortTaken(port) => write!(f, "the port {port} is in use"),
            Breach::Downgrade(id) => write!(f, "node {id} would be downgraded"),
            Breach::OutOfOrder => f.write_str("a step comes before one of higher priority"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{newest, nodes, policy};
    use super::super::task::Task;
    use super::*;
    use crate::colony::NodeState::*;
    use crate::colony::Version;

    fn step(action: Action) -> Step {
        let reason = Reason::Planned {
            task: Task::Stop,
            position: None,
            causes: Vec::new(),
        };
        Step {
            action,
            priority: 1,
            reason,
        }
    }

    fn breaches_of(actions: Vec<Action>, states: &[NodeState]) -> Vec<String> {
        let quotas = super::super::policy::Quotas {
            operations: 1,
            starts: 1,
            upgrades: 1,
            removals: 1,
            restarts: Some(1),
        };
        let policy = Policy {
            quotas,
            cap: 3,
            ..policy()
        };
        let plan = Plan {
            steps: actions.into_iter().map(step).collect(),
            blockers: Vec::new(),
        };
        breaches(&plan, &policy, &nodes(states))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn reports_second_steps_missing_nodes_and_wrong_states() {
        let start = Action::Start(NodeId(1), None);
        assert_eq!(breaches_of(vec![start.clone()], &[Stopped]), Vec::<String>::new());
        assert_eq!(
            breaches_of(vec![start.clone(), start.clone()], &[Stopped])[0],
            "two steps act on node 1"
        );
        assert_eq!(
            breaches_of(vec![start.clone()], &[Running]),
            ["the state RUNNING of node 1 does not allow its step"]
        );
        assert_eq!(
            breaches_of(vec![start.clone()], &[Disabled]),
            ["node 1 is disabled, and a planned step acts on it"]
        );
        assert_eq!(breaches_of(vec![start], &[])[0], "node 1 does not exist");
    }

    #[test]
    fn quotas_count_operations_in_progress_and_planned_ones() {
        let stop = Action::Stop(NodeId(1), StopReason::Removing);
        assert_eq!(breaches_of(vec![stop.clone()], &[Running]), Vec::<String>::new());
        assert_eq!(
            breaches_of(vec![stop], &[Running, Removing]),
            [
                "2 removals would be in progress, the limit is 1",
                "2 operations would be in progress, the limit is 1"
            ]
        );
        // A removal that ends frees its slot, and dead nodes need no slot.
        let instead = vec![
            Action::Remove(NodeId(2)),
            Action::Stop(NodeId(1), StopReason::Removing),
        ];
        assert_eq!(breaches_of(instead, &[Running, Removing]), Vec::<String>::new());
        let dead = vec![Action::Remove(NodeId(1)), Action::Remove(NodeId(2))];
        assert_eq!(breaches_of(dead, &[Dead, Dead]), Vec::<String>::new());
    }

    #[test]
    fn reports_downgrades_and_more_nodes_than_the_cap() {
        let back = Action::Upgrade(NodeId(1), Version::new("0.4.1"));
        assert_eq!(
            breaches_of(vec![back], &[Running]),
            ["node 1 would be downgraded"]
        );
        let upgrade = Action::Upgrade(NodeId(1), newest());
        assert_eq!(breaches_of(vec![upgrade], &[Running]), Vec::<String>::new());
        let start = Action::Start(NodeId(4), None);
        assert_eq!(
            breaches_of(vec![start], &[Running, Running, Running, Stopped]),
            ["4 nodes would be above the cap of 3"]
        );
    }
}
