//! Nodes of antctl. The antctl is a simulated one with the weaknesses of the real 0.14.2, nodes are real
//! processes, and the `systemctl` is simulated too.

mod environment;
mod imported;
pub mod machine;
mod recorded_calls;

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use machine::Machine;

/// Longer than wnm's limits for a start or stop by antctl even on a busy machine, shorter than its other limits.
const HANGS_AFTER: Duration = Duration::from_secs(200);

#[test]
fn creates_starts_stops_and_removes_a_node() {
    let machine = Machine::colony("antctl+user", &[]);
    machine.force("add").done();
    let (port, metrics, rpc) = machine.ports(1);
    let (home, wallet) = (machine.home().display().to_string(), machine::WALLET);
    assert_eq!(
        machine.calls_of("add"),
        [format!(
            "antctl add --count 1 --data-dir-path {home}/.local/share/autonomi/node/antnode0001 \
             --log-dir-path {home}/.local/share/autonomi/logs/antnode0001 --node-port {port} --metrics-port {metrics} \
             --rpc-port {rpc} --rewards-address {wallet} --path {home}/.local/bin/antnode evm-arbitrum-one"
        )]
    );
    let row = machine.row(1);
    assert_eq!(row.service, "antnode1");
    assert_eq!(
        row.root,
        machine.root(1).join("antnode1"),
        "antctl makes a folder in the folder"
    );
    assert_eq!(row.logs, Some(machine.base().join("logs/antnode0001/antnode1")));
    machine.all_run(1);
    assert_eq!(machine.row(1).version.as_deref(), Some("0.4.17"));
    assert_eq!(machine.registry()["nodes"][0]["status"], "Running");
    assert_eq!(
        machine.calls_of("start"),
        ["antctl start --service-name antnode1 --interval 1"]
    );

    machine.force("stop").done();
    assert_eq!(machine.row(1).status, "STOPPED");
    assert_eq!(machine.processes(), []);
    assert!(
        !row.root.join("antnode.pid").exists(),
        "another antnode may get its number"
    );
    assert!(row.root.join("secret-key").exists());
    machine.force("start").done();
    machine.all_run(1);

    machine.force("remove").done();
    assert_eq!((machine.rows(), machine.processes()), (Vec::new(), Vec::new()));
    assert_eq!(machine.registry()["nodes"][0]["status"], "Removed");
    assert!(!machine.root(1).exists(), "antctl leaves the folder it was given");
    assert!(!machine.base().join("logs/antnode0001").exists());
}

#[test]
fn fills_the_colony_and_reuses_no_id_or_port() {
    let machine = Machine::colony("antctl+user", &["--node_cap", "3"]);
    machine.cycle_until("three run", |stage| stage.in_state("RUNNING") == 3);
    machine.force("remove --service_name antnode2").done();
    machine.cycle_until("three run", |stage| stage.in_state("RUNNING") == 3);
    assert_eq!(machine.ids(), [1, 3, 4], "antctl keeps the ports of node 2");
    assert_eq!(machine.row(4).service, "antnode4");
    assert_eq!(machine.figure("SELECT highest_node_id_used FROM machine"), 4);
    let names: Vec<String> = machine.rows().into_iter().map(|row| row.service).collect();
    assert_eq!(names, ["antnode1", "antnode3", "antnode4"]);
}

#[test]
fn skips_ports_of_nodes_that_antctl_removed_before() {
    let machine = Machine::colony("antctl+user", &[]);
    let (port, metrics, rpc) = machine.ports(1);
    machine.by_hand(&[
        "--node-port",
        &port.to_string(),
        "--metrics-port",
        "1999",
        "--rpc-port",
        "1998",
    ]);
    machine.antctl(&["remove", "--service-name", "antnode1"]);
    machine.by_hand(&[
        "--node-port",
        "1997",
        "--metrics-port",
        "1996",
        "--rpc-port",
        &(rpc + 1).to_string(),
    ]);
    machine.force("add").done();
    assert_eq!(
        machine.ids(),
        [3],
        "{metrics} is free, but {port} and the next RPC port are not"
    );
    assert_eq!(machine.row(3).service, "antnode3");
}

