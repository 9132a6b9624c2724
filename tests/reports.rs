//! Reports: each prints what is stored, in a format that its readers can parse, and changes nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::stage::{Ran, Stage};

/// A colony with rows of old Python releases and no process: reports ask no node.
pub fn with_rows() -> Stage {
    let stage = Stage::colony(&["--node_cap", "20"]);
    let row = |id: u32, version: &str, state: &str, peer: &str, rewards: &str| {
        stage.tamper(&format!(
            "INSERT INTO node (id, machine_id, manager_type, node_name, service, user, binary, version, root_dir,
                port, metrics_port, rpc_port, network, peer_id, status, timestamp, records, uptime, shunned,
                connected_peers, gets, puts, mem, cpu, open_connections, total_peers, bad_peers, rel_records,
                max_records, rewards, payment_count, live_time, network_size, age, host, method, layout)
             VALUES ({id}, 1, 'setsid+user', printf('%04d', {id}), printf('antnode%04d', {id}), 'op',
                '/n/{id}/antnode', {version}, '/n/{id}', 55000, 13000, 30000, 'evm-arbitrum-one', {peer},
                '{state}', 1, 10, 100, 1, {id}, 0, 9, 9725, 150, 5, 300, 0, 6, 16384, '{rewards}', 2, 90, 2064384,
                unixepoch() - 60, '127.0.0.1', 'setsid+user', '1')"
        ));
    };
    row(1, "'0.4.17'", "RUNNING", "'12D3KooWone'", "1250000000000000000");
    row(2, "'0.4.17'", "STOPPED", "NULL", "123456789012345678901234567890");
    row(3, "NULL", "DEAD", "''", "0.5");
    row(10001, "'0.4\"1'", "RUNNING", "'12D3KooWmany'", "many");
    stage
}

fn report(stage: &Stage, kind: &str, words: &[&str]) -> Ran {
    let mut all = vec!["-q", "--report", kind];
    all.extend(words);
    stage.wnm(&all)
}

fn printed(stage: &Stage, kind: &str, words: &[&str]) -> String {
    report(stage, kind, words).done().stdout
}

/// All columns of the machine's row.
fn machine(stage: &Stage) -> String {
    let row = stage.look();
    let mut query = row.prepare("SELECT * FROM machine").expect("the row");
    let names: Vec<String> = query.column_names().map(str::to_owned).collect();
    query
        .query_row([], |row| {
            let cells = names.iter().enumerate();
            Ok(cells
                .map(|(at, name)| format!("{name} {:?}\n", row.get_ref(at).expect("a cell")))
                .collect())
        })
        .expect("one machine")
}

