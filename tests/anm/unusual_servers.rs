//! Servers with one unusual property: a unit, setting, wallet or port that anm, an operator or another
//! program changed.

use std::fs;

use wnm::takeover::anm::build::TakeoverPlan;
use wnm::takeover::anm::paths;

use super::takeover::{colony, same, take};
use super::{append, codes, format_of, judged, one, refusal, shown, strangers};
use crate::stage::anm::Machine;

const ADDRESS: &str = "0xF2a1A6FBC2c81aD60ADf1eeA74DAaB5fE9d5aEC6";

fn unit(name: &str) -> String {
    format!("/etc/systemd/system/{name}.service")
}

fn edit(machine: &Machine, path: &str, from: &str, to: &str) {
    let text = fs::read_to_string(machine.path(path)).unwrap();
    assert!(text.contains(from), "{from} in {path}");
    fs::write(machine.path(path), text.replace(from, to)).unwrap();
}

/// The evaluation of the fixture's server after `change`.
fn after(change: impl FnOnce(&Machine)) -> TakeoverPlan {
    let machine = Machine::new(None);
    change(&machine);
    judged(&machine)
}

fn setting<'a>(judgement: &'a TakeoverPlan, name: &str) -> &'a str {
    let taken = judgement.settings.iter().find(|taken| taken.name == name);
    &taken.unwrap_or_else(|| panic!("no {name}")).text
}

fn has(judgement: &TakeoverPlan, code: &str) -> bool {
    codes(judgement).iter().any(|(own, _)| own == code)
}

fn kept(machine: &Machine, name: &str) -> String {
    let said = colony(machine).stored_settings().unwrap();
    let found = said.into_iter().find(|(own, _)| own == name).unwrap().1;
    found.unwrap_or_default()
}

#[test]
fn overlapping_limits_of_old_anm_versions_are_accepted_with_a_warning() {
    let machine = Machine::new(None);
    // anm's own values until February 2025.
    append(&machine.path(paths::CONFIG), "CpuLessThan=50\nCpuRemove=45");
    let report = take(&machine, &[]).unwrap();
    assert_eq!(
        (kept(&machine, "cpu_less_than"), kept(&machine, "cpu_remove")),
        ("50".into(), "45".into())
    );
    assert!(
        report.contains("settings-at-odds: 'cpu_less_than' must be below 'cpu_remove'"),
        "{report}"
    );
}

#[test]
fn ports_that_wnm_uses_differently_are_kept() {
    let machine = Machine::new(None);
    for entry in fs::read_dir(machine.path("/etc/systemd/system"))
        .unwrap()
        .flatten()
    {
        let text = fs::read_to_string(entry.path()).unwrap();
        fs::write(
            entry.path(),
            text.replace("--port 55", "--port 30")
                .replace("--port 56", "--port 31"),
        )
        .unwrap();
    }
    take(&machine, &[]).unwrap();
    assert_eq!(kept(&machine, "port_start"), "30");
}

#[test]
fn number_with_a_leading_zero_is_decimal_with_a_warning() {
    let judgement = after(|machine| append(&machine.path(paths::CONFIG), "DelayStart=010\nNodeCap=089"));
    assert_eq!(
        (
            setting(&judgement, "delay_start"),
            setting(&judgement, "node_cap")
        ),
        ("600", "89")
    );
    assert!(has(&judgement, "leading-zero"));
}

#[test]
fn value_out_of_range_is_an_error_with_its_line() {
    for line in [
        "NodeCap=10001",
        "NodeCap=",
        "CpuRemove=101",
        "DesiredLoadAverage=0",
        "DelayRemove=99999999999999",
    ] {
        let error = refusal(|machine| append(&machine.path(paths::CONFIG), line));
        assert!(error.contains("`/var/antctl/config` line 3"), "{line}: {error}");
    }
    for storage in ["/", "/etc", "/srv/../etc"] {
        let machine = Machine::new(None);
        append(&machine.path(paths::CONFIG), &format!("NodeStorage={storage}"));
        let before = machine.tree();
        let error = take(&machine, &[]).unwrap_err();
        assert!(error.to_string().contains("node_storage"), "{error}");
        same(&before, &machine.tree());
    }
}

