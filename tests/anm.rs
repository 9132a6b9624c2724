//! Evaluating a server that anm managed: its settings, nodes and warnings must be those in
//! `tests/anm/expected.json`. `tests/stage/anm.rs` creates the server.
#![expect(clippy::unwrap_used, reason = "what stops a test fails it")]

mod generated_servers;
mod generator;
mod interruptions;
mod rollback;
pub mod takeover;
mod unit_format;
mod unusual_servers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use wnm::takeover::anm::build::{TakeoverPlan, build_plan};
use wnm::takeover::anm::inspect::ServerState;
use wnm::takeover::anm::{NodeUnit, paths};

use crate::stage::anm::{Machine, NOW};

fn expected() -> Value {
    serde_json::from_str(include_str!("anm/expected.json")).unwrap()
}

/// The evaluation of the unchanged server.
fn judged(machine: &Machine) -> TakeoverPlan {
    let cron = fs::read_to_string(machine.path(paths::CRON)).ok();
    build_plan(&machine.server(), cron.as_deref()).unwrap()
}

/// What lies beside the nodes and is not one of them.
fn strangers(machine: &Machine) -> Vec<PathBuf> {
    let cron = fs::read_to_string(machine.path(paths::CRON)).ok();
    ServerState::of(&machine.server(), cron.as_deref())
        .unwrap()
        .strangers
}

/// The format of a unit of this server.
fn format_of(machine: &Machine, unit: &NodeUnit) -> String {
    let text = fs::read_to_string(machine.path(unit.path.to_str().unwrap())).unwrap();
    unit_format::format_of(unit, &text)
}

/// Warnings in the form of `expected.json`: the code, and the node or path.
fn codes(judgement: &TakeoverPlan) -> BTreeSet<(String, String)> {
    let about = |warning: &wnm::takeover::anm::warning::Warning| {
        let path = warning.path.as_ref().map(|path| path.display().to_string());
        warning.node.clone().or(path).unwrap_or_default()
    };
    let named = judgement.warnings.iter();
    named
        .map(|warning| (warning.code.word().to_owned(), about(warning)))
        .collect()
}

fn expected_codes() -> BTreeSet<(String, String)> {
    let text = |warning: &Value, key: &str| warning[key].as_str().unwrap_or_default().to_owned();
    let expected = expected();
    let warnings = expected["warnings"].as_array().unwrap().iter();
    warnings
        .map(|warning| {
            (
                text(warning, "code"),
                text(warning, "node") + &text(warning, "path"),
            )
        })
        .collect()
}

/// A row as in the database, with the columns of `expected.json`.
fn row(node: &wnm::colony::Node) -> BTreeMap<&'static str, Value> {
    let figures = &node.figures;
    BTreeMap::from([
        ("id", node.id.0.into()),
        ("manager_type", node.manager.to_string().into()),
        ("node_name", node.name.0.clone().into()),
        ("service", node.service.0.clone().into()),
        ("user", node.user.clone().into()),
        ("binary", node.home.binary.to_str().unwrap().into()),
        ("version", node.version.as_ref().map(ToString::to_string).into()),
        ("root_dir", node.home.root.to_str().unwrap().into()),
        (
            "log_dir",
            node.home.logs.as_ref().map(|path| path.to_str().unwrap()).into(),
        ),
        ("port", node.ports.node.into()),
        ("metrics_port", node.ports.metrics.into()),
        ("rpc_port", node.ports.rpc.into()),
        ("network", node.network.clone().into()),
        ("wallet", node.wallet.clone().into()),
        ("peer_id", node.peer_id.clone().into()),
        ("status", node.state.word().into()),
        ("uptime", figures.uptime.into()),
        ("records", figures.records.into()),
        ("shunned", figures.shunned.into()),
        ("connected_peers", figures.connected_peers.into()),
        ("gets", figures.gets.into()),
        ("puts", figures.puts.into()),
        ("mem", figures.mem.into()),
        ("cpu", figures.cpu.into()),
        ("rewards", figures.rewards.clone().into()),
        ("age", node.born.0.into()),
        ("host", node.host.clone().into()),
        ("environment", node.environment.clone().into()),
    ])
}

