//! What orders do, and what they do not.

use super::super::fixtures::{blockers, doings, free, newest, node, nodes, policy, template};
use super::*;
use crate::colony::NodeState::*;
use crate::colony::ServiceName;
use crate::plan::plan_checks::breaches;

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
fn acts_on_named_nodes_in_order_and_once() {
    let plan = forced(
        ForcedAction::Stop,
        named("antnode0003, 1,antnode0001.service,0003"),
        &nodes(&[Running; 3]),
    );
    assert_eq!(doings(&plan), ["stop node 3", "stop node 1"]);
    assert_eq!(blockers(&plan), Vec::<String>::new());
}

#[test]
fn unknown_name_fails_and_other_names_are_handled() {
    let plan = forced(
        ForcedAction::Remove,
        named("antnode0404,antnode0001,antnode0001junk"),
        &nodes(&[Running]),
    );
    assert_eq!(doings(&plan), ["remove node 1"]);
    assert_eq!(
        blockers(&plan),
        ["`antnode0404`: not found", "`antnode0001junk`: not found"]
    );
    assert!(plan.has_failures());
}

#[test]
fn antctl_name_matches_the_service_and_not_the_id() {
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
        blockers(&forced(ForcedAction::Stop, named("antnode3"), &colony)),
        ["`antnode3`: not found"]
    );
    assert_eq!(
        doings(&forced(ForcedAction::Stop, named("3"), &colony)),
        ["stop node 3"]
    );
    let unsure = forced(ForcedAction::Stop, named("1"), &colony);
    assert_eq!(
        blockers(&unsure),
        ["`1`: matches several nodes, with ids 1 2; give the service name"]
    );
    assert_eq!(doings(&unsure), Vec::<String>::new());
}

#[test]
fn count_stops_the_youngest_and_starts_the_oldest() {
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
    assert_eq!(blockers(&all), ["only 2 of 99 requested: no more nodes to start"]);
    assert!(!all.has_failures());
}

#[test]
fn reports_a_count_of_zero_and_a_colony_without_nodes() {
    for count in [0, -1, i64::MIN] {
        let plan = forced(
            ForcedAction::Remove,
            NodeSelection::Count(count),
            &nodes(&[Running]),
        );
        assert_eq!(blockers(&plan), ["count must be at least 1"]);
        assert!(forced(ForcedAction::Add, NodeSelection::Count(count), &[]).has_failures());
    }
    assert_eq!(
        blockers(&forced(ForcedAction::Remove, NodeSelection::Count(1), &[])),
        ["No nodes to remove"]
    );
    assert_eq!(
        blockers(&forced(ForcedAction::Upgrade, NodeSelection::Count(1), &[])),
        ["No running nodes to upgrade"]
    );
    assert_eq!(
        blockers(&forced(ForcedAction::Stop, NodeSelection::Count(1), &[])),
        ["No running nodes to stop"]
    );
    assert_eq!(
        blockers(&forced(ForcedAction::Start, NodeSelection::Count(1), &[])),
        ["No stopped nodes to start"]
    );
}

#[test]
fn disable_needs_a_name() {
    let colony = nodes(&[Running]);
    let plan = forced(ForcedAction::Disable, NodeSelection::Count(1), &colony);
    assert_eq!(blockers(&plan), ["service_name required for disable action"]);
    assert_eq!(
        doings(&forced(ForcedAction::Disable, named("1"), &colony)),
        ["disable node 1"]
    );
}

#[test]
fn only_start_enables_a_disabled_node() {
    let colony = nodes(&[Disabled]);
    for refused in [ForcedAction::Stop, ForcedAction::Upgrade] {
        assert_eq!(
            blockers(&forced(refused, named("1"), &colony)),
            ["`1`: disabled; `--force_action start` enables it"]
        );
    }
    assert_eq!(
        doings(&forced(ForcedAction::Start, named("1"), &colony)),
        ["start node 1"]
    );
    assert_eq!(
        blockers(&forced(ForcedAction::Remove, NodeSelection::Count(1), &colony)),
        ["No nodes to remove"]
    );
    assert_eq!(
        doings(&forced(ForcedAction::Remove, named("1"), &colony)),
        ["remove node 1"]
    );
}

#[test]
fn start_skips_running_nodes() {
    let colony = nodes(&[Running, Restarting, Upgrading, Dead, Removing]);
    assert_eq!(
        blockers(&forced(ForcedAction::Start, named("1,2,3,4"), &colony)),
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
fn forced_upgrade_never_downgrades() {
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
        blockers(&plan),
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
fn count_stops_nodes_with_a_process() {
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
fn without_a_binary_adds_and_upgrades_nothing() {
    let without = |action, whom| {
        blockers(&plan_forced(
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
fn forced_actions_ignore_the_cap_and_quotas() {
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
fn teardown_removes_all_nodes_youngest_first() {
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