/// The output of a shell that runs `text` and then `command`.
fn shell(text: &str, command: &str) -> String {
    let output = Command::new("sh")
        .args(["-euc", &format!("eval \"$REPORT_TEXT\"\n{command}")])
        .env_clear()
        .env("HOME", "/home/op")
        .env("PATH", "/usr/bin:/bin")
        .env("REPORT_TEXT", text)
        .stderr(Stdio::inherit())
        .output()
        .expect("sh starts");
    assert!(output.status.success(), "sh reads\n{text}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn node_status_is_a_table_that_scripts_can_split() {
    let stage = with_rows();
    assert_eq!(
        printed(&stage, "node-status", &[]),
        "Service Name        Peer ID                                                Status         Connected Peers\n\
         antnode0001         12D3KooWone                                            RUNNING                      1\n\
         antnode0002         -                                                      STOPPED                      2\n\
         antnode0003         -                                                      DEAD                         3\n\
         antnode10001        12D3KooWmany                                           RUNNING                  10001\n"
    );
}

#[test]
fn one_node_is_an_object_and_several_are_a_list() {
    let stage = with_rows();
    let one = report(
        &stage,
        "node-status",
        &["--json", "--service_name", "antnode0002"],
    );
    assert_eq!(
        one.done().stdout,
        "{\n  \"service_name\": \"antnode0002\",\n  \"peer_id\": \"-\",\n  \"status\": \"STOPPED\",\n  \
         \"connected_peers\": 2\n}\n"
    );
    let all = report(&stage, "node-status-details", &["--report_format", "json"]).json();
    assert_eq!(all.as_array().map(Vec::len), Some(4));
    let none = report(
        &stage,
        "node-status",
        &["--json", "--service_name", "antnode0404"],
    )
    .done();
    assert_eq!(none.json()["error"], "No nodes found");
}

#[test]
fn nodes_are_shown_in_the_requested_order_by_any_form_of_name() {
    let stage = with_rows();
    let names = |names: &str| -> Vec<String> {
        let words = ["--json", "--service_name", names];
        let Value::Array(list) = report(&stage, "node-status", &words).done().json() else {
            panic!("{names}");
        };
        let name = |row: &Value| row["service_name"].as_str().expect("a name").to_owned();
        list.iter().map(name).collect()
    };
    assert_eq!(
        names("antnode10001,0002, antnode0001.service ,3"),
        ["antnode10001", "antnode0002", "antnode0001", "antnode0003"]
    );
    assert_eq!(names("1,antnode0001"), ["antnode0001", "antnode0001"]);
    stage
        .wnm(&["--report", "node-status", "--service_name", "1,antnode0404"])
        .done()
        .says("`antnode0404`: not found");
}

#[test]
fn unknown_value_is_null_instead_of_a_word() {
    let stage = with_rows();
    let row = report(&stage, "node-status-details", &["--json", "--service_name", "3"]).json();
    assert!(row["version"].is_null() && row["wallet"].is_null() && row["environment"].is_null());
    let text = printed(&stage, "node-status-details", &["--service_name", "2"]);
    assert!(text.contains("\nBin Path: /n/2/antnode\n"), "{text}");
    let age = text
        .lines()
        .find_map(|line| line.strip_prefix("Age: "))
        .expect("its age");
    assert!((60..600).contains(&age.parse::<u32>().expect("seconds")), "{age}");
}

#[test]
fn unsupported_report_format_is_rejected_first() {
    let stage = with_rows();
    for (kind, format) in [
        ("node-status", "ntracking"),
        ("node-status-details", "ntracking"),
        ("machine-config", "ntracking"),
        ("history", "config"),
        ("plan", "env"),
    ] {
        stage
            .wnm(&[
                "--force_action",
                "survey",
                "--report",
                kind,
                "--report_format",
                format,
            ])
            .code(2)
            .says(&format!(
                "the report `{kind}` has no format `{format}`, only text, json"
            ))
            .complains()
            .prints_nothing();
    }
    let running = stage.figure("SELECT count(*) FROM node WHERE status = 'RUNNING'");
    assert_eq!(running, 2, "nothing was surveyed");
    report(&stage, "node-status", &["--since", "2h"])
        .code(2)
        .says("`--report history`");
}

#[test]
fn node_report_as_env_falls_back_to_text_with_a_warning() {
    let stage = with_rows();
    for kind in ["node-status", "influx-resources"] {
        let text = printed(&stage, kind, &[]);
        let first = |text: &str| {
            text.lines()
                .next()
                .map(|line| line.chars().take(20).collect::<String>())
        };
        for format in ["env", "config"] {
            let ran = stage.wnm(&["--report", kind, "--report_format", format]);
            assert_eq!(first(&ran.stdout), first(&text));
            ran.says(&format!(
                "the report `{kind}` has no format `{format}`; printing text instead"
            ))
            .code(0);
        }
    }
}

#[test]
fn report_with_a_survey_surveys_first() {
    let stage = with_rows();
    let table = stage.wnm(&[
        "-q",
        "--force_action",
        "survey",
        "--report",
        "node-status",
        "--confirm",
    ]);
    assert!(!table.done().stdout.contains("RUNNING"), "nothing answers there");
}

#[test]
fn report_writes_nothing_and_takes_no_lock() {
    let stage = with_rows();
    let state = || {
        let lock = fs::metadata(stage.base().join("wnm_active")).and_then(|file| file.modified());
        (
            fs::read(stage.database()).expect("colony.db"),
            lock.expect("the lock file"),
        )
    };
    let before = state();
    for kind in [
        "node-status",
        "node-status-details",
        "influx-resources",
        "machine-config",
        "machine-metrics",
        "history",
        "plan",
    ] {
        report(&stage, kind, &[]).done().plain();
        report(&stage, kind, &["--json"]).done().plain().json();
    }
    assert!(state() == before);
}

/// A colony with settings that are hard to quote.
fn hard_to_quote() -> Stage {
    let stage = Stage::colony(&[
        "--environment",
        "A='x # y' B=\"it's $HOME\" C=`id`",
        "--start_args",
        "--first 'a b' \"c\\\"d\"",
        "--rewards_address",
        "faucet:2, donate:1",
        "--antctl_path",
        "~/bin/antctl",
        "--antnode_path",
        "$HOME/my bin/antnode",
        "--enable_upgrade=off",
        "--shunned_remove",
        "7",
        "--firewall",
        "null",
    ]);
    // Values that the Python wnm stored and nobody can set any more.
    stage
        .tamper("UPDATE machine SET mem_less_than = 150, mem_remove = 200, max_load_average_allowed = 9e999");
    stage
}

#[test]
fn machine_config_as_a_settings_file_changes_nothing() {
    for stage in [Stage::colony(&[]), hard_to_quote()] {
        let before = machine(&stage);
        let text = printed(&stage, "machine-config", &["--report_format", "config"]);
        fs::create_dir_all(stage.home().join("wnm")).expect("a folder");
        fs::write(stage.home().join("wnm/config"), &text).expect("a file");
        stage.force("nullop").done();
        assert_eq!(machine(&stage), before, "{text}");
        assert_eq!(
            printed(&stage, "machine-config", &["--report_format", "config"]),
            text
        );
    }
}

#[test]
fn machine_config_as_a_dotenv_file_changes_nothing() {
    for stage in [Stage::colony(&[]), hard_to_quote()] {
        let before = machine(&stage);
        let text = printed(&stage, "machine-config", &["--report_format", "env"]);
        let folder = stage.home().join(".local/share/wnm");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(".env"), &text).expect("a file");
        stage.force("nullop").done();
        assert_eq!(machine(&stage), before, "{text}");
    }
}

