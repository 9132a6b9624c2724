//! Node directories and services on disk without a row in the database.

use std::collections::BTreeSet;
use std::path::Path;

use crate::colony::{Node, NodeId};
use crate::manager::Leftover;
use crate::settings::Settings;
use crate::store::UnreadableRow;
use crate::world::World;

/// Files and services, by node id, of nodes that have no row: the row was lost, or the node was never imported. They may
/// contain an identity, so no new node gets the id.
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
    // The name of a node can differ from its id.
    let homes: BTreeSet<&Path> = nodes.iter().map(|node| node.home.root.as_path()).collect();
    let mut orphans = manager.leftovers();
    orphans.retain(|(id, path)| !ids.contains(id) && !homes.contains(path.as_path()));
    orphans.sort();
    orphans
}

/// The ids that no new node may get: those of unreadable rows and of orphans.
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
