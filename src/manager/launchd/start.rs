//! A job from being told to run to being known to live.

use std::collections::HashMap;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::colony::Node;
use crate::manager::{ManagerError, ProcessManager};

use super::launchctl::LoadedJob;
use super::{LOOK, Launchd, label, not_started};

/// A job that lives so long without being started again has found its files and its ports.
const PROVEN: Duration = Duration::from_millis(300);

/// For launchd to get from being told to the node's own program.
const BORN: Duration = Duration::from_secs(3);

/// So often launchd is told to load a job: the one before it may still be on its way out.
const TRIES: u32 = 3;

/// One job that shall run, and what is known of it.
pub(super) struct StartingJob {
    pub(super) label: String,
    file: PathBuf,
    /// Its process before it was told anything.
    before: Option<u32>,
    complaint: Option<String>,
}

impl Launchd {
    /// Gets a job that is in place to run; one that runs is let be.
    pub(super) fn begin(
        &self,
        node: &Node,
        is_rewritten: bool,
        jobs: &HashMap<String, LoadedJob>,
    ) -> Result<StartingJob, ManagerError> {
        let (label, file) = (label(node), self.file(node));
        let found = jobs.get(&label).copied();
        let mut start = StartingJob {
            before: None,
            complaint: None,
            label,
            file,
        };
        match found {
            Some(LoadedJob { pid: Some(_), .. }) => {}
            Some(_) if !is_rewritten => {
                self.launchctl.enable(&start.label)?;
                start.complaint = self.launchctl.kickstart(&start.label, &start.file, false)?;
            }
            found => {
                if found.is_some() {
                    self.launchctl.unload(&start.label, &start.file, false)?;
                }
                self.load(&mut start)?;
            }
        }
        Ok(start)
    }

    /// Loads a job. launchd refuses what is loaded already, what is still ending, and what it dislikes.
    fn load(&self, start: &mut StartingJob) -> Result<(), ManagerError> {
        for _ in 0..TRIES {
            start.complaint = self.launchctl.load(&start.label, &start.file)?;
            if start.complaint.is_none() {
                return Ok(());
            }
            if self.launchctl.jobs()?.contains_key(&start.label) {
                start.complaint = self.launchctl.kickstart(&start.label, &start.file, false)?;
                return Ok(());
            }
            sleep(LOOK);
        }
        // What it complained of says more than what the way of old will.
        self.launchctl.load_as_before(&start.file)?;
        Ok(())
    }

    /// Watches jobs that were told to start until each runs and had time to fail.
    pub(super) fn watch(&self, starts: &[&StartingJob]) -> Result<Vec<Result<(), String>>, ManagerError> {
        let runs = |found: Option<&LoadedJob>, start: &StartingJob| {
            found
                .and_then(|found| found.pid)
                .filter(|pid| Some(*pid) != start.before)
        };
        let until = Instant::now() + BORN;
        let mut jobs = self.launchctl.jobs()?;
        while starts
            .iter()
            .any(|start| runs(jobs.get(&start.label), start).is_none())
            && Instant::now() < until
        {
            sleep(LOOK);
            jobs = self.launchctl.jobs()?;
        }
        sleep(PROVEN);
        let after = self.launchctl.jobs()?;
        Ok(starts
            .iter()
            .map(|start| {
                let first = runs(jobs.get(&start.label), start);
                let found = after.get(&start.label).copied();
                match found.and_then(|found| found.pid) {
                    pid @ Some(_) if pid == first => Ok(()),
                    _ => Err(LoadedJob::why(
                        found.map(|found| LoadedJob { pid: None, ..found }),
                        start.complaint.as_deref(),
                    )),
                }
            })
            .collect())
    }

    /// Has the node's process replaced by one of its binary as it is now, or started where there is none.
    pub(super) fn restart(&self, node: &Node) -> Result<(), ManagerError> {
        let is_rewritten = self.ready(node)?;
        let jobs = self.launchctl.jobs()?;
        let before = jobs.get(&label(node)).and_then(|found| found.pid);
        if before.is_none() || is_rewritten {
            self.stop(node)?;
            return self.start(node);
        }
        let mut start = StartingJob {
            label: label(node),
            file: self.file(node),
            before,
            complaint: None,
        };
        start.complaint = self.launchctl.kickstart(&start.label, &start.file, true)?;
        let outcome = self.watch(&[&start])?.pop();
        outcome.unwrap_or(Ok(())).map_err(|why| not_started(node, why))
    }
}
