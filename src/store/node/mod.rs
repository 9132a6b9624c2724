//! Reads, inserts, updates and deletes rows of table `node`.

mod cell;
mod columns;
mod summary;
#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params_from_iter};

use crate::colony::{Node, NodeId, PeerColumns, Version};

use super::database::Store;
use super::error::{Fault, StoreError, readable};
use super::stored_manager::default_mode;

use cell::Cell;
use columns::{COLUMNS, ColumnSet, NAMES, Updated, read_node, updated};
pub use summary::{NodeRows, UnreadableRow};

impl Store {
    /// All rows, by ID: nodes, and rows that cannot be read.
    pub fn node_rows(&self) -> Result<NodeRows, StoreError> {
        self.read(|connection| {
            let mode = default_mode(connection)?;
            let sql = format!("SELECT {} FROM node ORDER BY id", *NAMES);
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([])?;
            let mut all = NodeRows::default();
            while let Some(row) = rows.next()? {
                match read_node(row, mode) {
                    Ok(node) => all.nodes.push(node),
                    Err(fault @ Fault::Value { .. }) => all.unread.push(UnreadableRow {
                        id: row.get(0).ok().map(NodeId),
                        why: fault.at(&self.path).to_string(),
                    }),
                    Err(fault) => return Err(fault),
                }
            }
            all.set_aside_duplicates(&self.path);
            Ok(all)
        })
    }

    /// The nodes of all readable rows.
    pub fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        self.node_rows().map(|all| all.nodes)
    }

    /// The service names of all nodes that a shell can complete, without `.service`.
    pub fn service_names(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT CAST(service AS TEXT) FROM node ORDER BY id")?;
            let rows = statement.query_map([], |row| row.get::<_, Option<String>>(0))?;
            let mut names = Vec::new();
            for row in rows {
                let name = readable(row)?.flatten().unwrap_or_default();
                let name = name.strip_suffix(".service").unwrap_or(&name);
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
                if !name.is_empty() && name.chars().all(is_plain) {
                    names.push(name.to_owned());
                }
            }
            Ok(names)
        })
    }

    /// The columns of each row that only the Python wnm uses.
    pub fn peer_columns(&self) -> Result<BTreeMap<NodeId, PeerColumns>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, CAST(machine_id AS INTEGER), CAST(container_id AS INTEGER), CAST(manager_type AS TEXT),
                        CAST(method AS TEXT), CAST(layout AS TEXT), CAST(version AS TEXT)
                 FROM node",
            )?;
            let rows = statement.query_map([], |row| {
                let peer_columns = PeerColumns {
                    machine_id: row.get(1)?,
                    container_id: row.get(2)?,
                    manager_type: row.get(3)?,
                    method: row.get(4)?,
                    layout: row.get(5)?,
                    version: row.get(6)?,
                };
                Ok((NodeId(row.get(0)?), peer_columns))
            })?;
            // An unreadable row is skipped here and reported where the nodes are read.
            rows.filter_map(|row| readable(row).transpose()).collect()
        })
    }

    /// Inserts rows for nodes, all or none.
    #[cfg(test)]
    pub(super) fn insert_all(&self, nodes: &[Node]) -> Result<(), StoreError> {
        self.transact(|transaction| nodes.iter().try_for_each(|node| insert(transaction, node)))
    }
}

pub(super) fn insert(connection: &Connection, node: &Node) -> Result<(), Fault> {
    let marks = vec!["?"; COLUMNS.len()].join(", ");
    // As the Python wnm does: `method` repeats the manager, and there is one machine and one layout.
    let sql = format!(
        "INSERT INTO node (machine_id, container_id, layout, {}, method) VALUES (1, NULL, '1', {marks}, ?)",
        *NAMES
    );
    let mut values = Vec::with_capacity(COLUMNS.len() + 1);
    for column in COLUMNS.iter() {
        values.push(column.value(node)?);
    }
    values.push(Cell::OwnedText(node.manager.to_string()));
    connection
        .prepare_cached(&sql)?
        .execute(params_from_iter(values))?;
    Ok(())
}