#[test]
fn machine_config_exported_by_a_shell_changes_nothing() {
    for stage in [Stage::colony(&[]), hard_to_quote()] {
        let before = machine(&stage);
        let text = printed(&stage, "machine-config", &["--report_format", "env"]);
        let mut command = Command::new("sh");
        command
            .args([
                "-euc",
                "set -a; eval \"$REPORT_TEXT\"; unset REPORT_TEXT; exec \"$0\" --force_action nullop",
            ])
            .arg(env!("CARGO_BIN_EXE_wnm"))
            .current_dir(stage.home())
            .env_clear()
            .env("HOME", stage.home())
            .env("PATH", "/usr/bin:/bin")
            .env("REPORT_TEXT", &text);
        Ran::of(command).done();
        assert_eq!(machine(&stage), before, "{text}");
    }
}

#[test]
fn shell_reads_every_value_unchanged() {
    let stage = hard_to_quote();
    let text = printed(&stage, "machine-config", &["--report_format", "env"]);
    let read = shell(
        &text,
        r#"printf '%s\n' "$ENVIRONMENT" "$START_ARGS" "$REWARDS_ADDRESS" "$ANTCTL_VERSION""#,
    );
    assert_eq!(
        read,
        "A='x # y' B=\"it's $HOME\" C=`id`\n--first 'a b' \"c\\\"d\"\nfaucet:2, donate:1\n\n"
    );
    let metrics = printed(&with_rows(), "machine-metrics", &["--report_format", "env"]);
    assert_eq!(
        shell(&metrics, "echo \"$TOTAL_NODES $NODES_BY_VERSION\""),
        "4 {'0.4.17': 2, None: 1, '0.4\"1': 1}\n"
    );
}

