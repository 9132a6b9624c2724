//! Converts a database of the Python wnm (the peer) to schema V1 without losing a row or a value.
//!
//! Columns that it lacks are added at the end of their tables, with the values that the peer would set. Columns and tables
//! of a newer peer stay as they are. No table is ever recreated.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::colony::{ManagerKind, Mode};

use super::error::Fault;
use super::stored_manager::{mode_of_path, stored_manager};

/// The peer's revision that V1 is a copy of.
const HEAD: &str = "e2f4a512d24c";

/// The peer's revisions up to [`HEAD`], oldest first. A database of one of these gets the revision [`HEAD`] when it is
/// adopted; otherwise the peer would add the columns again and fail.
const CHAIN: [&str; 13] = [
    "eeec2af7114c",
    "62bd2784638c",
    "abc5afa09a61",
    "ade8fcd1fc9a",
    "7c5a573319da",
    "44f23f078686",
    "3249fcc20390",
    "fa0ca0abff5c",
    "00dd80bcd645",
    "67fe02809d26",
    "ba757077b6b0",
    "752bf4495eaa",
    HEAD,
];

/// The values that the peer sets in columns newer than its oldest tables; for all others NULL.
const DEFAULTS: [(&str, &str, &str); 27] = [
    ("machine", "delay_restart", "600"),
    ("machine", "survey_delay", "0"),
    ("machine", "action_delay", "0"),
    ("machine", "rpc_port_start", "30"),
    ("machine", "max_concurrent_operations", "1"),
    ("machine", "max_node_per_container", "200"),
    ("machine", "min_container_count", "1"),
    ("machine", "docker_image", "'iweave/antnode:latest'"),
    ("machine", "no_upnp", "1"),
    ("machine", "antnode_path", "'~/.local/bin/antnode'"),
    ("machine", "antctl_path", "'~/.local/bin/antctl'"),
    ("machine", "antctl_debug", "0"),
    ("node", "rpc_port", "0"),
    ("node", "connected_peers", "0"),
    ("node", "gets", "0"),
    ("node", "puts", "0"),
    ("node", "mem", "0"),
    ("node", "cpu", "0"),
    ("node", "open_connections", "0"),
    ("node", "total_peers", "0"),
    ("node", "bad_peers", "0"),
    ("node", "rel_records", "0"),
    ("node", "max_records", "0"),
    ("node", "rewards", "'0'"),
    ("node", "payment_count", "0"),
    ("node", "live_time", "0"),
    ("node", "network_size", "0"),
];

/// Adds to a database of the peer whatever it lacks of schema `v1`.
pub(super) fn adopt(transaction: &Transaction<'_>, v1: &str) -> Result<(), Fault> {
    let model = Connection::open_in_memory()?;
    model.execute_batch(v1)?;
    let mut counts_ids = true;
    for table in ["machine", "container", "node"] {
        let present = columns(transaction, table)?;
        if present.is_empty() {
            transaction.execute_batch(&made_by(&model, table)?)?;
            continue;
        }
        for column in columns(&model, table)? {
            if present
                .iter()
                .any(|one| one.name.eq_ignore_ascii_case(&column.name))
            {
                continue;
            }
            add(transaction, table, &column)?;
            counts_ids &= column.name != "highest_node_id_used";
        }
    }
    if !counts_ids {
        // As the peer does when it adds the column: antctl does not use the IDs of its nodes again.
        transaction.execute_batch(
            "UPDATE machine SET highest_node_id_used = (SELECT coalesce(max(id), 0) FROM node)",
        )?;
    }
    add_indexes(transaction, &model)?;
    stamp(transaction, &model)?;
    name_modes(transaction)
}

/// A column's declaration.
struct Column {
    name: String,
    kind: String,
    needed: bool,
}

