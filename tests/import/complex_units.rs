//! Units that are hard to parse: their nodes are imported as systemd runs them, or skipped with a message.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::IMPORT;
use super::operator_units::place;
use crate::python_bugs::services;
use crate::stage::Stage;

const WALLET: &str = "0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a";

/// A unit with these lines in `[Service]`, and a root directory of its node.
fn lay(stage: &Stage, name: &str, root: &Path, lines: &str) {
    fs::create_dir_all(root).expect("a root");
    fs::copy(stage.home().join(".local/bin/antnode"), root.join("antnode")).expect("its antnode");
    let unit = place(stage, name);
    fs::create_dir_all(unit.parent().expect("a folder")).expect("the folder of units");
    fs::write(unit, format!("[Unit]\nDescription=mine\n[Service]\n{lines}\n")).expect("a unit");
}

fn drop_in(stage: &Stage, name: &str, text: &str) {
    let folder = stage.home().join(".config/systemd/user").join(name);
    fs::create_dir_all(&folder).expect("a folder of drop-ins");
    fs::write(folder.join("override.conf"), text).expect("a drop-in");
}

/// The nodes that an import would add, by service.
fn seen(stage: &Stage) -> (Value, String) {
    let words: Vec<&str> = IMPORT.iter().copied().chain(["--dry_run", "--json"]).collect();
    let ran = stage.wnm(&words).done();
    (ran.json(), ran.stderr.clone())
}

fn node<'a>(nodes: &'a Value, service: &str) -> &'a Value {
    let mut all = nodes.as_array().expect("a list").iter();
    all.find(|node| node["service"] == service)
        .unwrap_or_else(|| panic!("no {service} in {nodes:#}"))
}

#[test]
fn specifiers_variables_and_relative_paths_are_resolved_as_by_systemd() {
    let stage = services::machine();
    let disk = stage.home().join("disk");
    let home = stage.home().display();
    let root = |name: &str| disk.join(name);

    // With the unit's name, a first argument of its own, and variables in shell style.
    lay(
        &stage,
        "antnode0007",
        &root("antnode0007"),
        &format!(
            "Environment=ROOT={home}/disk PORT=9007 \"WORDS=--no-upnp --ip 127.0.0.1\"\n\
             ExecStart=@{home}/disk/%N/antnode the-node --root-dir ${{ROOT}}/%N --port=${{PORT}} \\\n\
             # in between\n   --metrics-server-port=9107 $WORDS $$x 100%% --rewards-address {WALLET} evm-arbitrum-one"
        ),
    );
    // Variables of a file override those of the unit.
    fs::write(
        stage.home().join("my node.env"),
        "# mine\nPORT=9008\nGREETING=\"two words\"\n\n;no\nEMPTY=\n",
    )
    .expect("variables");
    lay(
        &stage,
        "antnode0008",
        &root("antnode0008"),
        &format!(
            "Environment=PORT=1\nEnvironmentFile=-/nowhere/at/all\nEnvironmentFile={home}/my node.env\n\
             ExecStart={home}/disk/antnode0008/antnode --root-dir \"{home}/disk/antnode0008\" --port $PORT \
             --metrics-server-port 9108 --rewards-address {WALLET} evm-arbitrum-one"
        ),
    );
    // Paths relative to the working directory.
    lay(
        &stage,
        "antnode0009",
        &stage.home().join("a disk/antnode0009"),
        &format!(
            "WorkingDirectory={home}/a disk\nExecStart={home}/disk/antnode0009/antnode --root-dir antnode0009 --port 9009 \
             --metrics-server-port 9109 --log-output-dest logs/9 --rewards-address {WALLET} evm-arbitrum-one"
        ),
    );
    // An unknown value, and a value that is no path.
    lay(
        &stage,
        "antnode0010",
        &root("antnode0010"),
        &format!(
            "ExecStart={home}/disk/antnode0010/antnode --root-dir {home}/disk/antnode0010 --port 9010 \
             --metrics-server-port 9110 --rewards-address %Z evm-arbitrum-one"
        ),
    );

    let (nodes, told) = seen(&stage);
    let seven = node(&nodes, "antnode0007.service");
    assert_eq!(seven["root_dir"], root("antnode0007").display().to_string());
    assert_eq!(
        (&seven["port"], &seven["metrics_port"]),
        (&9007.into(), &9107.into())
    );
    assert_eq!(seven["start_args"], "--no-upnp --ip 127.0.0.1 '$x' '100%'");
    let eight = node(&nodes, "antnode0008.service");
    assert_eq!(eight["port"], 9008);
    let variables = eight["environment"].as_str().expect("variables");
    assert_eq!(
        shell_words::split(variables).expect("words"),
        ["PORT=9008", "GREETING=two words", "EMPTY="]
    );
    let nine = node(&nodes, "antnode0009.service");
    let disk = stage.home().join("a disk");
    assert_eq!(nine["root_dir"], disk.join("antnode0009").display().to_string());
    assert_eq!(nine["log_dir"], disk.join("logs/9").display().to_string());
    assert_eq!(nodes.as_array().map(Vec::len), Some(3), "{nodes:#}");
    assert!(
        told.contains("antnode0010.service` is ignored: wnm does not know the value of its specifier `%Z`"),
        "{told}"
    );
}

#[test]
fn drop_ins_override_the_unit() {
    let stage = services::machine();
    let home = stage.home().display();
    let root = stage.home().join("my disk/antnode0003");
    let command = |port: u16, wallet: &str| {
        format!(
            "ExecStart=\"{home}/my disk/antnode0003/antnode\" --root-dir \"{home}/my disk/antnode0003\" --port {port} \
             --metrics-server-port 9103 --rewards-address {wallet} evm-arbitrum-one"
        )
    };
    let old = "0x2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b";
    lay(
        &stage,
        "antnode0003",
        &root,
        &format!("Environment=A=1\n{}", command(9001, old)),
    );
    drop_in(
        &stage,
        "service.d",
        "[Service]\nEnvironment=FOR=all\nExecStart=/bin/false\n",
    );
    drop_in(
        &stage,
        "antnode0003.service.d",
        &format!(
            "[Service]\nEnvironment=\nEnvironment=\"B=two words\"\nExecStart=\n{}\n",
            command(9003, WALLET)
        ),
    );
    let (nodes, _) = seen(&stage);
    let three = node(&nodes, "antnode0003.service");
    assert_eq!(three["port"], 9003);
    assert_eq!(three["rewards_address"], WALLET);
    assert_eq!(three["root_dir"], root.display().to_string());
    assert_eq!(three["environment"], "B='two words'");
}

#[test]
fn drop_in_left_without_its_unit_reserves_the_number() {
    let stage = services::colony(&["--node_cap", "2"]);
    drop_in(
        &stage,
        "antnode0001.service.d",
        "[Service]\nExecStart=\nExecStart=/bin/false\n",
    );
    stage.force("add").done();
    assert_eq!(stage.ids(), [2]);
    let left = stage.home().join(".config/systemd/user/antnode0001.service.d");
    assert!(left.join("override.conf").exists());
}
