//! What the command line asks of a takeover.

use std::path::Path;
use std::time::Duration;

use crate::settings::run_options::Collector;

/// What the command line asks of a takeover.
#[derive(Clone, Copy, Debug)]
pub struct TakeoverOptions<'a> {
    /// The database of the new colony, by its path on the server.
    pub database: &'a Path,
    /// The account that cron will run wnm as.
    pub user: &'a str,
    /// What happens to NTracking's collector. None: as in the takeover that this one resumes, else the default.
    pub collector: Option<Collector>,
    /// How long to wait for anm's last run.
    pub limit: Duration,
}