#[test]
fn storage_path_with_a_blank_is_read_with_any_quoting() {
    for (text, folder) in [
        ("\"/mnt/my disk//nodes/\"", "/mnt/my disk/nodes"),
        ("'/mnt/my disk/nodes'", "/mnt/my disk/nodes"),
        ("/mnt/my\\ disk/nodes", "/mnt/my disk/nodes"),
    ] {
        let machine = Machine::new(None);
        append(&machine.path(paths::CONFIG), &format!("NodeStorage={text}"));
        take(&machine, &[]).unwrap();
        assert_eq!(kept(&machine, "node_storage"), folder);
    }
    // No file sets it: the storage is that of most nodes, and no root is `/antnode001`.
    let judgement = after(|machine| {
        edit(
            machine,
            paths::CONFIG,
            "NodeStorage=/var/antctl/services/",
            "NodeStorage=",
        );
        edit(
            machine,
            &unit("antnode001"),
            "/var/antctl/services/antnode001",
            "/antnode001",
        );
    });
    assert_eq!(setting(&judgement, "node_storage"), "/var/antctl/services");
}

#[test]
fn missing_settings_give_a_warning_and_use_wnms_defaults() {
    let machine = Machine::new(None);
    edit(&machine, paths::CONFIG, "MemRemove=85", "");
    edit(&machine, paths::CONFIG, "DelayReStart=7", "");
    edit(&machine, paths::CONFIG, "NodeCap=20", "");
    let report = take(&machine, &[]).unwrap();
    assert!(
        report.contains("setting-missing: anm does not set `MemRemove`"),
        "{report}"
    );
    assert_eq!(
        (kept(&machine, "mem_remove"), kept(&machine, "delay_restart")),
        ("75".into(), "600".into())
    );
    assert_eq!(kept(&machine, "node_cap"), "14");
}

#[test]
fn number_of_cpus_counts_only_where_anm_sets_it_directly() {
    let many = |machine: &Machine, script: &str| {
        fs::write(machine.path(paths::SYSTEM), "CpuCount=24\n").unwrap();
        fs::write(machine.path(paths::SCRIPT), script).unwrap();
    };
    let plain = after(|machine| many(machine, "\tDelayStart=2 # asked\n"));
    assert_eq!(
        (setting(&plain, "delay_start"), setting(&plain, "delay_upgrade")),
        ("120", "120")
    );
    assert!(!has(&plain, "script-unclear"));
    let two = after(|machine| many(machine, "DelayStart=2\nDelayStart=3\n"));
    assert_eq!(setting(&two, "delay_start"), "180");
    assert!(has(&two, "script-unclear"));
    let none = after(|machine| many(machine, "DelayStart=$1\n"));
    assert_eq!(
        (setting(&none, "delay_start"), setting(&none, "delay_upgrade")),
        ("240", "360")
    );
    assert!(has(&none, "script-unclear"));
    let few = after(|machine| {
        many(machine, "DelayStart=2\n");
        fs::write(machine.path(paths::SYSTEM), "CpuCount=23\n").unwrap();
    });
    assert_eq!(setting(&few, "delay_start"), "240");
    let asked = refusal(|machine| fs::write(machine.path(paths::SYSTEM), "CpuCount=$(nproc)\n").unwrap());
    assert!(asked.contains("CpuCount"), "{asked}");
}

