//! What the problems of nodes are judged by, from the database alone.

use std::collections::BTreeSet;

use crate::colony::{Node, NodeId, NodeState, Timestamp, Version};
use crate::plan::{self, ProblemContext};
use crate::settings::Settings;
use crate::store::{Store, StoreError};

/// A node enters its state within this many seconds after its stop began.
const LONG_STOP_S: i64 = 600;

/// The facts of one colony.
pub(super) struct ProblemFacts {
    pub newest: Option<Version>,
    stopped_on_purpose: BTreeSet<NodeId>,
    shunned_limit: i64,
    has_earners: bool,
}

impl ProblemFacts {
    pub(super) fn read(
        store: &Store,
        settings: &Settings,
        nodes: &[Node],
    ) -> Result<ProblemFacts, StoreError> {
        let stopped: Vec<&Node> = nodes
            .iter()
            .filter(|node| node.state == NodeState::Stopped)
            .collect();
        let stops = match stopped.is_empty() {
            true => Default::default(),
            false => store.last_stops()?,
        };
        let is_on_purpose = |node: &&Node| {
            let stop = stops.get(&node.id);
            stop.is_some_and(|at| (-1..=LONG_STOP_S).contains(&node.since.since(*at)))
        };
        Ok(ProblemFacts {
            newest: store.newest_binary(&settings.antnode_path)?,
            stopped_on_purpose: stopped
                .into_iter()
                .filter(is_on_purpose)
                .map(|node| node.id)
                .collect(),
            shunned_limit: settings.shunned_remove,
            has_earners: nodes.iter().any(plan::has_received),
        })
    }

    pub(super) fn context(&self, now: Timestamp) -> ProblemContext<'_> {
        ProblemContext {
            newest: self.newest.as_ref(),
            stopped_on_purpose: &self.stopped_on_purpose,
            shunned_limit: self.shunned_limit,
            has_earners: self.has_earners,
            now,
        }
    }
}
