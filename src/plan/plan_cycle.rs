//! Plans one cycle.

use crate::colony::{BusyPort, Metrics, Node, NodePorts, NodeState, Timestamp, Version};

use super::action::Action;
use super::assign::{assign, count, oldest};
use super::blocker::Blocker;
use super::decide::{Trigger, decide};
use super::limits::Features;
use super::measure::{MachineFigures, measure};
use super::node_checks::{is_due, is_expired, is_kept_old, is_kept_up};
use super::policy::{Policy, Template};
use super::reason::{Cause, Reason};
use super::step::{Plan, Step};
use super::task::Task;

/// Everything that a plan is made from, except the nodes.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    pub policy: &'a Policy,
    pub template: &'a Template,
    pub machine: &'a MachineFigures,
    /// The version of the binary for new nodes and upgrades; none if there is no binary.
    pub binary: Option<&'a Version>,
    pub trigger: Trigger,
    /// Returns the first of these ports that another program uses.
    pub port_in_use: &'a dyn Fn(NodePorts) -> Option<BusyPort>,
    pub now: Timestamp,
}

/// A plan and the values it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanOutput {
    pub metrics: Metrics,
    pub features: Features,
    pub plan: Plan,
}

/// The plan for updated nodes: first the removals that are due, whose nodes no longer count, then the decision for
/// the other nodes.
#[must_use]
pub fn plan(nodes: &[Node], situation: &PlanInput<'_>) -> PlanOutput {
    let PlanInput {
        policy,
        template,
        machine,
        binary,
        trigger,
        port_in_use,
        now,
    } = *situation;
    let metrics = measure(nodes, machine, binary, policy, now);
    // Dead nodes come before everything else; a dead node that cannot be removed must not block everything else
    // forever.
    let kept = count(nodes, |node| node.state == NodeState::Dead && !is_due(node, now));
    let pressing = Metrics {
        dead_nodes: metrics.dead_nodes - kept,
        ..metrics.clone()
    };
    let mut decision = decide(policy, &pressing, trigger, Some(now));
    let features = decision.features;
    if kept > 0 {
        decision.blockers.push(Blocker::DeadKept { nodes: kept });
    }
    let nodes_put_off = |put_off: fn(&Node, Option<&Version>, Timestamp) -> bool| {
        count(nodes, |node| put_off(node, binary, now))
    };
    match nodes_put_off(is_kept_up) {
        0 => {}
        nodes => decision.blockers.push(Blocker::StopFailed { nodes }),
    }
    match nodes_put_off(is_kept_old) {
        nodes if nodes > 0 && policy.upgrades => decision.blockers.push(Blocker::UpgradeFailed { nodes }),
        _ => {}
    }
    let mut plan = assign(decision, nodes, template, binary, port_in_use, policy, now);
    let mut steps = expired_removals(nodes, policy, now);
    if !steps.is_empty() {
        plan.blockers
            .retain(|blocker| !matches!(blocker, Blocker::Resting(_)));
        steps.append(&mut plan.steps);
        plan.steps = steps;
    }
    if policy.takeover.is_some_and(|takeover| !takeover.is_confirmed) {
        plan = Plan {
            steps: Vec::new(),
            blockers: vec![Blocker::Resting(Task::Rest), Blocker::Unconfirmed],
        };
    }
    debug_assert_eq!(
        super::plan_checks::breaches(&plan, policy, nodes),
        Vec::new(),
        "of {plan:?}"
    );
    PlanOutput {
        metrics,
        features,
        plan,
    }
}

fn expired_removals(nodes: &[Node], policy: &Policy, now: Timestamp) -> Vec<Step> {
    let due = |node: &Node| node.state == NodeState::Removing && is_expired(node, policy, now);
    oldest(nodes, usize::MAX, due)
        .into_iter()
        .map(|node| Step {
            action: Action::Remove(node.id),
            priority: Task::RemoveExpired.priority(),
            reason: Reason::Planned {
                task: Task::RemoveExpired,
                position: None,
                causes: vec![Cause::Waited {
                    seconds: now.since(node.since),
                    delay: policy.delays.remove,
                }],
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::{calm, newest, nodes, policy, template};
    use crate::plan::policy::TakeoverPolicy;

    #[test]
    fn does_nothing_after_a_takeover_until_a_survey_confirms_it() {
        use NodeState::{Dead, Removing, Running, Stopped};
        let colony = nodes(&[Running, Stopped, Dead, Removing]);
        let newest = newest();
        let now = colony[0].since.plus(100_000);
        let ask = |takeover| {
            let situation = PlanInput {
                policy: &Policy { takeover, ..policy() },
                template: &template(),
                machine: &calm(),
                binary: Some(&newest),
                trigger: Trigger::Ordinary,
                port_in_use: &|_| None,
                now,
            };
            plan(&colony, &situation).plan
        };
        let takeover = |is_confirmed| {
            Some(TakeoverPolicy {
                at: now,
                is_confirmed,
            })
        };
        let held = ask(takeover(false));
        assert_eq!(held.steps, []);
        assert_eq!(
            held.blockers,
            [Blocker::Resting(Task::Rest), Blocker::Unconfirmed]
        );
        assert_ne!(ask(None).steps, []);
        assert_eq!(ask(takeover(true)), ask(None));
    }
}
