//! Takes over the nodes of a server that runs anm, and returns them.
//!
//! It restarts no process, rewrites no unit and changes nothing in a node's directory. It changes anm's cron file and
//! lock, and restores them if the takeover fails.

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
pub mod options;
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
pub use server::Server;
pub use units::NodeUnit;
