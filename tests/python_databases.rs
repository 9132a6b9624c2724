//! Databases of the Python wnm in several releases: rejected with a hint, then adopted without losing a row
//! or value.
//!
//! `databases/*.sql` are dumps of five of them. `WNM_GOLDEN=DIR` also tests every `DIR/*.db`.
#![expect(clippy::unwrap_used, reason = "what stops a test fails it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use wnm::colony::{Mode, NodeState, Timestamp};
use wnm::store::{Fault, Store, peek, schema};

/// Rows of a table, by column.
type Rows = Vec<BTreeMap<String, Value>>;

/// 2026-11-23 20:00:00 UTC.
const NOW: Timestamp = Timestamp(1_795_464_000);

/// The values of columns that an adopted database did not have, as the Python wnm would have set them; 0
/// for all others.
const ADDED: [(&str, &str, &str); 31] = [
    ("container", "port_range_start", "NULL"),
    ("container", "port_range_end", "NULL"),
    ("container", "metrics_port_range_start", "NULL"),
    ("container", "metrics_port_range_end", "NULL"),
    ("machine", "delay_restart", "600"),
    ("machine", "survey_delay", "0"),
    ("machine", "action_delay", "0"),
    ("machine", "rpc_port_start", "30"),
    // The highest id of the nodes.
    ("machine", "highest_node_id_used", "10001"),
    ("machine", "max_concurrent_operations", "1"),
    ("machine", "max_node_per_container", "200"),
    ("machine", "min_container_count", "1"),
    ("machine", "docker_image", "iweave/antnode:latest"),
    ("machine", "no_upnp", "1"),
    ("machine", "antnode_path", "~/.local/bin/antnode"),
    ("machine", "antctl_path", "~/.local/bin/antctl"),
    ("machine", "antctl_debug", "0"),
    ("machine", "antctl_version", "NULL"),
    ("machine", "shunned_remove", "0"),
    ("machine", "firewall", "auto"),
    ("machine", "enable_upgrade", "1"),
    ("node", "pressure_stopped_at", "NULL"),
    ("machine", "boot_time", "NULL"),
    ("machine", "storage_device", "NULL"),
    ("node", "log_dir", "NULL"),
    ("node", "last_seen", "NULL"),
    ("node", "retry_at", "NULL"),
    ("node", "last_error", "NULL"),
    ("node", "binary_key", "NULL"),
    ("node", "start_args", "NULL"),
    ("node", "rewards", "0"),
];

/// Every database to adopt, each in its own folder.
fn databases() -> Vec<(String, TempDir, PathBuf)> {
    let mut found = Vec::new();
    let mut add = |name: &Path, fill: &dyn Fn(&Path)| {
        let place = TempDir::new().unwrap();
        let path = place.path().join("colony.db");
        fill(&path);
        found.push((name.display().to_string(), place, path));
    };
    for dump in files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/databases"),
        "sql",
    ) {
        add(&dump, &|path| {
            let made = Connection::open(path).unwrap();
            made.execute_batch(&fs::read_to_string(&dump).unwrap()).unwrap();
        });
    }
    if let Some(golden) = std::env::var_os("WNM_GOLDEN") {
        for original in files(Path::new(&golden), "db") {
            add(&original, &|path| {
                fs::write(path, fs::read(&original).unwrap()).unwrap();
            });
        }
    }
    assert!(found.len() >= 5);
    found
}

fn files(directory: &Path, kind: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == kind))
        .collect();
    files.sort();
    files
}

/// The tables of a database with all rows.
fn tables(path: &Path) -> BTreeMap<String, Rows> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let names: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    names
        .into_iter()
        .map(|name| {
            let rows = rows(&connection, &name);
            (name, rows)
        })
        .collect()
}

fn rows(connection: &Connection, table: &str) -> Rows {
    let mut statement = connection
        .prepare(&format!("SELECT * FROM {table} ORDER BY 1"))
        .unwrap();
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    statement
        .query_map([], |row| {
            let mut values = BTreeMap::new();
            for (index, column) in columns.iter().enumerate() {
                values.insert(column.clone(), row.get(index)?);
            }
            Ok(values)
        })
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

fn columns(path: &Path, table: &str) -> BTreeSet<String> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
    statement.column_names().map(str::to_owned).collect()
}

fn names(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(_) => "a blob".to_owned(),
    }
}

/// Whether a database has the newest schema.
fn newest() -> String {
    format!("V{}", schema::newest_version())
}

/// The value after the adoption.
fn adopted(table: &str, column: &str, value: &Value) -> Value {
    let known = |to: &str| Value::Text(to.to_owned());
    match (table, column, text(value).as_str()) {
        ("node", "manager_type" | "method", "systemd") => known("systemd+user"),
        ("node", "manager_type" | "method", "antctl") => known("antctl+user"),
        ("alembic_version", _, _) => known("e2f4a512d24c"),
        _ => value.clone(),
    }
}

