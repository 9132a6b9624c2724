//! Actions as the Python wnm performed them in the same situations: unit files, rows, and calls of
//! systemctl. Intended differences: one daemon-reload per batch, `--` before names, `reset-failed` after a
//! failure, the logs in the row, the account of the nodes, and that a node that answers keeps its state.

use std::fs;

use rusqlite::types::Value;

use super::services;
use crate::stage::Stage;

const WALLET: &str = "0x00455d78f850b0358E8cea5be24d415E01E107CF";
const RELOAD: &str = "systemctl --user daemon-reload";

/// The calls of systemctl about these units.
fn told(verb: &str, ids: &[u32]) -> String {
    let units: Vec<_> = ids.iter().map(|id| format!("antnode{id:04}.service")).collect();
    format!("systemctl --user {verb} -- {}", units.join(" "))
}

/// The row of a node as text, by column.
fn row(stage: &Stage, id: u32) -> Vec<(String, String)> {
    let database = stage.look();
    let mut query = database
        .prepare("SELECT * FROM node WHERE id = ?1")
        .expect("the table");
    let names: Vec<String> = query.column_names().map(str::to_owned).collect();
    query
        .query_row([id], |row| {
            let text = |column| {
                row.get(column).map(|value| match value {
                    Value::Null => "NULL".to_owned(),
                    Value::Integer(number) => number.to_string(),
                    Value::Real(number) => number.to_string(),
                    Value::Text(text) => text,
                    Value::Blob(_) => "a blob".to_owned(),
                })
            };
            names
                .iter()
                .enumerate()
                .map(|(column, name)| Ok((name.clone(), text(column)?)))
                .collect()
        })
        .expect("a row")
}

fn thousands(stage: &Stage) -> (i64, i64) {
    (
        stage.figure("SELECT port_start FROM machine"),
        stage.figure("SELECT metrics_port_start FROM machine"),
    )
}

#[test]
fn add_forced() {
    let stage = services::colony(&["--environment", "RUST_LOG=info", "--no_upnp"]);
    services::forget(&stage);
    let ran = stage.force("add").done();
    assert_eq!(
        ran.json(),
        serde_json::json!({ "status": "added-node", "node": "antnode0001" })
    );
    assert_eq!(services::calls(&stage), [RELOAD.to_owned(), told("start", &[1])]);

    let (ports, metrics) = thousands(&stage);
    let (base, root) = (
        stage.base().display().to_string(),
        stage.root(1).display().to_string(),
    );
    let unit = format!(
        "[Unit]\nDescription=antnode0001\n\n[Service]\nEnvironment=RUST_LOG=info\n\
         ExecStart={root}/antnode --bootstrap-cache-dir {base}/bootstrap-cache --root-dir {root} --port {ports}001 \
         --enable-metrics-server --metrics-server-port {metrics}001 --log-output-dest {base}/logs/antnode0001 \
         --max-log-files 1 --max-archived-log-files 1 --no-upnp --rewards-address {WALLET} evm-arbitrum-one\n\
         Restart=always\nUMask=0027\n"
    );
    assert_eq!(
        fs::read_to_string(services::unit(&stage, 1)).expect("its unit"),
        unit
    );

    let row = row(&stage, 1);
    let column = |name: &str| {
        let found = row.iter().find(|(column, _)| column == name);
        found.map(|(_, text)| text.as_str()).expect("a column")
    };
    for (name, text) in [
        ("id", "1"),
        ("machine_id", "1"),
        ("container_id", "NULL"),
        ("manager_type", "systemd+user"),
        ("node_name", "0001"),
        ("service", "antnode0001.service"),
        ("binary", &format!("{root}/antnode")),
        ("version", "0.4.17"),
        ("root_dir", &root),
        ("log_dir", &format!("{base}/logs/antnode0001")),
        ("port", &format!("{ports}001")),
        ("metrics_port", &format!("{metrics}001")),
        ("rpc_port", "64001"),
        ("network", "evm-arbitrum-one"),
        ("wallet", WALLET),
        ("status", "RESTARTING"),
        ("rewards", "0"),
        ("host", "127.0.0.1"),
        ("method", "systemd+user"),
        ("layout", "1"),
        ("environment", "RUST_LOG=info"),
    ] {
        assert_eq!(column(name), text, "{name}");
    }
    assert!(
        column("age") <= column("timestamp"),
        "it was born before it was started"
    );
    // Columns without a value yet are NULL or 0.
    assert!(["", "NULL"].contains(&column("peer_id")));
    for name in [
        "records",
        "uptime",
        "shunned",
        "connected_peers",
        "puts",
        "mem",
        "cpu",
        "network_size",
    ] {
        assert_eq!(column(name), "0", "{name}");
    }
}

