//! Acts on several nodes together, each with its own manager.

use std::collections::BTreeMap;

use crate::colony::{ManagerKind, Node};
use crate::manager::{ManagerError, ProcessManager};

use super::context::ExecuteContext;

/// Has each manager act on its nodes together. The results are in the order of the nodes.
pub(super) fn by_manager(
    nodes: &[&Node],
    context: &ExecuteContext<'_>,
    act: impl Fn(&dyn ProcessManager, &[&Node]) -> Vec<Result<(), ManagerError>>,
) -> Vec<Result<(), String>> {
    let mut by_kind: BTreeMap<ManagerKind, Vec<usize>> = BTreeMap::new();
    for (place, node) in nodes.iter().enumerate() {
        by_kind.entry(node.manager).or_default().push(place);
    }
    let mut results: Vec<Result<(), String>> = vec![Ok(()); nodes.len()];
    for (kind, places) in by_kind {
        let theirs: Vec<&Node> = places.iter().map(|place| nodes[*place]).collect();
        match context.world.managers.of(kind) {
            Ok(manager) => {
                for (place, result) in places.iter().zip(act(manager, &theirs)) {
                    results[*place] = result.map_err(|error| error.to_string());
                }
            }
            Err(error) => {
                for place in places {
                    results[place] = Err(error.to_string());
                }
            }
        }
    }
    results
}
