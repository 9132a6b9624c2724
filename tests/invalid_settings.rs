//! Invalid values of settings in each layer: wnm exits with 2, names the setting, the value and the source,
//! and does not change the database.

use std::fs;

use crate::stage::{Ran, Stage};

/// Invalid values of each setting. Environment variables have the same names in capitals.
const BAD: &[(&str, &[&str])] = &[
    ("node_cap", &["-1", "10001", "many", "3O", "2.5", ""]),
    ("cpu_less_than", &["-1", "101", "half", "50.5"]),
    ("cpu_remove", &["-1", "101", "nan"]),
    ("mem_less_than", &["-1", "101", "x"]),
    ("mem_remove", &["101", "x"]),
    ("hd_less_than", &["101", "x"]),
    ("hd_remove", &["-5", "x"]),
    ("hdio_read_less_than", &["-1", "fast", "99999999999999999999"]),
    ("hdio_write_remove", &["-1", "fast"]),
    ("netio_read_remove", &["-1", "fast"]),
    ("netio_write_less_than", &["-1", "fast"]),
    ("desired_load_average", &["0", "-1", "NaN", "inf", "low"]),
    ("max_load_average_allowed", &["0", "-2", "NaN", "high"]),
    ("delay_start", &["-1", "soon", "1.5"]),
    ("delay_upgrade", &["-1", "soon"]),
    ("delay_remove", &["-1", "soon"]),
    ("delay_restart", &["-1", "soon"]),
    ("survey_delay", &["-1", "x"]),
    ("action_delay", &["-1", "x"]),
    ("max_concurrent_upgrades", &["0", "-1", "x"]),
    ("max_concurrent_starts", &["0", "-1", "x"]),
    ("max_concurrent_removals", &["0", "-1", "x"]),
    ("max_concurrent_operations", &["0", "-1", "x"]),
    ("node_storage", &["/", "/etc", "relative/path"]),
    (
        "rewards_address",
        &[
            "0x12",
            "nobody",
            "faucet:0",
            "faucet:-1",
            "0xZZ455d78f850b0358E8cea5be24d415E01E107CF",
        ],
    ),
    ("donate_address", &["0x12", "someone"]),
    ("crisis_bytes", &["-1", "x"]),
    ("no_upnp", &["maybe"]),
    ("enable_upgrade", &["maybe"]),
    ("shunned_remove", &["-1", "x"]),
    ("last_stopped_at", &["yesterday"]),
    ("process_manager", &["runit", "systemd+root"]),
];

/// All stored settings.
fn settings(stage: &Stage) -> String {
    let database = stage.look();
    let mut query = database
        .prepare("SELECT * FROM machine")
        .expect("the machine row");
    let width = query.column_count();
    query
        .query_row([], |row| {
            let cells = (0..width).map(|column| row.get::<_, rusqlite::types::Value>(column));
            Ok(cells
                .map(|cell| format!("{:?}\n", cell.expect("a cell")))
                .collect())
        })
        .expect("one row")
}

fn refused(stage: &Stage, before: &str, setting: &str, value: &str, ran: Ran) {
    let ran = ran.code(2).complains().prints_nothing();
    assert!(ran.stderr.contains(setting), "`{setting}` is named in {ran}");
    assert!(ran.stderr.contains(value), "`{value}` is named in {ran}");
    assert_eq!(
        settings(stage),
        before,
        "the settings are as they were after {ran}"
    );
}

#[test]
fn rejects_invalid_values_in_flags() {
    let stage = Stage::colony(&[]);
    let before = settings(&stage);
    for (setting, values) in BAD {
        for value in *values {
            refused(
                &stage,
                &before,
                setting,
                value,
                stage.wnm(&[&format!("--{setting}={value}")]),
            );
        }
        let kebab = setting.replace('_', "-");
        let ran = stage.wnm(&[&format!("--{kebab}={}", values[0])]).code(2);
        assert!(
            ran.stderr.contains(setting) || ran.stderr.contains(&kebab),
            "{ran}"
        );
    }
}

#[test]
fn rejects_invalid_values_in_variables() {
    let stage = Stage::colony(&[]);
    let before = settings(&stage);
    for (setting, values) in BAD {
        let name = setting.to_uppercase();
        for value in values.iter().filter(|value| !value.is_empty()) {
            let ran = stage.wnm_with(&[(&name, value)], &[]);
            assert!(ran.stderr.contains(&name), "the variable is named in {ran}");
            refused(&stage, &before, setting, value, ran);
        }
    }
}

