//! The history: one event for each action.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};
use serde_json::Value;
use strum::{EnumString, IntoStaticStr};

use crate::colony::{NodeId, ServiceName, Timestamp};

use super::error::{Fault, quoted, readable};
use super::{Store, StoreError, raw_cell};

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum EventOutcome {
    /// It succeeded.
    Done,
    /// It failed; its changes were undone, or the error names them.
    Failed,
    /// The run was killed, and a later run undid it.
    Undone,
    /// The run was killed, and a later run finished it.
    Finished,
    /// It did not begin, because of a signal or a safety stop.
    Skipped,
}

impl EventOutcome {
    /// The word that is stored.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// One action and its result.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When it began.
    pub at: Timestamp,
    /// The ID of the run.
    pub run: String,
    /// The kind of action: `add`, `stop`.
    pub action: String,
    pub node: Option<NodeId>,
    pub service: Option<ServiceName>,
    /// The reason, as text.
    pub reason: String,
    /// The figures that the decision was made with.
    pub figures: Value,
    /// Whether the operator requested it.
    pub forced: bool,
    pub outcome: EventOutcome,
    pub error: Option<String>,
    /// A problem that did not prevent the action, such as a firewall rule that could not be set.
    pub warning: Option<String>,
    pub duration_ms: u64,
}

impl Store {
    /// The newest events, newest first: at most `limit`, and none before `since`.
    pub fn events(&self, since: Option<Timestamp>, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT at, run, action, node, service, reason, figures, forced, outcome, error, warning,
                        duration_ms, id
                 FROM event WHERE at >= ?1 ORDER BY id DESC LIMIT ?2",
            )?;
            let since = since.map_or(i64::MIN, |since| since.0);
            let mut rows = statement.query(params![since, i64::try_from(limit).unwrap_or(i64::MAX)])?;
            let mut events = Vec::new();
            while let Some(row) = rows.next()? {
                match decode(row) {
                    Ok(event) => events.push(event),
                    Err(fault @ Fault::Value { .. }) => {
                        tracing::warn!("{}: left out", fault.at(&self.path));
                    }
                    Err(fault) => return Err(fault),
                }
            }
            Ok(events)
        })
    }
}

impl Store {
    /// Writes an event of what is no action on a node's process, such as a pause.
    pub fn record_event(&self, event: &Event) -> Result<(), StoreError> {
        self.transact(|transaction| insert(transaction, event))
    }

    /// The number of actions that failed since then.
    pub fn failed_actions(&self, since: Timestamp) -> Result<usize, StoreError> {
        self.read(|connection| {
            let count: i64 = connection.query_row(
                "SELECT count(*) FROM event WHERE at >= ?1 AND outcome = 'failed'",
                [since.0],
                |row| row.get(0),
            )?;
            Ok(usize::try_from(count).unwrap_or_default())
        })
    }

    /// When each node was last stopped by an action.
    pub fn last_stops(&self) -> Result<BTreeMap<NodeId, Timestamp>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT node, max(at) FROM event
                 WHERE action = 'stop' AND outcome IN ('done', 'finished') AND node IS NOT NULL GROUP BY node",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
            let mut stops = BTreeMap::new();
            for row in rows {
                if let Some((id, at)) = readable(row)?
                    && let Ok(id) = u32::try_from(id)
                {
                    stops.insert(NodeId(id), Timestamp(at));
                }
            }
            Ok(stops)
        })
    }
}

pub(super) fn insert(transaction: &Connection, event: &Event) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "INSERT INTO event (at, run, action, node, service, reason, figures, forced, outcome, error,
                                warning, duration_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            event.at.0,
            event.run,
            event.action,
            event.node.map(|node| node.0),
            event.service.as_ref().map(|service| &service.0),
            event.reason,
            event.figures.to_string(),
            event.forced,
            event.outcome.word(),
            event.error,
            event.warning,
            event.duration_ms.cast_signed(),
        ])?;
    Ok(())
}

fn decode(row: &Row<'_>) -> Result<Event, Fault> {
    let text = |index| raw_cell::text(row, index).map(Option::unwrap_or_default);
    let whole = |index| raw_cell::whole(row, index).map(Option::unwrap_or_default);
    let figures = text(6)?;
    let word = text(8)?;
    let outcome = word.parse().map_err(|_| Fault::Value {
        table: "event",
        row: whole(12).unwrap_or_default().to_string(),
        column: "outcome".to_owned(),
        why: format!("{} is no outcome", quoted(&word)),
    })?;
    let node = raw_cell::whole(row, 3)?.and_then(|id| u32::try_from(id).ok());
    Ok(Event {
        at: Timestamp(whole(0)?),
        run: text(1)?,
        action: text(2)?,
        node: node.map(NodeId),
        service: raw_cell::text(row, 4)?.map(ServiceName),
        reason: text(5)?,
        // Figures that are not JSON become text.
        figures: serde_json::from_str(&figures).unwrap_or(Value::String(figures)),
        forced: whole(7)? != 0,
        outcome,
        error: raw_cell::text(row, 9)?,
        warning: raw_cell::text(row, 10)?,
        duration_ms: u64::try_from(whole(11)?).unwrap_or_default(),
    })
}
