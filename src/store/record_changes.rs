//! Writes the changes of one survey or one step in one transaction.

use rusqlite::Connection;
use serde_json::Value;

use crate::colony::{Node, NodeId, Timestamp};

use super::error::Fault;
use super::{
    Event, IntentId, MachineFacts, Sample, Store, StoreError, event, intent, machine_row, node, sample,
};

/// The change of a node's row.
#[derive(Clone, Copy, Debug, Default)]
pub enum NodeChange<'a> {
    /// Nothing.
    #[default]
    None,
    /// Inserts a new row.
    Insert(&'a Node),
    /// Updates the columns that differ.
    Update(&'a Node),
    /// Deletes the row, if it exists.
    Delete(NodeId),
}

/// The changes of one step: a row, and facts about the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change<'a> {
    pub node: NodeChange<'a>,
    /// None: unchanged.
    pub last_stopped_at: Option<Timestamp>,
    /// None: unchanged.
    pub highest_node_id_used: Option<u32>,
}

impl<'a> From<NodeChange<'a>> for Change<'a> {
    fn from(node: NodeChange<'a>) -> Change<'a> {
        Change {
            node,
            ..Change::default()
        }
    }
}

impl Store {
    /// Writes the results of a survey: the columns of `nodes` and the `facts` that differ, and `sample`. Rows of other
    /// nodes stay.
    pub fn record_survey(
        &self,
        nodes: &[Node],
        sample: &Sample,
        facts: &MachineFacts,
        events: &[Event],
    ) -> Result<(), StoreError> {
        self.transact(|transaction| {
            events
                .iter()
                .try_for_each(|event| event::insert(transaction, event))?;
            node::update_all(transaction, nodes)?;
            sample::insert(transaction, sample)?;
            machine_row::learn(transaction, facts)
        })
    }

    /// Writes the rows of nodes that changed outside of a survey: all of them or none.
    pub fn update_nodes(&self, nodes: &[Node]) -> Result<(), StoreError> {
        self.transact(|transaction| node::update_all(transaction, nodes))
    }

    /// Writes the progress of a step: its changes so far, and what a later run needs to finish or undo it.
    pub fn progress<'a>(
        &self,
        id: IntentId,
        change: impl Into<Change<'a>>,
        detail: &Value,
    ) -> Result<(), StoreError> {
        let change = change.into();
        self.transact(|transaction| {
            intent::amend(transaction, id, detail)?;
            apply(transaction, &change)
        })
    }

    /// Finishes a step: deletes its intent, and writes its changes and its event.
    pub fn finish<'a>(
        &self,
        id: IntentId,
        change: impl Into<Change<'a>>,
        event: &Event,
    ) -> Result<(), StoreError> {
        let change = change.into();
        self.transact(|transaction| {
            intent::end(transaction, id)?;
            apply(transaction, &change)?;
            event::insert(transaction, event)
        })
    }
}

fn apply(transaction: &Connection, change: &Change<'_>) -> Result<(), Fault> {
    match change.node {
        NodeChange::None => {}
        NodeChange::Insert(node) => node::insert(transaction, node)?,
        NodeChange::Update(node) => node::update(transaction, node)?,
        NodeChange::Delete(id) => node::delete(transaction, id)?,
    }
    machine_row::note(transaction, change.last_stopped_at, change.highest_node_id_used)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::colony::{NodeId, NodeState, Timestamp};
    use crate::store::node::tests::node;
    use crate::store::sample::tests::sample;
    use crate::store::tests::{colony, facts};
    use crate::store::{Change, Event, EventOutcome, Intent, NodeChange, Store};

    fn intent() -> Intent {
        Intent {
            run: "r1".to_owned(),
            action: "add".to_owned(),
            node: Some(NodeId(4)),
            detail: json!({"ports": [55004, 13004]}),
            at: Timestamp(100),
        }
    }

    fn event() -> Event {
        Event {
            at: Timestamp(100),
            run: "r1".to_owned(),
            action: "add".to_owned(),
            node: Some(NodeId(4)),
            service: None,
            reason: "below the cap".to_owned(),
            figures: json!({"total": 3, "cap": 20}),
            forced: false,
            outcome: EventOutcome::Done,
            error: None,
            warning: Some("no rule\nset".to_owned()),
            duration_ms: 1234,
        }
    }

    #[test]
    fn step_is_pending_until_it_is_finished() {
        let store = colony();
        let id = store.begin(&intent()).unwrap();
        assert_eq!(store.pending().unwrap(), vec![(id, intent())]);
        store
            .progress(id, NodeChange::Insert(&node(4)), &json!("made"))
            .unwrap();
        assert_eq!(store.pending().unwrap()[0].1.detail, json!("made"));
        let mut made = node(4);
        made.state = NodeState::Restarting;
        let change = Change {
            node: NodeChange::Update(&made),
            last_stopped_at: Some(Timestamp(77)),
            highest_node_id_used: Some(4),
        };
        store.finish(id, change, &event()).unwrap();
        assert_eq!(store.pending().unwrap(), Vec::new());
        assert_eq!(store.nodes().unwrap(), vec![made]);
        assert_eq!(store.events(None, 10).unwrap(), vec![event()]);
        assert_eq!(store.facts().unwrap().last_stopped_at, Timestamp(77));
        assert_eq!(store.facts().unwrap().highest_node_id_used, Some(4));
    }

    #[test]
    fn step_that_cannot_be_written_stays_pending() {
        let store = colony();
        let id = store.begin(&intent()).unwrap();
        let lost = NodeChange::Update(&node(4));
        assert!(store.progress(id, lost, &Value::Null).is_err());
        let lost = node(4);
        assert!(store.finish(id, NodeChange::Update(&lost), &event()).is_err());
        assert_eq!(store.pending().unwrap(), vec![(id, intent())]);
        assert_eq!(store.events(None, 10).unwrap(), Vec::new());
    }

    fn changes(store: &Store, work: impl FnOnce()) -> u64 {
        let before = store.connection.total_changes();
        work();
        store.connection.total_changes() - before
    }

    #[test]
    fn survey_without_changes_writes_only_its_sample() {
        let store = colony();
        let all: Vec<_> = (1..=1000).map(node).collect();
        store.insert_all(&all).unwrap();
        let read = store.nodes().unwrap();
        let written = changes(&store, || {
            store.record_survey(&read, &sample(5), &facts(), &[]).unwrap()
        });
        assert_eq!(written, 1);
        let mut seen = read.clone();
        seen[17].figures.records = 5;
        seen[500].state = NodeState::Stopped;
        let written = changes(&store, || {
            store.record_survey(&seen, &sample(5), &facts(), &[]).unwrap()
        });
        assert_eq!(written, 3);
        assert_eq!(store.nodes().unwrap(), seen);
        let mut known = facts();
        known.boot_time = None;
        known.storage_device = Some(7);
        store.record_survey(&[], &sample(5), &known, &[]).unwrap();
        assert_eq!(store.facts().unwrap(), known);
        assert_eq!(store.nodes().unwrap(), seen);
    }
}
