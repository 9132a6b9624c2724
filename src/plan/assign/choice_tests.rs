//! Which node is stopped, removed or restarted first.

use super::super::fixtures::{NOW, calm, doings, free, hot, newest, node, one_at_a_time, policy, template};
use crate::colony::Node;
use crate::colony::NodeState::*;
use crate::plan::node_checks::SURVEYS_IN_A_ROW;
use crate::plan::plan_cycle::plan;
use crate::plan::{MachineFigures, PlanInput, Policy, Trigger};

fn steps(policy: &Policy, machine: MachineFigures, nodes: &[Node]) -> Vec<String> {
    let newest = newest();
    let input = PlanInput {
        policy,
        template: &template(),
        machine: &machine,
        binary: Some(&newest),
        trigger: Trigger::Ordinary,
        port_in_use: &free,
        now: NOW,
    };
    doings(&plan(nodes, &input).plan)
}

/// Running nodes that settled an hour ago.
fn settled(count: u32) -> Vec<Node> {
    let with_time = |id| {
        let mut node = node(id, Running);
        node.since = NOW.plus(-3600);
        node
    };
    (1..=count).map(with_time).collect()
}

#[test]
fn silent_nodes_are_stopped_and_removed_before_those_that_answer() {
    let mut colony = settled(4);
    colony[0].memory.silent = SURVEYS_IN_A_ROW;
    colony[1].memory.silent = 1;
    assert_eq!(
        steps(&policy(), hot(), &colony),
        ["stop node 1", "stop node 2", "stop node 4", "stop node 3"]
    );
    let cap = Policy {
        cap: 3,
        ..one_at_a_time()
    };
    assert_eq!(steps(&cap, calm(), &colony), ["stop node 1 to remove it"]);
    let full = MachineFigures {
        used_hd_percent: 95.0,
        ..calm()
    };
    assert_eq!(
        steps(&one_at_a_time(), full, &colony),
        ["stop node 1 to remove it"]
    );
}

#[test]
fn hung_node_that_waits_for_its_restart_is_still_stopped_first() {
    let mut colony = settled(2);
    colony[0].memory.silent = SURVEYS_IN_A_ROW;
    colony[0].memory.retry_at = Some(NOW.plus(60));
    assert_eq!(steps(&one_at_a_time(), hot(), &colony), ["stop node 1"]);
}

#[test]
fn node_that_settled_a_short_while_ago_is_stopped_last() {
    let mut colony = settled(3);
    colony[2].since = NOW.plus(-300);
    assert_eq!(steps(&one_at_a_time(), hot(), &colony), ["stop node 2"]);
    assert_eq!(steps(&one_at_a_time(), hot(), &colony[2..]), ["stop node 3"]);
}

#[test]
fn largest_node_is_stopped_first_if_memory_is_short() {
    let mut colony = settled(3);
    for (node, mem) in colony.iter_mut().zip([40_000, 10_000, 12_000]) {
        node.figures.mem = mem;
    }
    let short = MachineFigures {
        used_mem_percent: 80.0,
        ..calm()
    };
    assert_eq!(steps(&one_at_a_time(), short, &colony), ["stop node 1"]);
    assert_eq!(steps(&one_at_a_time(), hot(), &colony), ["stop node 3"]);
}

#[test]
fn hung_node_with_the_fewest_failures_is_restarted_first() {
    let mut colony = settled(5);
    for (node, failures) in colony.iter_mut().zip([3, 1]) {
        node.memory.silent = SURVEYS_IN_A_ROW;
        node.memory.start_failures = failures;
    }
    let cap = Policy {
        cap: 5,
        ..one_at_a_time()
    };
    assert_eq!(steps(&cap, calm(), &colony), ["stop node 2"]);
}
