//! Registries of this and older versions of antctl, also edited ones: every node is imported, or nothing
//! changes.

use std::fs;

use serde_json::{Value, json};

use super::machine::{Machine, WALLET};
use crate::stage::Ran;

/// An entry whose root directory exists.
fn entry(machine: &Machine, name: &str, number: u16, change: Value) -> Value {
    let root = machine.storage().join(name);
    fs::create_dir_all(&root).expect("a root");
    // Ports that no other stage uses, where another node would answer.
    let ports = machine.odd_ports(number);
    let port = |at: usize| ports[at].parse::<u16>().expect("a port");
    let mut entry = json!({
        "service_name": name, "number": number, "status": "Stopped", "data_dir_path": root, "log_dir_path": root.join("logs"),
        "antnode_path": root.join("antnode"), "node_port": port(1), "metrics_port": port(3),
        "rpc_socket_addr": format!("127.0.0.1:{}", port(5)), "version": "0.4.17", "user": null,
        "rewards_address": WALLET, "evm_network": "ArbitrumOne", "peer_id": null, "node_ip": null,
    });
    for (key, value) in change.as_object().expect("changes") {
        match value {
            Value::String(gone) if gone == "GONE" => {
                drop(entry.as_object_mut().expect("an entry").remove(key))
            }
            _ => entry[key] = value.clone(),
        }
    }
    entry
}

fn registry(machine: &Machine, text: &str) {
    fs::create_dir_all(machine.storage()).expect("a storage");
    fs::write(machine.registry_path(), text).expect("a registry");
}

fn import(machine: &Machine, more: &[&str]) -> Ran {
    machine.wnm(
        &[
            &["--init", "--import", "--process_manager", "antctl+user"][..],
            more,
        ]
        .concat(),
    )
}

#[test]
fn entries_of_every_kind_become_nodes() {
    let machine = Machine::new();
    let elsewhere = machine.home().join("a disk/the node's");
    fs::create_dir_all(&elsewhere).expect("a folder");
    let custom = json!({"Custom": {"rpc_url_http": "http://x", "payment_token_address": "0x0"}});
    let nodes = [
        entry(
            &machine,
            "antnode1",
            1,
            json!({"status": "Added", "a_key_of_later": {"x": [1]}}),
        ),
        entry(&machine, "antnode2", 2, json!({"status": "Removed"})),
        entry(
            &machine,
            "antnode3",
            3,
            json!({"metrics_port": null, "evm_network": "ArbitrumSepoliaTest"}),
        ),
        entry(
            &machine,
            "my-node",
            4,
            json!({"data_dir_path": elsewhere, "evm_network": custom, "user": "GONE", "peer_id": "GONE", "node_ip": "GONE"}),
        ),
        // The registry is out of date and says that it runs.
        entry(
            &machine,
            "antnode5",
            5,
            json!({"status": "Running", "evm_network": "GONE"}),
        ),
    ];
    let text = json!({"nodes": nodes, "schema_of_later": 9, "environment_variables": null}).to_string();
    registry(&machine, &text);
    let ran = import(&machine, &["--dry_run", "--json"]).done();
    let found = ran.json();
    let of = |service: &str, key: &str| {
        let mut all = found.as_array().expect("a list").iter();
        all.find(|node| node["service"] == service)
            .unwrap_or_else(|| panic!("no {service} in {ran}"))[key]
            .clone()
    };
    assert_eq!(found.as_array().expect("a list").len(), 4, "{ran}");
    for (service, status, network) in [
        ("antnode1", "STOPPED", "evm-arbitrum-one"),
        ("antnode3", "DISABLED", "evm-arbitrum-sepolia-test"),
        ("my-node", "STOPPED", "evm-custom"),
        ("antnode5", "STOPPED", "evm-arbitrum-one"),
    ] {
        assert_eq!(of(service, "status"), status, "{service}: {ran}");
        assert_eq!(of(service, "network"), network, "{service}: {ran}");
    }
    assert_eq!(of("my-node", "root_dir"), elsewhere.display().to_string());
    assert!(ran.stderr.contains("`antnode3` is DISABLED"), "{ran}");
    import(&machine, &[])
        .done()
        .says("imported 4 nodes (3 STOPPED, 1 DISABLED)");
    assert_eq!(machine.ids(), [1, 3, 4, 5]);
}

#[test]
fn unreadable_registry_creates_no_colony() {
    let machine = Machine::new();
    let whole = |change: Value| json!({"nodes": [entry(&machine, "antnode1", 1, change)]}).to_string();
    for text in [
        "garbage".to_owned(),
        whole(json!({}))[..200].to_owned(),
        whole(json!({"status": "Melted"})),
        whole(json!({"data_dir_path": "GONE"})),
        whole(json!({"metrics_port": 70_000})),
        whole(json!({"number": -1})),
    ] {
        registry(&machine, &text);
        let ran = import(&machine, &[]);
        assert_ne!(ran.code, Some(0), "{text}: {ran}");
        ran.says("list the nodes of `antctl+user` with antctl")
            .complains();
        assert!(!machine.database().exists(), "{text}");
        assert_eq!(fs::read_to_string(machine.registry_path()).expect("it"), text);
    }
}