#[test]
fn last_order_to_anm_applies() {
    let over = |machine: &Machine, line: &str| append(&machine.path("/var/antctl/override"), line);
    for line in ["Action=\"4\"", "export Action=4 # all", "Action=04"] {
        assert!(
            refusal(|machine| over(machine, line)).contains("Action=4"),
            "{line}"
        );
    }
    let by_config = refusal(|machine| append(&machine.path(paths::CONFIG), "Action=4"));
    assert!(by_config.contains("/var/antctl/config"), "{by_config}");
    let calm = after(|machine| {
        append(&machine.path(paths::CONFIG), "Action=4");
        over(machine, "Action=1");
    });
    assert!(has(&calm, "control-dropped"));
}

#[test]
fn wallet_comes_from_the_first_place_with_an_address() {
    let wallet =
        |machine: &Machine, text: &str| append(&machine.path("/home/weave/.local/share/anm-wallet"), text);
    let over = |machine: &Machine, text: &str| append(&machine.path("/var/antctl/override"), text);
    let config = "0x94F54E2c09eF751201293cAeE2693dAaCDF0F01c";
    // An invalid address is skipped.
    let below = after(|machine| over(machine, "RewardsAddress=\"--rewards-address EtheriumAddress\""));
    assert_eq!(setting(&below, "rewards_address"), config);
    assert!(has(&below, "rewards-address-unusable"));
    let by_override = after(|machine| {
        over(
            machine,
            &format!("RewardsAddress=\"--rewards-address {ADDRESS}\""),
        )
    });
    assert_eq!(setting(&by_override, "rewards_address"), ADDRESS);
    // Unneeded values may be unresolvable.
    let by_file = after(|machine| {
        wallet(
            machine,
            &format!("# mine\nexport RewardsAddress='--rewards-address {ADDRESS}'\r"),
        );
        append(
            &machine.path(paths::CONFIG),
            "RewardsAddress=\"--rewards-address $W\"",
        );
    });
    assert_eq!(setting(&by_file, "rewards_address"), ADDRESS);
    let needed = refusal(|machine| {
        append(
            &machine.path(paths::CONFIG),
            "RewardsAddress=\"--rewards-address $W\"",
        )
    });
    assert!(needed.contains("RewardsAddress"), "{needed}");
    for rotation in [
        "W=(a b)\nRewardsAddress=\"--rewards-address ${W[1]}\"",
        "if true; then",
        "RewardsAddress=`pick`",
    ] {
        let program = after(|machine| wallet(machine, rotation));
        assert_eq!(setting(&program, "rewards_address"), config, "{rotation}");
        assert!(has(&program, "wallet-file-is-program"), "{rotation}");
    }
}

#[test]
fn without_any_address_the_operator_must_give_one() {
    let machine = Machine::new(None);
    edit(
        &machine,
        paths::CONFIG,
        "0x94F54E2c09eF751201293cAeE2693dAaCDF0F01c",
        "EtheriumAddress",
    );
    for entry in fs::read_dir(machine.path("/etc/systemd/system"))
        .unwrap()
        .flatten()
    {
        fs::remove_file(entry.path()).unwrap();
    }
    let before = machine.tree();
    let error = take(&machine, &[]).unwrap_err();
    assert!(error.to_string().contains("rewards_address"), "{error}");
    same(&before, &machine.tree());
    let report = take(&machine, &[("rewards_address", ADDRESS)]).unwrap();
    assert!(
        report.contains("no nodes: anm has none on this machine"),
        "{report}"
    );
    assert_eq!(kept(&machine, "rewards_address"), ADDRESS);
}

#[test]
fn commented_out_cron_line_names_no_operator() {
    let machine = Machine::new(None);
    edit(&machine, paths::CRON, "* * * * * weave", "#* * * * * weave");
    take(&machine, &[]).unwrap();
    assert_eq!(colony(&machine).nodes().unwrap().len(), 14);
    assert!(!machine.path(paths::CRON).exists());
}

