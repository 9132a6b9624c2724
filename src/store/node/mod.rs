//! Rows of table `node` to nodes and back.

mod read;
mod summary;
#[cfg(test)]
pub(super) mod tests;
mod write;

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, params_from_iter};

use crate::colony::{ManagerKind, Mode, Node, NodeId, PeerColumns, Version};

use super::error::{Fault, readable};
use super::machine_row::mode_of_place;
use super::{Store, StoreError};

use read::decode;
pub use summary::{NodeRows, UnreadableRow};
use write::{ColumnValue, cells};

/// The columns a [`Node`] has, in the order of [`cells`] and [`decode`]. The others (`machine_id`,
/// `container_id`, `method`, `layout`, what a newer peer adds) are written once or never, and never changed.
const COLUMNS: [&str; 47] = [
    "id",
    "manager_type",
    "node_name",
    "service",
    "user",
    "binary",
    "version",
    "root_dir",
    "log_dir",
    "port",
    "metrics_port",
    "rpc_port",
    "network",
    "wallet",
    "peer_id",
    "status",
    "timestamp",
    "records",
    "rewards",
    "uptime",
    "shunned",
    "connected_peers",
    "gets",
    "puts",
    "mem",
    "cpu",
    "open_connections",
    "total_peers",
    "bad_peers",
    "rel_records",
    "max_records",
    "payment_count",
    "live_time",
    "network_size",
    "silent_count",
    "shunned_count",
    "last_seen",
    "age",
    "host",
    "environment",
    "start_failures",
    "retry_at",
    "last_error",
    "binary_key",
    "shunned_total",
    "shunned_by_old",
    "start_args",
];

/// From `uptime` to `last_seen`: what a survey changes in nearly every row. They are written together,
/// so that a survey needs a few statements and not one for each set of figures that happened to change.
const SURVEYED: u64 = 0x3_FFFF << 19;

/// The column `last_seen`.
const LAST_SEEN: u64 = 1 << 36;

impl Store {
    /// All rows, by id: the nodes they tell of, and those that cannot be what they say.
    pub fn roll(&self) -> Result<NodeRows, StoreError> {
        self.read(|connection| {
            let bare = bare_mode(connection)?;
            let sql = format!("SELECT {} FROM node ORDER BY id", COLUMNS.join(", "));
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([])?;
            let mut roll = NodeRows::default();
            while let Some(row) = rows.next()? {
                match decode(row, bare) {
                    Ok(node) => roll.nodes.push(node),
                    Err(fault @ Fault::Value { .. }) => roll.unread.push(UnreadableRow {
                        id: row.get(0).ok().map(NodeId),
                        why: fault.at(&self.path).to_string(),
                    }),
                    Err(fault) => return Err(fault),
                }
            }
            roll.set_aside_doubles(&self.path);
            Ok(roll)
        })
    }

    /// The nodes of the [`roll`](Store::roll).
    pub fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        self.roll().map(|roll| roll.nodes)
    }

    /// What the rows hold beside the nodes.
    pub fn particulars(&self) -> Result<BTreeMap<NodeId, PeerColumns>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, CAST(machine_id AS INTEGER), CAST(container_id AS INTEGER), CAST(manager_type AS TEXT),
                        CAST(method AS TEXT), CAST(layout AS TEXT), CAST(version AS TEXT)
                 FROM node",
            )?;
            let rows = statement.query_map([], |row| {
                let particulars = PeerColumns {
                    machine_id: row.get(1)?,
                    container_id: row.get(2)?,
                    manager_type: row.get(3)?,
                    method: row.get(4)?,
                    layout: row.get(5)?,
                    version: row.get(6)?,
                };
                Ok((NodeId(row.get(0)?), particulars))
            })?;
            // What cannot be read of a row is left out here, and said where the nodes are read.
            rows.filter_map(|row| readable(row).transpose()).collect()
        })
    }

    /// Writes rows for nodes that were found, all or none.
    pub fn take_in(&self, nodes: &[Node]) -> Result<(), StoreError> {
        self.transact(|transaction| nodes.iter().try_for_each(|node| insert(transaction, node)))
    }
}

pub(super) fn insert(connection: &Connection, node: &Node) -> Result<(), Fault> {
    let marks: Vec<String> = (1..=COLUMNS.len()).map(|number| format!("?{number}")).collect();
    // As the peer does: `method` repeats the manager, and there is one machine and one layout.
    let sql = format!(
        "INSERT INTO node (machine_id, container_id, method, layout, {}) VALUES (1, NULL, ?2, '1', {})",
        COLUMNS.join(", "),
        marks.join(", ")
    );
    connection
        .prepare_cached(&sql)?
        .execute(params_from_iter(cells(node)?))?;
    Ok(())
}

