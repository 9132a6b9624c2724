//! How the steps of a plan ended.

use crate::colony::Node;
use crate::plan::Step;

/// How one step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepEnd {
    Done,
    /// What went wrong, and what is left of the step if anything is.
    Failed(String),
    /// A signal came first.
    Skipped,
}

/// One step, the node it was about, and how it ended.
#[derive(Clone, Debug)]
pub struct StepOutcome {
    pub step: Step,
    /// As it stands after the step, or stood before it if it is gone. None for steps about no single node.
    pub node: Option<Node>,
    pub ending: StepEnd,
    /// What went wrong beside the step: a firewall rule that could not be set.
    pub warnings: Vec<String>,
}

impl StepOutcome {
    /// What a step would come to if it went well, on `nodes` as they stand.
    #[must_use]
    pub fn foreseen(step: &Step, nodes: &[Node]) -> StepOutcome {
        let node = step
            .action
            .node()
            .and_then(|id| nodes.iter().find(|node| node.id == id))
            .cloned();
        StepOutcome {
            step: step.clone(),
            node,
            ending: StepEnd::Done,
            warnings: Vec::new(),
        }
    }

    /// Whether the step was begun and did not reach its end.
    #[must_use]
    pub fn failed(&self) -> bool {
        matches!(self.ending, StepEnd::Failed(_))
    }
}
