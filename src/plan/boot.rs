//! What a boot ended: no node waits for a process that the boot ended.

use crate::colony::{Answer, Node, NodeObservation, NodeState, ProcessState, Timestamp};

use super::node_states::{mark_down, run};

/// Updates the nodes that were last started or upgraded before the machine was booted; `seen` is in their order.
///
/// A node without a process is STOPPED at once, and that is no failed start. A node with a process that does not answer
/// yet was started at the boot, so its delay begins again. A node that answers runs.
pub fn end_at_boot(nodes: &mut [Node], seen: &[NodeObservation], boot: Timestamp, now: Timestamp) {
    for (node, observation) in nodes.iter_mut().zip(seen) {
        if !waits_since_before(node, boot) || !observation.has_root {
            continue;
        }
        let activity = observation.process.map(|process| process.activity);
        match (&observation.answer, activity) {
            (Answer::Up(reading), _) => {
                let is_old = node
                    .version
                    .as_ref()
                    .is_some_and(|target| reading.version.is_older_than(target));
                if node.state != NodeState::Upgrading || !is_old {
                    run(node, now);
                }
            }
            (_, Some(ProcessState::Running)) if node.state != NodeState::Running => node.since = now,
            (_, Some(ProcessState::Stopped | ProcessState::Unknown)) => mark_down(node, now),
            _ => {}
        }
    }
}

/// Whether the node waits for a process that was started before the boot.
#[must_use]
pub fn waits_since_before(node: &Node, boot: Timestamp) -> bool {
    match node.state {
        NodeState::Restarting | NodeState::Upgrading => node.since < boot,
        // A node that does not answer is down only after three surveys, but no process outlives a boot.
        NodeState::Running => node.since < boot && node.memory.last_seen.is_none_or(|seen| seen < boot),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colony::ProcessStatus;
    use crate::plan::fixtures::{NOW, node, up};

    fn seen(answer: Answer, activity: Option<ProcessState>) -> NodeObservation {
        NodeObservation {
            answer,
            has_root: true,
            process: activity.map(ProcessStatus::without),
        }
    }

    fn after(state: NodeState, observation: NodeObservation, boot: Timestamp) -> Node {
        let mut nodes = [node(1, state)];
        nodes[0].since = Timestamp(NOW.0 - 100);
        end_at_boot(&mut nodes, &[observation], boot, NOW);
        let [node] = nodes;
        node
    }

    #[test]
    fn a_node_without_a_process_is_stopped_at_once_and_has_not_failed() {
        let boot = Timestamp(NOW.0 - 50);
        for state in [NodeState::Restarting, NodeState::Upgrading, NodeState::Running] {
            for answer in [Answer::Down, Answer::Silent] {
                let node = after(state, seen(answer, Some(ProcessState::Stopped)), boot);
                assert_eq!(node.state, NodeState::Stopped);
                assert_eq!((node.memory.start_failures, node.memory.retry_at), (0, None));
            }
        }
    }

    #[test]
    fn a_node_that_the_boot_started_waits_from_now_on() {
        let boot = Timestamp(NOW.0 - 50);
        let node = after(
            NodeState::Restarting,
            seen(Answer::Down, Some(ProcessState::Running)),
            boot,
        );
        assert_eq!((node.state, node.since), (NodeState::Restarting, NOW));
    }

    #[test]
    fn a_node_that_answers_runs() {
        let boot = Timestamp(NOW.0 - 50);
        let node = after(NodeState::Restarting, up(Default::default()), boot);
        assert_eq!(node.state, NodeState::Running);
    }

    #[test]
    fn a_node_that_was_started_after_the_boot_waits_on() {
        let boot = Timestamp(NOW.0 - 200);
        let observation = seen(Answer::Down, Some(ProcessState::Stopped));
        assert_eq!(
            after(NodeState::Restarting, observation, boot).state,
            NodeState::Restarting
        );
    }
}
