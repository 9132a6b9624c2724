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

mod assign;
mod cycle;
mod decide;
mod features;
mod hold;
#[cfg(test)]
mod made_up;
mod measure;
mod naming;
mod nursery;
mod obey;
pub mod policy;
pub mod reason;
mod rules;
mod safety;
mod settle;
pub mod step;
mod takeover;
mod task;

pub use assign::assign;
pub use cycle::{Judgement, Situation, plan};
pub use decide::{Decision, Occasion, Want, decide};
pub use features::{Feature, Features, Measured};
pub use hold::{Hold, Refusal};
pub use measure::{Gauged, is_hung, is_shunned, measure};
pub use naming::find;
pub use obey::{Order, Whom, obey};
pub use policy::{Delays, Policy, Quotas, Takeover, Template, Threshold};
pub use reason::{Ground, Quantity, Quota, Reason, Turn};
pub use rules::{Breach, breaches};
pub use safety::{SafetyStop, Storage, check_order, lost_storage};
pub use settle::{SURVEYS_IN_A_ROW, Settled, is_expired, put_off, retry_at, settle};
pub use step::{Action, Kind, NewNode, Plan, Rest, Step};
pub use takeover::strayed;
pub use task::Task;
