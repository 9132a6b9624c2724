//! The command line: for each call the exit code, the output and the changes of the database.

mod differences;

use serde_json::{Value, json};

use crate::stage::Stage;

/// Arguments, expected exit code, and expected text on stderr.
type Refusal = (&'static [&'static str], i32, &'static str);

/// All rows of all tables, without those that record runs.
fn kept(stage: &Stage) -> String {
    let database = stage.look();
    let mut text = String::new();
    for table in ["machine", "node"] {
        let mut query = database
            .prepare(&format!("SELECT * FROM {table}"))
            .expect("a table");
        let width = query.column_count();
        let rows = query.query_map([], |row| {
            let cells = (0..width).map(|place| row.get::<_, rusqlite::types::Value>(place));
            Ok(cells.map(|cell| format!("{cell:?} ")).collect::<String>())
        });
        for row in rows.expect("rows").flatten() {
            text += &format!("{table} {row}\n");
        }
    }
    text
}

/// Runs each; the database must not change.
fn all_refused(stage: &Stage, table: &[Refusal]) {
    let before = kept(stage);
    for (words, code, says) in table {
        let ran = stage.wnm(words).code(*code).says(says).plain();
        assert_eq!(kept(stage), before, "what is kept after {ran}");
    }
}

/// Unknown or impossible arguments give an error with the most similar name, and change nothing.
const MISTAKES: &[Refusal] = &[
    (&["--nodecap", "9"], 2, "did you mean '--node_cap'?"),
    (&["--node_cpa", "9"], 2, "did you mean '--node_cap'?"),
    (&["--dryrun"], 2, "did you mean '--dry_run'?"),
    (&["--force-acton", "add"], 2, "'--force_action'"),
    (&["-report", "node-status"], 2, "did you mean '--report'?"),
    (&["report"], 2, "unexpected argument 'report'"),
    (&["--force_action", "remov"], 2, "remove"),
    (&["--force_action", "nul-op"], 2, "nullop"),
    (&["--force_action"], 2, "force_action"),
    (&["--report", "node-stats"], 2, "node-status"),
    (&["--report", "node-status", "--report_format", "jsn"], 2, "json"),
    (
        &["--report", "machine-config", "--report_format", "yaml"],
        2,
        "report_format",
    ),
    (&["--loglevel", "LOUD"], 2, "loglevel"),
    (&["--node_cap", "many"], 2, "'--node_cap'"),
    (&["--node_cap", "-3"], 2, "'--node_cap'"),
    (&["--node_cap="], 2, "'--node_cap'"),
    (
        &["--cpu_less_than", "70", "--cpu_remove", "70"],
        2,
        "'--cpu_less_than'",
    ),
    (&["--hd_remove", "140"], 2, "'--hd_remove'"),
    (&["--desired_load_average", "inf"], 2, "'--desired_load_average'"),
    (
        &["--max_concurrent_operations", "0"],
        2,
        "'--max_concurrent_operations'",
    ),
    (&["--delay_start", "5 minutes"], 2, "'--delay_start'"),
    (&["--rewards_address", "0xfeed"], 2, "'--rewards_address'"),
    (&["--rewards_address", "faucet:none"], 2, "'--rewards_address'"),
    (&["--donate_address", "me"], 2, "'--donate_address'"),
    (&["--node_storage", "/"], 2, "'--node_storage'"),
    (&["--environment", "no equals sign"], 2, "'--environment'"),
    (&["--config", "/nowhere/at/all"], 2, "/nowhere/at/all"),
    (&["--interval", "1.5"], 2, "'--interval'"),
    (&["--force_action", "add", "--count", "0"], 2, "'--count'"),
    (&["--force_action", "remove", "--count", "-2"], 2, "'--count'"),
    (&["--force_action", "start", "--count", "some"], 2, "'--count'"),
    (
        &["--force_action", "stop", "--service_name", ","],
        2,
        "'--service_name'",
    ),
    (
        &["--force_action", "remove", "--service_name", ""],
        2,
        "'--service_name'",
    ),
    (&["--rpc_port_start", "29"], 1, "'rpc_port_start'"),
    (&["--process_manager", "systemd+user"], 1, "'process_manager'"),
    (&["--highest_node_id_used", "7"], 1, "update_config"),
    (&["--init", "--rewards_address", "faucet"], 1, "colony"),
    (&["--force_action", "teardown"], 1, "--confirm"),
    (&["--force_action", "teardown", "--dry_run"], 1, "--confirm"),
    (&["--force_action", "wnm-db-migration"], 1, "--confirm"),
    // Forced actions on a colony without nodes.
    (&["--force_action", "remove"], 3, "No nodes to remove"),
    (&["--force_action", "start"], 3, "No stopped nodes to start"),
    (&["--force_action", "stop"], 3, "No running nodes to stop"),
    (&["--force_action", "upgrade"], 3, "No running nodes to upgrade"),
    (&["--force_action", "disable"], 3, "service_name required"),
    (
        &["--force_action", "stop", "--service_name", "antnode0001"],
        3,
        "`antnode0001`: not found",
    ),
    (
        &["--force_action", "remove", "--service_name", "queen,9"],
        3,
        "`queen`: not found",
    ),
];

