//! Rows of table `node` to nodes and back.

use std::path::PathBuf;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params_from_iter};

use crate::colony::{
    BinaryKey, Figures, Home, ManagerKind, Memory, Mode, Node, NodeId, NodeName, Ports, ServiceName, State,
    Timestamp, Version,
};

use super::error::{Fault, quoted};
use super::machine::mode_of_place;
use super::{Error, Store};

/// The columns a [`Node`] has, in the order of [`cells`] and [`decode`]. The others (`machine_id`,
/// `container_id`, `method`, `layout`, what a newer peer adds) are written once or never, and never changed.
const COLUMNS: [&str; 44] = [
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
];

/// From `uptime` to `last_seen`: what a survey changes in nearly every row. They are written together,
/// so that a survey needs a few statements and not one for each set of figures that happened to change.
const SURVEYED: u64 = 0x3_FFFF << 19;

/// One value on its way into a row.
#[derive(Clone, Debug, PartialEq)]
enum Cell<'a> {
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

impl Store {
    /// All nodes, by id. A row that cannot be what it says is an error that names it.
    pub fn nodes(&self) -> Result<Vec<Node>, Error> {
        self.read(|connection| {
            let bare = bare_mode(connection)?;
            let sql = format!("SELECT {} FROM node ORDER BY id", COLUMNS.join(", "));
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([])?;
            let mut nodes = Vec::new();
            while let Some(row) = rows.next()? {
                nodes.push(decode(row, bare)?);
            }
            Ok(nodes)
        })
    }

    /// Writes rows for nodes that were found, all or none; for init alone.
    pub fn take_in(&self, nodes: &[Node]) -> Result<(), Error> {
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
    change(connection, &before, node)
}

/// Writes what differs from `before`, which is how the row stands.
pub(super) fn change(connection: &Connection, before: &Node, after: &Node) -> Result<(), Fault> {
    let (old, new) = (cells(before)?, cells(after)?);
    let mut changed = 0_u64;
    for (index, (old, new)) in old.iter().zip(&new).enumerate() {
        if old != new {
            changed |= 1 << index;
        }
    }
    if changed == 0 {
        return Ok(());
    }
    if changed & SURVEYED != 0 {
        changed |= SURVEYED;
    }
    let is_set = |index: usize| changed >> index & 1 == 1;
    let sets: Vec<String> = (0..COLUMNS.len())
        .filter(|index| is_set(*index))
        .map(|index| format!("{} = ?", COLUMNS[index]))
        .collect();
    let sql = format!("UPDATE node SET {} WHERE id = ?", sets.join(", "));
    let values = new
        .iter()
        .enumerate()
        .filter(|(index, _)| is_set(*index))
        .map(|(_, cell)| cell.clone())
        .chain([Cell::Integer(before.id.0.into())]);
    match connection
        .prepare_cached(&sql)?
        .execute(params_from_iter(values))?
    {
        0 => Err(Fault::NoSuchNode(before.id.0)),
        _ => Ok(()),
    }
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

fn cells(node: &Node) -> Result<[Cell<'_>; COLUMNS.len()], Fault> {
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
    ])
}

fn optional(text: Option<&String>) -> Cell<'_> {
    text.map_or(Cell::Null, |text| Cell::Text(text))
}

fn text_of(path: Option<&PathBuf>) -> Cell<'_> {
    path.and_then(|path| path.to_str()).map_or(Cell::Null, Cell::Text)
}

