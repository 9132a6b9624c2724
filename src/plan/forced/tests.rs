//! What orders do, and what they do not.

use super::super::fixtures::{doings, free, holds, newest, node, nodes, policy, template};
use super::*;
use crate::colony::NodeState::*;
use crate::colony::ServiceName;
use crate::plan::breaches;

fn forced(action: ForcedAction, whom: NodeSelection, nodes: &[Node]) -> Plan {
    let plan = plan_forced(
        action,
        &whom,
        (nodes, &BTreeSet::new()),
        &template(),
        Some(&newest()),
        &free,
        &policy(),
    );
    assert_eq!(breaches(&plan, &policy(), nodes), []);
    plan
}

fn named(names: &str) -> NodeSelection {
    NodeSelection::Named(names.split(',').map(str::to_owned).collect())
}

fn old(mut node: Node) -> Node {
    node.version = Some(Version::new("0.4.9"));
    node
}

#[test]
fn nodes_are_taken_in_the_order_of_their_names_and_none_twice() {
    let plan = forced(
        ForcedAction::Stop,
        named("antnode0003, 1,antnode0001.service,0003"),
        &nodes(&[Running; 3]),
    );
    assert_eq!(doings(&plan), ["stop node 3", "stop node 1"]);
    assert_eq!(holds(&plan), Vec::<String>::new());
}

#[test]
fn a_name_that_nobody_bears_fails_and_the_others_are_served() {
    let plan = forced(
        ForcedAction::Remove,
        named("antnode0404,antnode0001,antnode0001junk"),
        &nodes(&[Running]),
    );
    assert_eq!(doings(&plan), ["remove node 1"]);
    assert_eq!(
        holds(&plan),
        ["`antnode0404`: not found", "`antnode0001junk`: not found"]
    );
    assert!(plan.falls_short());
}

#[test]
fn an_antctl_name_means_the_service_and_not_the_id() {
    let mut colony = nodes(&[Running; 3]);
    for (node, service) in colony.iter_mut().zip(["antnode7", "antnode1", "antnode9"]) {
        node.service = ServiceName(service.to_owned());
        node.name = crate::colony::NodeName(service.to_owned());
    }
    assert_eq!(
        doings(&forced(ForcedAction::Stop, named("antnode1"), &colony)),
        ["stop node 2"]
    );
    assert_eq!(
        holds(&forced(ForcedAction::Stop, named("antnode3"), &colony)),
        ["`antnode3`: not found"]
    );
    assert_eq!(
        doings(&forced(ForcedAction::Stop, named("3"), &colony)),
        ["stop node 3"]
    );
    let unsure = forced(ForcedAction::Stop, named("1"), &colony);
    assert_eq!(
        holds(&unsure),
        ["`1`: matches several nodes, with ids 1 2; give the service name"]
    );
    assert_eq!(doings(&unsure), Vec::<String>::new());
}

#[test]
fn a_count_takes_the_youngest_to_stop_and_the_oldest_to_start() {
    let colony = nodes(&[Running, Running, Stopped, Stopped, Disabled]);
    assert_eq!(
        doings(&forced(ForcedAction::Stop, NodeSelection::Count(1), &colony)),
        ["stop node 2"]
    );
    assert_eq!(
        doings(&forced(ForcedAction::Start, NodeSelection::Count(1), &colony)),
        ["start node 3"]
    );
    assert_eq!(
        doings(&forced(ForcedAction::Remove, NodeSelection::Count(2), &colony)),
        ["remove node 4", "remove node 3"]
    );
    let all = forced(ForcedAction::Start, NodeSelection::Count(99), &colony);
    assert_eq!(doings(&all), ["start node 3", "start node 4"]);
    assert_eq!(holds(&all), ["only 2 of 99 requested: no more nodes to start"]);
    assert!(!all.falls_short());
}

#[test]
fn a_count_of_none_or_no_nodes_at_all_is_said() {
    for count in [0, -1, i64::MIN] {
        let plan = forced(
            ForcedAction::Remove,
            NodeSelection::Count(count),
            &nodes(&[Running]),
        );
        assert_eq!(holds(&plan), ["count must be at least 1"]);
        assert!(forced(ForcedAction::Add, NodeSelection::Count(count), &[]).falls_short());
    }
    assert_eq!(
        holds(&forced(ForcedAction::Remove, NodeSelection::Count(1), &[])),
        ["No nodes to remove"]
    );
    assert_eq!(
        holds(&forced(ForcedAction::Upgrade, NodeSelection::Count(1), &[])),
        ["No running nodes to upgrade"]
    );
    assert_eq!(
        holds(&forced(ForcedAction::Stop, NodeSelection::Count(1), &[])),
        ["No running nodes to stop"]
    );
    assert_eq!(
        holds(&forced(ForcedAction::Start, NodeSelection::Count(1), &[])),
        ["No stopped nodes to start"]
    );
}

