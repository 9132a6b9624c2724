//! Plans a cycle from the figures. No I/O, no clock, no randomness, no logging.
//!
//! The input is plain values: the stored nodes, what a survey observed, the readings of the machine, the policy of the
//! operator, and the time. The output is a [`Plan`] whose steps name node, id, ports and paths, so that the executor
//! chooses nothing.
//!
//! ```text
//! update_states nodes + observations -> nodes in their current states, or a safety stop
//! measure       nodes + readings     -> figures
//! decide        policy + figures     -> work items: which tasks, how many of each, and why
//! assign        work items + nodes   -> steps: which node, or which id, ports and paths for a new one
//! plan          the last three, due removals first
//! plan_forced   a forced action      -> steps
//! breaches      a plan               -> the rules that it breaks
//! ```
//!
//! Nothing here fails: an `Err` is a refusal. The order of the nodes in the input has no effect.

mod action;
pub mod assign;
mod blocker;
mod boot;
mod coming_back;
pub mod decide;
#[cfg(test)]
pub(crate) mod fixtures;
mod forced;
mod lasting_pressure;
mod limits;
mod measure;
mod new_nodes;
pub mod node_checks;
mod node_choice;
mod node_problem;
mod node_selection;
pub mod node_states;
mod pause;
pub mod plan_checks;
pub mod plan_cycle;
pub mod policy;
pub mod reason;
mod restore;
mod safety_stop;
pub mod step;
mod takeover_check;
mod task;

pub use action::{Action, ActionKind, NewNode, StopReason};
pub use blocker::Blocker;
pub use boot::end_at_boot;
pub use decide::Trigger;
pub use forced::{NodeSelection, plan_forced};
pub use limits::{Feature, Features, LimitedQuantity};
pub use measure::{MachineFigures, measure};
pub use node_choice::{NameCheck, NodeFilter, choose_nodes, is_pattern};
pub use node_problem::{NodeProblem, ProblemContext, has_received};
pub use node_selection::find;
pub use node_states::{is_port_answered_by_other, put_off, update_states};
pub use pause::plan_around_pauses;
pub use plan_cycle::{PlanInput, PlanOutput};
pub use policy::{Policy, TakeoverPolicy, Template};
pub use reason::Reason;
pub use restore::plan_restore;
pub use safety_stop::{SafetyStop, StorageFolder, check_order, foresee_stop, lost_storage};
pub use step::{Plan, Step};
pub use takeover_check::strayed;
pub use task::Task;
