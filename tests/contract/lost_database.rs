//! A lost database: `--init --import` rebuilds every row from what the manager knows.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use rusqlite::types::Value;

use super::manager_stage::{Kind, ManagerStage};

/// The columns of table `node` that may differ after an import, and why. All others must be equal.
const OTHERS: [(&str, Why); 24] = [
    ("timestamp", Why::Now),
    ("last_seen", Why::Now),
    ("uptime", Why::Now),
    ("mem", Why::Now),
    ("cpu", Why::Now),
    ("binary_key", Why::Now),
    ("age", Why::Born),
    ("peer_id", Why::Told),
    ("records", Why::Told),
    ("rewards", Why::Told),
    ("shunned", Why::Told),
    ("connected_peers", Why::Told),
    ("gets", Why::Told),
    ("puts", Why::Told),
    ("open_connections", Why::Told),
    ("total_peers", Why::Told),
    ("bad_peers", Why::Told),
    ("rel_records", Why::Told),
    ("max_records", Why::Told),
    ("payment_count", Why::Told),
    ("live_time", Why::Told),
    ("network_size", Why::Told),
    ("shunned_total", Why::Told),
    ("shunned_by_old", Why::Told),
];

/// Why a value differs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// A time of the import, or of the last look at a file.
    Now,
    /// The row has the time of its creation; an import has only the time of the identity file.
    Born,
    /// Only the running node reports it, so it is empty for a node that is down.
    Told,
}

type Row = BTreeMap<String, Value>;

fn rows(stage: &ManagerStage) -> Vec<Row> {
    let database = stage.look();
    let mut query = database.prepare("SELECT * FROM node ORDER BY id").expect("nodes");
    let columns: Vec<String> = query.column_names().map(str::to_owned).collect();
    let rows = query.query_map([], |row| {
        let cell = |(at, name): (usize, &String)| Ok((name.clone(), row.get(at)?));
        columns.iter().enumerate().map(cell).collect()
    });
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

/// When the node of this row started for the first time: it created its identity then.
fn first_start(stage: &ManagerStage, row: &Row) -> i64 {
    let Value::Text(root) = &row["root_dir"] else {
        panic!("a root directory in {row:?}");
    };
    let identity = stage.seen(root).join("secret-key");
    fs::metadata(identity).expect("a node has an identity").mtime()
}

/// Whether a cell may be `new` after it was `old`.
fn is_rebuilt(column: &str, old: &Value, new: &Value, is_down: bool, first_start: i64) -> bool {
    let why = OTHERS
        .iter()
        .find(|(name, _)| *name == column)
        .map(|(_, why)| *why);
    let is_empty = || match new {
        Value::Null | Value::Integer(0) => true,
        Value::Text(text) => text == "0",
        _ => false,
    };
    match (why, old, new) {
        (Some(Why::Now), ..) => true,
        (Some(Why::Born), Value::Integer(old), Value::Integer(new)) => *new == first_start && new >= old,
        (Some(Why::Told), ..) if is_down => old == new || is_empty(),
        _ => old == new,
    }
}

pub fn import_rebuilds_thirty_rows_after_the_database_was_lost(kind: &Kind) {
    let settings = [
        "--node_cap",
        "30",
        "--environment",
        "GREETING='two words' B=2",
        "--no_upnp",
    ];
    let Some(stage) = ManagerStage::of(kind, 30, &settings) else {
        return;
    };
    stage.is_consistent(30);
    stage.force("stop --count 3").done();
    stage.survey();
    let before = rows(&stage);
    let pids = |stage: &ManagerStage| {
        let processes = stage.processes().into_iter();
        processes
            .map(|process| (process.root, process.pid))
            .collect::<BTreeMap<_, _>>()
    };
    let running = pids(&stage);
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(stage.base().join(format!("colony.db{end}")));
    }
    let ran = stage
        .init(&["--import"])
        .done()
        .says("imported 30 nodes (27 RUNNING, 3 STOPPED)");
    let after = rows(&stage);
    assert_eq!(after.len(), before.len());
    let mut columns = 0;
    for (old, new) in before.iter().zip(&after) {
        let is_down = old["status"] == Value::Text("STOPPED".to_owned());
        let first_start = first_start(&stage, old);
        for (column, value) in old {
            columns += 1;
            let found = &new[column];
            assert!(
                is_rebuilt(column, value, found, is_down, first_start)
                    || column == "user" && !kind.tells_users(),
                "{column} was {value:?} and is {found:?} in {new:?}\n{ran}"
            );
        }
    }
    assert!(columns > 30 * 45, "{columns} cells were compared");
    assert_eq!(pids(&stage), running, "no node noticed");
    stage.force("teardown --confirm").done();
    stage.is_bare();
}