#[test]
fn invalid_arguments_give_an_error_and_change_nothing() {
    let stage = Stage::colony(&[]);
    all_refused(&stage, MISTAKES);
}

#[test]
fn every_command_without_a_colony_prints_how_to_create_one() {
    let stage = Stage::new();
    let before = stage.tree();
    for words in [
        &[] as &[&str],
        &["--dry_run"],
        &["--report", "node-status"],
        &["--report", "machine-config", "--json"],
        &["--force_action", "survey"],
        &["--force_action", "update_config", "--node_cap", "5"],
        &["--force_action", "add"],
    ] {
        stage
            .wnm(words)
            .code(1)
            .says("--init")
            .prints_nothing()
            .complains();
    }
    assert_eq!(stage.tree(), before);
}

/// Settings that a forced action stores: arguments, and the column with its new value.
const KEPT: &[(&[&str], &str, i64)] = &[
    (
        &["--force_action", "update_config", "--node_cap", "7"],
        "node_cap",
        7,
    ),
    (&["--force_action", "nullop", "--node-cap", "8"], "node_cap", 8),
    (
        &["--force_action", "update_config", "--node_cap", "9", "--dry_run"],
        "node_cap",
        8,
    ),
    (&["--force_action", "update_config", "--no_upnp"], "no_upnp", 1),
    (&["--force_action", "disable_config", "--no_upnp"], "no_upnp", 0),
    (&["--force_action", "disable_config", "--no-upnp"], "no_upnp", 0),
    (&["--force_action", "update_config", "--no-upnp"], "no_upnp", 1),
    (
        &["--force_action", "disable_config", "--delay_start", "11"],
        "delay_start",
        11,
    ),
    (
        &["--force_action", "update_config", "--highest_node_id_used", "40"],
        "highest_node_id_used",
        40,
    ),
    (
        &["--force_action", "nullop", "--highest_node_id_used", "40"],
        "highest_node_id_used",
        40,
    ),
    (
        &["--report", "machine-config", "--rpc_port_start", "64000"],
        "rpc_port_start",
        64,
    ),
];

#[test]
fn settings_given_with_an_action_are_stored_and_affect_no_node() {
    let stage = Stage::colony(&[]);
    for (words, column, holds) in KEPT {
        let ran = stage.wnm(words).done().plain();
        assert_eq!(
            stage.figure(&format!("SELECT {column} FROM machine")),
            *holds,
            "{column} after {ran}"
        );
    }
    assert_eq!(stage.ids(), Vec::<u32>::new());
}

/// Dry runs of forced actions on three running nodes: exit code and result.
fn tries() -> Vec<(Vec<&'static str>, i32, Value)> {
    let found = |error: &str, name: &str| json!([{ "service": name, "error": error }]);
    vec![
        (
            vec!["add"],
            0,
            json!({ "status": "add-node", "node": "antnode0004" }),
        ),
        (
            vec!["add", "--count", "2"],
            0,
            json!({ "status": "add-nodes-dryrun", "added_count": 2, "added_nodes": ["antnode0004", "antnode0005"],
                    "failed_count": 0, "failed_nodes": null }),
        ),
        (
            vec!["remove"],
            0,
            json!({ "status": "removed-node", "node": "0003" }),
        ),
        (
            vec!["remove", "--service_name", "2, antnode0001.service"],
            0,
            json!({ "status": "remove-dryrun", "removed_count": 2, "removed_nodes": ["2", "antnode0001.service"],
                    "failed_count": 0, "failed_nodes": null }),
        ),
        (
            vec!["remove", "--service_name", "antnode0002,antnode0002,0002"],
            0,
            json!({ "status": "remove-dryrun", "removed_count": 1, "removed_nodes": ["antnode0002"],
                    "failed_count": 0, "failed_nodes": null }),
        ),
        (
            vec!["stop"],
            0,
            json!({ "status": "stopped-node", "node": "0003" }),
        ),
        (
            vec!["stop", "--service_name", "antnode0002,queen"],
            3,
            json!({ "status": "stop-dryrun", "stopped_count": 1, "stopped_nodes": ["antnode0002"],
                    "failed_count": 1, "failed_nodes": found("not found", "queen") }),
        ),
        (
            vec!["stop", "--service_name", "antnode0001junk"],
            3,
            json!({ "status": "stop-dryrun", "stopped_count": 0, "stopped_nodes": [],
                    "failed_count": 1, "failed_nodes": found("not found", "antnode0001junk") }),
        ),
        (
            vec!["start"],
            3,
            json!({ "status": "error", "message": "No stopped nodes to start" }),
        ),
        (
            vec!["disable"],
            3,
            json!({ "status": "error", "message": "service_name required for disable action" }),
        ),
        (
            vec!["disable", "--service_name", "3"],
            0,
            json!({ "status": "disable-dryrun", "disabled_count": 1, "disabled_nodes": ["3"],
                    "failed_count": 0, "failed_nodes": null }),
        ),
        (
            vec!["upgrade", "--service_name", "1"],
            0,
            json!({ "status": "upgrade-dryrun", "upgraded_count": 0, "upgraded_nodes": [],
                    "failed_count": 0, "failed_nodes": null }),
        ),
        (
            vec!["survey"],
            0,
            json!({ "status": "survey-dryrun", "node_count": 3 }),
        ),
        (
            vec!["survey", "--service_name", "antnode0001,foo"],
            3,
            json!({ "status": "survey-dryrun", "surveyed_count": 1, "surveyed_nodes": ["antnode0001"],
                    "failed_count": 1, "failed_nodes": found("not found", "foo") }),
        ),
        (
            vec!["teardown", "--confirm"],
            0,
            json!({ "status": "cluster-teardown", "method": "individual-remove", "removed_count": 3 }),
        ),
    ]
}