#[test]
fn rejects_invalid_values_in_files() {
    let stage = Stage::colony(&[]);
    let before = settings(&stage);
    let folder = stage.home().join(".local/share/wnm");
    fs::create_dir_all(&folder).expect("a folder for settings");
    for (setting, values) in BAD {
        for value in values.iter().filter(|value| !value.is_empty()) {
            for (file, text, named) in [
                ("config", format!("# mine\n{setting}={value}\n"), "config' line 2"),
                ("config", format!("{setting} = \"{value}\"\n"), "config' line 1"),
                (".env", format!("{}={value}\n", setting.to_uppercase()), ".env"),
            ] {
                fs::write(folder.join(file), text).expect("a file of settings");
                let ran = stage.wnm(&[]);
                fs::remove_file(folder.join(file)).expect("it goes again");
                assert!(ran.stderr.contains(named), "`{named}` is named in {ran}");
                refused(&stage, &before, setting, value, ran);
            }
        }
    }
}

#[test]
fn rejects_invalid_values_in_the_database() {
    let stage = Stage::colony(&[]);
    stage.tamper("UPDATE machine SET node_cap = -5");
    let before = settings(&stage);
    refused(&stage, &before, "node_cap", "-5", stage.wnm(&[]));
}

#[test]
fn rejects_limits_that_would_alternate_between_add_and_remove() {
    let stage = Stage::colony(&[]);
    let before = settings(&stage);
    for what in ["cpu", "mem", "hd"] {
        let words = [format!("--{what}_less_than=60"), format!("--{what}_remove=60")];
        let ran = stage.wnm(&[&words[0], &words[1]]);
        refused(&stage, &before, &format!("{what}_less_than"), "60", ran);
    }
}

#[test]
fn unknown_setting_is_rejected_with_the_most_similar_name() {
    let stage = Stage::colony(&[]);
    let before = settings(&stage);
    stage.wnm(&["--node_capp", "3"]).code(2).says("node_cap").plain();
    stage.wnm(&["--dryrun"]).code(2).says("dry_run").plain();
    stage.wnm(&["go"]).code(2).plain();
    let folder = stage.home().join("wnm");
    fs::create_dir_all(&folder).expect("a folder for settings");
    fs::write(folder.join("config"), "node_cpa = 3\n").expect("a file of settings");
    stage
        .wnm(&[])
        .code(2)
        .says("node_cpa")
        .says("node_cap")
        .complains();
    assert_eq!(settings(&stage), before);
}

#[test]
fn valid_value_beside_an_invalid_one_is_not_stored() {
    let stage = Stage::colony(&[]);
    let before = settings(&stage);
    stage
        .wnm(&["--node_cap", "7", "--delay_start", "soon"])
        .code(2)
        .complains();
    assert_eq!(settings(&stage), before);
}

#[test]
fn ports_can_be_set_only_once() {
    let stage = Stage::colony(&[]);
    let before = settings(&stage);
    stage.wnm(&["--rpc_port_start", "64"]).done();
    stage
        .wnm(&["--rpc_port_start", "63"])
        .code(1)
        .says("rpc_port_start")
        .complains();
    assert_eq!(settings(&stage), before);
}

#[test]
fn flag_that_does_nothing_is_refused_and_runs_no_cycle() {
    // Given a colony with room for a node, when a flag has no effect, then the run does nothing and exits with 2.
    let stage = Stage::colony(&["--node_cap", "1"]);
    for words in [
        &["--count", "3"][..],
        &["--service_name", "3"],
        &["--since", "2h"],
        &["--force_action", "add", "--service_name", "5"],
    ] {
        stage.pass(words).code(2).says("has no effect here");
    }
    assert_eq!(stage.ids(), [0; 0]);
}

#[test]
fn flag_is_told_that_a_file_wins() {
    // Given a config file with a cap, when a flag sets another cap, then the run names the file and the line.
    let stage = Stage::colony(&["--node_cap", "1"]);
    let file = stage.home().join("settings");
    std::fs::write(&file, "node_cap = 4\n").expect("it is written");
    let config = file.display().to_string();
    let words = [
        "--config",
        &config,
        "--node_cap",
        "2",
        "--force_action",
        "update_config",
    ];
    stage.wnm(&words).done().says("settings' line 1 sets it to 4");
}

#[test]
fn address_of_the_faucet_is_a_warning() {
    let stage = Stage::colony(&["--node_cap", "1"]);
    let address = "0x00455d78f850b0358E8cea5be24d415E01E107CF";
    let words = ["--rewards_address", address, "--force_action", "update_config"];
    stage.wnm(&words).done().says("the address of the faucet");
}
