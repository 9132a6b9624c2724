//! From figures to a plan. Pure: no I/O, no time, no chance, no logging.

pub mod policy;
pub mod reason;
pub mod step;