#[test]
fn add_forced_no_upnp_off() {
    let stage = services::colony(&[]);
    stage.force("add").done();
    let unit = fs::read_to_string(services::unit(&stage, 1)).expect("its unit");
    assert!(
        !unit.contains("--no-upnp") && !unit.contains("Environment"),
        "{unit}"
    );
}

#[test]
fn add_planned() {
    let slots = ["--max_concurrent_starts", "2", "--max_concurrent_operations", "2"];
    let stage = services::of(3, &[&["--node_cap", "3"], &slots[..]].concat());
    stage.force("remove --service_name antnode0002").done();
    services::forget(&stage);
    stage.pass(&["--node_cap", "5"]).done();
    assert_eq!(stage.ids(), [1, 2, 3, 4], "the gap is filled first");
    assert_eq!(
        services::calls(&stage),
        [RELOAD.to_owned(), told("start", &[2, 4])]
    );
    stage.check_consistency(false);
}

#[test]
fn remove_forced() {
    let stage = services::of(3, &[]);
    stage.force("remove --service_name antnode0001").done();
    assert_eq!(services::calls(&stage), [told("stop", &[1]), RELOAD.to_owned()]);
    services::forget(&stage);
    stage.force("remove").done();
    assert_eq!(services::calls(&stage), [told("stop", &[3]), RELOAD.to_owned()]);
    assert_eq!(stage.ids(), [2]);
    assert!(!services::unit(&stage, 3).exists() && !stage.root(3).exists());
    stage.check_consistency(true);
}

#[test]
fn stop_start_disable_forced() {
    let stage = services::of(2, &["--delay_start", "0"]);
    let order = |action: &str, node: &str| {
        services::forget(&stage);
        stage
            .wnm(&["--force_action", action, "--service_name", node])
            .done();
        services::calls(&stage)
    };
    let last_stopped = stage.figure("SELECT last_stopped_at FROM machine");
    assert_eq!(order("stop", "antnode0001"), [told("stop", &[1])]);
    assert_eq!(stage.row(1).status, "STOPPED");
    assert_eq!(order("start", "antnode0001"), [told("start", &[1])]);
    assert_eq!(stage.row(1).status, "RESTARTING");
    assert_eq!(order("disable", "antnode0002"), [told("stop", &[2])]);
    assert_eq!(stage.row(2).status, "DISABLED");
    services::forget(&stage);
    stage.until("it runs", |stage| stage.row(1).status == "RUNNING", Stage::survey);
    assert_eq!(
        (stage.row(2).status.as_str(), services::calls(&stage)),
        ("DISABLED", vec![])
    );
    assert_eq!(stage.figure("SELECT last_stopped_at FROM machine"), last_stopped);
}

#[test]
fn teardown() {
    let stage = services::of(3, &[]);
    let ran = stage.force("teardown --confirm").done();
    assert_eq!(
        ran.json(),
        serde_json::json!({ "status": "cluster-teardown", "method": "individual-remove", "removed_count": 3 })
    );
    let calls = services::calls(&stage);
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(
        calls[0].starts_with("systemctl --user stop -- ") && calls[1] == RELOAD,
        "{calls:?}"
    );
    assert_eq!(stage.ids(), [0; 0]);
    stage.check_consistency(true);
}

#[test]
fn dead_removed() {
    let stage = services::of(3, &["--node_cap", "3"]);
    for id in [2, 3] {
        stage
            .wnm(&["--force_action", "stop", "--service_name", &id.to_string()])
            .done();
        fs::remove_dir_all(stage.root(id)).expect("it was there");
    }
    stage.tamper("UPDATE node SET status = 'DEAD' WHERE id > 1");
    services::forget(&stage);
    stage.pass(&["--confirm"]).done();
    assert_eq!(stage.ids(), [1]);
    assert!(!services::unit(&stage, 2).exists() && !services::unit(&stage, 3).exists());
    let calls = services::calls(&stage);
    let reloads = calls.iter().filter(|call| *call == RELOAD).count();
    assert_eq!(
        (reloads, calls.last().map(String::as_str)),
        (1, Some(RELOAD)),
        "{calls:?}"
    );
}