#[test]
fn anm_is_found_wherever_a_program_may_be_started_from() {
    for (path, text) in [
        ("/var/spool/cron/crontabs/root", "@reboot /usr/bin/anms.sh"),
        ("/etc/crontab", "* * * * * op bash /usr/bin/anms.sh"),
        ("/etc/cron.hourly/nodes", "#!/bin/sh\nbash /usr/bin/anms.sh"),
        (
            "/home/weave/.config/systemd/user/nodes.service",
            "[Service]\nExecStart=/usr/bin/anms.sh",
        ),
        (
            "/lib/systemd/system/nodes.service",
            "[Service]\nExecStart=bash -c '/usr/bin/anms.sh'",
        ),
        (
            "/etc/systemd/system/antnode-manager.service",
            "[Service]\nExecStart=/usr/bin/anms.sh",
        ),
    ] {
        let error = refusal(|machine| append(&machine.path(path), text));
        assert!(error.contains(path), "{path}: {error}");
    }
    let idle = after(|machine| {
        append(
            &machine.path("/etc/crontab"),
            "# * * * * * op bash /usr/bin/anms.sh",
        )
    });
    assert_eq!(idle.nodes.len(), 14);
}

#[test]
fn stale_block_file_is_reported_even_after_ours_replaced_it() {
    let machine = Machine::new(Some("stale-block"));
    let report = take(&machine, &[]).unwrap();
    assert!(report.contains("stale-block /var/antctl/block"), "{report}");
    let later = Machine::new(None);
    fs::write(later.path(paths::BLOCK), "").unwrap();
    let report = take(&later, &[]).unwrap();
    assert!(report.contains("stale-block /var/antctl/block"), "{report}");
}

#[test]
fn variable_substituted_twice_is_one_value() {
    let tip = "Environment=\"ANT_LOG=ant_evm=error\"";
    let (node, codes) = one("antnode0014", |machine| {
        edit(machine, &unit("antnode0014"), tip, &format!("{tip}\n{tip}"));
    });
    assert_eq!(node.environment.as_deref(), Some("ANT_LOG=ant_evm=error"));
    assert!(codes.contains(&"environment-differs"), "{codes:?}");
    let (node, _) = one("antnode0014", |machine| {
        edit(
            machine,
            &unit("antnode0014"),
            tip,
            "Environment=A=1 'B=x y' \"ANT_LOG=off\"\nEnvironment=A=2",
        );
    });
    assert_eq!(node.environment.as_deref(), Some("A=2 B='x y' ANT_LOG=off"));
}

#[test]
fn drop_in_can_reset_a_value_of_the_unit() {
    let (node, codes) = one("antnode0014", |machine| {
        let folder = machine.path(&(unit("antnode0014") + ".d"));
        append(
            &folder.join("20-env.conf"),
            "[Service]\nEnvironment=\nEnvironment=B=2",
        );
        append(
            &folder.join("10-command.conf"),
            "[Service]\nExecStart=\nExecStart=/mnt/ant-data/services//antnode0014/antnode --port=55099 \\\n \
             --root-dir=/mnt/ant-data/services//antnode0014 --metrics-server-port '13099'\nUser=other\nUser=ant",
        );
        append(&folder.join("ignored.txt"), "[Service]\nUser=nobody");
        shown(
            machine,
            "antnode0014",
            "LoadState=loaded\nActiveState=active\nMainPID=7\n",
        );
    });
    assert_eq!((node.ports.node, node.ports.metrics), (55_099, 13_099));
    assert_eq!(
        (node.user.as_str(), node.environment.as_deref()),
        ("ant", Some("B=2"))
    );
    assert_eq!(node.home.logs, None);
    for code in [
        "drop-ins",
        "wallet-unusable",
        "network-unsaid",
        "port-off-formula",
    ] {
        assert!(codes.contains(&code), "{code}: {codes:?}");
    }
}

