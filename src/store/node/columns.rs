//! The columns of table `node` that a [`Node`] has: SELECT, INSERT and UPDATE are made from this one table.
//!
//! Other columns (`machine_id`, `container_id`, `method`, `layout`, those of a newer Python wnm) are written when a row
//! is inserted or never, and are not changed afterwards.

use std::path::PathBuf;
use std::sync::LazyLock;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::colony::node_figures::{FIGURES, Figure};
use crate::colony::{
    ManagerKind, Mode, Node, NodeFigures, NodeHistory, NodeId, NodeName, NodePaths, NodePorts, NodeState,
    ServiceName, Timestamp, Tool,
};
use crate::store::error::{Fault, quoted};
use crate::store::stored_manager::stored_manager;

use super::cell::{Cell, CellType};

/// One column.
pub(super) struct Column {
    pub name: &'static str,
    pub updated: Updated,
    access: Access,
}

/// When an update writes a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Updated {
    /// When its value differs.
    Alone,
    /// When the value of any `Together` column differs. A survey changes some of them in nearly every row; written
    /// together they need a few statements, not one for each set of figures that happened to change.
    Together,
    /// With the `Together` columns; a change of this one alone is not worth a write of each row each minute.
    Minor,
}

/// How a column gets its value from a node, and a node its value from the column.
enum Access {
    Field {
        get: fn(&Node) -> Cell<'_>,
        set: fn(&mut Node, ValueRef<'_>) -> Result<(), String>,
    },
    Figure(&'static Figure),
}

/// A column for a field of [`Node`]: `column!("wallet", Alone, wallet)`.
macro_rules! column {
    ($name:literal, $updated:ident, $($field:ident).+) => {
        Column {
            name: $name,
            updated: Updated::$updated,
            access: Access::Field {
                get: |node| node.$($field).+.to_cell(),
                set: |node, cell| {
                    node.$($field).+ = CellType::from_cell(cell)?;
                    Ok(())
                },
            },
        }
    };
}

const FIELDS: [Column; 30] = [
    column!("id", Alone, id),
    column!("node_name", Alone, name),
    column!("service", Alone, service),
    column!("user", Alone, user),
    column!("binary", Alone, home.binary),
    column!("version", Alone, version),
    column!("root_dir", Alone, home.root),
    column!("log_dir", Alone, home.logs),
    column!("port", Alone, ports.node),
    column!("metrics_port", Alone, ports.metrics),
    column!("rpc_port", Alone, ports.rpc),
    column!("network", Alone, network),
    column!("wallet", Alone, wallet),
    column!("peer_id", Alone, peer_id),
    column!("status", Alone, state),
    column!("timestamp", Alone, since),
    column!("silent_count", Together, memory.silent),
    column!("shunned_count", Together, memory.shunned),
    column!("last_seen", Minor, memory.last_seen),
    column!("age", Alone, born),
    column!("host", Alone, host),
    column!("environment", Alone, environment),
    column!("start_failures", Alone, memory.start_failures),
    column!("retry_at", Alone, memory.retry_at),
    column!("last_error", Alone, memory.last_error),
    column!("binary_key", Alone, memory.binary_key),
    column!("start_args", Alone, memory.start_args),
    column!("pressure_stops", Alone, memory.pressure_stops),
    column!("pressure_stopped_at", Alone, memory.pressure_stopped_at),
    Column {
        name: "rewards",
        updated: Updated::Alone,
        access: Access::Field {
            get: |node| node.figures.rewards.to_cell(),
            set: |node, cell| {
                node.figures.rewards = Option::from_cell(cell)?.unwrap_or_else(|| "0".to_owned());
                Ok(())
            },
        },
    },
];

/// The manager is read last, because in old rows its mode follows from the paths.
const MANAGER: Column = Column {
    name: "manager_type",
    updated: Updated::Alone,
    access: Access::Field {
        get: |node| Cell::OwnedText(node.manager.to_string()),
        set: |node, cell| {
            let text = String::from_cell(cell)?;
            let root = node.home.root.to_string_lossy();
            node.manager = stored_manager(&text, &root, &node.service.0, node.manager.mode)
                .ok_or_else(|| format!("{} is no process manager", quoted(&text)))?;
            Ok(())
        },
    },
};

/// Every column, in the order in which rows are read.
pub(super) static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let figures = FIGURES.iter().map(|figure| Column {
        name: figure.column,
        // `records` has an index, which would be written with each row.
        updated: match figure.column {
            "records" => Updated::Alone,
            _ => Updated::Together,
        },
        access: Access::Figure(figure),
    });
    FIELDS.into_iter().chain(figures).chain([MANAGER]).collect()
});