#[test]
fn each_database_is_rejected_unchanged_with_a_hint() {
    for (name, place, path) in databases() {
        let before = fs::read(&path).unwrap();
        for error in [
            Store::open(&path).unwrap_err(),
            Store::open_read_only(&path).unwrap_err(),
        ] {
            assert!(matches!(error.fault, Fault::Behind { .. }), "{name}: {error}");
            let said = error.to_string();
            assert!(
                said.contains("`wnm --force_action wnm-db-migration --confirm`"),
                "{name}: {said}"
            );
        }
        assert_eq!(
            Store::create(&path, Mode::User).unwrap_err().fault,
            Fault::Exists,
            "{name}"
        );
        assert!(
            matches!(schema::schema_state(&path).unwrap(), schema::SchemaState::Peer(_)),
            "{name}"
        );
        assert_eq!(
            peek(&path),
            wnm::colony::StoredPlace::Manager("systemd+user".to_owned()),
            "{name}"
        );
        assert_eq!(fs::read(&path).unwrap(), before, "{name}");
        assert_eq!(names(place.path()).len(), 1, "{name}");
    }
}

#[test]
fn each_database_is_adopted_row_for_row() {
    for (name, place, path) in databases() {
        let before = tables(&path);
        let migrated = schema::migrate(&path, NOW).unwrap();
        assert!(
            migrated.from.starts_with("the peer's schema"),
            "{name}: {migrated:?}"
        );
        assert_eq!(migrated.to, newest(), "{name}");

        let backup = migrated.backup.unwrap();
        assert_eq!(
            backup,
            place.path().join("colony.db.20261123-200000.bak"),
            "{name}"
        );
        assert_eq!(tables(&backup), before, "{name}");
        assert_eq!(
            fs::metadata(&backup).unwrap().permissions(),
            fs::metadata(&path).unwrap().permissions(),
            "{name}"
        );
        assert_eq!(names(place.path()).len(), 2, "{name}: {:?}", names(place.path()));

        let after = tables(&path);
        for (table, rows) in &before {
            let new = &after[table];
            assert_eq!(rows.len(), new.len(), "{name}: {table}");
            for (old, new) in rows.iter().zip(new) {
                for (column, value) in old {
                    let expected = adopted(table, column, value);
                    assert_eq!(new[column], expected, "{name}: {table}.{column} of {old:?}");
                }
                for (column, value) in new.iter().filter(|(column, _)| !old.contains_key(*column)) {
                    let expected = ADDED
                        .iter()
                        .find(|(of, one, _)| of == table && one == column)
                        .map_or("0", |added| added.2);
                    assert_eq!(text(value), expected, "{name}: {table}.{column}");
                }
            }
        }
        assert_eq!(
            text(&after["alembic_version"][0]["version_num"]),
            "e2f4a512d24c",
            "{name}"
        );
    }
}

#[test]
fn adopted_colony_has_the_columns_of_a_new_one_and_works() {
    let place = TempDir::new().unwrap();
    let fresh = place.path().join("colony.db");
    drop(Store::create(&fresh, Mode::User).unwrap());
    for (name, _place, path) in databases() {
        schema::migrate(&path, NOW).unwrap();
        for table in tables(&fresh).keys() {
            assert_eq!(columns(&path, table), columns(&fresh, table), "{name}: {table}");
        }
        let store = Store::open(&path).unwrap();
        let nodes = store.nodes().unwrap();
        assert_eq!(nodes.len(), 14, "{name}");
        let states: BTreeSet<NodeState> = nodes.iter().map(|node| node.state).collect();
        assert_eq!(states.len(), NodeState::ALL.len(), "{name}");
        assert_eq!(nodes[13].manager.to_string(), "systemd+user", "{name}");
        assert_eq!((nodes[13].id.0, nodes[13].ports.node), (10_001, 65_001), "{name}");
        assert_eq!((&nodes[3].wallet, &nodes[3].version), (&None, &None), "{name}");
        assert_eq!(
            store.facts().unwrap().last_stopped_at,
            Timestamp(1_795_450_000),
            "{name}"
        );
        let provided = store.stored_settings().unwrap();
        assert!(
            provided.contains(&("node_cap".to_owned(), Some("40".to_owned()))),
            "{name}"
        );
        drop(store);
        let again = schema::migrate(&path, NOW).unwrap();
        assert_eq!((again.from, again.backup), (newest(), None), "{name}");
    }
}

