//! What is heard of a node, until it is told as its answer.

use crate::colony::{Answer, Node, NodeFigures, NodeReading};

/// What came of asking a node.
pub(super) enum ProbeResponse {
    Answer(Answer),
    /// It has not restarted since it was last seen, so that its version and peer id stand; and these are its figures.
    StillUp(NodeFigures),
}

impl ProbeResponse {
    /// As the answer of `node`.
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
