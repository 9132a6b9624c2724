//! The ladder, rung by rung.

use super::super::fixtures::{NOW, metrics, nodes, policy};
use super::*;
use crate::colony::NodeState::{self, *};
use crate::colony::Version;
use crate::plan::ActionKind;
use crate::plan::policy::Quotas;

fn texts(decision: &Decision) -> Vec<String> {
    let text = |item: &WorkItem| match item.position {
        Some(position) => format!("{} ({}/{})", item.task, position.nth, position.of),
        None => item.task.to_string(),
    };
    decision.work.iter().map(text).collect()
}

fn ask(policy: &Policy, metrics: &Metrics) -> Vec<String> {
    texts(&decide(policy, metrics, Trigger::Ordinary, Some(NOW)))
}

fn ask_as_the_peer(policy: &Policy, metrics: &Metrics) -> Vec<String> {
    texts(&decide(policy, metrics, Trigger::Ordinary, None))
}

fn why_not(policy: &Policy, metrics: &Metrics) -> Vec<String> {
    let decision = decide(policy, metrics, Trigger::Ordinary, Some(NOW));
    decision.blockers.iter().map(ToString::to_string).collect()
}

fn of(states: &[NodeState]) -> Metrics {
    metrics(&nodes(states))
}

fn hot(states: &[NodeState]) -> Metrics {
    Metrics {
        used_cpu_percent: 85.0,
        ..of(states)
    }
}

fn outdated(mut metrics: Metrics, upgradable: i64) -> Metrics {
    metrics.nodes_to_upgrade = metrics.total_nodes;
    metrics.upgradable_nodes = Some(upgradable);
    metrics
}

#[test]
fn boot_comes_before_everything() {
    let booted = Metrics {
        system_start: NOW,
        ..of(&[Dead, Running])
    };
    assert_eq!(ask(&policy(), &booted), ["system rebooted"]);
    let init = |survey| texts(&decide(&policy(), &booted, Trigger::Init { survey }, Some(NOW)));
    assert_eq!(init(true), ["system initialized"]);
    assert_eq!(init(false), ["system initialized"]);
    let kinds = |survey| {
        decide(&policy(), &booted, Trigger::Init { survey }, None).work[0]
            .task
            .kind()
    };
    assert_eq!((kinds(true), kinds(false)), (Some(ActionKind::Resurvey), None));
}

#[test]
fn dead_nodes_come_before_quotas_and_pressure() {
    assert_eq!(
        ask(
            &policy(),
            &hot(&[Dead, Dead, Upgrading, Removing, Removing, Removing, Removing])
        ),
        ["dead node cleanup"]
    );
}

#[test]
fn starts_nothing_when_the_quota_of_operations_is_used_up() {
    let busy = hot(&[Upgrading, Restarting, Removing, Removing, Removing, Running]);
    assert_eq!(ask(&policy(), &busy), ["at global capacity"]);
    assert_eq!(
        why_not(&policy(), &busy),
        ["no more operations: 5 under way, `max_concurrent_operations` is 5"]
    );
}

#[test]
fn pressure_stops_nodes_and_a_full_disk_removes_them() {
    assert_eq!(
        ask(&policy(), &hot(&[Running, Running, Stopped])),
        ["stop node (1/2)", "stop node (2/2)"]
    );
    let full = Metrics {
        used_hd_percent: 95.0,
        ..of(&[Running, Running, Stopped])
    };
    assert_eq!(
        ask(&policy(), &full),
        [
            "remove stopped node (1/1)",
            "remove running node (1/2)",
            "remove running node (2/2)"
        ]
    );
}

#[test]
fn work_item_has_its_causes() {
    let loaded = Metrics {
        load_average_1: 2.75,
        load_average_5: 2.5,
        load_average_15: 2.25,
        ..hot(&[Running])
    };
    let decision = decide(&policy(), &loaded, Trigger::Ordinary, Some(NOW));
    let causes: Vec<String> = decision.work[0].causes.iter().map(ToString::to_string).collect();
    assert_eq!(
        causes,
        [
            "cpu 85.0 % is above 70 %",
            "load average of 1 min 2.75 is above 2",
            "load average of 5 min 2.50 is above 2",
            "load average of 15 min 2.25 is above 2"
        ]
    );
}

