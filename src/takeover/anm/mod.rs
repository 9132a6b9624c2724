//! The takeover of a server that ran anm: its nodes become a colony, and none of them notices.
//!
//! No process is touched, no unit rewritten, nothing below a node's folder changed. What is changed, anm's
//! cron file and its lock, is changed so that it can be changed back.

pub mod after_takeover;
pub mod backup;
pub mod build;
pub mod config;
pub mod convert_settings;
pub mod cron;
pub mod disable;
mod error;
pub mod fs_ops;
pub mod inspect;
pub mod journal;
pub mod manifest;
pub mod node_details_file;
pub mod node_rows;
pub mod ntracking;
pub mod operator_summary;
pub mod paths;
pub mod rollback;
pub mod schedule;
pub mod script;
pub mod server;
pub mod steps;
pub mod unit_formats;
pub mod units;
pub mod warning;

pub use error::TakeoverError;
pub use server::{Server, ServerAccess};
pub use units::NodeUnit;
