//! What bears the number of a node and is no node of the colony.

use crate::colony::NodeId;
use crate::manager::Leftover;
use crate::report::doctor::CheckResult;
use crate::session::orphans;
use crate::settings::Settings;
use crate::store::NodeRows;
use crate::world::World;

/// How many are named one by one.
const NAMED: usize = 5;

/// Whether every folder and service that is called like a node is one of the colony's.
pub fn judge(world: &World, settings: &Settings, roll: &NodeRows) -> CheckResult {
    const CHECK: &str = "orphans";
    let found = orphans(world, settings, (&roll.nodes, &roll.unread));
    if found.is_empty() {
        return CheckResult::ok(CHECK, "all that is called like a node is one of the colony's");
    }
    CheckResult::warning(
        CHECK,
        told(&found),
        "new nodes pass over these numbers; keep what holds a `secret-key`, and move the rest away",
    )
}

fn told(found: &[Leftover]) -> String {
    let mut ids: Vec<NodeId> = found.iter().map(|(id, _)| *id).collect();
    ids.dedup();
    let paths = found
        .iter()
        .take(NAMED)
        .map(|(_, path)| format!("`{}`", path.display()));
    let mut named = paths.collect::<Vec<String>>().join(", ");
    if found.len() > NAMED {
        named.push_str(&format!(", and {} more", found.len() - NAMED));
    }
    format!(
        "{} numbers are no node's, but something bears them: {named}",
        ids.len()
    )
}