#[test]
fn removes_nodes_above_the_cap_and_stopped_ones_first() {
    let cap = Policy { cap: 1, ..policy() };
    assert_eq!(
        ask(&cap, &of(&[Running, Stopped]))[0],
        "remove stopped node (1/1)"
    );
}

#[test]
fn waits_after_a_stop_before_the_next_one() {
    let stopped_at = |seconds| Policy {
        last_stopped_at: Timestamp(NOW.0 - seconds),
        ..policy()
    };
    let hot = hot(&[Running]);
    assert_eq!(ask(&stopped_at(299), &hot), ["idle monitoring"]);
    assert_eq!(ask(&stopped_at(300), &hot), ["stop node (1/1)"]);
    assert_eq!(ask_as_the_peer(&stopped_at(299), &hot), ["stop node (1/1)"]);
    let until = Timestamp(NOW.0 + 1);
    assert_eq!(
        why_not(&stopped_at(299), &hot)[0],
        format!(
            "nothing is stopped before {}: a node was stopped recently",
            until.utc()
        )
    );
    // A full disk cannot wait, and a last stop in the future is a clock that was set back.
    let full = Metrics {
        used_hd_percent: 95.0,
        ..hot.clone()
    };
    assert_eq!(ask(&stopped_at(0), &full), ["remove running node (1/1)"]);
    assert_eq!(ask(&stopped_at(-9999), &hot), ["stop node (1/1)"]);
}

#[test]
fn stops_nothing_during_a_removal() {
    assert_eq!(ask(&policy(), &hot(&[Running, Removing])), ["idle monitoring"]);
}

#[test]
fn pressure_that_blocks_upgrades_removes_a_node_only_if_the_operator_wants_it() {
    let removing = Policy {
        remove_for_upgrade: true,
        ..policy()
    };
    let waiting = outdated(hot(&[Running]), 1);
    assert_eq!(ask(&removing, &waiting), ["remove running node (1/1)"]);
    assert_eq!(
        ask_as_the_peer(&policy(), &waiting),
        ["remove running node (1/1)"]
    );
    assert_eq!(ask(&removing, &outdated(hot(&[Running]), 0)), ["stop node (1/1)"]);
    assert_eq!(
        ask(&policy(), &waiting),
        ["stop node (1/1)"],
        "load deletes no node"
    );
    let off = Policy {
        upgrades: false,
        ..removing
    };
    assert_eq!(ask(&off, &outdated(hot(&[Running]), 1)), ["stop node (1/1)"]);
}

#[test]
fn shunned_nodes_come_after_pressure_and_before_upgrades() {
    let mut metrics = outdated(of(&[Running, Running]), 2);
    metrics.shunned_nodes = 1;
    assert_eq!(ask(&policy(), &metrics), ["remove shunned node (1/1)"]);
    metrics.removing_nodes = 1;
    let one = Policy {
        quotas: Quotas {
            removals: 1,
            ..policy().quotas
        },
        ..policy()
    };
    assert_eq!(
        ask(&one, &metrics),
        ["upgrade outdated node (1/2)", "upgrade outdated node (2/2)"]
    );
    metrics.removing_nodes = 0;
    metrics.used_cpu_percent = 85.0;
    metrics.nodes_to_upgrade = 0;
    metrics.upgradable_nodes = Some(0);
    assert_eq!(ask(&policy(), &metrics)[0], "stop node (1/2)");
}

#[test]
fn upgrades_only_with_upgradable_nodes() {
    let metrics = outdated(of(&[Running, Stopped]), 1);
    assert_eq!(ask(&policy(), &metrics), ["upgrade outdated node (1/1)"]);
    assert_eq!(
        ask(&policy(), &outdated(metrics, 0))[0],
        "start stopped node (1/1)"
    );
}

#[test]
fn newer_first_node_does_not_prevent_other_upgrades() {
    let mut metrics = outdated(of(&[Running, Running]), 1);
    metrics.queen_node_version = Some(Version::new("0.4.18"));
    assert_eq!(ask(&policy(), &metrics), ["upgrade outdated node (1/1)"]);
    metrics.upgradable_nodes = None;
    assert_eq!(ask_as_the_peer(&policy(), &metrics)[0], "add new node (1/5)");
}

