//! Files that are colonies, and files that are not.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};
use tempfile::TempDir;

use crate::colony::{Mode, StoredPlace, Timestamp};

use super::node::tests::node;
use super::{Fault, MachineFacts, Store, peek};

/// A value for each column that the peer's schema wants one for.
pub(in crate::store) fn settings() -> Vec<(&'static str, Option<String>)> {
    let numbers = [
        "node_cap",
        "cpu_less_than",
        "mem_less_than",
        "hd_less_than",
        "hdio_read_less_than",
        "hdio_write_less_than",
        "netio_read_less_than",
        "netio_write_less_than",
        "cpu_remove",
        "mem_remove",
        "hd_remove",
        "hdio_read_remove",
        "hdio_write_remove",
        "netio_read_remove",
        "netio_write_remove",
        "max_load_average_allowed",
        "desired_load_average",
        "delay_start",
        "delay_restart",
        "delay_upgrade",
        "delay_remove",
        "survey_delay",
        "action_delay",
        "port_start",
        "metrics_port_start",
        "rpc_port_start",
        "crisis_bytes",
        "max_concurrent_upgrades",
        "max_concurrent_starts",
        "max_concurrent_removals",
        "max_concurrent_operations",
        "max_node_per_container",
        "min_container_count",
        "no_upnp",
        "antctl_debug",
    ];
    let texts = [
        ("node_storage", "/home/op/.local/share/autonomi/node"),
        ("rewards_address", "faucet"),
        ("donate_address", "faucet"),
        ("host", "127.0.0.1"),
        ("node_removal_strategy", "youngest"),
        ("process_manager", "systemd+user"),
    ];
    numbers
        .into_iter()
        .map(|name| (name, Some("1".to_owned())))
        .chain(
            texts
                .into_iter()
                .map(|(name, text)| (name, Some(text.to_owned()))),
        )
        .collect()
}

pub(in crate::store) fn facts() -> MachineFacts {
    MachineFacts {
        boot_time: Some(Timestamp(1_795_450_000)),
        storage_device: Some(u64::MAX - 5),
        cpu_count: 2,
        last_stopped_at: Timestamp(1_795_450_000),
        highest_node_id_used: None,
    }
}

/// A colony without nodes.
pub(in crate::store) fn colony() -> Store {
    let store = Store::in_memory().unwrap();
    store.initialise(&settings(), &facts(), &[]).unwrap();
    store
}

fn colony_at(path: &Path) -> Store {
    let store = Store::create(path, Mode::User).unwrap();
    store.initialise(&settings(), &facts(), &[]).unwrap();
    store
}

/// Every file beside `path` with its content and its time.
fn directory(path: &Path) -> BTreeMap<String, (u64, std::time::Duration)> {
    fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let meta = entry.metadata().unwrap();
            let changed = meta.modified().unwrap();
            let since = changed.duration_since(std::time::UNIX_EPOCH).unwrap();
            let mut content = DefaultHasher::new();
            fs::read(entry.path()).unwrap_or_default().hash(&mut content);
            (
                entry.file_name().into_string().unwrap(),
                (content.finish(), since),
            )
        })
        .collect()
}

#[test]
fn only_the_owner_can_read_the_database() {
    let place = TempDir::new().unwrap();
    for (mode, bits) in [(Mode::User, 0o600), (Mode::Sudo, 0o640)] {
        let path = place.path().join(format!("{bits:o}.db"));
        drop(Store::create(&path, mode).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, bits);
        let empty = place.path().join(format!("empty-{bits:o}.db"));
        fs::write(&empty, "").unwrap();
        drop(Store::create(&empty, mode).unwrap());
        assert_eq!(fs::metadata(&empty).unwrap().permissions().mode() & 0o777, bits);
    }
}

#[test]
fn colony_is_created_once() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("colony.db");
    assert_eq!(Store::open(&path).unwrap_err().fault, Fault::Absent);
    assert!(!path.exists());
    drop(colony_at(&path));
    let before = directory(&path);
    assert_eq!(Store::create(&path, Mode::User).unwrap_err().fault, Fault::Exists);
    assert_eq!(directory(&path), before);
    let store = Store::open(&path).unwrap();
    assert_eq!(
        store.initialise(&settings(), &facts(), &[]).unwrap_err().fault,
        Fault::Exists
    );
    drop(store);
    assert_eq!(directory(&path), before);
}