fn decode(row: &Row<'_>, bare: Mode) -> Result<Node, Fault> {
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
    let ports = Ports {
        node: row.number(0..=65535)?,
        metrics: row.number(0..=65535)?,
        rpc: row.number(0..=65535)?,
    };
    let network = row.text()?;
    let wallet = row.optional_text()?;
    let peer_id = row.optional_text()?;
    let state = row.state()?;
    let since = Timestamp(row.integer()?.unwrap_or(0));
    let figures = row.figures()?;
    let silent = row.count()?;
    let shunned = row.count()?;
    let last_seen = row.integer()?.map(Timestamp);
    let born = Timestamp(row.integer()?.unwrap_or(0));
    let host = row.text()?;
    let environment = row.optional_text()?;
    let memory = Memory {
        silent,
        shunned,
        last_seen,
        start_failures: row.count()?,
        retry_at: row.integer()?.map(Timestamp),
        last_error: row.optional_text()?,
        // Learned again when it cannot be read.
        binary_key: row.optional_text()?.as_deref().and_then(key_from_text),
    };
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
        home: Home {
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

    fn state(&mut self) -> Result<State, Fault> {
        let word = self.text()?;
        State::from_word(&word).ok_or_else(|| self.wrong(format!("{} is no state", quoted(&word))))
    }

    fn figures(&mut self) -> Result<Figures, Fault> {
        let records = self.figure()?;
        let rewards = self.optional_text()?.unwrap_or_else(|| "0".to_owned());
        Ok(Figures {
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
        })
    }
}

fn key_text(key: &BinaryKey) -> String {
    format!("{}:{}:{}", key.size, key.mtime_ns, key.inode)
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

fn wrong(id: NodeId, column: &str, why: String) -> Fault {
    Fault::Value {
        table: "node",
        row: id.to_string(),
        column: column.to_owned(),
        why,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use crate::colony::{
        BinaryKey, Figures, Home, ManagerKind, Memory, Node, NodeId, NodeName, Ports, ServiceName, State,
        Timestamp, Version,
    };
    use crate::store::machine::tests::colony;
    use crate::store::{Fault, Intent, NodeChange, Store};

    use super::{COLUMNS, SURVEYED};

    pub(in crate::store) fn node(id: u32) -> Node {
        let name = NodeName::of(NodeId(id));
        let root = PathBuf::from("/home/op/.local/share/autonomi/node").join(name.full());
        Node {
            id: NodeId(id),
            service: ServiceName(format!("{}.service", name.full())),
            manager: ManagerKind::from_choice("systemd+user").unwrap(),
            ports: Ports {
                node: 55_000,
                metrics: 13_000,
                rpc: 30_000,
            },
            wallet: Some("0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a".to_owned()),
            peer_id: Some(String::new()),
            host: "127.0.0.1".to_owned(),
            user: "ant".to_owned(),
            network: "evm-arbitrum-one".to_owned(),
            environment: None,
            home: Home {
                binary: root.join("antnode"),
                root,
                logs: None,
            },
            version: Some(Version::new("0.4.17")),
            born: Timestamp(1_795_000_000),
            state: State::Running,
            since: Timestamp(1_795_000_060),
            figures: Figures::default(),
            memory: Memory::default(),
            name,
        }
    }

    fn execute(store: &Store, sql: &str) {
        store.connection.execute_batch(sql).unwrap();
    }

    /// What a change that belongs to no step writes.
    fn change(store: &Store, change: NodeChange<'_>) -> Result<(), crate::store::Error> {
        let intent = Intent {
            run: "run".to_owned(),
            action: "stop".to_owned(),
            node: None,
            detail: serde_json::Value::Null,
            at: Timestamp(1),
        };
        let id = store.begin(&intent).unwrap();
        store.progress(id, change, &serde_json::Value::Null)
    }

    #[test]
    fn the_columns_a_survey_writes_are_those() {
        let surveyed: Vec<&str> = (0..COLUMNS.len())
            .filter(|index| SURVEYED >> index & 1 == 1)
            .map(|index| COLUMNS[index])
            .collect();
        assert_eq!(surveyed.first(), Some(&"uptime"));
        assert_eq!(surveyed.last(), Some(&"last_seen"));
        assert!(!surveyed.contains(&"status"));
    }

    #[test]
    fn a_new_row_has_what_the_peer_wants_to_see() {
        let store = colony();
        store.take_in(&[node(1)]).unwrap();
        let row: (i64, Option<i64>, String, String) = store
            .connection
            .query_row(
                "SELECT machine_id, container_id, method, layout FROM node",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .unwrap();
        assert_eq!(row, (1, None, "systemd+user".to_owned(), "1".to_owned()));
    }

    #[test]
    fn a_bare_manager_gets_its_mode_from_where_the_node_lies() {
        let store = colony();
        let manager = |word: &str, root: &str, service: &str| {
            execute(&store, "DELETE FROM node");
            store.take_in(&[node(1)]).unwrap();
            let sql = "UPDATE node SET manager_type = ?1, root_dir = ?2, service = ?3";
            store.connection.execute(sql, [word, root, service]).unwrap();
            store.nodes().unwrap()[0].manager.to_string()
        };
        let user = "/home/op/.local/share/autonomi/node/antnode0001";
        assert_eq!(manager("systemd", user, "antnode0001.service"), "systemd+user");
        assert_eq!(
            manager("systemd", "/var/antctl/services/antnode0001", "x"),
            "systemd+sudo"
        );
        assert_eq!(
            manager("antctl", "/var/antctl/services/antnode1", "antnode1"),
            "antctl+sudo"
        );
        assert_eq!(
            manager("launchctl", "/Users/op/x", "com.autonomi.antnode-1"),
            "launchd+user"
        );
        assert_eq!(
            manager(
                "launchd",
                "/mnt/x",
                "/Library/LaunchDaemons/com.autonomi.antnode-1.plist"
            ),
            "launchd+sudo"
        );
        assert_eq!(manager("systemd", "/mnt/disk1/antnode0001", "x"), "systemd+user");
        execute(&store, "UPDATE machine SET process_manager = 'systemd+sudo'");
        assert_eq!(manager("systemd", "/mnt/disk1/antnode0001", "x"), "systemd+sudo");
        assert_eq!(
            manager("antctl+zen", "/var/antctl/services/antnode1", "antnode1"),
            "antctl+zen"
        );
    }

    #[test]
    fn a_row_that_cannot_be_is_named() {
        for (column, value, says) in [
            ("status", "'DANCING'", "`DANCING` is no state"),
            ("status", "''", "`` is no state"),
            ("port", "-5", "`-5` is no number from 0 to 65535"),
            ("metrics_port", "65536", "`65536` is no number"),
            ("rpc_port", "'x'", "`x` is no number"),
            ("manager_type", "'upstart'", "`upstart` is no process manager"),
            ("manager_type", "'systemd+root'", "no process manager"),
            ("root_dir", "''", "no path"),
            ("root_dir", "x'ff00'", "not UTF-8"),
            ("service", "'a' || char(0) || 'b'", "NUL"),
            ("records", "'many'", "`many` is no number"),
            ("timestamp", "x'00'", "a blob is no number"),
        ] {
            let store = colony();
            store.take_in(&[node(3), node(7)]).unwrap();
            execute(
                &store,
                &format!("UPDATE node SET {column} = {value} WHERE id = 7"),
            );
            let error = store.nodes().unwrap_err().to_string();
            assert!(
                error.contains(&format!("table `node`, row 7, column `{column}`")),
                "{error}"
            );
            assert!(error.contains(says), "{error}");
            assert!(error.len() < 300, "{error}");
        }
        let store = colony();
        store.take_in(&[node(3)]).unwrap();
        execute(&store, "UPDATE node SET id = -3");
        assert!(matches!(store.nodes().unwrap_err().fault, Fault::Value { column, .. } if column == "id"));
    }

    #[test]
    fn odd_figures_and_huge_texts_are_borne() {
        let store = colony();
        store.take_in(&[node(3)]).unwrap();
        execute(
            &store,
            "UPDATE node SET records = -9, uptime = 3.7, mem = 1e300, shunned_count = -1, silent_count = 1 << 40,
                    wallet = NULL, rewards = NULL, version = '', binary_key = 'x:y', host = 5,
                    last_error = 'a' || char(10) || 'b'",
        );
        let huge = "x".repeat(1_000_000);
        store
            .connection
            .execute("UPDATE node SET environment = ?1", [&huge])
            .unwrap();
        let odd = store.nodes().unwrap().remove(0);
        assert_eq!(odd.figures.records, 0);
        assert_eq!(odd.figures.uptime, 3);
        assert_eq!(odd.figures.mem, i64::MAX);
        assert_eq!(odd.figures.rewards, "0");
        assert_eq!((odd.memory.shunned, odd.memory.silent), (0, u32::MAX));
        assert_eq!((odd.version, odd.memory.binary_key), (None, None));
        assert_eq!(odd.host, "5");
        assert_eq!(odd.environment.map(|text| text.len()), Some(1_000_000));
        execute(&store, "UPDATE node SET status = hex(zeroblob(500000))");
        assert!(store.nodes().unwrap_err().to_string().len() < 300);
    }

    #[test]
    fn an_update_writes_what_differs_and_nothing_else() {
        let store = colony();
        store.take_in(&[node(1)]).unwrap();
        execute(
            &store,
            "ALTER TABLE node ADD COLUMN of_a_newer_peer TEXT DEFAULT 'x'",
        );
        execute(
            &store,
            "INSERT INTO container VALUES (4, 1, 'c', 'n', 'i', 'running', 0, 1, 2, 3, 4);
             UPDATE node SET manager_type = 'systemd', method = 'by hand', layout = '7', container_id = 4, rewards = NULL,
                    version = '', of_a_newer_peer = 'y'",
        );
        let mut seen = store.nodes().unwrap().remove(0);
        seen.state = State::Stopped;
        seen.figures.uptime = 9;
        seen.memory.retry_at = Some(Timestamp(7));
        change(&store, NodeChange::Update(&seen)).unwrap();
        assert_eq!(store.nodes().unwrap(), vec![seen]);
        let kept: [Option<String>; 7] = store
            .connection
            .query_row(
                "SELECT manager_type, method, layout, CAST(container_id AS TEXT), rewards, version, of_a_newer_peer
                 FROM node",
                [],
                |row| Ok([0, 1, 2, 3, 4, 5, 6].map(|index| row.get(index).unwrap())),
            )
            .unwrap();
        let expected = [
            Some("systemd"),
            Some("by hand"),
            Some("7"),
            Some("4"),
            None,
            Some(""),
            Some("y"),
        ];
        assert_eq!(kept, expected.map(|text| text.map(str::to_owned)));
    }

    #[test]
    fn a_node_without_a_row_cannot_be_updated_and_need_not_be_deleted() {
        let store = colony();
        let error = change(&store, NodeChange::Update(&node(9))).unwrap_err();
        assert_eq!(error.fault, Fault::NoSuchNode(9));
        change(&store, NodeChange::Delete(NodeId(9))).unwrap();
        change(&store, NodeChange::Insert(&node(9))).unwrap();
        assert!(change(&store, NodeChange::Insert(&node(9))).is_err());
        change(&store, NodeChange::Delete(NodeId(9))).unwrap();
        assert_eq!(store.nodes().unwrap(), Vec::new());
    }

    prop_compose! {
        fn any_node()(
            id in 1..=u32::MAX,
            texts in prop::collection::vec("[^\\x00]{0,40}", 6),
            optional in prop::collection::vec(prop::option::of("[^\\x00]{0,40}"), 4),
            paths in prop::collection::vec("/[^\\x00]{0,40}", 3),
            has_logs: bool,
            version in prop::option::of("[^\\x00]{1,12}"),
            ports: [u16; 3],
            times: [i64; 2],
            moments: [Option<i64>; 2],
            counts: [u32; 3],
            figures in prop::collection::vec(0..=i64::MAX, 16),
            state in prop::sample::select(State::ALL.to_vec()),
            manager in prop::sample::select(ManagerKind::CHOICES.to_vec()),
            key: Option<(u64, i128, u64)>,
        ) -> Node {
            let f = |index: usize| figures[index];
            Node {
                id: NodeId(id),
                name: NodeName(texts[0].clone()),
                service: ServiceName(texts[1].clone()),
                user: texts[2].clone(),
                network: texts[3].clone(),
                host: texts[4].clone(),
                manager: ManagerKind::from_choice(manager).unwrap(),
                ports: Ports { node: ports[0], metrics: ports[1], rpc: ports[2] },
                wallet: optional[0].clone(),
                peer_id: optional[1].clone(),
                environment: optional[2].clone(),
                home: Home {
                    root: PathBuf::from(&paths[0]),
                    binary: PathBuf::from(&paths[1]),
                    logs: has_logs.then(|| PathBuf::from(&paths[2])),
                },
                version: version.map(Version::new),
                born: Timestamp(times[0]),
                since: Timestamp(times[1]),
                state,
                figures: Figures {
                    uptime: f(0), records: f(1), shunned: f(2), connected_peers: f(3), gets: f(4), puts: f(5),
                    mem: f(6), cpu: f(7), open_connections: f(8), total_peers: f(9), bad_peers: f(10),
                    rel_records: f(11), max_records: f(12), payment_count: f(13), live_time: f(14),
                    network_size: f(15), rewards: texts[5].clone(),
                },
                memory: Memory {
                    silent: counts[0],
                    shunned: counts[1],
                    start_failures: counts[2],
                    last_seen: moments[0].map(Timestamp),
                    retry_at: moments[1].map(Timestamp),
                    last_error: optional[3].clone(),
                    binary_key: key.map(|(size, mtime_ns, inode)| BinaryKey { size, mtime_ns, inode }),
                },
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_node_comes_back_as_it_went_in(one in any_node(), other in any_node()) {
            let store = colony();
            store.take_in(std::slice::from_ref(&one)).unwrap();
            prop_assert_eq!(&store.nodes().unwrap(), std::slice::from_ref(&one));
            let other = Node { id: one.id, ..other };
            change(&store, NodeChange::Update(&other)).unwrap();
            prop_assert_eq!(&store.nodes().unwrap(), std::slice::from_ref(&other));
        }
    }
}
