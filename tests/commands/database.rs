//! Recorded databases: created from dumps, and compared row by row.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// The tables that both programs have.
const TABLES: [&str; 3] = ["machine", "container", "node"];
/// When the recorded machine was booted: a first run takes it for the time of the last stop.
const BOOT: Value = Value::Integer(1_795_456_290);

/// Rows by table and id, as in `node 3`; each with its columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows(BTreeMap<(String, i64), BTreeMap<String, Value>>);

impl Rows {
    /// The rows in the database at `path`; none where there is none, or it has no such tables.
    pub fn of_file(path: &Path) -> Rows {
        let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        opened.map_or_else(|_| Rows::default(), |database| Rows::of(&database))
    }

    /// The rows of a dump of any schema.
    pub fn of_dump(dump: &str) -> Rows {
        let database = Connection::open_in_memory().expect("a database in memory");
        for line in dump.lines() {
            let header = line
                .strip_prefix("INSERT INTO ")
                .and_then(|rest| rest.split_once(" VALUES"));
            if let Some((table, _)) = header {
                database
                    .execute_batch(&format!("CREATE TABLE IF NOT EXISTS {table};"))
                    .expect("a table without types");
            }
        }
        database.execute_batch(dump).expect("the dump's rows");
        Rows::of(&database)
    }

    fn of(database: &Connection) -> Rows {
        let mut rows = Rows::default();
        for table in TABLES {
            let Ok(mut query) = database.prepare(&format!("SELECT * FROM {table}")) else {
                continue;
            };
            let names: Vec<String> = query.column_names().map(str::to_owned).collect();
            let read = query.query_map([], |row| {
                let mut cells = BTreeMap::new();
                for (place, name) in names.iter().enumerate() {
                    cells.insert(name.clone(), row.get::<_, Value>(place)?);
                }
                Ok(cells)
            });
            for cells in read.expect("rows").flatten() {
                let id = match cells.get("id") {
                    Some(Value::Integer(id)) => *id,
                    _ => 0,
                };
                rows.0.insert((table.to_owned(), id), cells);
            }
        }
        rows
    }

    /// The same rows with every text changed.
    pub fn with_texts(mut self, change: impl Fn(&str) -> String) -> Rows {
        for value in self.0.values_mut().flat_map(BTreeMap::values_mut) {
            if let Value::Text(text) = value {
                *text = change(text);
            }
        }
        self
    }

    /// These rows, only with the columns that the table has in `other`.
    pub fn within(mut self, other: &Rows) -> Rows {
        for ((table, _), cells) in &mut self.0 {
            let known = other.0.iter().find(|((its, _), _)| its == table);
            cells.retain(|column, _| known.is_none_or(|(_, known)| known.contains_key(column)));
        }
        self
    }

    /// The folders of the nodes that have one.
    pub fn roots(&self) -> Vec<String> {
        let lives =
            |cells: &&BTreeMap<String, Value>| cells.get("status") != Some(&Value::Text("DEAD".to_owned()));
        let root = |cells: &BTreeMap<String, Value>| match cells.get("root_dir") {
            Some(Value::Text(root)) => Some(root.clone()),
            _ => None,
        };
        self.0.values().filter(lives).filter_map(root).collect()
    }

    /// The metrics ports and root directories of the nodes in these rows.
    pub fn metrics_ports(&self) -> Vec<(u16, String)> {
        let port = |cells: &BTreeMap<String, Value>| match (cells.get("metrics_port"), cells.get("root_dir"))
        {
            (Some(Value::Integer(port)), Some(Value::Text(root))) => {
                Some((u16::try_from(*port).ok()?, root.clone()))
            }
            _ => None,
        };
        self.0.values().filter_map(port).collect()
    }

    /// Where `ours` differs from these rows, in the columns of these: `node 3 status RUNNING -> STOPPED`.
    /// `volatile` lists what differs between any two runs.
    pub fn differences(&self, ours: &Rows, volatile: bool) -> Vec<String> {
        let mut found = Vec::new();
        for ((table, id), cells) in &self.0 {
            let Some(own) = ours.0.get(&(table.clone(), *id)) else {
                found.push(format!("{table} {id} is gone"));
                continue;
            };
            for (column, value) in cells {
                let is_volatile = matches!((table.as_str(), column.as_str()), ("node", "timestamp" | "age"))
                    || (table == "machine" && column == "last_stopped_at" && *value == BOOT);
                let own = own.get(column).unwrap_or(&Value::Null);
                if !(same(value, own) || volatile && is_volatile) {
                    found.push(format!(
                        "{table} {id} {column} {} -> {}",
                        shown(value),
                        shown(own)
                    ));
                }
            }
        }
        let fresh = ours.0.keys().filter(|key| !self.0.contains_key(*key));
        found.extend(fresh.map(|(table, id)| format!("{table} {id} is new")));
        found
    }
}

/// Columns without a type keep numbers and texts as written; typed columns may show the same value in
/// another form.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Integer(whole), Value::Real(real)) | (Value::Real(real), Value::Integer(whole)) => {
            *whole as f64 == *real
        }
        (Value::Integer(whole), Value::Text(text)) | (Value::Text(text), Value::Integer(whole)) => {
            *text == whole.to_string()
        }
        _ => left == right,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(whole) => whole.to_string(),
        Value::Real(real) => real.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(_) => "a blob".to_owned(),
    }
}

/// Creates the database at `path` from a schema and a dump; false where they do not match.
pub fn make(path: &Path, schema: &str, dump: &str) -> bool {
    let _ = fs::remove_file(path);
    let database = Connection::open(path).expect("a new database");
    database.execute_batch(schema).is_ok() && database.execute_batch(dump).is_ok()
}

/// Replaces a text everywhere in the database at `path`.
pub fn replace(path: &Path, old: &str, new: &str) {
    let database = Connection::open(path).expect("the database");
    for table in TABLES {
        let columns: Vec<String> = {
            let Ok(query) = database.prepare(&format!("SELECT * FROM {table}")) else {
                continue;
            };
            query.column_names().map(str::to_owned).collect()
        };
        for column in columns {
            database
                .execute(
                    &format!(
                        "UPDATE {table} SET \"{column}\" = replace(\"{column}\", ?1, ?2)
                         WHERE typeof(\"{column}\") = 'text' AND instr(\"{column}\", ?1)"
                    ),
                    [old, new],
                )
                .expect("the text is replaced");
        }
    }
}
