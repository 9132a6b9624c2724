//! Starts launchd jobs and checks that they stay alive.

use std::collections::HashMap;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Instant;

use crate::manager::ManagerError;
use crate::manager::timeouts::{LAUNCHD_START_TIMEOUT, SERVICE_CHECK_INTERVAL, STARTUP_WATCH};

use super::launchctl::{Launchctl, LoadedJob};

/// launchd is told this often to load a job: the one before it may still be ending.
const LOAD_ATTEMPTS: u32 = 3;

/// A job that was told to start.
pub(super) struct StartingJob {
    pub(super) label: String,
    file: PathBuf,
    /// Its process before.
    old_pid: Option<u32>,
    complaint: Option<String>,
}

impl StartingJob {
    /// Starts a job unless it runs; `must_reload`: its file changed since launchd read it.
    pub(super) fn start(
        launchctl: &Launchctl,
        label: String,
        file: PathBuf,
        must_reload: bool,
        loaded: &HashMap<String, LoadedJob>,
    ) -> Result<StartingJob, ManagerError> {
        let found = loaded.get(&label).copied();
        let mut job = StartingJob {
            label,
            file,
            old_pid: None,
            complaint: None,
        };
        match found {
            Some(LoadedJob { pid: Some(_), .. }) => {}
            Some(_) if !must_reload => {
                launchctl.enable(&job.label)?;
                job.complaint = launchctl.kickstart(&job.label, &job.file, false)?;
            }
            found => {
                if found.is_some() {
                    launchctl.unload(&job.label, &job.file, false)?;
                }
                job.load(launchctl)?;
            }
        }
        Ok(job)
    }

    /// Replaces the process `old_pid` of a loaded job by a new one.
    pub(super) fn restart(
        launchctl: &Launchctl,
        label: String,
        file: PathBuf,
        old_pid: Option<u32>,
    ) -> Result<StartingJob, ManagerError> {
        let complaint = launchctl.kickstart(&label, &file, true)?;
        Ok(StartingJob {
            label,
            file,
            old_pid,
            complaint,
        })
    }

    /// Loads the job. launchd refuses a job that is loaded already or still ending.
    fn load(&mut self, launchctl: &Launchctl) -> Result<(), ManagerError> {
        for _ in 0..LOAD_ATTEMPTS {
            self.complaint = launchctl.load(&self.label, &self.file)?;
            if self.complaint.is_none() {
                return Ok(());
            }
            if launchctl.jobs()?.contains_key(&self.label) {
                self.complaint = launchctl.kickstart(&self.label, &self.file, false)?;
                return Ok(());
            }
            sleep(SERVICE_CHECK_INTERVAL);
        }
        // The complaint of the modern command says more than that of the old one, so it is kept.
        launchctl.load_by_old_command(&self.file)?;
        Ok(())
    }

    fn new_pid(&self, loaded: &HashMap<String, LoadedJob>) -> Option<u32> {
        let pid = loaded.get(&self.label).and_then(|job| job.pid);
        pid.filter(|pid| Some(*pid) != self.old_pid)
    }
}

/// Watches jobs that were told to start until each runs and had time to fail; returns one result for each.
pub(super) fn watch(
    launchctl: &Launchctl,
    jobs: &[&StartingJob],
) -> Result<Vec<Result<(), String>>, ManagerError> {
    let until = Instant::now() + LAUNCHD_START_TIMEOUT;
    let mut first = launchctl.jobs()?;
    while jobs.iter().any(|job| job.new_pid(&first).is_none()) && Instant::now() < until {
        sleep(SERVICE_CHECK_INTERVAL);
        first = launchctl.jobs()?;
    }
    sleep(STARTUP_WATCH);
    let last = launchctl.jobs()?;
    let result = |job: &&StartingJob| {
        let found = last.get(&job.label).copied();
        match found.and_then(|found| found.pid) {
            pid @ Some(_) if pid == job.new_pid(&first) => Ok(()),
            _ => Err(LoadedJob::explain(
                found.map(|found| LoadedJob { pid: None, ..found }),
                job.complaint.as_deref(),
            )),
        }
    };
    Ok(jobs.iter().map(result).collect())
}