#[test]
fn unit_without_a_port_is_disabled_and_its_values_are_reported() {
    for (to, says) in [
        ("--metrics-server-port", "no `--metrics-server-port`"),
        ("", "no `--metrics-server-port`"),
        (
            "--metrics-server-port 131001",
            "`--metrics-server-port 131001`, which is not a port",
        ),
        (
            "--metrics-server-port=0",
            "`--metrics-server-port 0`, which is not a port",
        ),
        (
            "--metrics-server-port 55014",
            "the same port for node and metrics",
        ),
    ] {
        let judgement =
            after(|machine| edit(machine, &unit("antnode0014"), "--metrics-server-port 13014", to));
        let told = judgement
            .warnings
            .iter()
            .find(|warning| warning.code.word() == "unit-malformed")
            .unwrap();
        assert!(told.say.contains(says), "{to}: {}", told.say);
        let node = judgement.nodes.iter().find(|node| node.id.0 == 14).unwrap();
        assert_eq!((node.state.word(), node.ports.node), ("DISABLED", 55_014), "{to}");
    }
    // It still runs, and the takeover continues.
    let machine = Machine::new(None);
    edit(&machine, &unit("antnode0013"), "--port 55013", "--port 551001");
    take(&machine, &[]).unwrap();
    let nodes = colony(&machine).nodes().unwrap();
    assert_eq!(
        nodes.iter().find(|node| node.id.0 == 13).unwrap().state.word(),
        "DISABLED"
    );
}

#[test]
fn number_that_cannot_be_an_id_is_disabled_with_an_id_above_all_others() {
    let machine = Machine::new(None);
    let text = fs::read_to_string(machine.path(&unit("antnode0014"))).unwrap();
    for (nth, digits) in ["0000", "99999999999", "4294967295"].into_iter().enumerate() {
        let ports = [
            format!("--port 6{nth}000"),
            format!("--metrics-server-port 6{nth}001"),
        ];
        let text = text.replace("0014", digits);
        let text = text
            .replace("--port 55014", &ports[0])
            .replace("--metrics-server-port 13014", &ports[1]);
        fs::write(machine.path(&unit(&format!("antnode{digits}"))), text).unwrap();
    }
    take(&machine, &[]).unwrap();
    let nodes = colony(&machine).nodes().unwrap();
    let above: Vec<(u32, &str)> = nodes
        .iter()
        .filter(|node| node.id.0 > 1001)
        .map(|node| (node.id.0, node.state.word()))
        .collect();
    assert_eq!(
        above,
        [(1002, "DISABLED"), (1003, "DISABLED"), (1004, "DISABLED")]
    );
}

#[test]
fn network_is_read_from_arguments_or_environment() {
    let network = |to: &'static str| {
        let (node, codes) = one("antnode0014", |machine| {
            edit(machine, &unit("antnode0014"), " evm-arbitrum-one", to);
        });
        (node.network, codes)
    };
    assert_eq!(
        network(" evm-arbitrum-sepolia-test").0,
        "evm-arbitrum-sepolia-test"
    );
    assert_eq!(
        network(" --some-new-switch evm-arbitrum-sepolia").0,
        "evm-arbitrum-sepolia"
    );
    let custom = network(" evm-custom --rpc-url http://127.0.0.1:1 --payment-token-address 0x1");
    assert_eq!(custom.0, "evm-custom");
    assert!(!custom.1.contains(&"foreign-unit"), "{:?}", custom.1);
    assert_eq!(network("").0, "evm-arbitrum-one");
    for value in ["arbitrum-sepolia", "evm-arbitrum-sepolia"] {
        let (node, _) = one("antnode0014", |machine| {
            let tip = "Environment=\"ANT_LOG=ant_evm=error\"";
            edit(machine, &unit("antnode0014"), " evm-arbitrum-one", "");
            edit(
                machine,
                &unit("antnode0014"),
                tip,
                &format!("{tip}\nEnvironment=EVM_NETWORK={value}"),
            );
        });
        assert_eq!(node.network, "evm-arbitrum-sepolia");
    }
}

