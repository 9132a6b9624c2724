//! Rows to nodes. A row may be anybody's work: what cannot be is an error that names row and column.

use std::path::PathBuf;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::colony::{
    BinaryKey, Mode, Node, NodeFigures, NodeHistory, NodeId, NodeName, NodePaths, NodePorts, NodeState,
    ServiceName, Timestamp, Version,
};
use crate::store::error::{Fault, quoted};

use super::{COLUMNS, manager};

/// The node that a row of all [`COLUMNS`] describes; `bare` is the mode of those that do not say theirs.
pub(super) fn decode(row: &Row<'_>, bare: Mode) -> Result<Node, Fault> {
    let mut row = Reader {
        row,
        next: 0,
        id: "without id".to_owned(),
    };
    let id: u32 = row.number(1..=u32::MAX.into())?;
    row.id = id.to_string();
    let manager_type = row.text()?;
    let name = row.text()?;
    let service = row.text()?;
    let user = row.text()?;
    let binary = row.path()?;
    let version = row.optional_text()?;
    let root = row.path()?;
    let logs = row.optional_text()?;
    let ports = NodePorts {
        node: row.number(0..=65535)?,
        metrics: row.number(0..=65535)?,
        rpc: row.number(0..=65535)?,
    };
    let network = row.text()?;
    let wallet = row.optional_text()?;
    let peer_id = row.optional_text()?;
    let state = row.state()?;
    let since = Timestamp(row.integer()?.unwrap_or(0));
    let mut figures = row.figures()?;
    let silent = row.count()?;
    let shunned = row.count()?;
    let last_seen = row.integer()?.map(Timestamp);
    let born = Timestamp(row.integer()?.unwrap_or(0));
    let host = row.text()?;
    let environment = row.optional_text()?;
    let mut memory = NodeHistory {
        silent,
        shunned,
        last_seen,
        start_failures: row.count()?,
        retry_at: row.integer()?.map(Timestamp),
        last_error: row.optional_text()?,
        // Learned again when it cannot be read.
        binary_key: row.optional_text()?.as_deref().and_then(key_from_text),
        // They stand at the end of the row.
        start_args: None,
    };
    figures.shunned_total = row.figure()?;
    figures.shunned_by_old = row.figure()?;
    memory.start_args = row.optional_text()?;
    let manager = manager(&manager_type, &root.to_string_lossy(), &service, bare).ok_or_else(|| {
        row.wrong_in(
            "manager_type",
            format!("{} is no process manager", quoted(&manager_type)),
        )
    })?;
    Ok(Node {
        id: NodeId(id),
        name: NodeName(name),
        service: ServiceName(service),
        manager,
        ports,
        wallet,
        peer_id,
        host,
        user,
        network,
        environment,
        home: NodePaths {
            root,
            logs: logs.filter(|logs| !logs.is_empty()).map(PathBuf::from),
            binary,
        },
        version: version.filter(|version| !version.is_empty()).map(Version::new),
        born,
        state,
        since,
        figures,
        memory,
    })
}

/// Reads the columns of one row, one after the other.
struct Reader<'a> {
    row: &'a Row<'a>,
    next: usize,
    id: String,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<ValueRef<'_>, Fault> {
        let value = self.row.get_ref(self.next)?;
        self.next += 1;
        Ok(value)
    }

    /// What is wrong with the column read last.
    fn wrong(&self, why: String) -> Fault {
        self.wrong_in(COLUMNS[self.next.saturating_sub(1)], why)
    }

    fn wrong_in(&self, column: &str, why: String) -> Fault {
        Fault::Value {
            table: "node",
            row: self.id.clone(),
            column: column.to_owned(),
            why,
        }
    }

    fn integer(&mut self) -> Result<Option<i64>, Fault> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            // As other writers leave it: cut to a whole number, NaN to 0.
            ValueRef::Real(number) => Ok(Some(number as i64)),
            ValueRef::Text(text) => {
                let text = quoted(&String::from_utf8_lossy(text));
                Err(self.wrong(format!("{text} is no number")))
            }
            ValueRef::Blob(_) => Err(self.wrong("a blob is no number".to_owned())),
        }
    }

    fn number<T: TryFrom<i64>>(&mut self, range: std::ops::RangeInclusive<i64>) -> Result<T, Fault> {
        let number = self.integer()?;
        number
            .filter(|number| range.contains(number))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| {
                let said = number.map_or("nothing".to_owned(), |number| format!("`{number}`"));
                let (low, high) = (range.start(), range.end());
                self.wrong(format!("{said} is no number from {low} to {high}"))
            })
    }

    /// A figure or a counter: it only informs, so one that cannot be counts as none.
    fn figure(&mut self) -> Result<i64, Fault> {
        Ok(self.integer()?.unwrap_or(0).max(0))
    }

    fn count(&mut self) -> Result<u32, Fault> {
        Ok(u32::try_from(self.figure()?).unwrap_or(u32::MAX))
    }

    fn optional_text(&mut self) -> Result<Option<String>, Fault> {
        let text = match self.value()? {
            ValueRef::Null => return Ok(None),
            ValueRef::Integer(number) => Some(number.to_string()),
            ValueRef::Real(number) => Some(number.to_string()),
            ValueRef::Text(text) => std::str::from_utf8(text).ok().map(str::to_owned),
            ValueRef::Blob(_) => None,
        };
        match text {
            // Such text cannot name a file, a unit or an argument.
            Some(text) if text.contains('\0') => Err(self.wrong("its text holds a NUL".to_owned())),
            Some(text) => Ok(Some(text)),
            None => Err(self.wrong("it is not UTF-8 text".to_owned())),
        }
    }

    fn text(&mut self) -> Result<String, Fault> {
        Ok(self.optional_text()?.unwrap_or_default())
    }

    fn path(&mut self) -> Result<PathBuf, Fault> {
        let text = self.text()?;
        if text.is_empty() {
            return Err(self.wrong("there is no path".to_owned()));
        }
        Ok(PathBuf::from(text))
    }

    fn state(&mut self) -> Result<NodeState, Fault> {
        let word = self.text()?;
        NodeState::from_word(&word).ok_or_else(|| self.wrong(format!("{} is no state", quoted(&word))))
    }

    fn figures(&mut self) -> Result<NodeFigures, Fault> {
        let records = self.figure()?;
        let rewards = self.optional_text()?.unwrap_or_else(|| "0".to_owned());
        Ok(NodeFigures {
            records,
            rewards,
            uptime: self.figure()?,
            shunned: self.figure()?,
            connected_peers: self.figure()?,
            gets: self.figure()?,
            puts: self.figure()?,
            mem: self.figure()?,
            cpu: self.figure()?,
            open_connections: self.figure()?,
            total_peers: self.figure()?,
            bad_peers: self.figure()?,
            rel_records: self.figure()?,
            max_records: self.figure()?,
            payment_count: self.figure()?,
            live_time: self.figure()?,
            network_size: self.figure()?,
            // They stand at the end of the row.
            shunned_total: 0,
            shunned_by_old: 0,
        })
    }
}

fn key_from_text(text: &str) -> Option<BinaryKey> {
    let mut parts = text.split(':');
    let key = BinaryKey {
        size: parts.next()?.parse().ok()?,
        mtime_ns: parts.next()?.parse().ok()?,
        inode: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(key)
}