/// Writes what differs from the node's row.
pub(super) fn update(connection: &Connection, node: &Node) -> Result<(), Fault> {
    let bare = bare_mode(connection)?;
    let sql = format!("SELECT {} FROM node WHERE id = ?1", COLUMNS.join(", "));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([node.id.0])?;
    let before = match rows.next()? {
        Some(row) => decode(row, bare)?,
        None => return Err(Fault::NoSuchNode(node.id.0)),
    };
    drop(rows);
    UpdateStatements::default().change(connection, &before, node)
}

/// So many rows are read before those of them that differ are written.
const ROWS_AT_ONCE: usize = 500;

/// Writes what of `nodes` differs from their rows. Those are read anew, some at a time: a colony that were kept as
/// it stood would double what a survey of ten thousand nodes takes of memory.
pub(super) fn update_all(connection: &Connection, nodes: &[Node]) -> Result<(), Fault> {
    let mut left: HashMap<NodeId, &Node> = nodes.iter().map(|node| (node.id, node)).collect();
    let bare = bare_mode(connection)?;
    let sql = format!(
        "SELECT {} FROM node WHERE id > ?1 ORDER BY id LIMIT {ROWS_AT_ONCE}",
        COLUMNS.join(", ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut updates = UpdateStatements::default();
    let (mut last, mut is_more) = (i64::MIN, !left.is_empty());
    let mut stored = Vec::new();
    while is_more {
        let mut rows = statement.query([last])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            last = row.get(0)?;
            count += 1;
            match decode(row, bare) {
                Ok(node) => stored.push(node),
                // Left alone, and complained of where the colony was read.
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

/// The statements that write some columns of a row, by which columns: made once for all rows of a survey.
#[derive(Default)]
struct UpdateStatements(HashMap<u64, String>);

impl UpdateStatements {
    /// Writes what differs from `before`, which is how the row stands.
    fn change(&mut self, connection: &Connection, before: &Node, after: &Node) -> Result<(), Fault> {
        // Versions that are equal may be written differently.
        if before == after && spelt(before) == spelt(after) {
            return Ok(());
        }
        let (old, new) = (cells(before)?, cells(after)?);
        let mut changed = 0_u64;
        for (index, (old, new)) in old.iter().zip(&new).enumerate() {
            if old != new {
                changed |= 1 << index;
            }
        }
        // That it answered again, with nothing new, is not worth a row a minute.
        if changed & !LAST_SEEN == 0 {
            return Ok(());
        }
        if changed & SURVEYED != 0 {
            changed |= SURVEYED;
        }
        let sql = self.0.entry(changed).or_insert_with(|| {
            let sets: Vec<String> = marked(changed)
                .map(|index| format!("{} = ?", COLUMNS[index]))
                .collect();
            format!("UPDATE node SET {} WHERE id = ?", sets.join(", "))
        });
        let id = ColumnValue::Integer(before.id.0.into());
        let values = marked(changed).map(|index| &new[index]).chain([&id]);
        match connection
            .prepare_cached(sql)?
            .execute(params_from_iter(values))?
        {
            0 => Err(Fault::NoSuchNode(before.id.0)),
            _ => Ok(()),
        }
    }
}

fn spelt(node: &Node) -> Option<&str> {
    node.version.as_ref().map(Version::as_str)
}

/// The columns that `mask` has a bit for.
fn marked(mask: u64) -> impl Iterator<Item = usize> {
    (0..COLUMNS.len()).filter(move |index| mask >> index & 1 == 1)
}

/// A node that has no row is deleted.
pub(super) fn delete(connection: &Connection, id: NodeId) -> Result<(), Fault> {
    connection
        .prepare_cached("DELETE FROM node WHERE id = ?1")?
        .execute([id.0])?;
    Ok(())
}

/// In whose name nodes run whose row says neither that nor anything to tell it by: as the colony's do.
fn bare_mode(connection: &Connection) -> Result<Mode, Fault> {
    let word: Option<Option<String>> = connection
        .prepare_cached("SELECT CAST(process_manager AS TEXT) FROM machine WHERE id = 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let kind = word
        .flatten()
        .and_then(|word| ManagerKind::from_stored(&word, Mode::User));
    Ok(kind.map_or(Mode::User, |kind| kind.mode))
}

/// The manager that a stored `manager_type` means, which in old rows lacks its mode.
pub(super) fn manager(text: &str, root: &str, service: &str, bare: Mode) -> Option<ManagerKind> {
    let mode = mode_of_place(service)
        .or_else(|| mode_of_place(root))
        .unwrap_or(bare);
    ManagerKind::from_stored(text, mode)
}