/// The names of all columns, for a statement.
pub(super) static NAMES: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    names.join(", ")
});

/// A set of columns: bit by bit, in the order of [`COLUMNS`].
pub(super) type ColumnSet = u128;

/// The columns that are updated in this way.
pub(super) fn updated(how: Updated) -> ColumnSet {
    let columns = COLUMNS.iter().enumerate();
    columns
        .filter(|(_, column)| column.updated == how)
        .fold(0, |set, (index, _)| set | 1 << index)
}

impl Column {
    /// The value of a node.
    ///
    /// # Errors
    /// A path that is not UTF-8.
    pub(super) fn value<'a>(&self, node: &'a Node) -> Result<Cell<'a>, Fault> {
        let cell = match &self.access {
            Access::Field { get, .. } => get(node),
            Access::Figure(figure) => Cell::Integer((figure.get)(&node.figures)),
        };
        match cell {
            Cell::Path(path) if path.to_str().is_none() => {
                let why = format!("`{}` is not UTF-8", path.display());
                Err(wrong(node.id, self.name, why))
            }
            cell => Ok(cell),
        }
    }

    fn set(&self, node: &mut Node, cell: ValueRef<'_>) -> Result<(), String> {
        match &self.access {
            Access::Field { set, .. } => set(node, cell)?,
            Access::Figure(figure) => *(figure.get_mut)(&mut node.figures) = i64::from_cell(cell)?,
        }
        Ok(())
    }
}

/// The node of a row that has all [`COLUMNS`]; a row that does not contain the mode of its manager gets `default_mode`.
pub(super) fn read_node(row: &Row<'_>, default_mode: Mode) -> Result<Node, Fault> {
    let mut node = Node {
        id: NodeId(0),
        name: NodeName(String::new()),
        service: ServiceName(String::new()),
        manager: ManagerKind {
            tool: Tool::Systemd,
            mode: default_mode,
        },
        ports: NodePorts {
            node: 0,
            metrics: 0,
            rpc: 0,
        },
        wallet: None,
        peer_id: None,
        host: String::new(),
        user: String::new(),
        network: String::new(),
        environment: None,
        home: NodePaths {
            root: PathBuf::new(),
            logs: None,
            binary: PathBuf::new(),
        },
        version: None,
        born: Timestamp(0),
        state: NodeState::Stopped,
        since: Timestamp(0),
        figures: NodeFigures::default(),
        memory: NodeHistory::default(),
    };
    for (index, column) in COLUMNS.iter().enumerate() {
        let cell = row.get_ref(index)?;
        column
            .set(&mut node, cell)
            .map_err(|why| wrong(node.id, column.name, why))?;
    }
    Ok(node)
}

fn wrong(id: NodeId, column: &str, why: String) -> Fault {
    let row = match id.0 {
        0 => "without id".to_owned(),
        id => id.to_string(),
    };
    Fault::Value {
        table: "node",
        row,
        column: column.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{COLUMNS, ColumnSet, Updated};

    #[test]
    fn each_column_occurs_once_and_has_a_bit() {
        let names: BTreeSet<&str> = COLUMNS.iter().map(|column| column.name).collect();
        assert_eq!(names.len(), COLUMNS.len());
        assert!(COLUMNS.len() <= ColumnSet::BITS as usize);
        assert_eq!(COLUMNS[0].name, "id");
    }

    #[test]
    fn survey_columns_are_written_together_and_indexed_ones_are_not() {
        let together = |name: &str| {
            let column = COLUMNS.iter().find(|column| column.name == name).unwrap();
            column.updated == Updated::Together
        };
        for name in ["uptime", "network_size", "shunned_by_old", "silent_count"] {
            assert!(together(name), "{name}");
        }
        for name in ["records", "status", "wallet", "timestamp", "last_seen", "rewards"] {
            assert!(!together(name), "{name}");
        }
    }
}
