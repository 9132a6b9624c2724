//! Which node gets which work.

use super::super::fixtures::{
    NOW, blockers, calm, doings, free, hot, newest, node, nodes, one_at_a_time, policy, template,
};
use super::*;
use crate::colony::NodeState::*;
use crate::colony::{BusyPort, ManagerKind, Mode, ServiceName, Tool};
use crate::plan::plan_cycle::plan;
use crate::plan::policy::Quotas;
use crate::plan::{MachineFigures, PlanInput, Trigger};

fn plan_with(policy: &Policy, machine: MachineFigures, nodes: &[Node]) -> Plan {
    plan_from(policy, machine, nodes, &template(), &free)
}

fn plan_from(
    policy: &Policy,
    machine: MachineFigures,
    nodes: &[Node],
    template: &Template,
    port_in_use: &dyn Fn(NodePorts) -> Option<BusyPort>,
) -> Plan {
    let newest = newest();
    plan(
        nodes,
        &PlanInput {
            policy,
            template,
            machine: &machine,
            binary: Some(&newest),
            trigger: Trigger::Ordinary,
            port_in_use,
            now: NOW,
        },
    )
    .plan
}

fn full_disk() -> MachineFigures {
    MachineFigures {
        used_hd_percent: 95.0,
        ..calm()
    }
}

fn old(mut node: Node) -> Node {
    node.version = Some(Version::new("0.4.9"));
    node
}

#[test]
fn stops_the_youngest_and_of_the_same_age_the_greatest_id() {
    let mut colony = nodes(&[Running, Running, Running, Stopped]);
    colony[0].born = colony[2].born;
    assert_eq!(
        doings(&plan_with(&one_at_a_time(), hot(), &colony)),
        ["stop node 3"]
    );
    assert_eq!(
        doings(&plan_with(&policy(), hot(), &colony)),
        ["stop node 3", "stop node 1", "stop node 2"]
    );
}

#[test]
fn removes_stopped_nodes_at_once_and_running_nodes_after_the_delay() {
    let plan = plan_with(&policy(), full_disk(), &nodes(&[Running, Stopped]));
    assert_eq!(doings(&plan), ["remove node 2", "stop node 1 to remove it"]);
    assert_eq!(plan.steps[1].kind().word(), "remove");
    assert_eq!(plan.steps[1].reason.text(), "remove running node (1/1)");
}

#[test]
fn lowered_cap_removes_only_the_nodes_above_it() {
    let cap = Policy { cap: 3, ..policy() };
    let plan = plan_with(&cap, calm(), &nodes(&[Running, Running, Running, Running]));
    assert_eq!(doings(&plan), ["stop node 4 to remove it"]);
    let plan = plan_with(
        &cap,
        calm(),
        &nodes(&[Stopped, Running, Running, Running, Running]),
    );
    assert_eq!(doings(&plan), ["remove node 1", "stop node 5 to remove it"]);
    let plan = plan_with(&cap, calm(), &nodes(&[Running, Running, Running, Removing]));
    assert_eq!(doings(&plan), [""; 0]);
}

#[test]
fn starts_and_upgrades_the_oldest_first() {
    let mut colony = nodes(&[Running, Running, Stopped, Stopped]);
    colony[3].born = Timestamp(0);
    assert_eq!(
        doings(&plan_with(&one_at_a_time(), calm(), &colony)),
        ["start node 4"]
    );
    let colony: Vec<Node> = colony.into_iter().map(old).collect();
    let plan = plan_with(&one_at_a_time(), calm(), &colony);
    assert_eq!(doings(&plan), ["upgrade node 1 to version 0.4.17"]);
    assert_eq!(
        plan.steps[0].reason.to_string(),
        "upgrade outdated node (1/1): version 0.4.9 is older than 0.4.17"
    );
}

#[test]
fn start_upgrades_an_outdated_node() {
    let colony = [old(node(1, Stopped))];
    assert_eq!(
        doings(&plan_with(&one_at_a_time(), calm(), &colony)),
        ["start node 1 with version 0.4.17"]
    );
    let off = Policy {
        upgrades: false,
        ..one_at_a_time()
    };
    assert_eq!(doings(&plan_with(&off, calm(), &colony)), ["start node 1"]);
}