/// Forced actions in sequence: exit code, result, and the states of all nodes afterwards.
fn deeds() -> Vec<(Vec<&'static str>, i32, Value, &'static [&'static str])> {
    let disabled = "disabled; `--force_action start` enables it";
    vec![
        (
            vec!["survey", "--service_name", "2"],
            0,
            json!({ "status": "survey-complete", "surveyed_count": 1, "surveyed_nodes": ["2"],
                    "failed_count": 0, "failed_nodes": null }),
            &["RUNNING", "RUNNING", "RUNNING"],
        ),
        (
            vec!["stop", "--count", "1"],
            0,
            json!({ "status": "stopped-node", "node": "0003" }),
            &["RUNNING", "RUNNING", "STOPPED"],
        ),
        (
            vec!["disable", "--service_name", "antnode0002,antnode0009"],
            3,
            json!({ "status": "disabled-nodes", "disabled_count": 1, "disabled_nodes": ["antnode0002"],
                    "failed_count": 1, "failed_nodes": [{ "service": "antnode0009", "error": "not found" }] }),
            &["RUNNING", "DISABLED", "STOPPED"],
        ),
        (
            vec!["stop", "--service_name", "antnode0002"],
            3,
            json!({ "status": "stopped-nodes", "stopped_count": 0, "stopped_nodes": [],
                    "failed_count": 1, "failed_nodes": [{ "service": "antnode0002", "error": disabled }] }),
            &["RUNNING", "DISABLED", "STOPPED"],
        ),
        (
            vec!["upgrade", "--service_name", "antnode0002"],
            3,
            json!({ "status": "upgraded-nodes", "upgraded_count": 0, "upgraded_nodes": [],
                    "failed_count": 1, "failed_nodes": [{ "service": "antnode0002", "error": disabled }] }),
            &["RUNNING", "DISABLED", "STOPPED"],
        ),
        (
            vec!["remove", "--count", "1"],
            0,
            json!({ "status": "removed-node", "node": "0003" }),
            &["RUNNING", "DISABLED"],
        ),
        (
            vec!["start", "--service_name", "0002"],
            0,
            json!({ "status": "started-nodes", "started_count": 1, "started_nodes": ["0002"], "upgraded_count": 0,
                    "upgraded_nodes": null, "failed_count": 0, "failed_nodes": null }),
            &["RUNNING", "RESTARTING"],
        ),
        (
            vec!["add"],
            0,
            json!({ "status": "added-node", "node": "antnode0003" }),
            &["RUNNING", "RESTARTING", "RESTARTING"],
        ),
        (
            vec!["teardown", "--confirm"],
            0,
            json!({ "status": "cluster-teardown", "method": "individual-remove", "removed_count": 3 }),
            &[],
        ),
        (
            vec!["teardown", "--confirm"],
            0,
            json!({ "status": "no-nodes", "message": "No nodes to teardown" }),
            &[],
        ),
    ]
}

#[test]
fn forced_actions_give_the_results_of_the_python_wnm() {
    let stage = Stage::running(3, &[]);
    let before = kept(&stage);
    for (words, code, result) in tries() {
        let words = [&["--dry_run", "--force_action"], words.as_slice()].concat();
        let ran = stage.wnm(&words).code(code);
        assert_eq!(ran.json(), result, "the result of {ran}");
        assert_eq!(kept(&stage), before, "what is kept after {ran}");
    }
    for (words, code, result, states) in deeds() {
        let words = [&["--force_action"], words.as_slice()].concat();
        let ran = stage.wnm(&words).code(code);
        assert_eq!(ran.json(), result, "the result of {ran}");
        let now: Vec<_> = stage.rows().into_iter().map(|row| row.status).collect();
        assert_eq!(now, states, "the states after {ran}");
    }
    assert_eq!(stage.processes(), []);
    stage.check_consistency(false);
}

#[test]
fn every_difference_from_the_python_wnm_is_documented() {
    let page = include_str!("../docs/differences.md");
    for difference in differences::DIFFERENCES {
        assert!(
            page.contains(&format!("\n### {}\n", difference.reason)),
            "docs/differences.md has no heading `{}`",
            difference.reason
        );
    }
    assert_eq!(
        differences::reason("count_0_add", "panic"),
        None,
        "nothing explains a panic"
    );
    assert!(differences::fits("a*c?", "abbcd") && !differences::fits("a*c", "abcd"));
}
