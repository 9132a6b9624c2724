//! Plans around pauses: nothing while the colony is paused, and nothing for a paused node.

use crate::colony::{Node, Pauses};

use super::blocker::Blocker;
use super::plan_cycle::{PlanInput, PlanOutput, plan};
use super::step::Plan;
use super::task::Task;

/// A paused node is passed over like one whose last action failed. A retry time must be within an hour.
const PASSED_OVER_S: i64 = 60;

/// The plan for updated nodes, as [`plan`] makes it, without steps for what is paused.
#[must_use]
pub fn plan_around_pauses(nodes: &[Node], situation: &PlanInput<'_>, pauses: &Pauses) -> PlanOutput {
    let now = situation.now;
    if let Some(pause) = pauses.of_colony(now) {
        let output = plan(nodes, situation);
        return PlanOutput {
            plan: Plan {
                steps: Vec::new(),
                blockers: vec![
                    Blocker::Resting(Task::Rest),
                    Blocker::Paused {
                        what: "the colony".to_owned(),
                        how: pause.describe(),
                    },
                ],
            },
            ..output
        };
    }
    let paused: Vec<&Node> = nodes.iter().filter(|node| pauses.holds(node.id, now)).collect();
    if paused.is_empty() {
        return plan(nodes, situation);
    }
    let mut others = nodes.to_vec();
    for node in others.iter_mut().filter(|node| pauses.holds(node.id, now)) {
        node.memory.retry_at = Some(now.plus(PASSED_OVER_S));
    }
    let mut output = plan(&others, situation);
    let is_paused = |id| pauses.holds(id, now);
    output
        .plan
        .steps
        .retain(|step| !step.action.node().is_some_and(is_paused));
    output.plan.blockers.extend(paused.into_iter().filter_map(|node| {
        Some(Blocker::Paused {
            what: format!("node {}", node.id),
            how: pauses.nodes.get(&node.id.0)?.pause.describe(),
        })
    }));
    output
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::colony::{NodePause, NodeState, Pause};
    use crate::plan::decide::Trigger;
    use crate::plan::fixtures::{NOW, calm, newest, nodes, policy, template};

    fn plan_with(states: &[NodeState], pauses: &Pauses) -> Plan {
        let newest = newest();
        let situation = PlanInput {
            policy: &policy(),
            template: &template(),
            machine: &calm(),
            binary: Some(&newest),
            trigger: Trigger::Ordinary,
            port_in_use: &|_| None,
            now: NOW,
        };
        plan_around_pauses(&nodes(states), &situation, pauses).plan
    }

    fn pause() -> Pause {
        Pause {
            since: NOW,
            until: Some(NOW.plus(3600)),
            reason: None,
        }
    }

    #[test]
    fn nothing_is_done_while_the_colony_is_paused() {
        use NodeState::{Dead, Removing, Running, Stopped};
        for states in [&[Running, Stopped][..], &[Dead], &[Removing], &[]] {
            let pauses = Pauses {
                colony: Some(pause()),
                ..Pauses::default()
            };
            let plan = plan_with(states, &pauses);
            assert_eq!(plan.steps, []);
            assert!(matches!(
                plan.blockers.as_slice(),
                [Blocker::Resting(_), Blocker::Paused { .. }]
            ));
        }
    }

    #[test]
    fn paused_node_is_passed_over_for_the_next_one() {
        use NodeState::{Running, Stopped};
        let pauses = Pauses {
            nodes: BTreeMap::from([(
                2,
                NodePause {
                    pause: pause(),
                    is_stopped: false,
                },
            )]),
            ..Pauses::default()
        };
        let started = |states: &[NodeState], pauses: &Pauses| -> Vec<u32> {
            let plan = plan_with(states, pauses);
            plan.steps
                .iter()
                .filter_map(|step| Some(step.action.node()?.0))
                .collect()
        };
        let states = [Running, Stopped, Stopped];
        assert_eq!(started(&states, &Pauses::default())[..2], [2, 3]);
        let acted = started(&states, &pauses);
        assert!(acted.contains(&3) && !acted.contains(&2), "{acted:?}");
    }
}
