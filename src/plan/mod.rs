//! From figures to a plan. Pure: no I/O, no time, no chance, no logging.
//!
//! What goes in are values: the nodes as they were stored, what one survey saw of them, what the
//! instruments showed, the operator's policy, and now. What comes out is a [`Plan`] whose steps name
//! their node, id, ports and paths, so that carrying it out chooses nothing.
//!
//! ```text
//! settle   nodes + sightings       -> nodes as they stand now, or a safety stop
//! measure  nodes + instruments     -> figures
//! decide   policy + figures        -> wants: what kinds of work, how much of it, and why
//! assign   wants + nodes           -> steps: which node, or which id, ports and paths for a new one
//! plan     the last three, expired removals first
//! obey     what an operator ordered -> the same steps
//! breaches a second opinion on any plan
//! ```
//!
//! Nothing here can fail: what a `Result` carries is a refusal, not an accident. The order in which nodes
//! are handed in means nothing.

mod action;
mod assign;
mod blocker;
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
mod safety_stop;
pub mod step;
mod takeover_check;
mod task;

pub use action::{Action, ActionKind, NewNode, StopReason};
pub use assign::assign;
pub use blocker::{Blocker, Refusal};
pub use decide::{Decision, Trigger, WorkItem, decide};
pub use forced::{NodeSelection, plan_forced};
pub use limits::{Feature, Features, LimitedQuantity};
pub use measure::{MachineFigures, measure};
pub use node_checks::{SURVEYS_IN_A_ROW, is_expired, is_hung, is_shunned};
pub use node_selection::find;
pub use node_states::{UpdatedNodes, put_off, retry_at, settle};
pub use plan_checks::{Breach, breaches};
pub use plan_cycle::{PlanInput, PlanOutput, plan};
pub use policy::{Delays, Policy, Quotas, TakeoverPolicy, Template, Threshold};
pub use reason::{Cause, Position, Quantity, Quota, Reason};
pub use safety_stop::{SafetyStop, StorageFolder, check_order, lost_storage};
pub use step::{Plan, Step};
pub use takeover_check::strayed;
pub use task::Task;