#[test]
fn wnms_own_settings_are_shown_only_if_not_default() {
    let text = printed(&Stage::colony(&["--firewall", "auto"]), "machine-config", &[]);
    assert!(
        text.lines().last().expect("lines").starts_with("dbpath: "),
        "{text}"
    );
    let ours = printed(&hard_to_quote(), "machine-config", &[]);
    assert!(
        ours.ends_with("\nenable_upgrade: False\nshunned_remove: 7\nfirewall: null\n"),
        "{ours}"
    );
}

#[test]
fn infinite_load_limit_gives_valid_json() {
    let config = report(&hard_to_quote(), "machine-config", &["--json"])
        .done()
        .json();
    assert_eq!(config["max_load_average_allowed"], "inf");
    assert!(config["highest_node_id_used"].is_null());
}

#[test]
fn machine_metrics_have_all_four_formats() {
    let stage = with_rows();
    let json = report(&stage, "machine-metrics", &["--json"]).done().json();
    assert_eq!(json["total_nodes"], 4);
    for (format, line) in [
        ("text", "total_nodes: 4"),
        ("env", "TOTAL_NODES=4"),
        ("config", "total_nodes=4"),
    ] {
        let text = printed(&stage, "machine-metrics", &["--report_format", format]);
        assert_eq!(text.lines().nth(1), Some(line));
        assert_eq!(text.lines().count(), 31, "{text}");
    }
}

#[test]
fn machine_metrics_show_how_nodes_share_their_binary() {
    let stage = Stage::running(2, &[]);
    let json = report(&stage, "machine-metrics", &["--json"]).done().json();
    assert_eq!(json["nodes_by_binary"], serde_json::json!({"link": 2}));
    for (format, line) in [
        ("text", "nodes_by_binary: {'link': 2}"),
        ("env", "NODES_BY_BINARY=\"{'link': 2}\""),
        ("config", "nodes_by_binary=\"{'link': 2}\""),
    ] {
        let text = printed(&stage, "machine-metrics", &["--report_format", format]);
        assert_eq!(text.lines().last(), Some(line));
    }
}

/// With `bin` on another filesystem than the nodes, no binaries can be hard links.
#[test]
fn nodes_on_another_filesystem_have_copies_and_the_report_says_so() {
    let stage = Stage::colony(&["--node_cap", "2"]);
    let Ok(shelf) = tempfile::TempDir::with_prefix_in("wnm-", "/dev/shm") else {
        return;
    };
    let device = |path: &Path| fs::metadata(path).expect("it is there").dev();
    if device(shelf.path()) == device(stage.home()) {
        return;
    }
    let base = stage.home().join(".local/share/autonomi");
    symlink(shelf.path(), base.join("bin")).expect("`bin` is a link to there");
    stage.force("add --count 2").done();
    let json = report(&stage, "machine-metrics", &["--json"]).done().json();
    assert_eq!(json["nodes_by_binary"], serde_json::json!({"copy": 2}));
    stage.survey();
    stage.check_consistency(false);
}

