//! The takeover that a colony began with.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};

use crate::colony::{NodeId, Timestamp};
use crate::plan::TakeoverPolicy;

use super::error::readable;
use super::{Store, StoreError};

/// IDs and ports that new nodes must not use although no node of the colony has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservedNumbers {
    pub ids: BTreeSet<NodeId>,
    pub ports: BTreeSet<u16>,
}

impl Store {
    /// The takeover that this colony began with; None if there was none.
    pub fn takeover(&self) -> Result<Option<TakeoverPolicy>, StoreError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT at, confirmed_at IS NOT NULL FROM takeover WHERE id = 1")?;
            let row = statement
                .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
                .optional()?;
            Ok(row.map(|(at, is_confirmed)| TakeoverPolicy {
                at: Timestamp(at),
                is_confirmed,
            }))
        })
    }

    /// Records that all present nodes were taken over, and the numbers that new nodes must not use. `method` becomes
    /// `systemd` without a mode, because wnm did not create the nodes.
    pub fn record_takeover(&self, at: Timestamp, reserved: &ReservedNumbers) -> Result<(), StoreError> {
        self.transact(|transaction| {
            transaction.execute("INSERT INTO takeover (id, at) VALUES (1, ?1)", [at.0])?;
            transaction.execute("UPDATE node SET method = 'systemd'", [])?;
            let mut id = transaction.prepare_cached("INSERT INTO reserved_id (id) VALUES (?1)")?;
            for one in &reserved.ids {
                id.execute([one.0])?;
            }
            let mut port = transaction.prepare_cached("INSERT INTO reserved_port (port) VALUES (?1)")?;
            for one in &reserved.ports {
                port.execute([one])?;
            }
            Ok(())
        })
    }

    /// Records that a survey found every node as it was taken over.
    pub fn confirm_takeover(&self, at: Timestamp) -> Result<(), StoreError> {
        self.transact(|transaction| {
            let sql = "UPDATE takeover SET confirmed_at = ?1 WHERE id = 1 AND confirmed_at IS NULL";
            transaction.execute(sql, params![at.0])?;
            Ok(())
        })
    }

    /// The numbers that new nodes must not use.
    pub fn reserved(&self) -> Result<ReservedNumbers, StoreError> {
        self.read(|connection| {
            let mut ids = connection.prepare_cached("SELECT id FROM reserved_id")?;
            let mut ports = connection.prepare_cached("SELECT port FROM reserved_port")?;
            let ids = ids.query_map([], |row| row.get(0).map(NodeId))?;
            let ports = ports.query_map([], |row| row.get(0))?;
            // A number that cannot be read cannot belong to a node.
            Ok(ReservedNumbers {
                ids: ids
                    .filter_map(|row| readable(row).transpose())
                    .collect::<Result<_, _>>()?,
                ports: ports
                    .filter_map(|row| readable(row).transpose())
                    .collect::<Result<_, _>>()?,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::colony;

    #[test]
    fn takeover_is_stored_and_confirmed_once() {
        let store = colony();
        assert_eq!(store.takeover().unwrap(), None);
        assert_eq!(store.reserved().unwrap(), ReservedNumbers::default());
        store.confirm_takeover(Timestamp(4)).unwrap();
        assert_eq!(store.takeover().unwrap(), None, "there is nothing to confirm");

        let reserved = ReservedNumbers {
            ids: [NodeId(7), NodeId(u32::MAX)].into(),
            ports: [55004, u16::MAX].into(),
        };
        store.record_takeover(Timestamp(5), &reserved).unwrap();
        assert_eq!(store.reserved().unwrap(), reserved);
        let takeover = |is_confirmed| {
            Some(TakeoverPolicy {
                at: Timestamp(5),
                is_confirmed,
            })
        };
        assert_eq!(store.takeover().unwrap(), takeover(false));
        store.confirm_takeover(Timestamp(6)).unwrap();
        assert_eq!(store.takeover().unwrap(), takeover(true));
        assert!(store.record_takeover(Timestamp(7), &reserved).is_err());
    }

    #[test]
    fn ignores_reserved_values_out_of_range() {
        let store = colony();
        let reserved = ReservedNumbers {
            ids: [NodeId(7)].into(),
            ports: [7].into(),
        };
        store.record_takeover(Timestamp(5), &reserved).unwrap();
        let hostile = "INSERT INTO reserved_id VALUES (-1), (99999999999);
                       INSERT INTO reserved_port VALUES (-1), (65536)";
        store.connection.execute_batch(hostile).unwrap();
        assert_eq!(store.reserved().unwrap(), reserved);
    }
}
