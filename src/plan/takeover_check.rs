//! Whether a survey finds imported nodes in their imported states.

use crate::colony::{Node, NodeState};

use super::node_checks::is_hung;

/// The nodes that a survey did not find in their state `before`. A node that was starting may run now; one that is still
/// starting is not confirmed yet.
#[must_use]
pub fn strayed<'a>(before: &[Node], after: &'a [Node]) -> Vec<&'a Node> {
    let was = |node: &Node| before.iter().find(|was| was.id == node.id).map(|was| was.state);
    let is_as_it_was = |node: &Node| match (was(node), node.state) {
        (Some(NodeState::Running | NodeState::Restarting), NodeState::Running) => {
            node.memory.silent == 0 || is_hung(node)
        }
        (_, NodeState::Restarting) => false,
        (was, is) => was == Some(is),
    };
    after.iter().filter(|node| !is_as_it_was(node)).collect()
}

#[cfg(test)]
mod tests {
    use super::strayed;
    use crate::colony::NodeState::{self, Dead, Disabled, Restarting, Running, Stopped};
    use crate::colony::{Metrics, Timestamp};
    use crate::plan::decide::decide;
    use crate::plan::fixtures::{NOW, metrics, nodes, policy};
    use crate::plan::{Blocker, Policy, TakeoverPolicy, Trigger};

    fn stray(before: &[NodeState], after: &[NodeState]) -> Vec<u32> {
        let after = nodes(after);
        strayed(&nodes(before), &after)
            .iter()
            .map(|node| node.id.0)
            .collect()
    }

    #[test]
    fn survey_confirms_imported_states() {
        let as_taken = [Running, Stopped, Disabled, Restarting];
        assert_eq!(stray(&as_taken, &[Running, Stopped, Disabled, Running]), [0; 0]);
        assert_eq!(stray(&as_taken, &as_taken), [4], "it is waited for");
        assert_eq!(
            stray(&as_taken, &[Stopped, Running, Disabled, Stopped]),
            [1, 2, 4]
        );
        assert_eq!(stray(&[Running], &[Dead]), [1]);
    }

    #[test]
    fn silent_node_is_not_confirmed_before_it_counts_as_hung() {
        let mut after = nodes(&[Running]);
        let before = after.clone();
        for (silent, is_stray) in [(0, false), (1, true), (2, true), (3, false)] {
            after[0].memory.silent = silent;
            assert_eq!(!strayed(&before, &after).is_empty(), is_stray, "{silent}");
        }
    }

    #[test]
    fn imported_nodes_are_not_stopped_for_pressure_before_the_delay() {
        let taken_over = |seconds| Policy {
            takeover: Some(TakeoverPolicy {
                at: Timestamp(NOW.0 - seconds),
                is_confirmed: true,
            }),
            ..policy()
        };
        let pressed = |metrics: &Metrics| Metrics {
            system_start: Timestamp(0),
            ..metrics.clone()
        };
        let colony = metrics(&nodes(&[Running]));
        let hot = pressed(&Metrics {
            used_cpu_percent: 85.0,
            ..colony.clone()
        });
        let full = pressed(&Metrics {
            used_hd_percent: 95.0,
            ..colony
        });
        for metrics in [&hot, &full] {
            let ask = |policy: &Policy| decide(policy, metrics, Trigger::Ordinary, Some(NOW));
            let watched = ask(&taken_over(299));
            assert!(
                watched
                    .blockers
                    .contains(&Blocker::Watched { until: NOW.plus(1) })
            );
            assert!(watched.work.iter().all(|item| item.task.kind().is_none()));
            let after = ask(&taken_over(300));
            assert_eq!(after, ask(&policy()));
            assert!(after.work[0].task.kind().is_some());
        }
    }
}
