//! What a run prints, and its exit code.

use crate::error::ExitKind;

/// What a run prints, and its exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunResult {
    /// For stdout. A newline follows it unless it is empty.
    pub output: String,
    pub code: u8,
}

impl RunResult {
    /// The result of a run in which nothing failed.
    pub(super) fn success(output: impl Into<String>) -> RunResult {
        RunResult {
            output: output.into(),
            code: 0,
        }
    }

    /// The result of a run that went on after a failed step, if `has_failed`.
    pub(super) fn of_steps(output: String, has_failed: bool) -> RunResult {
        RunResult {
            output,
            code: if has_failed {
                ExitKind::Incomplete.code()
            } else {
                0
            },
        }
    }
}
