//! The engine of wnm on the simulated colony: with all rules, or with those of the Python wnm only.

use wnm::colony::{Node, NodeState, Version};
use wnm::plan::decide::decide;
use wnm::plan::{self, Action, Plan, PlanInput};

/// Whose rules are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    Wnm,
    /// The rules of the Python wnm, which do not know the time.
    Peer,
}

impl Rules {
    pub fn word(self) -> &'static str {
        match self {
            Rules::Wnm => "wnm",
            Rules::Peer => "peer",
        }
    }
}

/// The plan of one cycle.
pub fn plan(rules: Rules, nodes: &[Node], input: &PlanInput<'_>) -> Plan {
    match rules {
        Rules::Wnm => plan::plan_cycle::plan(nodes, input).plan,
        Rules::Peer => peer_plan(nodes, input),
    }
}

/// The peer deletes an expired node first. Afterwards it decides without the time.
fn peer_plan(nodes: &[Node], input: &PlanInput<'_>) -> Plan {
    let binary: Option<&Version> = input.binary;
    let metrics = plan::measure(nodes, input.machine, binary, input.policy, input.now);
    let decision = decide(input.policy, &metrics, input.trigger, None);
    let mut plan = plan::assign::assign(
        decision,
        nodes,
        input.template,
        binary,
        input.port_in_use,
        input.policy,
        input.now,
    );
    let expired = nodes.iter().filter(|node| {
        node.state == NodeState::Removing && input.now.since(node.since) >= input.policy.delays.remove
    });
    plan.steps.splice(
        0..0,
        expired.map(|node| plan::Step {
            action: Action::Remove(node.id),
            priority: plan::Task::RemoveExpired.priority(),
            reason: plan::Reason::Planned {
                task: plan::Task::RemoveExpired,
                position: None,
                causes: Vec::new(),
            },
        }),
    );
    plan
}