#[test]
fn influx_resources_are_valid_lines_with_all_digits() {
    let stage = with_rows();
    let ran = stage.wnm(&["--report", "influx-resources"]).done();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let stamp = lines[0].rsplit(' ').next().expect("a time");
    assert_eq!(stamp.len(), 19, "nanoseconds: {stamp}");
    assert_eq!(
        lines[0],
        format!(
            "nodes,id=1 PeerId=\"12D3KooWone\",status=\"RUNNING\",version=\"0.4.17\",gets=0i,puts=9i,up_time=100i,\
             rewards=\"1250000000000000000\",records=10i,connected_peers=1i,network_size=2064384i,\
             open_connections=5i,total_peers=300i,shunned_count=1i,bad_peers=0i,mem=97.25,cpu=1.5,rel_records=6i,\
             max_records=16384i,payment_count=2i,live_time=90i {stamp}"
        )
    );
    assert!(lines[3].contains(r#"version="0.4\"1""#), "{}", lines[3]);
    assert_eq!(
        lines[4],
        format!(
            "nodes_totals rewards=\"123456789013595678901234567890.5\",nodes_running=2i,nodes_killed=2i {stamp}"
        )
    );
    assert_eq!(lines[5], format!("nodes_network size=2064384i {stamp}"));
    ran.says("the rewards of antnode10001 are not in the total: `many` is no amount");
    assert_eq!(
        printed(&Stage::colony(&[]), "influx-resources", &[]),
        "# No nodes found\n"
    );
}

#[test]
fn ntracking_gets_its_own_names_and_types() {
    let stage = with_rows();
    stage.tamper("UPDATE node SET shunned_total = 3, shunned_by_old = 2 WHERE id = 1");
    let text = printed(
        &stage,
        "influx-resources",
        &["--report_format", "ntracking", "--service_name", "1,2"],
    );
    let lines: Vec<&str> = text.lines().collect();
    let stamp = lines[0].rsplit(' ').next().expect("a time");
    assert!(stamp.ends_with("0000000000"), "cut to 10 s: {stamp}");
    assert!(
        lines[0].starts_with(
            "nodes,id=0001 PeerId=\"12D3KooWone\",status=\"Running\",version=\"0.4.17\",gets=0i,"
        ),
        "{}",
        lines[0]
    );
    assert!(lines[0].contains(",rewards=1.25,records=10i,connected_peers=1i,networ_size=2064384i,"));
    let order = [
        "networ_size=",
        ",total_peers=",
        ",shunned_count=3i,",
        "bad_peers=",
        ",live_time=",
        "shunned_oldclosedgroup=2i ",
    ];
    let places: Vec<_> = order.iter().map(|field| lines[0].find(field)).collect();
    assert!(
        places.is_sorted() && places[0].is_some(),
        "{places:?} in {}",
        lines[0]
    );
    assert!(lines[1].contains("status=\"Stopped\"") && lines[1].contains(",up_time=0i,rewards=0,"));
    assert_eq!(
        lines[2],
        format!("nodes_totals rewards=1.25,nodes_running=1i,nodes_killed=1i {stamp}")
    );
}

#[test]
fn history_has_action_time_node_and_reason() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.force("stop --service_name antnode0002").done();
    let text = printed(&stage, "history", &[]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "a heading, two adds and a stop:\n{text}");
    assert!(lines[1].contains("  add       antnode0001"), "{text}");
    assert!(
        lines[3].contains("  stop      antnode0002") && lines[3].contains("  done "),
        "{text}"
    );
    let json = report(
        &stage,
        "history",
        &["--json", "--service_name", "antnode0002", "--since", "1h"],
    )
    .json();
    let list = json.as_array().expect("a list");
    assert_eq!(list.len(), 2);
    assert_eq!(
        (&list[1]["action"], &list[1]["forced"]),
        (&"stop".into(), &true.into())
    );
    assert_eq!(list[1]["outcome"], "done");
    assert_eq!(
        printed(&stage, "history", &["--count", "1"]).lines().nth(1),
        Some(lines[3])
    );
    assert_eq!(
        printed(&stage, "history", &["--since", "2100-01-01"]),
        "No events found.\n"
    );
    report(&stage, "history", &["--since", "yesterday"])
        .code(2)
        .says("a time span, such as '90m'");
}

#[test]
fn plan_gives_the_reason_why_no_node_is_added() {
    let stage = Stage::running(1, &["--node_cap", "3", "--cpu_less_than", "50"]);
    stage.simulate_minute(62);
    let text = printed(&stage, "plan", &[]);
    assert!(text.contains("nothing is started or added: cpu 6"), "{text}");
    assert!(text.contains("% is not below 50 %"), "{text}");
    assert!(
        text.contains("  allow_cpu       no   cpu 6") && text.contains(" % >= add limit 50 %"),
        "{text}"
    );
    assert!(
        text.contains("  allow_node_cap  yes  1 running nodes < node_cap 3"),
        "{text}"
    );
    stage.simulate_minute(0);
    let json = report(&stage, "plan", &["--json"]).json();
    assert_eq!(json["steps"][0]["action"], "add");
    assert_eq!(json["steps"][0]["node"], 2);
    assert_eq!(json["features"].as_array().map(Vec::len), Some(16));
    stage.cycle();
    assert_eq!(stage.ids(), [1, 2], "and that is what the cycle did");
}