#[test]
fn nodes_are_disabled_by_name_only() {
    let colony = nodes(&[Running]);
    let plan = forced(ForcedAction::Disable, NodeSelection::Count(1), &colony);
    assert_eq!(holds(&plan), ["service_name required for disable action"]);
    assert_eq!(
        doings(&forced(ForcedAction::Disable, named("1"), &colony)),
        ["disable node 1"]
    );
}

#[test]
fn a_disabled_node_comes_back_by_start_alone() {
    let colony = nodes(&[Disabled]);
    for refused in [ForcedAction::Stop, ForcedAction::Upgrade] {
        assert_eq!(
            holds(&forced(refused, named("1"), &colony)),
            ["`1`: disabled; `--force_action start` brings it back"]
        );
    }
    assert_eq!(
        doings(&forced(ForcedAction::Start, named("1"), &colony)),
        ["start node 1"]
    );
    assert_eq!(
        holds(&forced(ForcedAction::Remove, NodeSelection::Count(1), &colony)),
        ["No nodes to remove"]
    );
    assert_eq!(
        doings(&forced(ForcedAction::Remove, named("1"), &colony)),
        ["remove node 1"]
    );
}

#[test]
fn start_is_for_nodes_that_do_not_run() {
    let colony = nodes(&[Running, Restarting, Upgrading, Dead, Removing]);
    assert_eq!(
        holds(&forced(ForcedAction::Start, named("1,2,3,4"), &colony)),
        [
            "`1`: already running",
            "`2`: already starting",
            "`3`: already upgrading",
            "`4`: its root directory is missing"
        ]
    );
    // A removal that waits for its delay can still be called off.
    assert_eq!(
        doings(&forced(ForcedAction::Start, named("5"), &colony)),
        ["start node 5"]
    );
}

#[test]
fn an_order_to_upgrade_takes_no_node_back() {
    let mut colony = vec![
        node(1, Running),
        old(node(2, Running)),
        node(3, Running),
        old(node(4, Stopped)),
    ];
    colony[2].version = Some(Version::new("0.4.18"));
    let plan = forced(ForcedAction::Upgrade, named("1,2,3,4"), &colony);
    assert_eq!(
        doings(&plan),
        [
            "upgrade node 2 to version 0.4.17",
            "start node 4 with version 0.4.17"
        ]
    );
    assert_eq!(
        holds(&plan),
        [
            "`1`: already at version 0.4.17",
            "`3`: version 0.4.18 of the node is newer than version 0.4.17 of the binary"
        ]
    );
    assert_eq!(
        doings(&forced(ForcedAction::Upgrade, NodeSelection::Count(3), &colony)),
        ["upgrade node 2 to version 0.4.17"]
    );
}

#[test]
fn a_count_stops_the_nodes_that_have_a_process() {
    let colony = nodes(&[Running, Restarting, Restarting, Upgrading, Stopped]);
    let living = BTreeSet::from([NodeId(2), NodeId(4)]);
    let plan = plan_forced(
        ForcedAction::Stop,
        &NodeSelection::Count(9),
        (&colony, &living),
        &template(),
        None,
        &free,
        &policy(),
    );
    assert_eq!(doings(&plan), ["stop node 4", "stop node 2", "stop node 1"]);
    assert_eq!(breaches(&plan, &policy(), &colony), []);
}

#[test]
fn without_a_binary_nothing_is_added_or_upgraded() {
    let without = |action, whom| {
        holds(&plan_forced(
            action,
            &whom,
            (&nodes(&[Running]), &BTreeSet::new()),
            &template(),
            None,
            &free,
            &policy(),
        ))
    };
    assert_eq!(
        without(ForcedAction::Add, NodeSelection::Count(1)),
        ["there is no antnode binary to add nodes with"]
    );
    assert_eq!(
        without(ForcedAction::Upgrade, named("1")),
        ["`1`: there is no antnode binary to upgrade to"]
    );
    assert_eq!(
        without(ForcedAction::Upgrade, NodeSelection::Count(1)),
        ["there is no antnode binary to upgrade nodes with"]
    );
}

#[test]
fn orders_go_past_the_cap_and_the_quotas() {
    let plan = plan_forced(
        ForcedAction::Add,
        &NodeSelection::Count(30),
        (&[], &BTreeSet::new()),
        &template(),
        Some(&newest()),
        &free,
        &policy(),
    );
    assert_eq!(plan.steps.len(), 30);
    assert_eq!(breaches(&plan, &policy(), &[]), []);
}

#[test]
fn teardown_takes_all_the_youngest_first() {
    let plan = forced(
        ForcedAction::Teardown,
        NodeSelection::Count(1),
        &nodes(&[Running, Disabled, Dead]),
    );
    assert_eq!(
        plan.steps[0].action,
        Action::Teardown(vec![NodeId(3), NodeId(2), NodeId(1)])
    );
}