#[test]
fn stop_under_pressure() {
    let stage = services::of(2, &["--node_cap", "2", "--delay_remove", "300"]);
    let limits = [
        "--desired_load_average",
        "0.000001",
        "--max_load_average_allowed",
        "0.00001",
    ];
    let pressed = stage.pass(&limits).plain();
    if stage.figure("SELECT count(*) FROM node WHERE status = 'RUNNING'") == 2 {
        // A machine with a load of 0.00 has no pressure.
        assert_eq!(pressed.code, Some(0), "{pressed}");
        return;
    }
    assert_eq!(services::calls(&stage), [told("stop", &[2])]);
    assert_eq!(stage.row(2).status, "STOPPED");
    assert_eq!(
        stage.figure("SELECT last_stopped_at FROM machine"),
        stage.figure("SELECT timestamp FROM node WHERE id = 2")
    );
    assert!(stage.root(2).join("secret-key").exists());
}

#[test]
fn reboot() {
    let stage = services::of(2, &["--node_cap", "2"]);
    stage.force("stop --service_name antnode0002").done();
    stage
        .tamper("UPDATE node SET status = 'RUNNING'; UPDATE machine SET last_stopped_at = 5, boot_time = 5;");
    services::forget(&stage);
    stage.pass(&[]).done().says("system-rebooted");
    let states: Vec<_> = stage.rows().into_iter().map(|row| row.status).collect();
    assert_eq!(states, ["RUNNING", "STOPPED"]);
    assert!(stage.figure("SELECT last_stopped_at FROM machine") > 5);
    assert_eq!(services::calls(&stage), [""; 0]);
}

#[test]
fn counters() {
    let stage = services::of(5, &["--node_cap", "5"]);
    let delays = [
        "--delay_start",
        "300",
        "--delay_upgrade",
        "300",
        "--delay_remove",
        "300",
    ];
    stage
        .wnm(&[&["--force_action", "update_config"], &delays[..]].concat())
        .done();
    for id in ["2", "4"] {
        stage
            .wnm(&["--force_action", "stop", "--service_name", id])
            .done();
    }
    stage.tamper(
        "UPDATE node SET status = 'REMOVING', timestamp = unixepoch() - 301 WHERE id = 2;
         UPDATE node SET status = 'UPGRADING', timestamp = unixepoch() - 301 WHERE id = 3;
         UPDATE node SET status = 'RESTARTING', timestamp = unixepoch() - 301 WHERE id = 4;
         UPDATE node SET status = 'RESTARTING', timestamp = unixepoch() WHERE id = 5;",
    );
    stage.pass(&["--node_cap", "4"]).done();
    let states: Vec<_> = stage.rows().into_iter().map(|row| (row.id, row.status)).collect();
    let expected = [(1, "RUNNING"), (3, "RUNNING"), (4, "STOPPED"), (5, "RESTARTING")];
    assert_eq!(states, expected.map(|(id, state)| (id, state.to_owned())));
    assert!(!stage.root(2).exists() && !services::unit(&stage, 2).exists());
}

#[test]
fn idle_survey() {
    let stage = services::of(2, &["--node_cap", "2", "--max_concurrent_starts", "1"]);
    stage.set_fault(2, "garbled");
    stage.tamper("UPDATE node SET last_seen = NULL");
    stage.survey();
    let states: Vec<_> = stage.rows().into_iter().map(|row| row.status).collect();
    assert_eq!(states, ["RUNNING", "STOPPED"]);
    assert_eq!(services::calls(&stage), [""; 0]);
}

#[test]
fn no_version_filled() {
    let stage = services::of(1, &["--node_cap", "1"]);
    stage.force("stop").done();
    stage.tamper("UPDATE node SET version = '', status = 'RUNNING'");
    stage.survey();
    assert_eq!(
        (stage.row(1).version.as_deref(), stage.row(1).status.as_str()),
        (Some("0.4.17"), "STOPPED")
    );
}

/// The Python wnm accepted these settings and this wnm rejects them; a colony that was taken over with them
/// must still work.
#[test]
fn colony_taken_over_with_settings_that_are_now_invalid_still_works() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    for (column, value) in [
        ("cpu_less_than", "101"),
        ("cpu_remove", "101"),
        ("max_concurrent_starts", "0"),
        ("max_concurrent_operations", "-2"),
        ("delay_remove", "-1"),
        ("hd_remove", "0"),
    ] {
        let before = stage.figure(&format!("SELECT {column} FROM machine"));
        stage.tamper(&format!("UPDATE machine SET {column} = {value}"));
        for words in [
            &["--report", "node-status"][..],
            &[],
            &["--force_action", "survey"],
        ] {
            let ran = stage.pass(words).plain();
            assert!(ran.code == Some(0), "{column} = {value}: {ran}");
        }
        stage.tamper(&format!("UPDATE machine SET {column} = {before}"));
    }
}
