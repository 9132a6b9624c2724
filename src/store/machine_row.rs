//! The machine's row: the settings as text, and facts about the machine.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, params};

use crate::colony::{Node, Timestamp};
use crate::settings;
use crate::settings::table::Setting;

use super::error::{Fault, quoted};
use super::{Event, Store, StoreError, event, node, raw_cell};

/// Facts about the machine that a colony stores beside its settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MachineFacts {
    /// The boot time at the last run.
    pub boot_time: Option<Timestamp>,
    /// The device number of the filesystem of `node_storage` at the last run.
    pub storage_device: Option<u64>,
    /// CPUs that wnm could use at the last run.
    pub cpu_count: u32,
    /// When a node was last started or stopped; the delays count from here.
    pub last_stopped_at: Timestamp,
    /// The highest ID that a node ever had, if the manager never uses an ID again.
    pub highest_node_id_used: Option<u32>,
}

impl Store {
    /// Every column of the machine's row, then the settings that have a row in table `setting`: name and text.
    /// None is NULL.
    pub fn stored_settings(&self) -> Result<Vec<(String, Option<String>)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT * FROM machine WHERE id = 1")?;
            let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut rows = statement.query([])?;
            let row = rows.next()?.ok_or(Fault::Uninitialised)?;
            let mut all = Vec::with_capacity(names.len());
            for (index, name) in names.into_iter().enumerate() {
                let text = match row.get_ref(index)? {
                    ValueRef::Null => None,
                    ValueRef::Integer(number) => Some(number.to_string()),
                    ValueRef::Real(number) => Some(number.to_string()),
                    ValueRef::Text(text) => Some(
                        String::from_utf8(text.to_vec())
                            .map_err(|_| wrong(&name, "its text is not UTF-8".to_owned()))?,
                    ),
                    ValueRef::Blob(_) => return Err(wrong(&name, "a blob is no setting".to_owned())),
                };
                all.push((name, text));
            }
            let mut statement = connection.prepare("SELECT name, text FROM setting ORDER BY name")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let name = raw_cell::text(row, 0)?.unwrap_or_default();
                // A column that a newer Python wnm added has the setting's current value.
                if is_setting(&name) && !all.iter().any(|(column, _)| *column == name) {
                    all.push((name, raw_cell::text(row, 1)?));
                }
            }
            Ok(all)
        })
    }

    /// The facts about the machine.
    pub fn facts(&self) -> Result<MachineFacts, StoreError> {
        self.read(facts)
    }

    /// Writes the machine's row, with the settings `columns` and the `facts`, which have precedence, and the rows of
    /// `nodes`: all of it or nothing.
    pub fn initialise(
        &self,
        columns: &[(&str, Option<String>)],
        facts: &MachineFacts,
        nodes: &[Node],
    ) -> Result<(), StoreError> {
        self.transact(|transaction| {
            let known = declared(transaction)?;
            let mut names = vec!["id".to_owned()];
            let mut values = vec![Value::Integer(1)];
            let own = facts_columns(facts);
            let mut rest = Vec::new();
            for setting in columns {
                let (column, text) = setting;
                match find(&known, column)? {
                    Some((name, _)) if own.iter().any(|(own, _)| own == name) => {}
                    Some((name, kind)) => {
                        names.push(name.clone());
                        values.push(value(name, kind, text.as_deref())?);
                    }
                    None => rest.push(setting.clone()),
                }
            }
            for (name, value) in own {
                names.push(name.to_owned());
                values.push(value);
            }
            let marks = vec!["?"; names.len()].join(", ");
            let sql = format!("INSERT INTO machine ({}) VALUES ({marks})", names.join(", "));
            transaction
                .execute(&sql, rusqlite::params_from_iter(values))
                .map_err(refused)?;
            store_settings(transaction, &rest)?;
            nodes.iter().try_for_each(|node| node::insert(transaction, node))
        })
    }

    /// Writes settings, in the types of their columns. Equal values are not written again.
    pub fn store_settings(
        &self,
        columns: &[(&str, Option<String>)],
        events: &[Event],
    ) -> Result<(), StoreError> {
        self.transact(|transaction| {
            store_settings(transaction, columns)?;
            events
                .iter()
                .try_for_each(|event| event::insert(transaction, event))
        })
    }

    /// Adds imported nodes, and the settings that follow from them: all of it or nothing.
    pub fn import(&self, columns: &[(&str, Option<String>)], nodes: &[Node]) -> Result<(), StoreError> {
        self.transact(|transaction| {
            store_settings(transaction, columns)?;
            nodes.iter().try_for_each(|node| node::insert(transaction, node))
        })
    }
}

fn store_settings(transaction: &Connection, columns: &[(&str, Option<String>)]) -> Result<(), Fault> {
    let known = declared(transaction)?;
    for (column, text) in columns {
        match (find(&known, column)?, text) {
            (Some((name, kind)), text) => {
                let value = value(name, kind, text.as_deref())?;
                let sql = format!("UPDATE machine SET {name} = ?1 WHERE id = 1 AND {name} IS NOT ?1");
                transaction.execute(&sql, [value]).map_err(refused)?
            }
            (None, Some(text)) => transaction.execute(
                "INSERT INTO setting (name, text) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET text = excluded.text WHERE text IS NOT excluded.text",
                [column, text.as_str()],
            )?,
            (None, None) => transaction.execute("DELETE FROM setting WHERE name = ?1", [column])?,
        };
    }
    Ok(())
}

