//! What is heard of a node, until it is told as its answer.

use crate::colony::{Answer, Figures, Node, Reading};

/// What came of asking a node.
pub(super) enum Heard {
    Answer(Answer),
    /// It has not restarted since it was last seen, so that its version and peer id stand; and these are its figures.
    StillUp(Figures),
}

impl Heard {
    /// As the answer of `node`.
    pub(super) fn of(self, node: &Node) -> Answer {
        match self {
            Heard::Answer(answer) => answer,
            Heard::StillUp(figures) => node.version.clone().map_or(Answer::Down, |version| {
                Answer::Up(Box::new(Reading {
                    version,
                    peer_id: node.peer_id.clone(),
                    figures: Some(figures),
                }))
            }),
        }
    }
}