#[test]
fn zen_mode_sets_ports_wallet_and_network_and_reads_the_rest_from_antctl() {
    let machine = Machine::colony("antctl+zen", &["--node_cap", "2"]);
    machine.release("0.4.17");
    // With antctl's download, no antnode is needed in ~/.local/bin.
    fs::remove_file(machine.home().join(".local/bin/antnode")).expect("there was one");
    machine.force("add").done();
    let (port, metrics, rpc) = machine.ports(1);
    assert_eq!(
        machine.calls_of("add"),
        [format!(
            "antctl add --count 1 --node-port {port} --metrics-port {metrics} --rpc-port {rpc} \
             --rewards-address {} evm-arbitrum-one",
            machine::WALLET
        )]
    );
    machine.cycle_until("two run", |stage| stage.in_state("RUNNING") == 2);
    let row = machine.row(2);
    assert_eq!(row.root, machine.storage().join("antnode2"));
    assert_eq!(row.logs, Some(machine.storage().join("antnode2/logs")));
    assert_eq!(row.version.as_deref(), Some("0.4.17"));
    machine.force("remove --service_name antnode2").done();
    assert!(!row.root.exists());
    machine.release("0.4.18");
    machine.force("upgrade --service_name antnode1").done();
    machine.all_run(1);
    assert_eq!(machine.row(1).version.as_deref(), Some("0.4.18"));
    machine.force("teardown --confirm").done();
    assert_eq!(machine.calls_of("reset"), ["antctl reset --force"]);
    assert_eq!(machine.processes(), []);
}

#[test]
fn upgrade_keeps_the_identity_and_the_node_runs() {
    let machine = Machine::of(2, "antctl+user", &[]);
    let before = machine.row(1);
    let key = fs::read(before.root.join("secret-key")).expect("an identity");
    machine.install("0.4.18");
    machine.cycle_until("both are upgraded", |stage| stage.of_version("0.4.18") == 2);
    machine.all_run(2);
    assert_eq!(
        fs::read(before.root.join("secret-key")).expect("an identity"),
        key
    );
    assert_eq!(machine.row(1).peer_id, before.peer_id);
    let upgrades = machine.calls_of("upgrade");
    let path = machine.home().join(".local/bin/antnode");
    assert_eq!(
        upgrades,
        [1, 2].map(|number| format!(
            "antctl upgrade --service-name antnode{number} --do-not-start --path {}",
            path.display()
        ))
    );
    assert_eq!(
        fs::read_dir(machine.base().join("bin")).map_or(0, Iterator::count),
        0,
        "no copy is left"
    );
}

#[test]
fn upgrade_that_does_not_start_is_rolled_back() {
    let machine = Machine::of(1, "antctl+user", &[]);
    machine.install("0.4.18");
    fs::write(machine.row(1).root.join("SIM_ANTNODE"), "refuse:0.4.18").expect("the illness is written");
    let ran = machine.force("upgrade").code(3);
    assert!(ran.stderr.contains("its old binary is back and runs"), "{ran}");
    machine.all_run(1);
    assert_eq!(machine.row(1).version.as_deref(), Some("0.4.17"));
    assert_eq!(machine.registry()["nodes"][0]["version"], "0.4.17");
}

#[test]
fn teardown_resets_antctl_when_all_its_nodes_are_removed() {
    let machine = Machine::of(3, "antctl+user", &[]);
    machine.force("teardown --confirm").done();
    assert_eq!(machine.calls_of("reset"), ["antctl reset --force"]);
    assert_eq!((machine.rows(), machine.processes()), (Vec::new(), Vec::new()));
    assert!(!machine.registry_path().exists());
    assert_eq!(machine.figure("SELECT highest_node_id_used FROM machine"), 0);
    assert_eq!(
        machine.folders(),
        Vec::<String>::new(),
        "nothing is left of any node"
    );
    machine.force("add").done();
    assert_eq!(
        (machine.ids(), machine.row(1).service),
        (vec![1], "antnode1".to_owned())
    );
}

#[test]
fn teardown_keeps_foreign_nodes() {
    let machine = Machine::of(2, "antctl+user", &[]);
    machine.make(1, &[]);
    machine.force("teardown --confirm").done();
    assert_eq!(machine.calls_of("reset"), Vec::<String>::new());
    assert_eq!(machine.calls_of("remove").len(), 2);
    assert_eq!(machine.states(), ["Removed", "Removed", "Added"]);
    assert_eq!(machine.rows(), []);
    assert_eq!(
        machine.figure("SELECT highest_node_id_used FROM machine"),
        2,
        "their ports are still taken"
    );
}

