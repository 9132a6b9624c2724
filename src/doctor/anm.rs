//! Whether anm, whose nodes were taken over, keeps still.

use crate::report::doctor::CheckResult;
use crate::takeover::anm::{Server, after_takeover::FinishedTakeover, paths};

const CHECK: &str = "anm";

/// How anm stands on a machine whose nodes it had; None: it had none.
pub fn judge(server: &Server) -> Option<CheckResult> {
    let legacy = match FinishedTakeover::of(server) {
        Ok(legacy) => legacy?,
        Err(error) => return Some(failed(&error)),
    };
    if let Err(error) = legacy.refuse_two(server) {
        return Some(failed(&error));
    }
    Some(if server.has(paths::BLOCK) {
        CheckResult::ok(
            CHECK,
            format!("it is silent; its files are in `{}`", legacy.backup.display()),
        )
    } else {
        CheckResult::warning(
            CHECK,
            format!(
                "`{}` is gone, at which its runs end: one that is begun by hand acts on the nodes",
                paths::BLOCK
            ),
            format!("sudo touch {}", paths::BLOCK),
        )
    })
}

fn failed(error: &crate::takeover::anm::TakeoverError) -> CheckResult {
    CheckResult::failed(
        CHECK,
        error.to_string(),
        error.hint().unwrap_or_default().to_owned(),
    )
}
