//! The response of a node, before it becomes its answer.

use crate::colony::{Answer, Node, NodeFigures, NodeReading};

/// The result of querying a node.
pub(super) enum ProbeResponse {
    Answer(Answer),
    /// It has not restarted since it was last seen, so its version and peer ID are unchanged. These are its figures.
    StillUp(NodeFigures),
}

impl ProbeResponse {
    /// Converts it to the answer of `node`.
    pub(super) fn of(self, node: &Node) -> Answer {
        match self {
            ProbeResponse::Answer(answer) => answer,
            ProbeResponse::StillUp(figures) => node.version.clone().map_or(Answer::Down, |version| {
                Answer::Up(Box::new(NodeReading {
                    version,
                    peer_id: node.peer_id.clone(),
                    figures: Some(figures),
                }))
            }),
        }
    }
}
