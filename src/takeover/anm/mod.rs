//! The takeover of a server that ran anm: its nodes become a colony, and none of them notices.
//!
//! No process is touched, no unit rewritten, nothing below a node's folder changed. What is changed, anm's
//! cron file and its lock, is changed so that it can be changed back.

pub mod account;
pub mod acts;
pub mod backup;
pub mod config;
pub mod cron;
pub mod details;
mod error;
pub mod forms;
pub mod hands;
pub mod journal;
pub mod judge;
pub mod legacy;
pub mod machine;
pub mod manifest;
pub mod ntracking;
pub mod place;
pub mod reading;
pub mod rollback;
pub mod rows;
pub mod schedule;
pub mod script;
pub mod server;
pub mod silence;
pub mod unit;
pub mod warning;

pub use error::Error;
pub use server::{Host, Server};
pub use unit::Unit;
