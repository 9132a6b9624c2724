//! Every state, and what a survey makes of it.

use super::super::fixtures::{NOW, node, nodes, policy, seen, storage, up};
use super::*;
use crate::colony::NodeState::*;
use crate::colony::{NodeFigures, ProcessStatus, Version};

fn after(seconds: i64) -> Timestamp {
    NOW.plus(seconds - 100)
}

/// What becomes of one node, so many seconds after it entered its state.
fn become_at(seconds: i64, node: Node, observation: &NodeObservation) -> Node {
    let seen = std::slice::from_ref(observation);
    let updated = update_states(vec![node], seen, &[storage()], &policy(), true, after(seconds)).unwrap();
    updated.nodes.into_iter().next().unwrap()
}

fn silent(process: Option<ProcessStatus>) -> NodeObservation {
    NodeObservation {
        answer: Answer::Silent,
        has_root: true,
        process,
    }
}

fn lives() -> NodeObservation {
    silent(Some(ProcessStatus::running(77)))
}

fn is_gone() -> NodeObservation {
    silent(Some(ProcessStatus::without(ProcessState::Stopped)))
}

fn rootless() -> NodeObservation {
    NodeObservation {
        has_root: false,
        ..seen(Answer::Down)
    }
}

#[test]
fn answer_decides_between_running_and_stopped() {
    let down = become_at(500, node(1, Running), &seen(Answer::Down));
    assert_eq!((down.state, down.since), (Stopped, after(500)));
    let back = become_at(500, node(1, Stopped), &up(NodeFigures::default()));
    assert_eq!((back.state, back.since), (Running, after(500)));
}

#[test]
fn since_changes_only_with_the_state() {
    assert_eq!(
        become_at(500, node(1, Running), &up(NodeFigures::default())).since,
        after(0)
    );
    assert_eq!(
        become_at(500, node(1, Stopped), &seen(Answer::Down)).since,
        after(0)
    );
}

#[test]
fn answer_updates_version_peer_id_and_figures() {
    let mut reading = NodeReading {
        version: Version::new("0.4.18"),
        peer_id: Some("12D3".to_owned()),
        figures: Some(NodeFigures {
            records: 5,
            ..NodeFigures::default()
        }),
    };
    let known = become_at(0, node(1, Running), &seen(Answer::Up(Box::new(reading.clone()))));
    assert_eq!(known.version, Some(Version::new("0.4.18")));
    assert_eq!(known.peer_id.as_deref(), Some("12D3"));
    assert_eq!(
        (known.figures.records, known.memory.last_seen),
        (5, Some(after(0)))
    );

    (reading.peer_id, reading.figures) = (None, None);
    let still = become_at(0, known, &seen(Answer::Up(Box::new(reading))));
    assert_eq!(
        (still.peer_id.as_deref(), still.figures.records),
        (Some("12D3"), 5)
    );
}

#[test]
fn node_that_is_down_keeps_its_identity_and_rewards() {
    let mut known = node(1, Running);
    known.peer_id = Some("12D3".to_owned());
    known.figures = NodeFigures {
        uptime: 9,
        connected_peers: 9,
        rewards: "7".to_owned(),
        ..NodeFigures::default()
    };
    let down = become_at(0, known, &seen(Answer::Down));
    assert_eq!((down.figures.uptime, down.figures.connected_peers), (0, 0));
    assert_eq!(
        (down.peer_id.as_deref(), down.figures.rewards.as_str()),
        (Some("12D3"), "7")
    );
    assert_eq!(down.version, node(1, Running).version);
}

#[test]
fn surveys_do_not_change_timed_states() {
    for state in [Restarting, Upgrading, Removing] {
        for observation in [
            up(NodeFigures::default()),
            seen(Answer::Down),
            lives(),
            is_gone(),
            seen(Answer::Unasked),
        ] {
            let node = become_at(299, node(1, state), &observation);
            assert_eq!((node.state, node.since), (state, after(0)));
        }
        let figures = NodeFigures {
            records: 5,
            ..NodeFigures::default()
        };
        assert_eq!(become_at(299, node(1, state), &up(figures)).figures.records, 5);
    }
}

#[test]
fn after_the_start_delay_the_answer_decides_the_state() {
    for state in [Restarting, Upgrading] {
        let runs = become_at(300, node(1, state), &up(NodeFigures::default()));
        assert_eq!((runs.state, runs.since), (Running, after(300)));
        assert_eq!(become_at(300, node(1, state), &seen(Answer::Down)).state, Stopped);
        assert_eq!(become_at(300, node(1, state), &lives()).state, Running);
    }
}

