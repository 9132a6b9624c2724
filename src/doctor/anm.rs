//! Whether anm, whose nodes were taken over, keeps still.

use crate::report::health::Finding;
use crate::takeover::anm::{Server, legacy::Legacy, place};

const CHECK: &str = "anm";

/// How anm stands on a machine whose nodes it had; None: it had none.
pub fn judge(server: &Server) -> Option<Finding> {
    let legacy = match Legacy::of(server) {
        Ok(legacy) => legacy?,
        Err(error) => return Some(failed(&error)),
    };
    if let Err(error) = legacy.refuse_two(server) {
        return Some(failed(&error));
    }
    Some(if server.has(place::BLOCK) {
        Finding::ok(
            CHECK,
            format!("it is silent; its files are in `{}`", legacy.backup.display()),
        )
    } else {
        Finding::warning(
            CHECK,
            format!(
                "`{}` is gone, at which its runs end: one that is begun by hand acts on the nodes",
                place::BLOCK
            ),
            format!("sudo touch {}", place::BLOCK),
        )
    })
}

fn failed(error: &crate::takeover::anm::Error) -> Finding {
    Finding::failed(
        CHECK,
        error.to_string(),
        error.hint().unwrap_or_default().to_owned(),
    )
}