#[test]
fn init_can_be_repeated_after_a_kill() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("colony.db");
    // Before the schema, and after it.
    fs::write(&path, "").unwrap();
    assert_eq!(Store::open(&path).unwrap_err().fault, Fault::Uninitialised);
    assert_eq!(
        Store::open_read_only(&path).unwrap_err().fault,
        Fault::Uninitialised
    );
    drop(Store::create(&path, Mode::User).unwrap());
    assert_eq!(Store::open(&path).unwrap_err().fault, Fault::Uninitialised);
    drop(colony_at(&path));
    Store::open(&path).unwrap();
}

#[test]
fn other_files_are_rejected_and_unchanged() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("colony.db");
    let refused = |fault: &dyn Fn(&Fault) -> bool| {
        let before = directory(&path);
        for error in [
            Store::open(&path).unwrap_err(),
            Store::open_read_only(&path).unwrap_err(),
            Store::create(&path, Mode::User).unwrap_err(),
            super::schema::migrate(&path, Timestamp(0)).unwrap_err(),
        ] {
            assert!(fault(&error.fault), "{error}");
        }
        // It is something all the same, and names no manager.
        assert!(!matches!(peek(&path), StoredPlace::Manager(_)));
        assert_eq!(directory(&path), before);
    };
    fs::write(&path, "node_cap = 3\n").unwrap();
    refused(&|fault| *fault == Fault::NotADatabase);
    fs::write(&path, vec![0; 100_000]).unwrap();
    refused(&|fault| *fault == Fault::NotADatabase);
    fs::remove_file(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE recipe (id INTEGER)").unwrap();
    drop(other);
    refused(&|fault| matches!(fault, Fault::NotAColony(_)));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(&|fault| *fault == Fault::NotAFile);
}

#[test]
fn truncated_database_is_rejected() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("colony.db");
    let store = colony_at(&path);
    store
        .insert_all(&(1..=500).map(node).collect::<Vec<_>>())
        .unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    for length in [10, 99, 600, 4096, 10_000, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let before = directory(&path);
        for error in [
            Store::open(&path).unwrap_err(),
            Store::open_read_only(&path).unwrap_err(),
        ] {
            assert!(
                matches!(error.fault, Fault::Damaged(_) | Fault::NotADatabase),
                "{length}: {error}"
            );
        }
        assert_eq!(directory(&path), before);
    }
}

#[test]
fn newer_schema_is_rejected_and_unchanged() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("colony.db");
    let store = colony_at(&path);
    store
        .connection
        .execute(
            "INSERT INTO refinery_schema_history VALUES (99, 'x', 'y', 'z')",
            [],
        )
        .unwrap();
    drop(store);
    let before = directory(&path);
    for error in [
        Store::open(&path).unwrap_err(),
        Store::open_read_only(&path).unwrap_err(),
        Store::create(&path, Mode::User).unwrap_err(),
        super::schema::migrate(&path, Timestamp(0)).unwrap_err(),
    ] {
        assert!(error.to_string().contains("belongs to a newer wnm"), "{error}");
    }
    assert_eq!(directory(&path), before);
}

#[test]
fn reading_does_not_change_the_directory() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("colony.db");
    colony_at(&path).insert_all(&[node(1)]).unwrap();
    let before = directory(&path);
    assert_eq!(before.len(), 1);
    let reader = Store::open_read_only(&path).unwrap();
    assert_eq!(reader.nodes().unwrap(), vec![node(1)]);
    assert!(
        reader
            .store_settings(&[("node_cap", Some("9".to_owned()))], &[])
            .is_err()
    );
    assert_eq!(peek(&path), StoredPlace::Manager("systemd+user".to_owned()));
    drop(reader);
    assert_eq!(directory(&path), before);
}

#[test]
fn reading_works_while_a_cycle_writes() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("colony.db");
    let writer = colony_at(&path);
    writer.insert_all(&[node(1)]).unwrap();
    writer
        .connection
        .execute_batch("BEGIN IMMEDIATE; DELETE FROM node;")
        .unwrap();
    let reader = Store::open_read_only(&path).unwrap();
    assert_eq!(reader.nodes().unwrap(), vec![node(1)]);
    assert_eq!(peek(&path), StoredPlace::Manager("systemd+user".to_owned()));
    writer.connection.execute_batch("COMMIT").unwrap();
    assert_eq!(reader.nodes().unwrap(), Vec::new());
}