#[test]
fn failed_starts_back_off() {
    let mut node = node(1, Restarting);
    node.memory.start_failures = 2;
    let dead_again = become_at(300, node, &seen(Answer::Down));
    assert_eq!((dead_again.state, dead_again.memory.start_failures), (Stopped, 3));
    assert_eq!(dead_again.memory.retry_at, Some(after(300 + 240)));
    assert_eq!(
        dead_again.memory.last_error.as_deref(),
        Some("did not answer 300 s after its start")
    );

    let alive = become_at(0, dead_again, &up(NodeFigures::default()));
    assert_eq!(
        (
            alive.memory.start_failures,
            alive.memory.retry_at,
            alive.memory.last_error
        ),
        (0, None, None)
    );
}

#[test]
fn retry_delay_doubles_up_to_an_hour() {
    let minutes = |failures| retry_at(failures, NOW).since(NOW) / 60;
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 6, 7, 8].map(minutes),
        [0, 1, 2, 4, 8, 16, 32, 60, 60]
    );
    assert_eq!(minutes(u32::MAX), 60);
}

#[test]
fn running_node_keeps_the_error_of_its_upgrade() {
    let mut node = node(1, Running);
    node.memory.start_failures = 1;
    node.memory.retry_at = Some(after(60));
    assert_eq!(
        become_at(0, node, &up(NodeFigures::default())).memory.retry_at,
        Some(after(60))
    );
}

#[test]
fn silent_node_is_not_stopped() {
    let mut node = node(1, Running);
    for _ in 0..10 {
        node = become_at(0, node, &lives());
        assert_eq!(node.state, Running);
    }
    assert_eq!(node.memory.silent, 10);
    assert_eq!(become_at(0, node, &up(NodeFigures::default())).memory.silent, 0);
}

#[test]
fn silent_node_without_a_process_is_down_after_three_surveys() {
    let once = become_at(0, node(1, Running), &is_gone());
    let twice = become_at(0, once, &is_gone());
    assert_eq!(twice.state, Running);
    assert_eq!(become_at(0, twice, &is_gone()).state, Stopped);
}

#[test]
fn silent_node_with_a_process_is_hung_after_three_surveys() {
    let mut colony = nodes(&[Running, Running]);
    colony[1].memory.silent = 2;
    let updated = update_states(colony, &[lives(), lives()], &[storage()], &policy(), false, NOW).unwrap();
    assert_eq!(updated.hung, [NodeId(2)]);
    assert_eq!(updated.nodes[1].state, Running);
}

#[test]
fn removal_is_due_after_its_delay() {
    let settle_at = |seconds| {
        let seen = [seen(Answer::Down)];
        update_states(
            nodes(&[Removing]),
            &seen,
            &[storage()],
            &policy(),
            false,
            after(seconds),
        )
        .unwrap()
    };
    assert_eq!(settle_at(299).expired, []);
    assert_eq!(settle_at(300).expired, [NodeId(1)]);
    assert_eq!(settle_at(300).nodes[0].state, Removing);
}

#[test]
fn timer_in_the_future_starts_again() {
    let node = become_at(-9000, node(1, Removing), &seen(Answer::Down));
    assert_eq!((node.state, node.since), (Removing, after(-9000)));
}

#[test]
fn disabled_node_is_not_changed() {
    let observation = NodeObservation {
        has_root: false,
        ..up(NodeFigures {
            records: 5,
            ..NodeFigures::default()
        })
    };
    assert_eq!(become_at(500, node(1, Disabled), &observation), node(1, Disabled));
}

#[test]
fn node_without_a_root_is_dead_unless_removing_or_migrating() {
    for state in [Running, Stopped, Restarting, Upgrading] {
        assert_eq!(become_at(10, node(1, state), &rootless()).state, Dead, "{state}");
    }
    for state in [Removing, Migrating, Dead, Disabled] {
        assert_eq!(become_at(10, node(1, state), &rootless()).state, state);
    }
}

#[test]
fn dead_node_with_a_root_again_is_not_dead() {
    assert_eq!(
        become_at(0, node(1, Dead), &up(NodeFigures::default())).state,
        Running
    );
    assert_eq!(become_at(0, node(1, Dead), &seen(Answer::Down)).state, Stopped);
}