/// Compares `rows` with the expected values that exist.
fn compare_rows(rows: &[wnm::colony::Node], expected: &[Value]) {
    for expected in expected {
        let service = expected["service"].as_str().unwrap();
        let node = rows.iter().find(|node| node.service.0 == service);
        let row = row(node.unwrap_or_else(|| panic!("{service} is no row")));
        for (column, value) in expected.as_object().unwrap() {
            if let Some(ours) = row.get(column.as_str())
                && value != "@next_free"
            {
                assert_eq!(ours, value, "{service} {column}");
            }
        }
    }
}

/// Compares the settings with the expected ones; a setting that depends on a rule is tested with the
/// database.
fn compare_settings(judgement: &TakeoverPlan, expected: &Map<String, Value>) {
    for taken in &judgement.settings {
        let text = match &expected[taken.name] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => other.to_string(),
        };
        assert_eq!(taken.text, text, "{}", taken.name);
    }
}

#[test]
fn rows_and_settings_of_the_whole_server_are_as_expected() {
    let machine = Machine::new(None);
    let judgement = judged(&machine);
    let expected = expected();
    let nodes = expected["nodes"].as_array().unwrap();
    assert_eq!(judgement.nodes.len(), nodes.len());
    compare_rows(&judgement.nodes, nodes);
    compare_settings(&judgement, expected["machine"].as_object().unwrap());
    assert!(judgement.nodes.iter().all(|node| node.since == NOW));
    let names: BTreeSet<&str> = judgement.settings.iter().map(|taken| taken.name).collect();
    for name in [
        "node_cap",
        "cpu_less_than",
        "hd_remove",
        "delay_restart",
        "rewards_address",
        "node_storage",
        "port_start",
        "no_upnp",
    ] {
        assert!(names.contains(name), "{name}");
    }
    let strangers = strangers(&Machine::new(None));
    let strangers: Vec<&str> = strangers.iter().map(|path| path.to_str().unwrap()).collect();
    let mut not_nodes: Vec<&str> = expected["not_nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    not_nodes.sort_unstable();
    assert_eq!(strangers, not_nodes);
}

#[test]
fn warnings_of_the_whole_server_are_as_expected() {
    let missing: Vec<_> = {
        let ours = codes(&judged(&Machine::new(None)));
        expected_codes().difference(&ours).cloned().collect()
    };
    assert_eq!(missing, []);
}

#[test]
fn every_unit_is_recognized_by_the_anm_version_that_wrote_it() {
    let machine = Machine::new(None);
    let judgement = judged(&machine);
    let expected = expected();
    let beliefs = wnm::takeover::anm::node_details_file::read(
        &fs::read_to_string(Machine::new(None).path(paths::NODE_DETAILS)).unwrap(),
    );
    for unit in &judgement.units {
        let facts = &expected["node_facts"][unit.number.unwrap().to_string()];
        assert_eq!(
            format_of(&machine, unit),
            facts["unit_form"].as_str().unwrap(),
            "{}",
            unit.name()
        );
        let words: Vec<&str> = facts["extra_args"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(unit.extra, words, "{}", unit.name());
        assert_eq!(unit.no_upnp, facts["no_upnp"] == true, "{}", unit.name());
        let belief = beliefs.iter().find(|detail| detail.name == unit.name()).unwrap();
        assert_eq!(
            belief.is_running,
            facts["anm_status"] == "RUNNING",
            "{}",
            unit.name()
        );
    }
}

#[test]
fn each_variant_gives_the_expected_differences() {
    let expected = expected();
    for (name, variant) in expected["variants"].as_object().unwrap() {
        let machine = Machine::new(Some(name));
        if variant["outcome"] == "refuse" {
            continue;
        }
        let judgement = judged(&machine);
        let mut rows: Vec<Value> = expected["nodes"].as_array().unwrap().clone();
        rows.extend(variant["nodes_added"].as_array().into_iter().flatten().cloned());
        let count = variant["node_count"].as_u64().unwrap_or(rows.len() as u64);
        assert_eq!(judgement.nodes.len() as u64, count, "{name}");
        compare_rows(&judgement.nodes, &rows);
        let mut settings = expected["machine"].as_object().unwrap().clone();
        settings.extend(variant["machine"].as_object().cloned().unwrap_or_default());
        compare_settings(&judgement, &settings);
        let ours = codes(&judgement);
        let listed = |key: &str| -> Vec<&str> {
            variant[key]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect()
        };
        for code in listed("warnings_added") {
            assert!(
                ours.iter().any(|(ours, _)| ours == code),
                "{name}: {code} in {ours:?}"
            );
        }
        let gone = listed("warnings_removed");
        assert!(
            !ours.iter().any(|(ours, _)| gone.contains(&ours.as_str())),
            "{name}: {ours:?}"
        );
        let lost: Vec<_> = expected_codes()
            .difference(&ours)
            .filter(|(code, _)| !gone.contains(&code.as_str()))
            .cloned()
            .collect();
        assert_eq!(lost, [], "{name}");
        let foreign: Vec<&str> = judgement
            .foreign
            .iter()
            .map(|unit| unit.service.as_str())
            .collect();
        assert_eq!(foreign, listed("not_imported"), "{name}");
    }
}

#[test]
fn loser_of_an_id_collision_gets_the_lowest_id_above_all_others() {
    let judgement = judged(&Machine::new(Some("padding-collision")));
    let loser = judgement
        .nodes
        .iter()
        .find(|node| node.service.0 == "antnode0001.service")
        .unwrap();
    assert_eq!(loser.id.0, 1002);
    let ids: BTreeSet<u32> = judgement.nodes.iter().map(|node| node.id.0).collect();
    assert_eq!(ids.len(), judgement.nodes.len());
}

#[test]
fn pending_order_to_destroy_all_nodes_is_rejected_and_changes_nothing() {
    for (variant, word) in [("config-gone", "config"), ("nuke-action", "Action=4")] {
        let machine = Machine::new(Some(variant));
        let before = machine.tree();
        let cron = fs::read_to_string(machine.path(paths::CRON)).unwrap();
        let error = build_plan(&machine.server(), Some(&cron)).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert!(error.hint().is_some(), "{error}");
        assert_eq!(machine.tree(), before, "{variant}");
    }
}

/// The error after `change` was made to the server.
fn refusal(change: impl FnOnce(&Machine)) -> String {
    let machine = Machine::new(None);
    change(&machine);
    let before = machine.tree();
    let cron = fs::read_to_string(machine.path(paths::CRON)).ok();
    let error = build_plan(&machine.server(), cron.as_deref()).unwrap_err();
    assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{error}");
    assert_eq!(machine.tree(), before);
    error.to_string()
}

fn append(path: &Path, line: &str) {
    let text = fs::read_to_string(path).unwrap_or_default();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text + line + "\n").unwrap();
}

#[test]
fn server_without_anm_gives_an_error_with_what_was_found() {
    let gone = |machine: &Machine| fs::remove_file(machine.path(paths::SYSTEM)).unwrap();
    assert!(refusal(gone).contains("anm is not installed"));
    let old = refusal(|machine| {
        gone(machine);
        append(&machine.path("/var/safenode-manager/system"), "CpuCount=4");
    });
    assert!(old.contains("safenode"), "{old}");
}

#[test]
fn value_that_only_a_shell_could_resolve_is_an_error_with_its_line() {
    let config = |line: &'static str| refusal(move |machine| append(&machine.path(paths::CONFIG), line));
    for line in [
        "NodeCap=$(nproc)",
        "NodeCap=\"$CAP\"",
        "NodeCap=`id`",
        "NodeCap=a",
        "NodeCap=-1",
        "CpuLessThan=101",
        "DelayStart=2.5",
        "DesiredLoadAverage=much",
        "NodeStorage=services",
        "Action=$((2+2))",
    ] {
        let error = config(line);
        let name = line.split('=').next().unwrap();
        assert!(
            error.contains(name) && error.contains("/var/antctl/config"),
            "{line}: {error}"
        );
    }
    let error = config("rm -rf /");
    assert!(error.contains("`rm -rf /`"), "{error}");
}

#[test]
fn all_other_ways_to_start_anm_are_listed() {
    let line = "*/2 * * * * /bin/bash /usr/bin/anms.sh";
    let crontab = refusal(|machine| append(&machine.path("/var/spool/cron/crontabs/weave"), line));
    assert!(
        crontab.contains("/var/spool/cron/crontabs/weave") && crontab.contains(line),
        "{crontab}"
    );
    let timer = refusal(|machine| {
        append(
            &machine.path("/etc/systemd/system/anm.service"),
            "[Service]\nExecStart=/usr/bin/anms.sh",
        )
    });
    assert!(timer.contains("/etc/systemd/system/anm.service"), "{timer}");
    let other = refusal(|machine| {
        append(
            &machine.path("/etc/cron.d/anm2"),
            "* * * * * root /usr/bin/anms.sh",
        )
    });
    assert!(other.contains("/etc/cron.d/anm2"), "{other}");
}

#[test]
fn missing_antnode_or_account_is_an_error() {
    let none = refusal(|machine| fs::remove_file(machine.path("/home/weave/.local/bin/antnode")).unwrap());
    assert!(none.contains("`weave` has no antnode"), "{none}");
    let nobody = refusal(|machine| {
        fs::write(
            machine.path(paths::CRON),
            "* * * * * nobody-here /bin/bash /usr/bin/anms.sh\n",
        )
        .unwrap();
    });
    assert!(nobody.contains("`nobody-here`"), "{nobody}");
}

#[test]
fn without_a_cron_file_the_owner_of_the_state_is_the_operator() {
    let machine = Machine::new(None);
    fs::remove_file(machine.path(paths::CRON)).unwrap();
    let judgement = judged(&machine);
    assert_eq!(judgement.operator.name, "weave");
    assert_eq!(judgement.nodes.len(), 14);
}

/// The row of one node and its warnings after `change`.
fn one(name: &str, change: impl FnOnce(&Machine)) -> (wnm::colony::Node, Vec<&'static str>) {
    let machine = Machine::new(None);
    change(&machine);
    let judgement = judged(&machine);
    let node = judgement
        .nodes
        .iter()
        .find(|node| node.service.0 == format!("{name}.service"));
    let about = judgement
        .warnings
        .iter()
        .filter(|warning| warning.node.as_deref() == Some(name));
    (
        node.unwrap().clone(),
        about.map(|warning| warning.code.word()).collect(),
    )
}

fn shown(machine: &Machine, name: &str, text: &str) {
    let path = machine.runtime(&format!("systemctl_show/{name}.service.txt"));
    fs::write(path, text).unwrap();
}

#[test]
fn running_node_that_does_not_answer_is_restarting_not_stopped() {
    for active in ["active", "activating"] {
        let (node, codes) = one("antnode0011", |machine| {
            shown(
                machine,
                "antnode0011",
                &format!("LoadState=loaded\nActiveState={active}\nSubState=running\nMainPID=77\n"),
            );
        });
        assert_eq!(node.state.word(), "RESTARTING");
        assert_eq!(node.since, NOW);
        assert_eq!(node.version.unwrap().as_str(), "0.4.2");
        assert!(
            codes.contains(&"silent") && codes.contains(&"belief-differs"),
            "{codes:?}"
        );
    }
}

#[test]
fn running_node_without_data_is_running_with_a_warning() {
    let (node, codes) = one("antnode003", |machine| {
        fs::remove_dir_all(machine.path("/var/antctl/services/antnode003")).unwrap()
    });
    assert_eq!(node.state.word(), "RUNNING");
    assert!(codes.contains(&"data-dir-missing"), "{codes:?}");
}

#[test]
fn node_whose_data_is_in_another_storage_is_disabled_with_the_path() {
    let machine = Machine::new(None);
    fs::create_dir_all(machine.path("/mnt/ant-data/services/antnode0009")).unwrap();
    let judgement = judged(&machine);
    let warning = judgement
        .warnings
        .iter()
        .find(|warning| warning.code.word() == "data-dir-missing")
        .unwrap();
    assert!(
        warning.say.contains("`/mnt/ant-data/services/antnode0009`"),
        "{}",
        warning.say
    );
}

#[test]
fn drop_in_applies_and_changed_unit_gives_a_warning() {
    let (node, codes) = one("antnode0016", |machine| {
        append(
            &machine.path("/etc/systemd/system/antnode0016.service.d/override.conf"),
            "[Service]\nEnvironment=EXTRA=1",
        );
        shown(
            machine,
            "antnode0016",
            "LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=2016\nNeedDaemonReload=yes\n",
        );
        append(
            &machine.runtime("processes.txt"),
            "2016: /var/antctl/services/antnode0016/antnode --port 1",
        );
    });
    assert_eq!(
        node.environment.as_deref(),
        Some("ANT_LOG=ant_evm=error RUST_BACKTRACE=1 EXTRA=1")
    );
    assert_eq!(node.ports.node, 12016);
    for code in ["drop-ins", "unit-changed", "process-differs"] {
        assert!(codes.contains(&code), "{codes:?}");
    }
}

#[test]
fn newer_identity_keeps_the_number_of_two_stopped_nodes() {
    let machine = Machine::new(Some("padding-collision"));
    shown(
        &machine,
        "antnode001",
        "LoadState=loaded\nActiveState=inactive\nMainPID=0\n",
    );
    let key = fs::File::open(machine.path("/var/antctl/services/antnode0001/secret-key")).unwrap();
    key.set_modified(std::time::SystemTime::now()).unwrap();
    let judgement = judged(&machine);
    let id = |service: &str| {
        judgement
            .nodes
            .iter()
            .find(|node| node.service.0 == service)
            .unwrap()
            .id
            .0
    };
    assert_eq!((id("antnode0001.service"), id("antnode001.service")), (1, 1002));
}

#[test]
fn wallet_file_that_is_a_program_is_not_run_and_gives_a_warning() {
    let machine = Machine::new(None);
    let mark = machine.path("/mark");
    let program = format!(
        "touch {}\nRewardsAddress=\"--rewards-address $(pick)\"",
        mark.display()
    );
    append(&machine.path("/home/weave/.local/share/anm-wallet"), &program);
    let judgement = judged(&machine);
    assert!(!mark.exists());
    assert!(
        judgement
            .warnings
            .iter()
            .any(|warning| warning.code.word() == "wallet-file-is-program")
    );
    let wallet = judgement
        .settings
        .iter()
        .find(|taken| taken.name == "rewards_address")
        .unwrap();
    assert_eq!(wallet.text, "0x94F54E2c09eF751201293cAeE2693dAaCDF0F01c");
}

#[test]
fn evaluation_changes_nothing() {
    let machine = Machine::new(None);
    let before = machine.tree();
    judged(&machine);
    assert_eq!(machine.tree(), before);
}

#[test]
fn stopped_nodes_that_anm_wants_running_are_listed() {
    assert_eq!(judged(&Machine::new(None)).stopped_by_others, ["antnode0014"]);
}
