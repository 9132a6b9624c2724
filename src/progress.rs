//! Progress of long work. The work reports to a [`Progress`] and does not know what shows it.

use std::fmt;

/// The kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nodes are surveyed.
    Survey,
    /// The steps of a plan are executed.
    Steps,
}

/// Receives the progress of work. It returns nothing, so that it cannot affect the work.
pub trait Progress: fmt::Debug + Sync {
    /// Work of `total` parts begins. There is only one at a time.
    fn begin(&self, work: Work, total: usize);
    /// `parts` more parts are done. Ignored when no work has begun.
    fn advance(&self, parts: usize);
    /// The work ends, complete or not.
    fn end(&self);
}

/// Shows nothing: for cron, pipes and tests.
#[derive(Clone, Copy, Debug)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _: Work, _: usize) {}
    fn advance(&self, _: usize) {}
    fn end(&self) {}
}

/// Work that ends when this is dropped, also by an error or a panic.
#[derive(Debug)]
pub struct ProgressGuard<'a>(&'a dyn Progress);

impl<'a> ProgressGuard<'a> {
    /// Begins work of `total` parts.
    #[must_use]
    pub fn begin(progress: &'a dyn Progress, work: Work, total: usize) -> ProgressGuard<'a> {
        progress.begin(work, total);
        ProgressGuard(progress)
    }

    /// `parts` more parts are done.
    pub fn advance(&self, parts: usize) {
        self.0.advance(parts);
    }
}

impl Drop for ProgressGuard<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