#[test]
fn commits_of_a_killed_run_are_read() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("colony.db");
    let store = colony_at(&path);
    store.insert_all(&[node(1)]).unwrap();
    // As a killed process leaves it: the log stays, and nobody holds a lock.
    let left = place.path().join("left");
    fs::create_dir(&left).unwrap();
    for end in ["", "-wal", "-shm"] {
        let name = format!("colony.db{end}");
        fs::copy(place.path().join(&name), left.join(&name)).unwrap();
    }
    let left = left.join("colony.db");
    assert_eq!(
        Store::open_read_only(&left).unwrap().nodes().unwrap(),
        vec![node(1)]
    );
    let store = Store::open(&left).unwrap();
    assert_eq!(store.nodes().unwrap(), vec![node(1)]);
    drop(store);
    assert_eq!(directory(&left).len(), 1);
}

#[test]
fn locked_database_fails_after_a_timeout() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("colony.db");
    let holder = colony_at(&path);
    holder.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = Store::open(&path).unwrap_err();
    assert_eq!(error.fault, Fault::Locked);
    assert_eq!(
        error.to_string(),
        format!("`{}` is locked by another program", path.display())
    );
}

/// A database of the peer.
fn peers(path: &Path) {
    let dump = include_str!("../../tests/databases/3249fcc20390_fresh.sql");
    Connection::open(path).unwrap().execute_batch(dump).unwrap();
}

/// The files of a colony as a process that is killed now would leave them.
fn left_behind(path: &Path, to: &Path) -> std::path::PathBuf {
    fs::create_dir(to).unwrap();
    for name in directory(path)
        .keys()
        .filter(|name| name.starts_with("colony.db"))
    {
        fs::copy(path.with_file_name(name), to.join(name)).unwrap();
    }
    to.join("colony.db")
}

#[test]
fn killed_migration_is_repeated() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("colony.db");
    peers(&path);
    let mut connection = super::open_file::connect(&path).unwrap();
    // So small that what is changed goes to the file before the end.
    connection.execute_batch("PRAGMA cache_size = 1").unwrap();
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    super::schema::migrate_to_current(&transaction, &super::schema::SchemaState::Peer(None)).unwrap();
    let left = left_behind(&path, &place.path().join("left"));
    assert!(fs::read(&left).unwrap() != fs::read(place.path().join("colony.db-journal")).unwrap());
    assert!(directory(&left).contains_key("colony.db-journal"));
    for error in [
        Store::open(&left).unwrap_err(),
        Store::open_read_only(&left).unwrap_err(),
    ] {
        assert!(
            error
                .to_string()
                .contains("--force_action wnm-db-migration --confirm"),
            "{error}"
        );
    }
    let migrated = super::schema::migrate(&left, Timestamp(0)).unwrap();
    assert_eq!(migrated.from, "the peer's schema `3249fcc20390`");
    assert_eq!(Store::open(&left).unwrap().nodes().unwrap().len(), 14);
}

#[test]
fn init_can_be_repeated_after_a_kill_at_any_point() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("colony.db");
    fs::write(&path, "").unwrap();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("PRAGMA cache_size = 1; BEGIN IMMEDIATE;")
        .unwrap();
    for table in 0..50 {
        let sql = format!("CREATE TABLE t{table} (a TEXT DEFAULT '{}')", "x".repeat(3000));
        connection.execute_batch(&sql).unwrap();
    }
    let left = left_behind(&path, &place.path().join("left"));
    assert!(fs::metadata(&left).unwrap().len() > 0);
    assert!(Store::open(&left).is_err());
    colony_at(&left).insert_all(&[node(1)]).unwrap();
    assert_eq!(Store::open(&left).unwrap().nodes().unwrap(), vec![node(1)]);
}

#[test]
fn full_disk_leaves_no_partial_write() {
    let store = colony();
    store
        .connection
        .execute_batch("PRAGMA max_page_count = 30")
        .unwrap();
    let many: Vec<_> = (1..=5000).map(node).collect();
    let error = store.insert_all(&many).unwrap_err();
    assert_eq!(error.fault, Fault::Full);
    assert_eq!(error.to_string(), "cannot write `:memory:`: the disk is full");
    assert_eq!(store.nodes().unwrap(), Vec::new());
    store.insert_all(&many[..1]).unwrap();
}
