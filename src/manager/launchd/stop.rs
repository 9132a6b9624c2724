//! A job from being told to end to being gone.

use std::collections::HashMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::colony::Node;
use crate::manager::ManagerError;
use crate::manager::process_scan::is_gone;

use super::launchctl::LoadedJob;
use super::{LOOK, Launchd, label, not_stopped, spread};

/// For a job to end: launchd kills after 10 s what wnm wrote, after 20 s what others wrote.
const ENDED: Duration = Duration::from_secs(25);

impl Launchd {
    /// Ends jobs; with `for_good` they stay ended when the machine comes up again.
    pub(super) fn end(&self, nodes: &[&Node], for_good: bool) -> Vec<Result<(), ManagerError>> {
        let jobs = match self.launchctl.jobs() {
            Ok(jobs) => jobs,
            // Where nobody is logged in there is no launchd of theirs, and nothing that it runs.
            Err(ManagerError::NoDomain { .. }) => {
                return nodes.iter().map(|node| is_gone(node, "launchd")).collect();
            }
            Err(error) => return spread(nodes, &error, not_stopped),
        };
        let told: Vec<Result<Option<String>, ManagerError>> = nodes
            .iter()
            .map(|node| {
                let (label, file) = (label(node), self.file(node));
                self.refuse_foreign(node)?;
                if jobs.contains_key(&label) {
                    self.launchctl.unload(&label, &file, for_good)
                } else if for_good && file.is_file() {
                    self.launchctl.disable(&label).map(|_| None)
                } else {
                    Ok(None)
                }
            })
            .collect();
        let awaited: Vec<String> = nodes
            .iter()
            .zip(&told)
            .filter(|(_, told)| told.as_ref().is_ok_and(|said| is_ending(said.as_deref())))
            .map(|(node, _)| label(node))
            .collect();
        let mut left = self.wait_for_end(&awaited);
        for node in nodes {
            let is_left = left.as_ref().is_ok_and(|left| left.contains_key(&label(node)));
            if is_left && self.refuse_foreign(node).is_ok() {
                // The way of old, where the new one is refused.
                let _ = self.launchctl.unload_as_before(&self.file(node), for_good);
                left = self.launchctl.jobs();
            }
        }
        let left = match left {
            Ok(left) => left,
            Err(error) => return spread(nodes, &error, not_stopped),
        };
        nodes
            .iter()
            .zip(told)
            .map(|(node, told)| {
                let complaint = told?;
                match left.get(&label(node)).copied() {
                    None => Ok(()),
                    found => Err(not_stopped(node, LoadedJob::why(found, complaint.as_deref()))),
                }
            })
            .collect()
    }

    /// Waits until launchd has forgotten all of them, or has had its time.
    fn wait_for_end(&self, labels: &[String]) -> Result<HashMap<String, LoadedJob>, ManagerError> {
        let until = Instant::now() + ENDED;
        loop {
            let jobs = self.launchctl.jobs()?;
            if !labels.iter().any(|label| jobs.contains_key(label)) || Instant::now() >= until {
                return Ok(jobs);
            }
            sleep(LOOK);
        }
    }
}

/// Whether a job that was told to end, to which launchctl `said` this, will go by being waited for.
fn is_ending(said: Option<&str>) -> bool {
    said.is_none_or(|said| said.contains("Operation now in progress"))
}
