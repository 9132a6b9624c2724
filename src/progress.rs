//! How far a long piece of work has come, told to whoever wants to know. Work does not know who that is.

use std::fmt;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nodes are asked how they are.
    Survey,
    /// The steps of a plan are carried out.
    Steps,
}

/// Hears how far work has come. Nothing comes back: work goes on the same whoever listens.
pub trait Progress: fmt::Debug + Sync {
    /// Work of `total` parts begins. One piece of work at a time.
    fn begin(&self, work: Work, total: usize);
    /// So many more parts are done. Heard by nobody when no work has begun.
    fn advance(&self, parts: usize);
    /// The work is over, whether all of it was done or not.
    fn end(&self);
}

/// Nobody listens: under cron, in pipes, in tests.
#[derive(Clone, Copy, Debug)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _: Work, _: usize) {}
    fn advance(&self, _: usize) {}
    fn end(&self) {}
}

/// Work that is over when this goes, by an error or a panic too.
#[derive(Debug)]
pub struct ProgressGuard<'a>(&'a dyn Progress);

impl<'a> ProgressGuard<'a> {
    /// Begins work of `total` parts.
    #[must_use]
    pub fn begin(progress: &'a dyn Progress, work: Work, total: usize) -> ProgressGuard<'a> {
        progress.begin(work, total);
        ProgressGuard(progress)
    }

    /// So many more parts are done.
    pub fn advance(&self, parts: usize) {
        self.0.advance(parts);
    }
}

impl Drop for ProgressGuard<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