#[test]
fn starts_with_upgrade_count_as_upgrades_and_come_last() {
    let quotas = Quotas {
        operations: 5,
        starts: 2,
        upgrades: 1,
        removals: 1,
        restarts: Some(2),
    };
    let colony = [old(node(1, Stopped)), old(node(2, Stopped)), node(3, Stopped)];
    let plan = plan_with(&Policy { quotas, ..policy() }, calm(), &colony);
    assert_eq!(
        doings(&plan),
        ["start node 1 with version 0.4.17", "start node 3"]
    );
    let plan = plan_with(&Policy { quotas, ..policy() }, calm(), &colony[..2]);
    assert_eq!(doings(&plan), ["start node 1 with version 0.4.17"]);
    assert_eq!(
        blockers(&plan)[0],
        "no more upgrades: 0 under way, `max_concurrent_upgrades` is 1"
    );
}

#[test]
fn never_upgrades_newer_disabled_or_unknown_versions() {
    let mut colony = nodes(&[Running, Disabled, Running, Stopped]);
    colony[0].version = Some(Version::new("0.4.18"));
    colony[1] = old(colony[1].clone());
    colony[2].version = Some(Version::new("None"));
    assert_eq!(
        doings(&plan_with(&one_at_a_time(), calm(), &colony)),
        ["start node 4"]
    );
}

#[test]
fn skips_a_node_after_a_failed_start_until_its_retry_time() {
    let mut colony = nodes(&[Stopped, Stopped]);
    colony[0].memory.retry_at = Some(NOW.plus(1));
    assert_eq!(
        doings(&plan_with(&one_at_a_time(), calm(), &colony)),
        ["start node 2"]
    );
    colony[0].memory.retry_at = Some(NOW);
    assert_eq!(
        doings(&plan_with(&one_at_a_time(), calm(), &colony)),
        ["start node 1"]
    );
}

#[test]
fn stops_a_hung_node_before_it_is_started_again() {
    let mut colony = nodes(&[Running, Running]);
    colony[0].memory.silent = 3;
    let plan = plan_with(&Policy { cap: 2, ..policy() }, calm(), &colony);
    assert_eq!(doings(&plan), ["stop node 1"]);
    assert_eq!(
        plan.steps[0].reason.to_string(),
        "restart hung node (1/1): no answer in 3 surveys, but its process runs"
    );
}

#[test]
fn removes_all_dead_nodes_without_a_quota() {
    let plan = plan_with(&one_at_a_time(), hot(), &nodes(&[Dead, Running, Dead]));
    assert_eq!(doings(&plan), ["remove node 3", "remove node 1"]);
    assert!(
        plan.steps[0]
            .reason
            .to_string()
            .ends_with("its root directory `/nodes/antnode0003` is missing")
    );
}

#[test]
fn stops_shunned_nodes_to_remove_them() {
    let mut colony = nodes(&[Running, Running]);
    colony[0].memory.shunned = 3;
    colony[0].figures.shunned = 40;
    let policy = Policy {
        shunned: Some(30),
        ..policy()
    };
    let plan = plan_with(&policy, calm(), &colony);
    assert_eq!(doings(&plan), ["stop node 1 to remove it"]);
    assert!(
        plan.steps[0]
            .reason
            .to_string()
            .ends_with("shunned 40 times in three surveys, the limit is 30")
    );
}

#[test]
fn due_removals_come_first_and_free_their_slots() {
    let mut colony = nodes(&[Running, Running, Removing]);
    colony[2].since = NOW.plus(-300);
    let cap = Policy {
        cap: 2,
        ..one_at_a_time()
    };
    let plan = plan_with(&cap, calm(), &colony);
    assert_eq!(doings(&plan), ["remove node 3"]);
    assert_eq!(
        plan.steps[0].reason.to_string(),
        "removal delay over: stopped 300 s ago, the delay is 300 s"
    );
    // Its id is not given again while its files may still be there.
    let room = Policy {
        cap: 3,
        ..one_at_a_time()
    };
    assert!(doings(&plan_with(&room, calm(), &colony))[1].starts_with("add node 4 "));
}

#[test]
fn idle_plan_has_its_idle_task() {
    let plan = plan_with(&Policy { cap: 1, ..policy() }, calm(), &nodes(&[Running]));
    assert_eq!(plan.resting(), Some(Task::Rest));
    assert_eq!(
        blockers(&plan),
        [
            "idle monitoring",
            "nothing is added: the colony has 1 node, its cap is 1"
        ]
    );
}