#[test]
fn start_that_antctl_reports_as_failed_while_the_node_runs_is_a_success() {
    let machine = Machine::colony("antctl+user", &[]);
    machine.set_fault("deaf:start");
    machine.force("add").done();
    assert_eq!(machine.states(), ["Added"], "that is all antctl knows");
    machine.all_run(1);
}

#[test]
fn node_that_exits_at_once_is_reported_with_the_reason_and_removed() {
    let machine = Machine::colony("antctl+user", &[]);
    fs::write(machine.home().join(".systemctl/not-started"), "all\n").expect("the order is written");
    let ran = machine.force("add").code(3);
    assert!(
        ran.stderr.contains("antnode0001") && ran.stderr.contains("control process exited"),
        "{ran}"
    );
    assert_eq!(machine.rows(), []);
    assert_eq!(machine.states(), ["Removed"]);
    assert!(!machine.root(1).exists());
}

#[test]
fn node_that_refuses_antctl_does_not_block_start_and_stop_of_others() {
    let machine = Machine::of(3, "antctl+user", &[]);
    machine.force("stop --service_name antnode3").done();
    machine.rest(2, "rpcless");
    let stopped = machine.force("stop --service_name antnode1");
    stopped.done();
    machine
        .force("start --service_name antnode3")
        .done()
        .says("antctl cannot start antnode3.service, starting it through systemd");
    assert_eq!(machine.running(), [2, 3]);
    // That node itself can be stopped.
    machine.force("stop --service_name antnode2").done();
    assert_eq!(machine.running(), [3]);
}

#[test]
fn node_that_hangs_antctl_is_stopped_so_that_another_can_be_removed() {
    let machine = Machine::of(3, "antctl+user", &[]);
    fs::write(machine.row(2).root.join("SIM_ANTNODE"), "rpcmute").expect("the illness is written");
    let begun = Instant::now();
    machine
        .force("remove --service_name antnode1")
        .done()
        .says("antnode2 does not answer");
    assert!(begun.elapsed() < HANGS_AFTER, "{:?}", begun.elapsed());
    assert_eq!((machine.ids(), machine.running()), (vec![2, 3], vec![3]));
    fs::remove_file(machine.row(2).root.join("SIM_ANTNODE")).expect("it was ill");
    machine.cycle_until("it runs again", |stage| stage.in_state("RUNNING") == 2);
}

#[test]
fn foreign_node_that_blocks_antctl_is_named_and_kept() {
    let machine = Machine::of(2, "antctl+user", &["--node_cap", "2"]);
    machine.set_cap(0);
    let elsewhere = machine.home().join("elsewhere");
    let folder = elsewhere.display().to_string();
    machine.make(1, &["--data-dir-path", &folder]);
    fs::write(elsewhere.join("antnode3/SIM_ANTNODE"), "rpcless").expect("the illness is written");
    machine.systemctl(&["start", "antnode3.service"]);
    let ran = machine.force("remove --count 2").code(3);
    assert!(
        ran.stderr
            .contains("antctl: it can do nothing while `antnode3` runs")
            && ran.stderr.contains("systemctl --user stop antnode3.service"),
        "{ran}"
    );
    assert_eq!(
        machine.in_state("REMOVING"),
        2,
        "they are stopped, and go once they can"
    );
    machine.systemctl(&["stop", "antnode3.service"]);
    machine.cycle_until("they are gone", |stage| stage.rows().is_empty());
    assert_eq!(machine.states(), ["Removed", "Removed", "Added"]);
}

#[test]
fn hanging_antctl_is_killed_and_reported() {
    let machine = Machine::of(1, "antctl+user", &[]);
    machine.set_fault("hang:stop");
    machine.force("stop").done();
    assert!(machine.running().is_empty(), "systemd stopped it");
    assert!(!machine.has_antctl(), "no antctl is left");
}

#[test]
fn no_nodes_is_a_valid_answer() {
    let machine = Machine::new();
    machine.init("antctl+user", &["--import"]).done();
    assert_eq!(machine.rows(), []);
    assert_eq!(machine.calls_of("status"), ["antctl status --json"]);
}