#[test]
fn invalid_version_upgrades_nothing() {
    let mut metrics = outdated(of(&[Running]), 1);
    metrics.antnode_version = Some(Version::new("latest"));
    assert_eq!(ask(&policy(), &metrics)[0], "add new node (1/5)");
    metrics.antnode_version = None;
    assert_eq!(ask(&policy(), &metrics), ["idle monitoring"]);
    assert!(
        why_not(&policy(), &metrics)
            .iter()
            .any(|blocker| blocker.contains("no antnode binary"))
    );
}

#[test]
fn upgrades_can_be_off() {
    let off = Policy {
        upgrades: false,
        ..policy()
    };
    let metrics = outdated(of(&[Running, Stopped]), 1);
    assert_eq!(ask(&off, &metrics)[0], "start stopped node (1/1)");
    assert_eq!(
        why_not(&off, &metrics),
        ["1 outdated node not upgraded: `enable_upgrade` is off"]
    );
}

#[test]
fn stopped_nodes_start_before_new_ones_are_added() {
    assert_eq!(
        ask(&policy(), &of(&[Running, Stopped])),
        [
            "start stopped node (1/1)",
            "add new node (1/4)",
            "add new node (2/4)",
            "add new node (3/4)",
            "add new node (4/4)"
        ]
    );
}

#[test]
fn starts_stopped_nodes_at_the_cap() {
    let cap = Policy { cap: 3, ..policy() };
    let metrics = of(&[Running, Stopped, Stopped]);
    assert_eq!(
        ask(&cap, &metrics),
        ["start stopped node (1/2)", "start stopped node (2/2)"]
    );
    assert_eq!(ask_as_the_peer(&cap, &metrics), ["idle monitoring"]);
}

#[test]
fn no_more_nodes_run_than_the_cap() {
    let cap = Policy { cap: 2, ..policy() };
    let mut metrics = of(&[Running, Stopped]);
    metrics.running_nodes = 2;
    assert_eq!(ask(&cap, &metrics), ["idle monitoring"]);
    assert!(why_not(&cap, &metrics)[0].contains("the colony has 2 running nodes, its cap is 2"));
}

#[test]
fn skips_nodes_after_failed_starts() {
    let mut metrics = of(&[Stopped, Stopped, Stopped]);
    metrics.startable_nodes = Some(1);
    assert_eq!(
        ask(&Policy { cap: 3, ..policy() }, &metrics),
        ["start stopped node (1/1)"]
    );
    assert_eq!(
        why_not(&policy(), &metrics),
        ["failed to start 2 nodes: will retry later"]
    );
}

#[test]
fn restarts_hung_nodes_after_starts_and_before_adds() {
    let mut metrics = of(&[Running, Stopped]);
    metrics.hung_nodes = 1;
    assert_eq!(
        ask(&Policy { cap: 2, ..policy() }, &metrics),
        ["start stopped node (1/1)", "restart hung node (1/1)"]
    );
    assert_eq!(ask(&policy(), &metrics)[2], "add new node (1/3)");
}

#[test]
fn adds_nothing_while_nodes_settle() {
    for state in [Restarting, Upgrading, Removing] {
        assert_eq!(
            ask(&policy(), &of(&[Running, state, Stopped])),
            ["idle monitoring"],
            "{state}"
        );
    }
}

#[test]
fn migrating_node_blocks_nothing() {
    assert_eq!(
        ask(&policy(), &of(&[Running, Migrating, Stopped]))[0],
        "start stopped node (1/1)"
    );
}

#[test]
fn idle_decision_has_the_blockers_of_growth() {
    let warm = Metrics {
        used_cpu_percent: 55.0,
        used_mem_percent: f64::NAN,
        ..of(&[Running, Restarting])
    };
    assert_eq!(ask(&policy(), &warm), ["idle monitoring"]);
    assert_eq!(
        why_not(&policy(), &warm),
        [
            "nothing is started or added: cpu 55.0 % is not below 50 %",
            "nothing is started or added: memory is not known",
            "nothing is started or added: 1 node is still settling"
        ]
    );
    assert_eq!(
        why_not(&Policy { cap: 1, ..policy() }, &of(&[Running])),
        ["nothing is added: the colony has 1 node, its cap is 1"]
    );
}

