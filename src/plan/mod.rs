//! Plans a cycle from the figures. No I/O, no clock, no randomness, no logging.
//!
//! The input is plain values: the stored nodes, what a survey observed, the readings of the machine, the policy of the
//! operator, and the time. The output is a [`Plan`] whose steps name node, id, ports and paths, so that the executor
//! chooses nothing.
//!
//! ```text
//! settle   nodes + observations    -> nodes as they stand now, or a safety stop
//! measure  nodes + instruments     -> figures
//! decide   policy + figures        -> work items: which tasks, how many of each, and why
//! assign   work items + nodes      -> steps: which node, or which id, ports and paths for a new one
//! plan     the last three, expired removals first
//! plan_forced   what an operator forces -> the same steps
//! breaches      a second opinion on any plan
//! ```
//!
//! Nothing here fails: an `Err` is a refusal. The order of the nodes in the input has no effect.

mod action;
mod assign;
mod blocker;
mod boot;
mod decide;
#[cfg(test)]
mod fixtures;
mod forced;
mod limits;
mod measure;
mod new_nodes;
mod node_checks;
mod node_selection;
mod node_states;
mod plan_checks;
mod plan_cycle;
pub mod policy;
pub mod reason;
mod restore;
mod safety_stop;
pub mod step;
mod takeover_check;
mod task;

pub use action::{Action, ActionKind, NewNode, StopReason};
pub use assign::assign;
pub use blocker::{Blocker, Refusal};
pub use boot::{end_at_boot, waits_since_before};
pub use decide::{Decision, Trigger, WorkItem, decide};
pub use forced::{NodeSelection, plan_forced};
pub use limits::{Feature, Features, LimitedQuantity};
pub use measure::{MachineFigures, measure};
pub use node_checks::{SURVEYS_IN_A_ROW, is_expired, is_hung, is_shunned};
pub use node_selection::find;
pub use node_states::{UpdatedNodes, is_port_answered_by_other, put_off, retry_at, update_states};
pub use plan_checks::{Breach, breaches};
pub use plan_cycle::{PlanInput, PlanOutput, plan};
pub use policy::{Delays, Policy, Quotas, TakeoverPolicy, Template, Threshold};
pub use reason::{Cause, Position, Quantity, Quota, Reason};
pub use restore::plan_restore;
pub use safety_stop::{SafetyStop, StorageFolder, check_order, lost_storage};
pub use step::{Plan, Step};
pub use takeover_check::strayed;
pub use task::Task;