/// Updates the columns that differ from the node's row.
pub(super) fn update(connection: &Connection, node: &Node) -> Result<(), Fault> {
    let mode = default_mode(connection)?;
    let sql = format!("SELECT {} FROM node WHERE id = ?1", *NAMES);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([node.id.0])?;
    let before = match rows.next()? {
        Some(row) => read_node(row, mode)?,
        None => return Err(Fault::NoSuchNode(node.id.0)),
    };
    drop(rows);
    UpdateStatements::new().change(connection, &before, node)
}

/// Number of rows that are read before the changed ones among them are written.
const ROWS_AT_ONCE: usize = 500;

/// Updates the columns of `nodes` that differ from their rows. The rows are read again in batches: to keep all nodes as
/// they were read would double the memory for a survey of ten thousand nodes.
pub(super) fn update_all(connection: &Connection, nodes: &[Node]) -> Result<(), Fault> {
    let mut left: HashMap<NodeId, &Node> = nodes.iter().map(|node| (node.id, node)).collect();
    let mode = default_mode(connection)?;
    let sql = format!(
        "SELECT {} FROM node WHERE id > ?1 ORDER BY id LIMIT {ROWS_AT_ONCE}",
        *NAMES
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut updates = UpdateStatements::new();
    let (mut last, mut is_more) = (i64::MIN, !left.is_empty());
    let mut stored = Vec::new();
    while is_more {
        let mut rows = statement.query([last])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            last = row.get(0)?;
            count += 1;
            match read_node(row, mode) {
                Ok(node) => stored.push(node),
                // Unchanged here, and reported where the nodes are read.
                Err(Fault::Value { .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        drop(rows);
        for before in stored.drain(..) {
            if let Some(node) = left.remove(&before.id) {
                updates.change(connection, &before, node)?;
            }
        }
        is_more = count == ROWS_AT_ONCE;
    }
    match left.into_keys().min() {
        Some(id) => Err(Fault::NoSuchNode(id.0)),
        None => Ok(()),
    }
}

/// The UPDATE statements of a survey, by the columns that they write. Each is made once for all rows.
struct UpdateStatements {
    made: HashMap<ColumnSet, String>,
    together: ColumnSet,
    minor: ColumnSet,
}

impl UpdateStatements {
    fn new() -> UpdateStatements {
        UpdateStatements {
            made: HashMap::new(),
            together: updated(Updated::Together),
            minor: updated(Updated::Minor),
        }
    }

    /// Writes the columns of `after` that differ from the row, which holds `before`.
    fn change(&mut self, connection: &Connection, before: &Node, after: &Node) -> Result<(), Fault> {
        // Equal versions can have different texts.
        if before == after && version_text(before) == version_text(after) {
            return Ok(());
        }
        let mut changed: ColumnSet = 0;
        let mut values = Vec::with_capacity(COLUMNS.len() + 1);
        for (index, column) in COLUMNS.iter().enumerate() {
            let value = column.value(after)?;
            if column.value(before)? != value {
                changed |= 1 << index;
            }
            values.push(value);
        }
        if changed & !self.minor == 0 {
            return Ok(());
        }
        if changed & (self.together | self.minor) != 0 {
            changed |= self.together | self.minor;
        }
        let is_written = |index: usize| changed >> index & 1 == 1;
        let sql = self.made.entry(changed).or_insert_with(|| {
            let columns = COLUMNS.iter().enumerate();
            let sets: Vec<String> = columns
                .filter(|(index, _)| is_written(*index))
                .map(|(_, column)| format!("{} = ?", column.name))
                .collect();
            format!("UPDATE node SET {} WHERE id = ?", sets.join(", "))
        });
        let id = Cell::Integer(before.id.0.into());
        let written = values
            .iter()
            .enumerate()
            .filter(|(index, _)| is_written(*index))
            .map(|(_, value)| value)
            .chain([&id]);
        match connection
            .prepare_cached(sql)?
            .execute(params_from_iter(written))?
        {
            0 => Err(Fault::NoSuchNode(before.id.0)),
            _ => Ok(()),
        }
    }
}

fn version_text(node: &Node) -> Option<&str> {
    node.version.as_ref().map(Version::as_str)
}

/// A node that has no row is deleted.
pub(super) fn delete(connection: &Connection, id: NodeId) -> Result<(), Fault> {
    connection
        .prepare_cached("DELETE FROM node WHERE id = ?1")?
        .execute([id.0])?;
    Ok(())
}
