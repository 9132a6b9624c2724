//! Stops launchd jobs and waits until they have ended.

use std::collections::HashMap;
use std::thread::sleep;
use std::time::Instant;

use crate::colony::Node;
use crate::manager::ManagerError;
use crate::manager::process_scan::check_no_process;
use crate::manager::timeouts::{LAUNCHD_STOP_TIMEOUT, SERVICE_CHECK_INTERVAL};

use super::job_directory::JobDirectory;
use super::label::label;
use super::launchctl::{Launchctl, LoadedJob};

/// Stops the jobs of `nodes`; with `permanently` they are not started at the next boot either.
pub(super) fn stop_all(
    launchctl: &Launchctl,
    directory: &JobDirectory,
    nodes: &[&Node],
    permanently: bool,
) -> Vec<Result<(), ManagerError>> {
    let before = match launchctl.jobs() {
        Ok(before) => before,
        // When the user is not logged in there is no launchd of theirs, and no job of it.
        Err(ManagerError::NoDomain { .. }) => {
            return nodes
                .iter()
                .map(|node| check_no_process(node, "launchd"))
                .collect();
        }
        Err(error) => return error.for_each(nodes, ManagerError::not_stopped),
    };
    let stop = |node: &&Node| {
        let (label, file) = (label(node), directory.file(node));
        directory.refuse_foreign(node)?;
        if before.contains_key(&label) {
            launchctl.unload(&label, &file, permanently)
        } else if permanently && file.is_file() {
            launchctl.disable(&label).map(|_| None)
        } else {
            Ok(None)
        }
    };
    let requested: Vec<Result<Option<String>, ManagerError>> = nodes.iter().map(stop).collect();
    let ending: Vec<String> = nodes
        .iter()
        .zip(&requested)
        .filter(|(_, requested)| requested.as_ref().is_ok_and(|said| is_ending(said.as_deref())))
        .map(|(node, _)| label(node))
        .collect();
    let mut after = wait_for_end(launchctl, &ending);
    for node in nodes {
        let is_loaded = after.as_ref().is_ok_and(|after| after.contains_key(&label(node)));
        if is_loaded && directory.refuse_foreign(node).is_ok() {
            // The old command works where the modern one is refused.
            let _ = launchctl.unload_by_old_command(&directory.file(node), permanently);
            after = launchctl.jobs();
        }
    }
    let after = match after {
        Ok(after) => after,
        Err(error) => return error.for_each(nodes, ManagerError::not_stopped),
    };
    let finish = |(node, requested): (&&Node, Result<Option<String>, ManagerError>)| {
        let complaint = requested?;
        match after.get(&label(node)).copied() {
            None => Ok(()),
            found => {
                let why = LoadedJob::explain(found, complaint.as_deref());
                Err(ManagerError::not_stopped(node, why))
            }
        }
    };
    nodes.iter().zip(requested).map(finish).collect()
}

/// Waits until launchd has unloaded all of these jobs, or the time is up; returns the jobs it still has.
fn wait_for_end(
    launchctl: &Launchctl,
    labels: &[String],
) -> Result<HashMap<String, LoadedJob>, ManagerError> {
    let until = Instant::now() + LAUNCHD_STOP_TIMEOUT;
    loop {
        let jobs = launchctl.jobs()?;
        if !labels.iter().any(|label| jobs.contains_key(label)) || Instant::now() >= until {
            return Ok(jobs);
        }
        sleep(SERVICE_CHECK_INTERVAL);
    }
}

/// Whether a job will end, for which launchctl had this complaint.
fn is_ending(complaint: Option<&str>) -> bool {
    complaint.is_none_or(|complaint| complaint.contains("Operation now in progress"))
}
