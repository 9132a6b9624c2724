//! Whether anm is still disabled after a takeover.

use crate::report::doctor::CheckResult;
use crate::takeover::anm::{Server, after_takeover::FinishedTakeover, paths};

const CHECK: &str = "anm";

/// Checks anm on a machine whose nodes were taken over; `None`: there was no takeover.
pub fn check(server: &Server) -> Option<CheckResult> {
    let takeover = match FinishedTakeover::of(server) {
        Ok(takeover) => takeover?,
        Err(error) => return Some(failed(&error)),
    };
    if let Err(error) = takeover.refuse_if_anm_is_back(server) {
        return Some(failed(&error));
    }
    Some(if server.has(paths::BLOCK) {
        CheckResult::ok(
            CHECK,
            format!(
                "anm is disabled; its files are in `{}`",
                takeover.backup.display()
            ),
        )
    } else {
        CheckResult::warning(
            CHECK,
            format!(
                "`{}` does not exist: if somebody starts anm by hand, it acts on the nodes",
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