#[test]
fn imports_nodes_that_the_operator_made_with_antctl() {
    let machine = Machine::new();
    machine.init("setsid+user", &[]).done();
    fs::remove_file(machine.database()).expect("only its folders are wanted");
    for nth in 1..=3 {
        machine.make(nth, &["--env", "A=1"]);
    }
    assert_eq!(machine.states(), ["Added"; 3]);
    machine.antctl(&[
        "start",
        "--service-name",
        "antnode1",
        "--service-name",
        "antnode3",
        "--interval",
        "1",
    ]);
    machine.antctl(&["remove", "--service-name", "antnode2"]);
    machine.init("antctl+user", &["--import"]).done();
    let told: Vec<(u32, String, u16, std::path::PathBuf)> = machine
        .rows()
        .into_iter()
        .map(|row| (row.id, row.service, row.port, row.root))
        .collect();
    let root = |name: &str| machine.storage().join(name);
    let port = |nth: u16| machine.odd_ports(nth)[1].parse::<u16>().expect("a port");
    assert_eq!(
        told,
        [
            (1, "antnode1".to_owned(), port(1), root("antnode1")),
            (3, "antnode3".to_owned(), port(3), root("antnode3"))
        ]
    );
    machine.survey();
    assert_eq!(machine.in_state("RUNNING"), 2);
    assert_eq!(
        machine.row(1).wallet,
        machine::WALLET,
        "written as it was given, though antctl's registry has it in small letters"
    );
    machine.force("add").done();
    assert_eq!(machine.row(4).service, "antnode4");
    machine.force("remove --service_name antnode1").done();
    assert!(!root("antnode1").exists());
}

#[test]
fn import_rebuilds_all_rows_after_the_database_was_lost() {
    for kind in ["antctl+user", "antctl+zen"] {
        let settings = ["--environment", "ONE=1 TWO='two words'"];
        let machine = Machine::colony(kind, &settings);
        machine.release("0.4.17");
        machine.force("add --count 3").done();
        machine.all_run(3);
        machine.force("remove --service_name antnode2").done();
        let facts = |machine: &Machine| {
            let rows = machine.rows().into_iter();
            let text = "SELECT group_concat(node_name || environment || wallet || manager_type || user || network) FROM node";
            let more: String = machine
                .look()
                .query_row(text, [], |row| row.get(0))
                .expect("rows");
            let facts = rows.map(|row| {
                (
                    row.id,
                    row.service,
                    row.port,
                    row.metrics_port,
                    row.rpc_port,
                    row.root,
                    row.logs,
                )
            });
            (facts.collect::<Vec<_>>(), more)
        };
        let before = facts(&machine);
        fs::remove_file(machine.database()).expect("it was there");
        machine
            .init(kind, &[&["--import"], &settings[..]].concat())
            .done();
        assert_eq!(facts(&machine), before, "{kind}");
        machine.force("add").done();
        assert_eq!(machine.ids(), [1, 3, 4], "{kind}");
    }
}

#[test]
fn add_with_an_unknown_result_makes_no_second_node() {
    for (verb, kind) in [
        ("add", "antctl+user"),
        ("add", "antctl+zen"),
        ("start", "antctl+user"),
    ] {
        let machine = Machine::colony(kind, &[]);
        machine.release("0.4.17");
        machine.killed_at(verb, &["--force_action", "add"]);
        assert_eq!(machine.states().len(), 1, "{verb} {kind}: antctl did it");
        machine.survey();
        machine.all_run(1);
        assert_eq!(
            (machine.ids(), machine.states()),
            (vec![1], vec!["Running".to_owned()]),
            "{verb} {kind}"
        );
        let row = machine.row(1);
        assert_eq!(row.service, "antnode1");
        assert!(
            row.root.ends_with("antnode1") && row.root.join("secret-key").exists(),
            "{row:?}"
        );
    }
}

#[test]
fn add_that_another_antctl_lost_or_changed_leaves_nothing() {
    for (how, next) in [("lose:add", 1), ("shift:add", 3)] {
        let machine = Machine::colony("antctl+user", &[]);
        machine.set_fault(how);
        let ran = machine.force("add").code(3);
        assert!(ran.stderr.contains("with antctl"), "{ran}");
        assert_eq!(
            (machine.rows(), machine.processes()),
            (Vec::new(), Vec::new()),
            "{how}"
        );
        assert!(!machine.root(1).exists(), "{how}");
        machine.clear_fault();
        machine.force("add").done();
        machine.all_run(1);
        assert_eq!(machine.ids(), [next], "after {how}");
    }
}