#[test]
fn node_that_answers_on_a_shared_port_is_the_running_one() {
    let judgement = judged(&Machine::new(Some("octal-bug")));
    let of = |service: &str| {
        judgement
            .nodes
            .iter()
            .find(|node| node.service.0 == service)
            .unwrap()
    };
    assert!(of("antnode0015.service").peer_id.is_some());
    assert_eq!(of("antnode017.service").peer_id, None, "it is not the other's");
    assert!(!has(&judgement, "answers-though-stopped"));
}

#[test]
fn stopped_node_does_not_keep_a_port_of_antctl() {
    for (node, state) in [("antnode0014", "DISABLED"), ("antnode0013", "RUNNING")] {
        let machine = Machine::new(Some("antctl-mixed"));
        let port = node.replace("antnode00", "--port 550");
        edit(&machine, &unit("antnode4"), "--port 57004", &port);
        take(&machine, &[]).unwrap();
        let nodes = colony(&machine).nodes().unwrap();
        let row = nodes.iter().find(|row| row.name.full() == node).unwrap();
        assert_eq!(row.state.word(), state, "{node}");
        assert!(codes(&judged(&machine)).contains(&("port-collision".to_owned(), node.to_owned())));
    }
}

#[test]
fn antctl_nodes_are_recognized_only_by_its_registry_and_not_returned_to_anm() {
    let machine = Machine::new(Some("antctl-mixed"));
    edit(&machine, &unit("antnode4"), "--rpc 127.0.0.1:34567 ", "");
    assert_eq!(judged(&machine).nodes.len(), 14);
    take(&machine, &[]).unwrap();
    let flags = [("confirm", "true")];
    super::takeover::patiently(|| {
        wnm::commands::init::anm::give_back(&machine.session(&flags), &machine.server())
    })
    .unwrap();
    let text = fs::read_to_string(machine.path(paths::NODE_DETAILS)).unwrap();
    assert!(!text.contains("antnode4,"), "{text}");
}

#[test]
fn node_that_restarts_repeatedly_without_data_is_restarting() {
    for (active, state) in [("activating", "RESTARTING"), ("active", "RUNNING")] {
        let (node, codes) = one("antnode0009", |machine| {
            shown(
                machine,
                "antnode0009",
                &format!("LoadState=loaded\nActiveState={active}\nMainPID=9\n"),
            );
        });
        assert_eq!(node.state.word(), state);
        assert!(codes.contains(&"data-dir-missing"), "{codes:?}");
    }
}

#[test]
fn lost_data_is_searched_where_new_nodes_are_created() {
    let judgement = after(|machine| {
        fs::create_dir_all(machine.path("/srv/nodes/antnode0009")).unwrap();
        append(&machine.path(paths::CONFIG), "NodeStorage=/srv/nodes/");
    });
    let told = judgement
        .warnings
        .iter()
        .find(|warning| warning.code.word() == "data-dir-missing")
        .unwrap();
    assert!(
        told.say.contains("perhaps it is `/srv/nodes/antnode0009`"),
        "{}",
        told.say
    );
}

#[test]
fn manual_change_of_the_newest_node_does_not_apply_to_new_nodes() {
    let judgement = after(|machine| {
        edit(
            machine,
            &unit("antnode1001"),
            "User=ant",
            "User=ant\nEnvironment=RUST_BACKTRACE=full",
        );
    });
    assert_eq!(setting(&judgement, "environment"), "ANT_LOG=ant_evm=error");
    // The newest node without manual changes has another form.
    let old = after(|machine| {
        edit(machine, &unit("antnode1001"), "--no-upnp", "--no-upnp --relay");
        for name in [
            "antnode0011",
            "antnode0012",
            "antnode0013",
            "antnode0014",
            "antnode0015",
            "antnode0016",
        ] {
            fs::remove_file(machine.path(&unit(name))).unwrap();
        }
    });
    assert_eq!(setting(&old, "no_upnp"), "false");
}

