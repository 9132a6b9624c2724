//! Numbers that no row has and something on disk bears all the same.

use std::collections::BTreeSet;
use std::path::Path;

use crate::colony::{Node, NodeId};
use crate::manager::Leftover;
use crate::settings::Settings;
use crate::store::UnreadableRow;
use crate::world::World;

/// What bears the number of a node that the colony does not have, by number: the data of a node whose row was lost,
/// or that was never taken in. It may hold an identity, so no new node gets its number.
#[must_use]
pub fn orphans(
    world: &World,
    settings: &Settings,
    (nodes, unread): (&[Node], &[UnreadableRow]),
) -> Vec<Leftover> {
    let Ok(manager) = world.managers.of(settings.process_manager) else {
        return Vec::new();
    };
    let ids: BTreeSet<NodeId> = nodes
        .iter()
        .map(|node| node.id)
        .chain(unread.iter().filter_map(|row| row.id))
        .collect();
    // A node may be called otherwise than by its number.
    let homes: BTreeSet<&Path> = nodes.iter().map(|node| node.home.root.as_path()).collect();
    let mut orphans = manager.leftovers();
    orphans.retain(|(id, path)| !ids.contains(id) && !homes.contains(path.as_path()));
    orphans.sort();
    orphans
}

/// The numbers that no new node may have: those of rows that cannot be read, and those of orphans.
#[must_use]
pub fn reserved(world: &World, settings: &Settings, known: (&[Node], &[UnreadableRow])) -> Vec<NodeId> {
    let unread = known.1.iter().filter_map(|row| row.id);
    let mut all: Vec<NodeId> = orphans(world, settings, known)
        .into_iter()
        .map(|(id, _)| id)
        .chain(unread)
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}