#[test]
fn given_figures_that_are_not_known_when_a_plan_is_made_then_nothing_is_added_and_nothing_is_stopped() {
    let unknown = Metrics {
        used_cpu_percent: f64::NAN,
        used_mem_percent: f64::NAN,
        used_hd_percent: f64::NAN,
        load_average_1: f64::NAN,
        load_average_5: f64::NAN,
        load_average_15: f64::NAN,
        ..of(&[Running, Running])
    };
    assert_eq!(ask(&policy(), &unknown), ["idle monitoring"]);
    assert_eq!(
        why_not(&policy(), &unknown),
        ["cpu", "memory", "disk", "load"]
            .map(|what| format!("nothing is started or added: {what} is not known"))
    );
}

#[test]
fn given_a_disk_without_inodes_when_a_plan_is_made_then_the_blocker_names_the_inodes() {
    let full = Metrics {
        used_hd_percent: 80.0,
        are_inodes_scarcer: true,
        ..of(&[Running])
    };
    let text = why_not(&policy(), &full).join("\n");
    assert!(text.contains("disk inodes 80.0 % is not below"), "{text}");
}

#[test]
fn zero_and_negative_quotas_start_nothing() {
    for limit in [0, -2, i64::MIN] {
        let quotas = Quotas {
            operations: 5,
            starts: limit,
            upgrades: limit,
            removals: limit,
            restarts: Some(limit),
        };
        let none = Policy { quotas, ..policy() };
        assert_eq!(ask(&none, &hot(&[Running])), ["idle monitoring"]);
        assert_eq!(
            ask(&none, &outdated(of(&[Running, Stopped]), 1)),
            ["idle monitoring"]
        );
    }
}

#[test]
fn extreme_figures_do_not_overflow() {
    let quotas = Quotas {
        operations: i64::MAX,
        starts: i64::MAX,
        upgrades: i64::MAX,
        removals: i64::MAX,
        restarts: Some(i64::MAX),
    };
    let vast = Policy {
        cap: i64::MAX,
        quotas,
        ..policy()
    };
    assert_eq!(ask(&vast, &of(&[])).len(), 10_000);
    let least = Metrics {
        upgrading_nodes: i64::MIN,
        restarting_nodes: i64::MIN,
        removing_nodes: i64::MIN,
        ..hot(&[])
    };
    assert_eq!(ask(&vast, &least), ["idle monitoring"]);
}

#[test]
fn many_shunned_nodes_at_once_are_the_fault_of_the_machine() {
    let shunned = |nodes: i64, total: usize| Metrics {
        shunned_nodes: nodes,
        ..of(&vec![Running; total])
    };
    assert_eq!(ask(&policy(), &shunned(1, 8)), ["remove shunned node (1/1)"]);
    assert_eq!(ask(&policy(), &shunned(2, 20)).len(), 2);
    assert_ne!(ask(&policy(), &shunned(2, 19))[0], "remove shunned node (1/2)");
    assert_eq!(
        why_not(&policy(), &shunned(8, 8))[0],
        "no shunned node is removed: 8 nodes are shunned at once, more than 1, so the fault is the machine or its network"
    );
}

#[test]
fn no_hung_node_is_restarted_if_most_do_not_answer() {
    let mute = |mute| Metrics {
        hung_nodes: mute,
        mute_nodes: mute,
        used_cpu_percent: 60.0,
        ..of(&[Running; 6])
    };
    assert_eq!(
        ask(&policy(), &mute(3)),
        ["restart hung node (1/1)"],
        "also between the limits"
    );
    assert_eq!(ask(&policy(), &mute(4)), ["idle monitoring"]);
    assert_eq!(
        why_not(&policy(), &mute(4))[0],
        "nothing is restarted: 4 of 6 running nodes do not answer, so the fault is the machine or its network"
    );
}