#[test]
fn tables_and_columns_of_a_newer_python_wnm_are_kept() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("colony.db");
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/databases/e2f4a512d24c.sql");
    let peer = Connection::open(&path).unwrap();
    peer.execute_batch(&fs::read_to_string(dump).unwrap()).unwrap();
    peer.execute_batch(
        "ALTER TABLE machine ADD COLUMN enable_upgrade INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE machine ADD COLUMN shard TEXT DEFAULT 'x';
         ALTER TABLE node ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';
         CREATE TABLE influx (id INTEGER PRIMARY KEY, url TEXT);
         INSERT INTO influx VALUES (7, 'http://x');
         UPDATE alembic_version SET version_num = 'ffffffffffff'",
    )
    .unwrap();
    drop(peer);
    let before = tables(&path);
    let migrated = schema::migrate(&path, NOW).unwrap();
    assert_eq!(migrated.from, "the peer's schema `ffffffffffff`");
    let store = Store::open(&path).unwrap();
    let says = |column: &str| {
        let provided = store.stored_settings().unwrap();
        provided.into_iter().find(|(name, _)| name == column).unwrap().1
    };
    assert_eq!(says("enable_upgrade").as_deref(), Some("0"));
    assert_eq!(says("shard").as_deref(), Some("x"));
    assert_eq!(store.nodes().unwrap().len(), 14);
    drop(store);
    let after = tables(&path);
    assert_eq!(after["influx"], before["influx"]);
    assert_eq!(after["alembic_version"], before["alembic_version"]);
    assert_eq!(text(&after["node"][0]["colour"]), "red");
}

#[test]
fn database_that_cannot_be_adopted_stays_unchanged() {
    for spoil in [
        // A table with the name of one of ours.
        "CREATE TABLE sample (id INTEGER)",
        // A column that cannot have a default.
        "ALTER TABLE machine DROP COLUMN node_cap",
    ] {
        let place = TempDir::new().unwrap();
        let path = place.path().join("colony.db");
        let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/databases/no_alembic_version.sql");
        let peer = Connection::open(&path).unwrap();
        peer.execute_batch(&fs::read_to_string(dump).unwrap()).unwrap();
        peer.execute_batch(spoil).unwrap();
        drop(peer);
        let before = fs::read(&path).unwrap();
        let error = schema::migrate(&path, NOW).unwrap_err();
        assert!(matches!(error.fault, Fault::NotAColony(_)), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before, "{error}");
    }
}

#[test]
fn damaged_database_is_not_migrated() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("colony.db");
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/databases/e2f4a512d24c.sql");
    let peer = Connection::open(&path).unwrap();
    peer.execute_batch(&fs::read_to_string(dump).unwrap()).unwrap();
    let page: i64 = peer
        .query_row(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_node_status'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    drop(peer);
    let mut bytes = fs::read(&path).unwrap();
    let start = usize::try_from(page - 1).unwrap() * 4096;
    bytes[start..start + 200].fill(0xff);
    fs::write(&path, &bytes).unwrap();
    let error = schema::migrate(&path, NOW).unwrap_err();
    assert!(error.to_string().contains("cannot create a backup"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(names(place.path()).len(), 1);
}

/// With `WNM_PEER='python3 -m wnm'`, that Python wnm then uses the adopted database.
#[test]
fn python_wnm_still_reads_an_adopted_database() {
    let Ok(peer) = std::env::var("WNM_PEER") else {
        eprintln!("SKIPPED: WNM_PEER names no Python wnm");
        return;
    };
    let (program, first) = peer.split_once(' ').unwrap_or((&peer, ""));
    for (name, place, path) in databases() {
        schema::migrate(&path, NOW).unwrap();
        let nodes = Store::open(&path).unwrap().nodes().unwrap();
        // It creates its folders in the home, and no others.
        fs::create_dir_all(place.path().join(".local/share/autonomi/node")).unwrap();
        fs::create_dir_all(place.path().join(".local/bin")).unwrap();
        fs::copy(
            crate::stage::simulated_antnode(),
            place.path().join(".local/bin/antnode"),
        )
        .unwrap();
        let report = |words: &[&str]| {
            std::process::Command::new(program)
                .args(first.split_whitespace())
                .arg("--dbpath")
                .arg(format!("sqlite:///{}", path.display()))
                .args(words)
                .env("HOME", place.path())
                .env(
                    "PATH",
                    format!("{}:/usr/bin:/bin", place.path().join(".local/bin").display()),
                )
                .output()
                .unwrap()
        };
        let told = report(&["--report", "node-status", "--report_format", "json"]);
        let said =
            String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{name}: {said}");
        for node in nodes {
            assert!(
                said.contains(&node.service.0),
                "{name}: {} is missing in {said}",
                node.service.0
            );
        }
    }
}
