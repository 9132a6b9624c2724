//! Nodes to rows: the values of a node, in the order of the columns.

use std::path::PathBuf;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::colony::{BinaryKey, Figures, Node, NodeId, Timestamp};
use crate::store::error::Fault;

use super::COLUMNS;

/// One value on its way into a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
    Made(String),
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Cell::Null => ValueRef::Null,
            Cell::Integer(number) => ValueRef::Integer(*number),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            Cell::Made(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// All values of a node.
pub(super) fn cells(node: &Node) -> Result<[Cell<'_>; COLUMNS.len()], Fault> {
    let Figures {
        uptime,
        records,
        shunned,
        connected_peers,
        gets,
        puts,
        mem,
        cpu,
        open_connections,
        total_peers,
        bad_peers,
        rel_records,
        max_records,
        rewards,
        payment_count,
        live_time,
        network_size,
        shunned_total,
        shunned_by_old,
    } = &node.figures;
    let path = |column: &str, path: &'_ PathBuf| match path.to_str() {
        Some(_) => Ok(()),
        None => Err(wrong(
            node.id,
            column,
            format!("`{}` is not UTF-8", path.display()),
        )),
    };
    path("root_dir", &node.home.root)?;
    path("binary", &node.home.binary)?;
    node.home
        .logs
        .as_ref()
        .map_or(Ok(()), |logs| path("log_dir", logs))?;
    let moment = |at: Option<Timestamp>| at.map_or(Cell::Null, |at| Cell::Integer(at.0));
    let memory = &node.memory;
    Ok([
        Cell::Integer(node.id.0.into()),
        Cell::Made(node.manager.to_string()),
        Cell::Text(&node.name.0),
        Cell::Text(&node.service.0),
        Cell::Text(&node.user),
        text_of(Some(&node.home.binary)),
        node.version
            .as_ref()
            .map_or(Cell::Null, |version| Cell::Text(version.as_str())),
        text_of(Some(&node.home.root)),
        text_of(node.home.logs.as_ref()),
        Cell::Integer(node.ports.node.into()),
        Cell::Integer(node.ports.metrics.into()),
        Cell::Integer(node.ports.rpc.into()),
        Cell::Text(&node.network),
        optional(node.wallet.as_ref()),
        optional(node.peer_id.as_ref()),
        Cell::Text(node.state.word()),
        Cell::Integer(node.since.0),
        Cell::Integer(*records),
        Cell::Text(rewards),
        Cell::Integer(*uptime),
        Cell::Integer(*shunned),
        Cell::Integer(*connected_peers),
        Cell::Integer(*gets),
        Cell::Integer(*puts),
        Cell::Integer(*mem),
        Cell::Integer(*cpu),
        Cell::Integer(*open_connections),
        Cell::Integer(*total_peers),
        Cell::Integer(*bad_peers),
        Cell::Integer(*rel_records),
        Cell::Integer(*max_records),
        Cell::Integer(*payment_count),
        Cell::Integer(*live_time),
        Cell::Integer(*network_size),
        Cell::Integer(memory.silent.into()),
        Cell::Integer(memory.shunned.into()),
        moment(memory.last_seen),
        Cell::Integer(node.born.0),
        Cell::Text(&node.host),
        optional(node.environment.as_ref()),
        Cell::Integer(memory.start_failures.into()),
        moment(memory.retry_at),
        optional(memory.last_error.as_ref()),
        memory
            .binary_key
            .map_or(Cell::Null, |key| Cell::Made(key_text(&key))),
        Cell::Integer(*shunned_total),
        Cell::Integer(*shunned_by_old),
        optional(memory.start_args.as_ref()),
    ])
}

fn optional(text: Option<&String>) -> Cell<'_> {
    text.map_or(Cell::Null, |text| Cell::Text(text))
}

fn text_of(path: Option<&PathBuf>) -> Cell<'_> {
    path.and_then(|path| path.to_str()).map_or(Cell::Null, Cell::Text)
}

fn key_text(key: &BinaryKey) -> String {
    format!("{}:{}:{}", key.size, key.mtime_ns, key.inode)
}

fn wrong(id: NodeId, column: &str, why: String) -> Fault {
    Fault::Value {
        table: "node",
        row: id.to_string(),
        column: column.to_owned(),
        why,
    }
}
