//! Nodes to rows: the values of a node, in the order of the columns.

use std::path::PathBuf;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::colony::{BinaryKey, Node, NodeFigures, NodeId, Timestamp};
use crate::store::error::Fault;

use super::COLUMNS;

/// One value on its way into a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ColumnValue<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
    Made(String),
}

impl ToSql for ColumnValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            ColumnValue::Null => ValueRef::Null,
            ColumnValue::Integer(number) => ValueRef::Integer(*number),
            ColumnValue::Text(text) => ValueRef::Text(text.as_bytes()),
            ColumnValue::Made(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// All values of a node.
pub(super) fn cells(node: &Node) -> Result<[ColumnValue<'_>; COLUMNS.len()], Fault> {
    let NodeFigures {
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
    let moment = |at: Option<Timestamp>| at.map_or(ColumnValue::Null, |at| ColumnValue::Integer(at.0));
    let memory = &node.memory;
    Ok([
        ColumnValue::Integer(node.id.0.into()),
        ColumnValue::Made(node.manager.to_string()),
        ColumnValue::Text(&node.name.0),
        ColumnValue::Text(&node.service.0),
        ColumnValue::Text(&node.user),
        text_of(Some(&node.home.binary)),
        node.version
            .as_ref()
            .map_or(ColumnValue::Null, |version| ColumnValue::Text(version.as_str())),
        text_of(Some(&node.home.root)),
        text_of(node.home.logs.as_ref()),
        ColumnValue::Integer(node.ports.node.into()),
        ColumnValue::Integer(node.ports.metrics.into()),
        ColumnValue::Integer(node.ports.rpc.into()),
        ColumnValue::Text(&node.network),
        optional(node.wallet.as_ref()),
        optional(node.peer_id.as_ref()),
        ColumnValue::Text(node.state.word()),
        ColumnValue::Integer(node.since.0),
        ColumnValue::Integer(*records),
        ColumnValue::Text(rewards),
        ColumnValue::Integer(*uptime),
        ColumnValue::Integer(*shunned),
        ColumnValue::Integer(*connected_peers),
        ColumnValue::Integer(*gets),
        ColumnValue::Integer(*puts),
        ColumnValue::Integer(*mem),
        ColumnValue::Integer(*cpu),
        ColumnValue::Integer(*open_connections),
        ColumnValue::Integer(*total_peers),
        ColumnValue::Integer(*bad_peers),
        ColumnValue::Integer(*rel_records),
        ColumnValue::Integer(*max_records),
        ColumnValue::Integer(*payment_count),
        ColumnValue::Integer(*live_time),
        ColumnValue::Integer(*network_size),
        ColumnValue::Integer(memory.silent.into()),
        ColumnValue::Integer(memory.shunned.into()),
        moment(memory.last_seen),
        ColumnValue::Integer(node.born.0),
        ColumnValue::Text(&node.host),
        optional(node.environment.as_ref()),
        ColumnValue::Integer(memory.start_failures.into()),
        moment(memory.retry_at),
        optional(memory.last_error.as_ref()),
        memory
            .binary_key
            .map_or(ColumnValue::Null, |key| ColumnValue::Made(key_text(&key))),
        ColumnValue::Integer(*shunned_total),
        ColumnValue::Integer(*shunned_by_old),
        optional(memory.start_args.as_ref()),
    ])
}

fn optional(text: Option<&String>) -> ColumnValue<'_> {
    text.map_or(ColumnValue::Null, |text| ColumnValue::Text(text))
}

fn text_of(path: Option<&PathBuf>) -> ColumnValue<'_> {
    path.and_then(|path| path.to_str())
        .map_or(ColumnValue::Null, ColumnValue::Text)
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