fn columns(connection: &Connection, table: &str) -> Result<Vec<Column>, Fault> {
    let mut statement = connection.prepare("SELECT name, type, \"notnull\" FROM pragma_table_info(?1)")?;
    let rows = statement.query_map([table], |row| {
        Ok(Column {
            name: row.get(0)?,
            kind: row.get(1)?,
            needed: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn add(transaction: &Transaction<'_>, table: &str, column: &Column) -> Result<(), Fault> {
    let Column { name, kind, needed } = column;
    let default = DEFAULTS
        .iter()
        .find(|(of, one, _)| *of == table && one == name)
        .map(|(_, _, default)| *default);
    let rule = match (needed, default) {
        (true, Some(default)) => format!("NOT NULL DEFAULT {default}"),
        (false, Some(default)) => format!("DEFAULT {default}"),
        (false, None) => String::new(),
        // Older than any known database of the peer: there is no value to set.
        (true, None) => {
            return Err(Fault::NotAColony(format!(
                "the column `{name}` of table `{table}` is missing"
            )));
        }
    };
    Ok(transaction.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN {name} {kind} {rule}"))?)
}

/// The statement that created `name`.
fn made_by(model: &Connection, name: &str) -> Result<String, Fault> {
    Ok(
        model.query_row("SELECT sql FROM sqlite_master WHERE name = ?1", [name], |row| {
            row.get(0)
        })?,
    )
}

fn add_indexes(transaction: &Transaction<'_>, model: &Connection) -> Result<(), Fault> {
    let mut statement =
        model.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")?;
    let indexes = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<(String, String)>, _>>()?;
    for (name, sql) in indexes {
        let there: bool = transaction.query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?1)",
            [&name],
            |row| row.get(0),
        )?;
        if !there {
            transaction.execute_batch(&sql)?;
        }
    }
    Ok(())
}

/// Sets the peer's revision to [`HEAD`]. An unknown revision is that of a newer peer, and stays.
fn stamp(transaction: &Transaction<'_>, model: &Connection) -> Result<(), Fault> {
    if columns(transaction, "alembic_version")?.is_empty() {
        transaction.execute_batch(&made_by(model, "alembic_version")?)?;
    }
    let revision: Option<Value> = transaction
        .query_row("SELECT version_num FROM alembic_version", [], |row| row.get(0))
        .optional()?;
    match revision {
        None => transaction.execute("INSERT INTO alembic_version (version_num) VALUES (?1)", [HEAD])?,
        Some(Value::Text(revision)) if CHAIN.contains(&revision.as_str()) => transaction.execute(
            "UPDATE alembic_version SET version_num = ?1 WHERE version_num = ?2",
            [HEAD, &revision],
        )?,
        Some(_) => 0,
    };
    Ok(())
}

/// Adds the mode to every stored manager. A word that is no manager stays; reading the row reports it.
fn name_modes(transaction: &Transaction<'_>) -> Result<(), Fault> {
    let machine: Option<(Option<String>, Option<String>)> = transaction
        .query_row(
            "SELECT CAST(process_manager AS TEXT), CAST(node_storage AS TEXT) FROM machine ORDER BY id LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let mut bare = Mode::User;
    if let Some((Some(word), storage)) = machine {
        let mode = mode_of_path(&storage.unwrap_or_default()).unwrap_or(Mode::User);
        if let Some(kind) = ManagerKind::from_stored(&word, mode) {
            bare = kind.mode;
            transaction.execute(
                "UPDATE machine SET process_manager = ?1 WHERE process_manager = ?2",
                [kind.to_string(), word],
            )?;
        }
    }
    let mut statement = transaction.prepare(
        "SELECT id, CAST(manager_type AS TEXT), CAST(method AS TEXT), CAST(root_dir AS TEXT),
                CAST(service AS TEXT)
         FROM node",
    )?;
    let rows = statement
        .query_map([], |row| {
            Ok((row.get(0)?, [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))
        })?
        .collect::<Result<Vec<(i64, [String; 4])>, _>>()?;
    for (id, [manager_type, method, root, service]) in rows {
        let Some(kind) = stored_manager(&manager_type, &root, &service, bare) else {
            continue;
        };
        let full = kind.to_string();
        // `method` repeats the manager. If it names another tool, it shows how the node was created, and only gets the mode.
        let method_full = if full.split('+').next() == Some(method.as_str()) {
            full.clone()
        } else {
            ManagerKind::from_stored(&method, kind.mode).map_or(method.clone(), |kind| kind.to_string())
        };
        if full != manager_type || method_full != method {
            transaction.execute(
                "UPDATE node SET manager_type = ?2, method = ?3 WHERE id = ?1",
                params![id, full, method_full],
            )?;
        }
    }
    Ok(())
}
