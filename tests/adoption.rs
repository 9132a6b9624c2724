//! Nodes and databases of the Python wnm: adoption does not affect the running nodes, and afterwards they
//! work like any other node. `launchd.rs` has the tests with launchd, `tests/lab` those with the real
//! systemd.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::antctl::machine::Machine;
use crate::import::pids;
use crate::python_bugs::services;
use crate::stage::Stage;

pub const ADOPT: [&str; 3] = ["--force_action", "wnm-db-migration", "--confirm"];

/// Its newest and its oldest release.
const NEW: &str = "e2f4a512d24c.sql";
const OLD: &str = "eeec2af7114c_nov6.sql";

/// Nothing starts until `--mem_less_than` is a value that the machine can meet; nothing stops for the real
/// load, of which the first cycle knows only the present value.
const FULL: &str = "UPDATE machine SET mem_less_than = 0, cpu_remove = 100;";

/// Files that define a node's identity and start.
fn kept(stage: &Stage) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let units = stage.home().join(".config/systemd/user");
    let roots = stage.rows().into_iter().map(|row| row.root.join("secret-key"));
    let units = fs::read_dir(units).into_iter().flatten().flatten();
    for path in units.map(|entry| entry.path()).chain(roots) {
        files.insert(path.clone(), fs::read(&path).expect("a file"));
    }
    files
}

/// The values in all rows of the Python wnm that must stay, without the mode of the manager.
fn said(stage: &Stage) -> Vec<String> {
    let database = stage.look();
    let mut query = database
        .prepare(
            "SELECT id || node_name || service || user || binary || coalesce(version, '') || root_dir || port ||
                metrics_port || network || wallet || age || host || layout || coalesce(environment, '') FROM node
             UNION ALL SELECT node_cap || cpu_less_than || mem_less_than || mem_remove || delay_start || node_storage ||
                rewards_address || donate_address || port_start || metrics_port_start || environment || start_args
                FROM machine",
        )
        .expect("rows");
    let rows = query.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

/// Adopts the database and runs ten cycles; no node may change.
fn is_adopted(stage: &Stage, manager: &str, down: usize) {
    let running = pids(stage);
    let before = said(stage);
    stage
        .wnm(&[])
        .code(1)
        .says("run `wnm --force_action wnm-db-migration --confirm`");
    stage.wnm(&ADOPT).done();
    assert_eq!(said(stage), before);
    let files = kept(stage);
    for _ in 0..10 {
        stage.cycle();
    }
    assert_eq!(pids(stage), running, "{}", stage.describe());
    assert_eq!(kept(stage), files, "no unit and no identity changed");
    let kinds: Vec<String> = stage
        .look()
        .prepare("SELECT DISTINCT manager_type FROM node")
        .expect("kinds")
        .query_map([], |row| row.get(0))
        .expect("kinds")
        .map(|kind| kind.expect("a kind"))
        .collect();
    assert_eq!(kinds, [manager]);
    assert_eq!(
        (stage.in_state("RUNNING"), stage.in_state("STOPPED")),
        (running.len(), down),
        "{}",
        stage.describe()
    );
}

/// Starts the stopped node, upgrades all, and removes node 2.
fn are_nodes_like_others(stage: &Stage, running: &BTreeMap<PathBuf, i32>) {
    stage.pass(&["--mem_less_than", "99"]).done();
    stage.cycle_until("the one that was down runs", |stage| {
        stage.in_state("RUNNING") == 3
    });
    let now = pids(stage);
    assert!(running.iter().all(|(root, pid)| now[root] == *pid));
    let files = kept(stage);
    stage.install("0.4.18");
    stage.cycle_until("all are upgraded", |stage| stage.of_version("0.4.18") == 3);
    assert_eq!(kept(stage), files);
    stage.force("remove --service_name 2").done();
    assert_eq!(stage.ids(), [1, 3]);
    assert!(!stage.root(2).exists() && !stage.logs().join("antnode0002").exists());
    stage.survey();
    stage.survey_until_running(2);
    stage.check_consistency(true);
}

/// The unit file that the Python wnm writes for a node.
fn as_it_writes(stage: &Stage, id: u32) -> String {
    let row = stage.row(id);
    let (root, base) = (row.root.display(), stage.base());
    format!(
        "[Unit]\nDescription=antnode{id:04}\n[Service]\nEnvironment=\"RUST_LOG=info\"\n\nExecStart={root}/antnode \
         --bootstrap-cache-dir {0}/bootstrap-cache --root-dir {root} --port {1} --enable-metrics-server \
         --metrics-server-port {2} --log-output-dest {0}/logs/antnode{id:04} --max-log-files 1 \
         --max-archived-log-files 1 --no-upnp --rewards-address {3} evm-arbitrum-one\nRestart=always\n#RestartSec=300\n",
        base.display(),
        row.port,
        row.metrics_port,
        row.wallet
    )
}

#[test]
fn user_services_keep_running_and_work_like_other_nodes() {
    for (dump, word) in [
        (NEW, "systemd+user"),
        (OLD, "systemd"),
        ("no_alembic_version.sql", "systemd"),
    ] {
        let stage = services::of(3, &["--node_cap", "3"]);
        for id in 1..=3 {
            let name = format!("antnode{id:04}");
            stage
                .wnm(&["--force_action", "stop", "--service_name", &name])
                .done();
            fs::write(services::unit(&stage, id), as_it_writes(&stage, id)).expect("its unit");
            if id != 3 {
                let ctl = Command::new(stage.home().join(".local/bin/systemctl"));
                let mut start = stage.at_home(ctl, &["--user", "start", &format!("{name}.service")]);
                assert!(start.status().expect("systemctl runs").success());
            }
        }
        stage.replace_with_python_database(
            dump,
            &format!(
                "UPDATE machine SET process_manager = '{word}'; UPDATE node SET manager_type = '{word}', method = '{word}';
                 UPDATE node SET status = 'RUNNING' WHERE id < 3; {FULL}"
            ),
        );
        services::forget(&stage);
        let running = pids(&stage);
        is_adopted(&stage, "systemd+user", 1);
        assert_eq!(services::calls(&stage), Vec::<String>::new(), "{dump}");
        // Its rows do not have the log folders; its units do.
        assert_eq!(
            stage.row(1).logs,
            Some(stage.logs().join("antnode0001")),
            "{dump}"
        );
        are_nodes_like_others(&stage, &running);
    }
}

#[test]
fn setsid_processes_keep_running_and_work_like_other_nodes() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    stage.force("stop --service_name antnode0003").done();
    stage.survey();
    for id in 1..=3 {
        // The Python wnm does not write this file.
        let _ = fs::remove_file(stage.root(id).join("node.command"));
    }
    stage.replace_with_python_database(
        NEW,
        &format!("UPDATE node SET service = printf('antnode%04d.service', id); {FULL}"),
    );
    let running = pids(&stage);
    is_adopted(&stage, "setsid+user", 1);
    are_nodes_like_others(&stage, &running);
}

