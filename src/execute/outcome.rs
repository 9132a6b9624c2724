//! How the steps of a plan ended.

use crate::colony::Node;
use crate::plan::Step;

/// How one step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepEnd {
    Done,
    /// The error, and what is left of the step, if anything.
    Failed(String),
    /// A signal ended the run before this step.
    Skipped,
}

/// A step, its node, and how it ended.
#[derive(Clone, Debug)]
pub struct StepOutcome {
    pub step: Step,
    /// The node after the step, or before it if the node was removed. None for steps without a single node.
    pub node: Option<Node>,
    pub ending: StepEnd,
    /// Errors that did not fail the step, such as a firewall rule that could not be set.
    pub warnings: Vec<String>,
}

impl StepOutcome {
    /// The outcome that the step would have on `nodes` if it succeeded.
    #[must_use]
    pub fn predicted(step: &Step, nodes: &[Node]) -> StepOutcome {
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

    /// Whether the step began and failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        matches!(self.ending, StepEnd::Failed(_))
    }
}