#[test]
fn only_lasting_shunning_counts() {
    let shunned = |node, times| {
        let policy = Policy {
            shunned: Some(10),
            ..policy()
        };
        let figures = NodeFigures {
            shunned: times,
            ..NodeFigures::default()
        };
        let seen = [up(figures)];
        let updated = update_states(vec![node], &seen, &[storage()], &policy, false, NOW).unwrap();
        updated.nodes.into_iter().next().unwrap()
    };
    let twice = shunned(shunned(node(1, Running), 10), 11);
    assert_eq!(twice.memory.shunned, 2);
    assert_eq!(shunned(twice.clone(), 9).memory.shunned, 0);
    assert_eq!(shunned(twice, 12).memory.shunned, 3);
    assert_eq!(
        become_at(
            0,
            node(1, Running),
            &up(NodeFigures {
                shunned: 99,
                ..NodeFigures::default()
            })
        )
        .memory
        .shunned,
        0
    );
}

/// A node that was upgraded from 0.4.16 and is looked at so many seconds later; it says this version.
fn upgraded(seconds: i64, node: Node, says: &str) -> Node {
    let reading = NodeReading {
        version: Version::new(says),
        peer_id: None,
        figures: None,
    };
    become_at(seconds, node, &seen(Answer::Up(Box::new(reading))))
}

#[test]
fn upgrades_that_change_nothing_back_off() {
    let early = upgraded(299, node(1, Upgrading), "0.4.16");
    assert_eq!(
        (early.state, early.version),
        (Upgrading, Some(Version::new("0.4.17")))
    );
    let mut vain = node(1, Running);
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        (vain.state, vain.version) = (Upgrading, Some(Version::new("0.4.17")));
        vain.since = after(0);
        vain = upgraded(300, vain, "0.4.16");
        assert_eq!((vain.state, vain.since), (Running, after(300)));
        assert_eq!(vain.version, Some(Version::new("0.4.16")));
        assert_eq!(vain.memory.retry_at, Some(after(300 + minutes * 60)));
        assert_eq!(
            vain.memory.last_error.as_deref(),
            Some("still says 0.4.16 after its upgrade to 0.4.17")
        );
        // A moment of silence is no answer to that.
        vain = become_at(360, vain, &lives());
        vain = upgraded(420, vain, "0.4.16");
        assert_eq!(vain.memory.retry_at, Some(after(300 + minutes * 60)));
    }
    vain.state = Upgrading;
    vain.version = Some(Version::new("0.4.17"));
    let well = upgraded(720, vain, "0.4.17");
    assert_eq!((well.state, well.memory.start_failures), (Running, 0));
    assert_eq!((well.memory.retry_at, well.memory.last_error), (None, None));
}

#[test]
fn lists_nodes_whose_upgrade_changed_nothing() {
    let reading = |version: &str| {
        seen(Answer::Up(Box::new(NodeReading {
            version: Version::new(version),
            peer_id: None,
            figures: None,
        })))
    };
    let colony = nodes(&[Upgrading, Upgrading, Upgrading, Running]);
    let observations = [
        reading("0.4.16"),
        reading("0.4.17"),
        reading("0.4.18"),
        reading("0.4.1"),
    ];
    let updated = update_states(colony, &observations, &[storage()], &policy(), false, after(300)).unwrap();
    assert_eq!(updated.unchanged, [NodeId(1)]);
    assert_eq!(updated.nodes[2].version, Some(Version::new("0.4.18")));
}

#[test]
fn retry_time_of_an_upgrade_does_not_delay_a_start() {
    let mut ran = node(1, Running);
    ran.memory.last_seen = Some(after(60));
    put_off(
        &mut ran,
        "still says 0.4.16 after its upgrade to 0.4.17",
        after(120),
    );
    let down = become_at(130, ran.clone(), &seen(Answer::Down));
    assert_eq!((down.state, down.memory.retry_at), (Stopped, None));
    assert_eq!(
        down.memory.start_failures, 1,
        "and it is put off for longer the next time"
    );
    // One that never answered since its start is put off for that.
    ran.memory.last_seen = Some(after(-1));
    let down = become_at(130, ran, &seen(Answer::Down));
    assert_eq!((down.state, down.memory.retry_at), (Stopped, Some(after(180))));
}