#[test]
fn antctl_nodes_keep_running_and_work_like_other_nodes() {
    for (kind, dump, word) in [
        ("antctl+user", NEW, "antctl+user"),
        ("antctl+user", OLD, "antctl"),
        ("antctl+zen", NEW, "antctl+zen"),
    ] {
        let machine = Machine::colony(kind, &["--node_cap", "3"]);
        machine.release("0.4.17");
        machine.force("add --count 3").done();
        machine.all_run(3);
        machine.force("stop --service_name 3").done();
        machine.survey();
        let storage = machine.storage().display().to_string();
        machine.replace_with_python_database(
            dump,
            &format!(
                "UPDATE machine SET process_manager = '{word}';
                 UPDATE node SET manager_type = '{word}', method = '{word}', root_dir = printf('{storage}/antnode%04d', id),
                     binary = printf('{storage}/antnode%04d/antnode', id); {FULL}"
            ),
        );
        machine.forget_calls();
        let running = pids(&machine);
        let before = said_but_places(&machine);
        machine.wnm(&ADOPT).done();
        for _ in 0..10 {
            machine.cycle();
        }
        assert_eq!(said_but_places(&machine), before);
        assert_eq!(pids(&machine), running, "{}", machine.describe());
        assert_eq!(machine.calls(), Vec::<String>::new(), "{kind} of {dump}");
        assert_eq!((machine.in_state("RUNNING"), machine.in_state("STOPPED")), (2, 1));
        machine.pass(&["--mem_less_than", "99"]).done();
        machine.cycle_until("the one that was down runs", |stage| {
            stage.in_state("RUNNING") == 3
        });
        let now = pids(&machine);
        assert!(running.iter().all(|(root, pid)| now[root] == *pid));
        machine.release("0.4.18");
        machine.cycle_until("all are upgraded", |stage| stage.of_version("0.4.18") == 3);
        machine.force("remove --service_name 2").done();
        assert_eq!(machine.ids(), [1, 3]);
        assert!(!machine.root(2).exists());
    }
}

/// Numbers, names, ports and wallets; folders are corrected to those of antctl.
fn said_but_places(stage: &Stage) -> Vec<String> {
    let database = stage.look();
    let mut query = database
        .prepare(
            "SELECT id || ' ' || service || ' ' || port || ' ' || metrics_port || ' ' || wallet FROM node",
        )
        .expect("rows");
    let rows = query.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}