/// Writes the facts that have changed.
pub(super) fn learn(transaction: &Connection, facts: &MachineFacts) -> Result<(), Fault> {
    if self::facts(transaction)? == *facts {
        return Ok(());
    }
    for (name, value) in facts_columns(facts) {
        let sql = format!("UPDATE machine SET {name} = ?1 WHERE id = 1 AND {name} IS NOT ?1");
        transaction.prepare_cached(&sql)?.execute([value])?;
    }
    Ok(())
}

/// Writes the facts that are given.
pub(super) fn note(
    transaction: &Connection,
    last_stopped_at: Option<Timestamp>,
    highest_node_id_used: Option<u32>,
) -> Result<(), Fault> {
    if let Some(at) = last_stopped_at {
        transaction.execute("UPDATE machine SET last_stopped_at = ?1 WHERE id = 1", [at.0])?;
    }
    if let Some(id) = highest_node_id_used {
        transaction.execute("UPDATE machine SET highest_node_id_used = ?1 WHERE id = 1", [id])?;
    }
    Ok(())
}

fn facts(connection: &Connection) -> Result<MachineFacts, Fault> {
    let row = connection
        .prepare_cached(
            "SELECT boot_time, storage_device, cpu_count, last_stopped_at, highest_node_id_used
             FROM machine WHERE id = 1",
        )?
        .query_row([], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?])
        })
        .optional()?;
    let [boot, device, cpus, stopped, highest]: [Value; 5] = row.ok_or(Fault::Uninitialised)?;
    let cpus = integer("cpu_count", &cpus)?;
    let stopped = integer("last_stopped_at", &stopped)?;
    let highest = integer("highest_node_id_used", &highest)?;
    Ok(MachineFacts {
        boot_time: integer("boot_time", &boot)?.map(Timestamp),
        storage_device: integer("storage_device", &device)?.map(i64::cast_unsigned),
        cpu_count: number("cpu_count", cpus.unwrap_or(1))?,
        last_stopped_at: Timestamp(stopped.unwrap_or(0)),
        highest_node_id_used: highest.map(|id| number("highest_node_id_used", id)).transpose()?,
    })
}

fn facts_columns(facts: &MachineFacts) -> [(&'static str, Value); 5] {
    let or_null = |number: Option<i64>| number.map_or(Value::Null, Value::Integer);
    [
        ("boot_time", or_null(facts.boot_time.map(|at| at.0))),
        (
            "storage_device",
            or_null(facts.storage_device.map(u64::cast_signed)),
        ),
        ("cpu_count", Value::Integer(facts.cpu_count.into())),
        ("last_stopped_at", Value::Integer(facts.last_stopped_at.0)),
        (
            "highest_node_id_used",
            or_null(facts.highest_node_id_used.map(i64::from)),
        ),
    ]
}

fn integer(column: &str, value: &Value) -> Result<Option<i64>, Fault> {
    match value {
        Value::Null => Ok(None),
        Value::Integer(number) => Ok(Some(*number)),
        Value::Real(number) if number.fract() == 0.0 && number.abs() < 9e15 => Ok(Some(*number as i64)),
        Value::Real(number) => Err(wrong(column, format!("`{number}` is no whole number"))),
        Value::Text(text) => Err(wrong(column, format!("{} is no number", quoted(text)))),
        Value::Blob(_) => Err(wrong(column, "a blob is no number".to_owned())),
    }
}

fn number(column: &str, value: i64) -> Result<u32, Fault> {
    u32::try_from(value).map_err(|_| wrong(column, format!("`{value}` is out of range")))
}

/// The columns of table `machine` and their declared types.
fn declared(connection: &Connection) -> Result<Vec<(String, String)>, Fault> {
    let mut statement = connection.prepare("SELECT name, type FROM pragma_table_info('machine')")?;
    let columns = statement.query_map(params![], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(columns.collect::<Result<_, _>>()?)
}

/// The column of a setting; None for one that is stored in table `setting`.
fn find<'a>(known: &'a [(String, String)], setting: &str) -> Result<Option<&'a (String, String)>, Fault> {
    match known.iter().find(|(name, _)| name == setting && name != "id") {
        None if !is_setting(setting) => Err(wrong(setting, "there is no such column".to_owned())),
        found => Ok(found),
    }
}

fn is_setting(name: &str) -> bool {
    settings::table::find(name).is_some_and(Setting::is_persistent)
}

/// Converts text to the type of a column.
fn value(column: &str, kind: &str, text: Option<&str>) -> Result<Value, Fault> {
    let Some(text) = text else {
        return Ok(Value::Null);
    };
    let kind = kind.to_ascii_uppercase();
    if kind.contains("INT") {
        match text {
            "true" => Ok(Value::Integer(1)),
            "false" => Ok(Value::Integer(0)),
            _ => text
                .parse()
                .map(Value::Integer)
                .map_err(|_| wrong(column, format!("{} is no whole number", quoted(text)))),
        }
    } else if kind.contains("FLOA") || kind.contains("REAL") || kind.contains("DOUB") {
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Real(number)),
            _ => Err(wrong(column, format!("{} is no number", quoted(text)))),
        }
    } else {
        Ok(Value::Text(text.to_owned()))
    }
}

/// A clearer error if a column needs a value, or if the machine has a row already.
fn refused(error: rusqlite::Error) -> Fault {
    let text = error.to_string();
    if let Some((_, column)) = text.split_once("NOT NULL constraint failed: machine.") {
        return wrong(column, "it needs a value".to_owned());
    }
    if text.contains("UNIQUE constraint failed: machine.id") {
        return Fault::Exists;
    }
    error.into()
}

fn wrong(column: &str, why: String) -> Fault {
    Fault::Value {
        table: "machine",
        row: "1".to_owned(),
        column: column.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests;
