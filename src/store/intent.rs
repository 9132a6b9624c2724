//! Intents: each is written before a step begins, so that a later run can finish or undo the step of a killed run.

use rusqlite::{Connection, params};
use serde_json::Value;

use crate::colony::{NodeId, Timestamp};

use super::error::Fault;
use super::{Store, StoreError, raw_cell};

/// A step that is about to begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// The ID of the run.
    pub run: String,
    /// The kind of action, as in its event.
    pub action: String,
    pub node: Option<NodeId>,
    /// What a later run needs to finish or undo the step.
    pub detail: Value,
    pub at: Timestamp,
}

/// Identifies an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntentId(i64);

impl Store {
    /// Writes the intent of a step.
    pub fn begin(&self, intent: &Intent) -> Result<IntentId, StoreError> {
        self.transact(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO intent (at, run, action, node, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    intent.at.0,
                    intent.run,
                    intent.action,
                    intent.node.map(|node| node.0),
                    intent.detail.to_string()
                ])?;
            Ok(IntentId(transaction.last_insert_rowid()))
        })
    }

    /// Deletes an intent without an event: its step changed nothing.
    pub fn forget(&self, id: IntentId) -> Result<(), StoreError> {
        self.transact(|transaction| end(transaction, id))
    }

    /// The intents of steps that were not finished, oldest first.
    pub fn pending(&self) -> Result<Vec<(IntentId, Intent)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT id, run, action, node, detail, at FROM intent ORDER BY id")?;
            let mut rows = statement.query([])?;
            let mut pending = Vec::new();
            while let Some(row) = rows.next()? {
                let text = |index| raw_cell::text(row, index).map(Option::unwrap_or_default);
                let node = raw_cell::whole(row, 3)?.and_then(|id| u32::try_from(id).ok());
                let intent = Intent {
                    run: text(1)?,
                    action: text(2)?,
                    node: node.map(NodeId),
                    // An unreadable detail counts as none: every step can be recovered without it.
                    detail: serde_json::from_str(&text(4)?).unwrap_or(Value::Null),
                    at: Timestamp(raw_cell::whole(row, 5)?.unwrap_or_default()),
                };
                let id: i64 = row.get(0)?;
                pending.push((IntentId(id), intent));
            }
            Ok(pending)
        })
    }
}

pub(super) fn amend(transaction: &Connection, id: IntentId, detail: &Value) -> Result<(), Fault> {
    transaction
        .prepare_cached("UPDATE intent SET detail = ?2 WHERE id = ?1")?
        .execute(params![id.0, detail.to_string()])?;
    Ok(())
}

pub(super) fn end(transaction: &Connection, id: IntentId) -> Result<(), Fault> {
    transaction
        .prepare_cached("DELETE FROM intent WHERE id = ?1")?
        .execute([id.0])?;
    Ok(())
}