#[test]
fn new_node_gets_the_lowest_free_id_with_its_name_and_ports() {
    let plan = plan_with(&one_at_a_time(), calm(), &[node(1, Running), node(3, Disabled)]);
    let Action::Add(new) = &plan.steps[0].action else {
        panic!("{plan:?}")
    };
    assert_eq!(
        (new.id, new.name.0.as_str(), new.service.0.as_str()),
        (NodeId(2), "0002", "antnode0002.service")
    );
    assert_eq!(
        new.ports,
        NodePorts {
            node: 55_002,
            metrics: 13_002,
            rpc: 30_002
        }
    );
    assert_eq!(new.home.root.to_str(), Some("/nodes/antnode0002"));
    assert_eq!(new.home.binary.to_str(), Some("/nodes/antnode0002/antnode"));
    assert_eq!(
        new.home.logs.as_ref().and_then(|logs| logs.to_str()),
        Some("/logs/antnode0002")
    );
}

#[test]
fn each_manager_has_its_own_service_names() {
    let named = |tool| {
        let template = Template {
            manager: ManagerKind {
                tool,
                mode: Mode::User,
            },
            ..template()
        };
        let plan = plan_from(&one_at_a_time(), calm(), &[], &template, &free);
        match plan.steps.into_iter().next().map(|step| step.action) {
            Some(Action::Add(new)) => new.service,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(named(Tool::Setsid), ServiceName("antnode0001".to_owned()));
    assert_eq!(
        named(Tool::Launchd),
        ServiceName("com.autonomi.antnode-1".to_owned())
    );
    assert_eq!(named(Tool::Antctl), ServiceName("antnode1".to_owned()));
}

#[test]
fn id_of_an_unreadable_row_is_not_free() {
    let template = Template {
        reserved: vec![NodeId(1), NodeId(3)],
        ..template()
    };
    let plan = plan_from(
        &one_at_a_time(),
        calm(),
        &[node(2, NodeState::Running)],
        &template,
        &free,
    );
    match &plan.steps[0].action {
        Action::Add(new) => assert_eq!(new.id, NodeId(4)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn antctl_never_reuses_an_id() {
    let antctl = ManagerKind {
        tool: Tool::Antctl,
        mode: Mode::User,
    };
    let add = |highest_id_used, nodes: &[Node]| {
        let template = Template {
            manager: antctl,
            highest_id_used,
            ..template()
        };
        plan_from(&one_at_a_time(), calm(), nodes, &template, &free).steps[0]
            .action
            .node()
    };
    assert_eq!(add(Some(7), &[node(2, Running)]), Some(NodeId(8)));
    assert_eq!(add(Some(0), &[node(2, Running)]), Some(NodeId(3)));
    assert_eq!(add(None, &[]), Some(NodeId(1)));
}

#[test]
fn skips_an_id_whose_ports_another_node_uses() {
    let mut found = node(7, Running);
    found.ports = NodePorts {
        node: 55_001,
        metrics: 0,
        rpc: 0,
    };
    let plan = plan_with(&one_at_a_time(), calm(), &[found]);
    assert_eq!(plan.steps[0].action.node(), Some(NodeId(2)));
}

#[test]
fn an_id_whose_port_another_program_uses_is_passed_over() {
    let port_in_use = |ports: NodePorts| {
        (ports.metrics == 13_002).then(|| BusyPort {
            port: 13_002,
            program: Some("`python3` (PID 7)".to_owned()),
        })
    };
    let plan = plan_from(&policy(), calm(), &[], &template(), &port_in_use);
    let ids: Vec<_> = plan.steps.iter().filter_map(|step| step.action.node()).collect();
    assert_eq!(ids[..2], [NodeId(1), NodeId(3)]);
    assert!(!plan.has_failures());
    assert_eq!(
        blockers(&plan),
        [
            "node 2 is passed over: port 13002 (used by `python3` (PID 7)) is in use; wnm tries again in the next run; `ss -lntup` shows the program"
        ]
    );
}

#[test]
fn plans_no_node_on_an_invalid_port() {
    let high = Template {
        port_start: 66,
        ..template()
    };
    let plan = plan_from(&policy(), calm(), &[], &high, &free);
    assert_eq!(
        blockers(&plan),
        ["node 1 is not added: its port would be 66001, the highest port is 65535"]
    );
    let same = Template {
        rpc_port_start: 13,
        ..template()
    };
    let plan = plan_from(&policy(), calm(), &[], &same, &free);
    assert_eq!(
        blockers(&plan),
        ["node 1 is not added: it would need port 13001 twice; the port ranges overlap"]
    );
}