#[test]
fn nodes_in_the_root_folder_keep_their_place() {
    let machine = Machine::new(None);
    edit(
        &machine,
        &unit("antnode001"),
        "/var/antctl/services/antnode001",
        "/antnode001",
    );
    fs::rename(
        machine.path("/var/antctl/services/antnode001"),
        machine.path("/antnode001"),
    )
    .unwrap();
    let judgement = judged(&machine);
    let node = judgement.nodes.iter().find(|node| node.id.0 == 1).unwrap();
    assert_eq!(
        (node.home.root.to_str(), node.state.word()),
        (Some("/antnode001"), "RUNNING")
    );
    assert!(has(&judgement, "storage-elsewhere"));
    assert!(
        strangers(&machine)
            .iter()
            .all(|path| path.starts_with("/var/antctl/services"))
    );
}

#[test]
fn missing_anm_records_are_not_invented() {
    for text in [
        None,
        Some("declare -A node_details_store\n"),
        Some("declare -A node_details_store=([0011]=\"antn"),
    ] {
        let machine = Machine::new(None);
        let path = machine.path(paths::NODE_DETAILS);
        match text {
            None => fs::remove_file(&path).unwrap(),
            Some(text) => fs::write(&path, text).unwrap(),
        }
        take(&machine, &[]).unwrap();
        assert_eq!(path.exists(), text.is_some());
        let nodes = colony(&machine).nodes().unwrap();
        let peers = nodes.iter().filter(|node| node.peer_id.is_some()).count();
        assert_eq!((nodes.len(), peers), (14, 10), "those that answer");
    }
}

#[test]
fn logs_without_a_unit_reserve_their_number_in_any_place() {
    let judgement = after(|machine| {
        fs::create_dir_all(machine.path("/var/log/antnode/antnode0004")).unwrap();
        edit(
            machine,
            &unit("antnode0014"),
            "--log-output-dest /var/log/antnode",
            "--log-output-dest /mnt/logs",
        );
        fs::create_dir_all(machine.path("/mnt/logs/antnode0006")).unwrap();
        fs::create_dir_all(machine.path("/mnt/logs/antnode0014")).unwrap();
    });
    let mut numbers = judgement.leftovers.clone();
    numbers.sort_unstable();
    assert_eq!(numbers, [4, 6, 7, 14], "its old folder is nobody's now");
}

#[test]
fn every_form_is_read_equally_in_any_style() {
    let quirks: [fn(&str) -> String; 8] = [
        |text| text.replace('\n', "\r\n"),
        |text| text.replace('\n', "  \t\n"),
        |text| text.replace(" --", "   --"),
        |text| text.replace("ExecStart=", "ExecStart = "),
        |text| text.replace(" --", " \\\n  --"),
        |text| text.replace("--root-dir ", "--root-dir="),
        |text| {
            text.replace("--port 5", "--port \"5")
                .replace(" --enable", "\" --enable")
        },
        |text| {
            format!(
                "# by hand\n\n{}\n[Install]\nWantedBy=multi-user.target\n",
                text.trim_end()
            )
        },
    ];
    let plain_machine = Machine::new(None);
    let plain = judged(&plain_machine);
    for quirk in quirks {
        let machine = Machine::new(None);
        for node in plain.nodes.iter().filter(|node| node.id.0 != 16) {
            let path = machine.path(&format!("/etc/systemd/system/{}", node.service));
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, quirk(&text)).unwrap();
        }
        let odd = judged(&machine);
        for (one, other) in odd.nodes.iter().zip(&plain.nodes) {
            assert_eq!(one, other);
        }
        for (one, other) in odd.units.iter().zip(&plain.units) {
            assert_eq!(
                format_of(&machine, one),
                format_of(&plain_machine, other),
                "{}",
                one.name()
            );
        }
    }
}