#[test]
fn lost_registry_is_not_replaced_while_nodes_run() {
    let machine = Machine::of(2, "antctl+user", &[]);
    let registry = fs::read_to_string(machine.registry_path()).expect("a registry");
    fs::remove_file(machine.registry_path()).expect("it was there");
    let ran = machine.force("add").code(3);
    let copy = machine.base().join("antctl_registry.json");
    assert!(ran.stderr.contains(&copy.display().to_string()), "{ran}");
    assert_eq!(fs::read_to_string(&copy).expect("a copy"), registry);
    assert_eq!(machine.running(), [1, 2]);
    fs::copy(&copy, machine.registry_path()).expect("it is put in its place");
    machine.force("add").done();
    assert_eq!(machine.row(machine.ids()[2]).service, "antnode3");
}

#[test]
fn node_without_a_unit_can_be_removed() {
    let machine = Machine::of(1, "antctl+user", &[]);
    machine.force("stop").done();
    fs::remove_file(machine.home().join(".config/systemd/user/antnode1.service")).expect("its unit");
    machine.force("remove").done();
    assert_eq!(
        (machine.rows(), machine.states()),
        (Vec::new(), vec!["Removed".to_owned()])
    );
}

#[test]
fn foreign_node_with_the_same_name_is_not_ours() {
    let machine = Machine::of(1, "antctl+user", &[]);
    // The operator reset antctl and created a node.
    machine.antctl(&["reset", "--force"]);
    machine.make(1, &[]);
    machine.antctl(&["start", "--interval", "1"]);
    machine.force("stop --service_name antnode1");
    machine.force("remove --service_name antnode1").done();
    assert_eq!(
        (machine.rows(), machine.states()),
        (Vec::new(), vec!["Running".to_owned()])
    );
    assert_eq!(machine.processes().len(), 1);
}

#[test]
fn systemd_is_reloaded_after_antctl_changes_units() {
    let machine = Machine::of(1, "antctl+user", &["--node_cap", "1"]);
    machine.set_cap(0);
    let calls = machine.systemctl_calls();
    let reload = calls
        .iter()
        .position(|call| call == "systemctl --user daemon-reload")
        .expect("a reload");
    let start = calls
        .iter()
        .position(|call| call.contains(" start "))
        .expect("a start");
    assert!(reload < start, "{calls:?}");
    machine.forget_systemctl();
    machine.force("remove").done();
    let calls = machine.systemctl_calls();
    assert_eq!(
        calls.last().map(String::as_str),
        Some("systemctl --user daemon-reload"),
        "{calls:?}"
    );
    machine.forget_systemctl();
    machine.cycle();
    assert!(
        machine
            .systemctl_calls()
            .iter()
            .all(|call| !call.contains("reload")),
        "only when there is something to tell"
    );
}

#[test]
fn idle_cycle_does_not_call_antctl() {
    let machine = Machine::of(2, "antctl+user", &["--node_cap", "2"]);
    machine.forget_calls();
    machine.cycle();
    assert_eq!(machine.calls(), Vec::<String>::new());
    // For a node that does not answer, systemd is called once.
    fs::write(machine.row(1).root.join("SIM_ANTNODE"), "mute").expect("the illness is written");
    machine.cycle();
    assert_eq!(machine.calls(), Vec::<String>::new());
    assert_eq!(machine.running(), [1, 2]);
}

#[test]
fn settings_of_antctl_are_passed_on() {
    let machine = Machine::colony(
        "antctl+user",
        &[
            "--no_upnp",
            "--environment",
            "RUST_LOG=info QUOTED='say \"50%\"'",
            "--start_args",
            "--local --first --ip 127.0.0.1 --max-log-files=3",
            "--antctl_debug",
        ],
    );
    machine.release("0.4.16");
    machine
        .force("add --antctl_version 0.4.16 --rust_backtrace full")
        .done();
    let (port, metrics, rpc) = machine.ports(1);
    let home = machine.home().display();
    let call = machine.calls_of("add").pop().expect("a call");
    assert_eq!(
        call,
        format!(
            "RUST_BACKTRACE=full antctl --debug add --data-dir-path {home}/.local/share/autonomi/node/antnode0001 \
             --log-dir-path {home}/.local/share/autonomi/logs/antnode0001 --node-port {port} --metrics-port {metrics} \
             --rpc-port {rpc} --rewards-address {} --no-upnp --local --first --node-ip 127.0.0.1 --max-log-files 3 \
             --env RUST_LOG=info --env QUOTED=say \\\"50%%\\\" --version 0.4.16 evm-arbitrum-one",
            machine::WALLET
        )
    );
    machine.all_run(1);
    assert_eq!(machine.row(1).version.as_deref(), Some("0.4.16"));
    let words = machine.processes().remove(0).words.join(" ");
    assert!(
        words.contains("--local") && words.contains("--ip 127.0.0.1"),
        "{words}"
    );
    let environment =
        fs::read(format!("/proc/{}/environ", machine.processes()[0].pid)).expect("its variables");
    assert!(String::from_utf8_lossy(&environment).contains("QUOTED=say \"50%\"\0"));
    // Settings are kept: after they are reset, the next node has neither.
    machine
        .wnm(&["--force_action", "update_config", "--antctl_version", ""])
        .done();
    machine.force("disable_config --antctl_debug").done();
    machine.forget_calls();
    machine.force("add --interval 1").done();
    let call = machine.calls_of("add").pop().expect("a call");
    assert!(
        call.starts_with("antctl add ") && call.contains("--path") && !call.contains("--version"),
        "{call}"
    );
}

