//! Checks for node directories and services without a node in the database.

use crate::colony::{NodeId, Plural};
use crate::manager::Leftover;
use crate::report::doctor::CheckResult;
use crate::session::orphans;
use crate::settings::Settings;
use crate::store::NodeRows;
use crate::world::World;

/// How many are listed by path.
const NAMED: usize = 5;

/// Checks that every node directory and service belongs to a node of the colony.
pub fn check(world: &World, settings: &Settings, rows: &NodeRows) -> CheckResult {
    const CHECK: &str = "orphans";
    let found = orphans(world, settings, (&rows.nodes, &rows.unread));
    if found.is_empty() {
        return CheckResult::ok(CHECK, "no orphaned node directories or units");
    }
    CheckResult::warning(
        CHECK,
        describe(&found),
        "new nodes skip these numbers; `wnm --import` takes nodes that have no row into the colony; keep directories with a \
         `secret-key`, and move the others away",
    )
}

fn describe(found: &[Leftover]) -> String {
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
        "node directories or units without a node, for {}: {named}",
        Plural(ids.len() as i64, "number")
    )
}
