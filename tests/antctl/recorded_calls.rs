//! The calls and results of antctl under the Python wnm, recorded in the same situations. Intended
//! differences: the log folder is passed too, a start does not wait for peers, rows have the place that
//! antctl chose, and in zen mode a node that antctl created is kept.

use super::machine::{Machine, WALLET};
use crate::stage::Stage;

/// A colony that has used twelve ids, like the recorded one.
fn of_twelve(kind: &str, settings: &[&str]) -> Machine {
    let machine = Machine::colony(kind, settings);
    machine.tamper("UPDATE machine SET highest_node_id_used = 12");
    machine
}

/// Columns of a row as text.
fn cells(stage: &Stage, columns: &str) -> Vec<String> {
    let count = columns.split(',').count();
    let sql = format!("SELECT {columns} FROM node");
    stage
        .look()
        .query_row(&sql, [], |row| {
            let text = |at| row.get::<_, rusqlite::types::Value>(at);
            (0..count)
                .map(|at| {
                    Ok(match text(at)? {
                        rusqlite::types::Value::Text(text) => text,
                        rusqlite::types::Value::Integer(number) => number.to_string(),
                        _ => String::new(),
                    })
                })
                .collect()
        })
        .expect("one row")
}

#[test]
fn antctl_add() {
    let machine = of_twelve("antctl+user", &["--no_upnp"]);
    let home = machine.home().display().to_string();
    let said = |id: u16| {
        let (port, metrics, rpc) = machine.ports(id);
        format!(
            "antctl add --count 1 --data-dir-path {home}/.local/share/autonomi/node/antnode{id:04} \
             --log-dir-path {home}/.local/share/autonomi/logs/antnode{id:04} --node-port {port} --metrics-port {metrics} \
             --rpc-port {rpc} --rewards-address {WALLET} --no-upnp --path {home}/.local/bin/antnode evm-arbitrum-one"
        )
    };
    machine.force("add").done();
    // wnm checks for the registry before it exists.
    assert_eq!(
        machine.calls()[1..],
        [
            said(13),
            "antctl start --service-name antnode1 --interval 1".to_owned()
        ]
    );
    assert_eq!(machine.figure("SELECT highest_node_id_used FROM machine"), 13);
    let (port, metrics, rpc) = machine.ports(13);
    let root = machine.root(13).join("antnode1").display().to_string();
    let row = "id, machine_id, container_id, manager_type, node_name, service, binary, version, root_dir, port, \
               metrics_port, rpc_port, network, wallet, peer_id, status, records, rewards, host, method, layout, \
               environment";
    let expected = [
        "13",
        "1",
        "",
        "antctl+user",
        "0013",
        "antnode1",
        &format!("{root}/antnode"),
        "0.4.17",
        &root,
        &port.to_string(),
        &metrics.to_string(),
        &rpc.to_string(),
        "evm-arbitrum-one",
        WALLET,
        "",
        "RESTARTING",
        "0",
        "0",
        "127.0.0.1",
        "antctl+user",
        "1",
        "",
    ];
    assert_eq!(cells(&machine, row), expected);

    machine.forget_calls();
    let ran = machine.force("remove").done();
    assert_eq!(ran.json()["status"], "removed-node");
    assert_eq!(
        machine.calls(),
        [
            "antctl stop --service-name antnode1",
            "antctl remove --service-name antnode1"
        ]
    );
    assert_eq!(machine.rows(), []);

    machine.forget_calls();
    machine.force("add").done();
    assert_eq!(machine.calls()[0], said(14), "13 was used");
    // The recorded antctl was a stand-in that numbers anew; the real one does not.
    assert_eq!(
        (machine.ids(), machine.row(14).service),
        (vec![14], "antnode2".to_owned())
    );
}

#[test]
fn antctl_zen_add() {
    let machine = of_twelve("antctl+zen", &[]);
    machine.release("0.4.17");
    machine.force("add").done();
    let (port, metrics, rpc) = machine.ports(13);
    assert_eq!(
        machine.calls_of("add"),
        [format!(
            "antctl add --count 1 --node-port {port} --metrics-port {metrics} --rpc-port {rpc} --rewards-address {WALLET} \
             evm-arbitrum-one"
        )]
    );
    let row = machine.row(13);
    assert_eq!(
        (row.service.as_str(), row.status.as_str()),
        ("antnode1", "RESTARTING")
    );
    assert_eq!(row.root, machine.storage().join("antnode1"));
}

/// Gives the rows the values of the Python wnm: the folder that it passed to antctl.
fn as_the_peer_keeps_them(machine: &Machine, columns: &str) {
    let storage = machine.storage().display().to_string();
    machine.tamper(&format!(
        "UPDATE node SET root_dir = printf('{storage}/antnode%04d', id), log_dir = NULL,
             binary = printf('{storage}/antnode%04d/antnode', id){columns}"
    ));
}

#[test]
fn rows_with_the_parent_of_a_nodes_folder_are_corrected() {
    let machine = Machine::of(3, "antctl+user", &["--node_cap", "3"]);
    let (before, running) = (machine.rows(), machine.processes());
    as_the_peer_keeps_them(&machine, "");
    assert_ne!(machine.rows(), before);
    machine.cycle();
    assert_eq!(machine.rows(), before, "by what antctl has");
    assert_eq!(
        (machine.processes(), machine.calls()),
        (running, Vec::<String>::new())
    );
    // An action before the first survey finds the node too.
    as_the_peer_keeps_them(&machine, "");
    machine.force("stop --service_name 3").done();
    machine.force("remove --service_name 2").done();
    let roots: Vec<_> = machine
        .processes()
        .into_iter()
        .map(|process| process.root)
        .collect();
    assert_eq!(roots, [before[0].root.clone()]);
    assert!(!machine.root(2).exists(), "nothing is left around it");
    machine.survey();
    assert_eq!(machine.row(3).root, before[2].root);
}

#[test]
fn zen_node_that_the_python_wnm_could_not_read_is_found_by_its_ports() {
    let machine = Machine::colony("antctl+zen", &["--node_cap", "1"]);
    machine.release("0.4.17");
    machine.force("add").done();
    machine.all_run(1);
    let before = machine.row(1);
    as_the_peer_keeps_them(
        &machine,
        ", service = printf('antnode%04d.service', id), status = 'STOPPED'",
    );
    machine.survey();
    machine.all_run(1);
    let after = machine.row(1);
    assert_eq!(
        (after.service, after.root, after.logs),
        (before.service, before.root, before.logs)
    );
}