#[test]
fn plan_report_knows_that_antctl_downloads_binaries() {
    let machine = Machine::colony("antctl+user", &["--node_cap", "1", "--antctl_version", "0.4.16"]);
    fs::remove_file(machine.home().join(".local/bin/antnode")).expect("no antnode is left");
    machine.simulate_minute(0);
    let plan = machine.wnm(&["--report", "plan"]).done().stdout;
    assert!(plan.contains("\n  add node 1 as "), "{plan}");
    machine
        .wnm(&["--force_action", "update_config", "--antctl_version", ""])
        .done();
    let plan = machine.wnm(&["--report", "plan"]).done().stdout;
    assert!(plan.contains("there is no antnode binary"), "{plan}");
}

#[test]
fn values_that_antctl_cannot_take_are_rejected_before_anything_is_created() {
    let refused = |settings: &[&str], word: &str| {
        let machine = Machine::colony("antctl+user", settings);
        let ran = machine.force("add").code(3).complains();
        assert!(ran.stderr.contains(word), "{ran}");
        assert_eq!(
            (machine.calls_of("add"), machine.rows()),
            (Vec::new(), Vec::new())
        );
    };
    refused(&["--start_args", "--rpc 127.0.0.1:1"], "--rpc");
    let machine = Machine::new();
    let spaced = machine.home().join("my nodes").display().to_string();
    machine.init("antctl+user", &["--node_storage", &spaced]).done();
    let ran = machine.force("add").code(3);
    assert!(ran.stderr.contains("quotes nothing"), "{ran}");
    assert_eq!(machine.calls_of("add"), Vec::<String>::new());
}

#[test]
fn missing_antctl_is_an_error() {
    let machine = Machine::colony("antctl+user", &[]);
    fs::remove_file(machine.home().join(".local/bin/antctl")).expect("it was there");
    let ran = machine.force("add").code(3);
    assert!(ran.stderr.contains("antctl_path"), "{ran}");
    assert_eq!(machine.rows(), []);
}

#[test]
fn damaged_registry_is_named_and_its_nodes_can_be_started_and_stopped() {
    let machine = Machine::of(1, "antctl+user", &["--node_cap", "2"]);
    let text = fs::read_to_string(machine.registry_path()).expect("a registry");
    fs::write(machine.registry_path(), &text[..text.len() / 2]).expect("it is cut in half");
    for order in ["add", "remove"] {
        let ran = machine.wnm(&["--force_action", order]).code(3);
        assert!(
            ran.stderr.contains("node_registry.json") && ran.stderr.contains("is broken"),
            "{ran}"
        );
    }
    assert_eq!(machine.running(), [1], "what cannot be removed is not stopped");
    machine.set_cap(1);
    machine.cycle();
    machine.force("stop").done();
    assert!(machine.running().is_empty());
    machine.force("start").done();
    assert_eq!((machine.ids(), machine.running()), (vec![1], vec![1]));
}

#[test]
fn antctl_gets_a_runtime_dir_even_under_cron() {
    // Skipped where the machine has no such folder; the stage clears the environment anyway.
    let uid = nix::unistd::geteuid();
    let runtime = format!("/run/user/{uid}");
    let machine = Machine::of(1, "antctl+user", &[]);
    let got = machine.runtime_dirs();
    let expected = if std::path::Path::new(&runtime).is_dir() {
        json!(runtime)
    } else {
        json!("")
    };
    assert!(got.iter().all(|dir| json!(dir) == expected), "{got:?}");
}
