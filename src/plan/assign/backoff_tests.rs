//! Nodes on which something failed, and many that go down at once.

use super::super::fixtures::{
    NOW, blockers, calm, doings, free, hot, newest, node, nodes, one_at_a_time, policy, seen, storage,
    template,
};
use super::super::node_states::{put_off, update_states};
use super::super::plan_checks::breaches;
use super::*;
use crate::colony::{Answer, NodeState::*};
use crate::plan::plan_cycle::plan;
use crate::plan::policy::Quotas;
use crate::plan::{MachineFigures, PlanInput, Trigger};

fn plan_at(policy: &Policy, machine: MachineFigures, nodes: &[Node], now: Timestamp) -> Plan {
    let newest = newest();
    let situation = PlanInput {
        policy,
        template: &template(),
        machine: &machine,
        binary: Some(&newest),
        trigger: Trigger::Ordinary,
        port_in_use: &free,
        now,
    };
    plan(nodes, &situation).plan
}

/// It has answered since it runs, and then something on it failed.
fn failed(mut node: Node) -> Node {
    node.memory.last_seen = Some(NOW.plus(-60));
    put_off(&mut node, "Access denied", NOW);
    node
}

#[test]
fn skips_a_node_after_a_failed_stop_until_its_retry_time() {
    let mut colony = nodes(&[Running, Running, Running]);
    assert_eq!(
        doings(&plan_at(&one_at_a_time(), hot(), &colony, NOW)),
        ["stop node 3"]
    );
    colony[2] = failed(colony[2].clone());
    let plan = plan_at(&one_at_a_time(), hot(), &colony, NOW);
    assert_eq!(doings(&plan), ["stop node 2"]);
    assert_eq!(blockers(&plan), ["failed to stop 1 node: will retry later"]);
    for node in &mut colony[..2] {
        *node = failed(node.clone());
    }
    assert_eq!(
        doings(&plan_at(&one_at_a_time(), hot(), &colony, NOW)),
        Vec::<String>::new()
    );
    let later = plan_at(&one_at_a_time(), hot(), &colony, NOW.plus(60));
    assert_eq!(doings(&later), ["stop node 3"]);
}

#[test]
fn lowered_cap_skips_a_node_after_a_failed_stop() {
    let mut colony = nodes(&[Running, Running, Running]);
    colony[2] = failed(colony[2].clone());
    let policy = Policy {
        cap: 2,
        ..one_at_a_time()
    };
    assert_eq!(
        doings(&plan_at(&policy, calm(), &colony, NOW)),
        ["stop node 2 to remove it"]
    );
}

#[test]
fn failed_upgrade_or_start_does_not_prevent_a_stop() {
    let mut outdated = failed(node(1, Running));
    outdated.version = Some(Version::new("0.4.1"));
    let told = "failed to upgrade 1 node, or the version did not change: will retry later";
    let rests = plan_at(&one_at_a_time(), calm(), &[outdated.clone()], NOW);
    assert!(
        blockers(&rests).contains(&told.to_owned()),
        "{:?}",
        blockers(&rests)
    );
    assert!(!doings(&rests).contains(&"upgrade node 1 to 0.4.17".to_owned()));
    assert_eq!(
        doings(&plan_at(&one_at_a_time(), hot(), &[outdated], NOW)),
        ["stop node 1"]
    );
    let mut silent = failed(node(1, Running));
    silent.memory.last_seen = Some(silent.since.plus(-1));
    assert_eq!(
        doings(&plan_at(&one_at_a_time(), hot(), &[silent], NOW)),
        ["stop node 1"]
    );
}

/// All possible shares of a colony go down in one survey, for the machine's network or its systemd.
#[test]
fn starts_within_the_quota_when_many_nodes_are_down() {
    for all in [5_u32, 6, 10, 40] {
        for down in all / 2 + 1..=all {
            for quota in [1, 2, 5] {
                let quotas = Quotas {
                    operations: quota,
                    starts: quota,
                    upgrades: quota,
                    removals: quota,
                    restarts: Some(quota),
                };
                let policy = Policy {
                    quotas,
                    cap: i64::from(all),
                    ..policy()
                };
                let colony: Vec<Node> = (1..=all).map(|id| node(id, Running)).collect();
                let observations: Vec<_> = (1..=all)
                    .map(|id| match id <= down {
                        true => seen(Answer::Down),
                        false => seen(Answer::Unasked),
                    })
                    .collect();
                let updated =
                    update_states(colony, &observations, &[storage()], &policy, false, NOW).unwrap();
                let plan = plan_at(&policy, calm(), &updated.nodes, NOW);
                assert_eq!(breaches(&plan, &policy, &updated.nodes), []);
                let starts = plan
                    .steps
                    .iter()
                    .filter(|step| matches!(step.action, Action::Start(..)));
                assert_eq!(
                    starts.count() as i64,
                    quota.min(i64::from(down)),
                    "{down} of {all}"
                );
                assert_eq!(
                    plan.steps.len() as i64,
                    quota.min(i64::from(down)),
                    "{:?}",
                    doings(&plan)
                );
            }
        }
    }
}
