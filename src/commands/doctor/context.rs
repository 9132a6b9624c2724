//! What the checks examine, and amounts as text.

use super::schedule::Schedule;
use crate::colony::{Node, Timestamp};
use crate::settings::Settings;
use crate::store::MachineFacts;
use crate::world::World;

/// What the checks examine.
pub(super) struct CheckContext<'a> {
    pub user: &'a str,
    /// PATH of the operator who runs the check.
    pub search: &'a str,
    pub schedule: &'a Schedule,
    /// The environment variables of scheduled runs.
    pub environment: &'a [(&'static str, String)],
    pub settings: &'a Settings,
    pub world: &'a World,
    pub nodes: &'a [Node],
    /// None: there is no colony yet.
    pub facts: Option<&'a MachineFacts>,
    /// When the last cycle wrote to the database.
    pub last_written: Option<Timestamp>,
    pub now: Timestamp,
}

/// A duration as text.
pub(super) fn duration(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}

/// A number of bytes as text.
pub(super) fn bytes(count: u64) -> String {
    match count {
        ..10_000_000_000 => format!("{:.1} GB", count as f64 / 1e9),
        _ => format!("{:.0} GB", count as f64 / 1e9),
    }
}
