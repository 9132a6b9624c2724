//! The result of reading all rows: nodes, and rows that cannot be used.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::colony::{ManagerKind, Node, NodeId};
use crate::store::error::{Fault, quoted};

/// All rows of table `node`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeRows {
    pub nodes: Vec<Node>,
    /// Rows that cannot be used. wnm changes neither them nor the nodes that they may mean.
    pub unread: Vec<UnreadableRow>,
}

impl NodeRows {
    /// Moves rows with the same root or the same service to `unread`: an action on one could destroy the identity of
    /// another. Rows of antctl nodes are exempt: the Python wnm may have stored one root for all of them, and antctl
    /// knows the correct ones.
    pub(super) fn set_aside_duplicates(&mut self, path: &Path) {
        let has_registry = |node: &Node| node.manager.has_registry();
        let mut by_root: HashMap<&Path, u32> = HashMap::new();
        let mut by_service: HashMap<(ManagerKind, &str), u32> = HashMap::new();
        for node in self.nodes.iter().filter(|node| !has_registry(node)) {
            *by_root.entry(&node.home.root).or_default() += 1;
            if !node.service.0.is_empty() {
                *by_service.entry((node.manager, &node.service.0)).or_default() += 1;
            }
        }
        let doubled = |node: &Node| {
            let root = by_root
                .get(node.home.root.as_path())
                .is_some_and(|count| *count > 1);
            let service = by_service
                .get(&(node.manager, node.service.0.as_str()))
                .is_some_and(|count| *count > 1);
            match (has_registry(node), root, service) {
                (true, ..) | (_, false, false) => None,
                (_, true, _) => Some(("root_dir", node.home.root.to_string_lossy().into_owned())),
                (_, _, true) => Some(("service", node.service.0.clone())),
            }
        };
        let doubles: BTreeMap<NodeId, Fault> = self
            .nodes
            .iter()
            .filter_map(|node| {
                let (column, value) = doubled(node)?;
                let fault = Fault::Value {
                    table: "node",
                    row: node.id.to_string(),
                    column: column.to_owned(),
                    why: format!("{} is another row's as well", quoted(&value)),
                };
                Some((node.id, fault))
            })
            .collect();
        self.nodes.retain(|node| !doubles.contains_key(&node.id));
        self.unread
            .extend(doubles.into_iter().map(|(id, fault)| UnreadableRow {
                id: Some(id),
                why: fault.at(path).to_string(),
            }));
    }
}

/// A row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableRow {
    /// Its ID, which no new node may use; None if it is no valid ID.
    pub id: Option<NodeId>,
    /// The database, row and column, and what is wrong.
    pub why: String,
}
