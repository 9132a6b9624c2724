//! Import: `--init --import` adds nodes that already run to a new colony without affecting them.

mod complex_units;
mod edited_units;
mod existing_colony;
pub mod operator_units;
pub mod processes;
mod second_disk;

use std::collections::BTreeMap;
use std::fs;

use rusqlite::types::Value;

use crate::python_bugs::services;
use crate::stage::Stage;

/// Columns that every survey changes, and the time of the last write.
const PASSING: [&str; 22] = [
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
    "last_seen",
    "binary_key",
    "shunned_total",
    "shunned_by_old",
];

/// All node rows without those columns. `age` is when the identity was created, within two seconds.
pub fn lasting(stage: &Stage) -> Vec<BTreeMap<String, Value>> {
    let database = stage.look();
    let mut query = database.prepare("SELECT * FROM node ORDER BY id").expect("nodes");
    let columns: Vec<String> = query.column_names().map(str::to_owned).collect();
    let rows = query.query_map([], |row| {
        let mut cells = BTreeMap::new();
        for (at, column) in columns.iter().enumerate() {
            if !PASSING.contains(&column.as_str()) && column != "age" {
                cells.insert(column.clone(), row.get(at)?);
            }
        }
        Ok(cells)
    });
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

/// One stored setting.
pub fn kept(stage: &Stage, column: &str) -> String {
    let sql = format!("SELECT CAST({column} AS TEXT) FROM machine");
    stage
        .look()
        .query_row(&sql, [], |row| row.get::<_, Option<String>>(0))
        .expect("a setting")
        .unwrap_or_default()
}

/// Deletes the database.
pub fn lose_database(stage: &Stage) {
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(stage.base().join(format!("colony.db{end}")));
    }
}

/// The PIDs of all nodes, by root directory.
pub fn pids(stage: &Stage) -> BTreeMap<std::path::PathBuf, i32> {
    let all = crate::stage::processes_under(stage.home());
    all.into_iter()
        .map(|process| (process.root, process.pid))
        .collect()
}

/// `wnm --init --import` with limits that the real load does not reach, and no delays.
pub const IMPORT: [&str; 28] = [
    "--init",
    "--import",
    "--cpu_less_than",
    "50",
    "--cpu_remove",
    "70",
    "--mem_less_than",
    "99",
    "--mem_remove",
    "100",
    "--hd_less_than",
    "99",
    "--hd_remove",
    "100",
    "--desired_load_average",
    "5000",
    "--max_load_average_allowed",
    "10000",
    "--delay_start",
    "0",
    "--delay_upgrade",
    "0",
    "--delay_remove",
    "0",
    "--rpc_port_start",
    "64",
    "--process_manager",
    "systemd+user",
];

#[test]
fn import_rebuilds_every_row_after_the_database_was_lost() {
    let settings = [
        "--environment",
        "GREETING='two words' B=2",
        "--start_args",
        "--local --alpha",
        "--no_upnp",
    ];
    for manager in ["setsid+user", "systemd+user"] {
        let stage = if manager == "setsid+user" {
            Stage::running(3, &settings)
        } else {
            services::of(3, &settings)
        };
        stage.force("stop --service_name antnode0002").done();
        stage.survey();
        let said = [
            "port_start",
            "metrics_port_start",
            "rewards_address",
            "environment",
            "start_args",
            "no_upnp",
            "node_storage",
            "process_manager",
            "node_cap",
        ];
        let settings: Vec<String> = said.iter().map(|column| kept(&stage, column)).collect();
        let (before, running) = (lasting(&stage), pids(&stage));
        lose_database(&stage);
        let words: Vec<&str> = IMPORT[..27].iter().copied().chain([manager]).collect();
        let ran = stage.wnm(&words).done();
        let ran = ran
            .says("imported 3 nodes (2 RUNNING, 1 STOPPED)")
            .says("started by the next cycles: antnode0002");
        let after = lasting(&stage);
        for (old, new) in before.iter().zip(&after) {
            for (column, value) in old {
                // A stopped node cannot report its peer ID.
                if column != "peer_id" || old["status"] != Value::Text("STOPPED".into()) {
                    assert_eq!(&new[column], value, "{manager}: {column} of {old:?}\n{ran}");
                }
            }
        }
        assert_eq!(before.len(), after.len());
        for (column, value) in said.iter().zip(&settings) {
            let found = kept(&stage, column);
            match *column {
                // The word `faucet`, not the address that it stands for.
                "rewards_address" => assert_eq!(found, "0x00455d78f850b0358E8cea5be24d415E01E107CF"),
                "environment" => assert_eq!(shell_words::split(&found), shell_words::split(value)),
                _ => assert_eq!(&found, value, "{manager}: {column}"),
            }
        }
        stage.survey();
        stage.pass(&["--node_cap", "3"]).done();
        stage.cycle_until("the one that was down runs", |stage| {
            stage.in_state("RUNNING") == 3
        });
        for _ in 0..3 {
            stage.cycle();
        }
        let now = pids(&stage);
        assert!(
            running.iter().all(|(root, pid)| now[root] == *pid),
            "{}",
            stage.describe()
        );
        stage.check_consistency(true);
    }
}
