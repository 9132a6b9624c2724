//! Walks the whole table through every layer.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::layer::{Origin, Saying, stored};
use super::super::place::{Machine, Place, Platform, find, tests::operator};
use super::super::table::{Kept, SETTINGS, Setting, Takes, Unit};
use super::super::{Error, Variables, defaults, environment, file, table, value};
use super::{Resolved, resolve, this_run};
use crate::colony::Timestamp;

const ADDRESS: &str = "0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a";

fn place() -> Place {
    let machine = Machine {
        platform: Platform::Linux,
        peek: &|_| None,
        systemd: &|_| true,
    };
    find(&[], &operator(1000), &machine, &Variables::default()).unwrap()
}

fn flag(name: &str, text: &str) -> Saying {
    Saying {
        setting: table::find(name).unwrap(),
        text: text.to_owned(),
        origin: Origin::Flag,
    }
}

/// A colony as init makes it, or as a row with these differences keeps it.
fn colony(but: &[(&str, &str)]) -> Vec<Saying> {
    let mut row: BTreeMap<&str, Option<String>> = fresh(&[]).changes.into_iter().collect();
    for (name, text) in but {
        row.insert(name, Some((*text).to_owned()));
    }
    stored(row)
}

fn with(colony: Vec<Saying>, said: Vec<Saying>) -> Result<Resolved, Error> {
    let place = place();
    let mut all = defaults::sayings(&place, 2, Timestamp(1000));
    all.extend(colony);
    all.extend(said);
    resolve(&all, &place, &Variables::default())
}

fn fresh(said: &[(&str, &str)]) -> Resolved {
    let mut flags = vec![flag("rewards_address", ADDRESS)];
    flags.extend(said.iter().map(|(name, text)| flag(name, text)));
    with(Vec::new(), flags).unwrap()
}

/// A text that each setting takes, its default excepted, and how a colony keeps it.
fn good(setting: &Setting) -> (&'static str, &'static str) {
    match (setting.name, setting.takes) {
        ("cpu_less_than" | "mem_less_than" | "hd_less_than", _) => ("+4_2 ", "42"),
        ("cpu_remove" | "mem_remove" | "hd_remove", _) => ("88", "88"),
        ("desired_load_average", _) => ("1.50", "1.5"),
        ("max_load_average_allowed", _) => ("1e1", "10.0"),
        (
            "hdio_read_less_than" | "hdio_write_less_than" | "netio_read_less_than" | "netio_write_less_than",
            _,
        ) => ("0", "0"),
        ("port_start", _) => ("56789", "56"),
        ("metrics_port_start", _) => ("14", "14"),
        ("rpc_port_start", _) => ("31000", "31"),
        ("process_manager", _) => ("SETSID+user", "setsid+user"),
        ("firewall", _) => ("ufw", "ufw"),
        ("loglevel", _) => ("debug", "DEBUG"),
        ("enable_upgrade", _) => ("off", "0"),
        (_, Takes::Whole { .. } | Takes::Thousands) => ("7", "7"),
        (_, Takes::Load) => ("3.5", "3.5"),
        (_, Takes::Switch) => ("Yes", "1"),
        (_, Takes::Choice(words)) => (words[0], words[0]),
        (_, Takes::Storage) => ("~/nodes/", "/home/op/nodes"),
        (_, Takes::File | Takes::Database) => ("~/file", "~/file"),
        (_, Takes::Wallets) => ("donate:3,faucet", "donate:3,faucet"),
        (_, Takes::Address) => (ADDRESS, ADDRESS),
        (_, Takes::Host) => ("node.example", "node.example"),
        (_, Takes::Variables) => ("A=1 B='x y'", "A=1 B='x y'"),
        (_, Takes::Words) => ("--first 'a b'", "--first 'a b'"),
        (_, Takes::Version) => ("0.14.2", "0.14.2"),
        (_, Takes::Text) => ("some/image:1", "some/image:1"),
        (_, Takes::Names) => ("antnode0001,2", "antnode0001,2"),
    }
}

/// A text that each setting refuses.
fn bad(setting: &Setting) -> &'static str {
    match setting.takes {
        Takes::Whole {
            unit: Unit::Percent, ..
        } => "101",
        Takes::Whole { .. } => "3O",
        Takes::Load => "-1",
        Takes::Thousands => "66",
        Takes::Switch => "maybe",
        Takes::Choice(_) => "docker",
        Takes::Storage => "/etc",
        Takes::File => "~nobody/x",
        Takes::Database => "mysql://host/db",
        Takes::Wallets => "donate:0",
        Takes::Address => "garbage",
        Takes::Host => "a host",
        Takes::Variables => "no equals sign",
        Takes::Words => "'not closed",
        Takes::Version => "latest",
        Takes::Text => "a\u{7}b",
        Takes::Names => "a b",
    }
}

/// One saying in each layer that may hold it, flags in both spellings being the command line's matter.
fn in_every_layer(setting: &'static Setting, text: &str) -> Vec<Vec<Saying>> {
    let path = Path::new("/home/op/wnm/config");
    let mut layers = vec![vec![flag(setting.name, text)]];
    if setting.kept == Kept::Flag {
        return layers;
    }
    let quoted = toml_text(text);
    for key in [
        setting.name.to_owned(),
        setting.kebab(),
        setting.name.to_ascii_uppercase(),
    ] {
        let lines = format!("no_upnp yes\n{key} = {text}\n");
        layers.push(file::read(&lines, path).unwrap().split_off(1));
        let toml = format!("# toml\n\n{key} = {quoted}\n");
        layers.push(file::read(&toml, path).unwrap());
    }
    if let Some(variable) = setting.variable() {
        for name in [variable.clone(), format!("WNM_{variable}")] {
            let pairs: Variables = [(name.clone(), text.to_owned())].into_iter().collect();
            layers.push(pairs.sayings());
            let dotenv = format!("\n{name}=\"{text}\"\n");
            layers.push(
                environment::dotenv(&dotenv, Path::new("/home/op/.env"), &Variables::default()).unwrap(),
            );
        }
    }
    layers
}

fn toml_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\u{7}', "\\u0007"))
}

#[test]
fn every_setting_works_in_every_layer() {
    for setting in SETTINGS {
        let (text, kept) = good(setting);
        for layer in in_every_layer(setting, text) {
            assert_eq!(layer.len(), 1, "{} {layer:?}", setting.name);
            let origin = layer[0].origin.clone();
            let scope_home = Path::new("/home/op");
            if !setting.is_persistent() {
                let run = this_run(&layer, scope_home, &Variables::default()).unwrap();
                assert_ne!(run, super::Run::default(), "{} by {origin}", setting.name);
                continue;
            }
            let mut said = vec![flag("rewards_address", ADDRESS)];
            if setting.name == "rewards_address" {
                said.clear();
            }
            said.extend(layer);
            let made = with(Vec::new(), said.clone()).unwrap_or_else(|error| panic!("{error}"));
            let column = made.changes.iter().find(|(name, _)| *name == setting.name);
            assert_eq!(
                column.unwrap().1.as_deref(),
                Some(kept),
                "{} by {origin}",
                setting.name
            );
            let from = made.origins.iter().find(|(name, _)| *name == setting.name);
            assert_eq!(from.unwrap().1, origin);
        }
    }
}

#[test]
fn a_bad_value_is_refused_in_every_layer_even_under_a_good_one() {
    for setting in SETTINGS {
        for layer in in_every_layer(setting, bad(setting)) {
            let origin = layer[0].origin.to_string();
            let (text, _) = good(setting);
            for good in [Vec::new(), vec![flag(setting.name, text)]] {
                let mut said = layer.clone();
                if layer[0].origin == Origin::Flag && !good.is_empty() {
                    continue;
                }
                said.extend(good);
                let error = with(colony(&[]), said).unwrap_err();
                let message = error.to_string();
                assert!(!error.is_refusal(), "{message}");
                assert!(
                    message.starts_with(&format!("`{}` cannot be `", setting.name)),
                    "{message}"
                );
                assert!(message.ends_with(&format!("({origin})")), "{message}");
            }
        }
    }
}

#[test]
fn a_bad_value_in_the_colony_is_refused_unless_something_better_counts() {
    for setting in SETTINGS.iter().filter(|setting| setting.is_persistent()) {
        let bad = match bad(setting) {
            "101" => "-5",
            other => other,
        };
        if setting.name == "process_manager" {
            continue;
        }
        let error = with(colony(&[(setting.name, bad)]), Vec::new())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(&format!("`{}` cannot be `", setting.name)),
            "{error}"
        );
        assert!(error.ends_with("(`colony.db`)"), "{error}");
        if setting.kept == Kept::Colony {
            let (text, _) = good(setting);
            with(colony(&[(setting.name, bad)]), vec![flag(setting.name, text)]).unwrap();
        }
    }
}

#[test]
fn the_whole_table_is_typed() {
    let flags: Vec<(&str, &str)> = SETTINGS
        .iter()
        .filter(|setting| setting.is_persistent())
        .map(|setting| (setting.name, good(setting).0))
        .collect();
    let one = format!("{:#?}", fresh(&flags).settings);
    let other = format!("{:#?}", fresh(&[]).settings);
    let field = |text: &str, name: &str| {
        let from = text
            .find(&format!("\n    {name}: "))
            .unwrap_or_else(|| panic!("no field for {name}"));
        let lines: Vec<&str> = text[from + 1..].lines().collect();
        let end = lines
            .iter()
            .skip(1)
            .position(|line| !line.starts_with("     ") && !line.starts_with("    ]"));
        lines[..=end.unwrap_or(0)].join("\n")
    };
    // Of these the table has one value, or one that goes with the others.
    let same =
        |name: &str| name == "node_removal_strategy" || name.contains("io_") && name.ends_with("_less_than");
    for setting in SETTINGS.iter().filter(|setting| setting.is_persistent()) {
        let (one, other) = (field(&one, setting.name), field(&other, setting.name));
        assert_eq!(one == other, same(setting.name), "{}: {one}", setting.name);
    }
}

#[test]
fn a_fresh_colony_keeps_what_the_peer_keeps() {
    let row: BTreeMap<_, _> = fresh(&[]).changes.into_iter().collect();
    let kept = |name: &str| row.get(name).unwrap().as_deref();
    assert_eq!(kept("node_cap"), Some("20"));
    assert_eq!(kept("desired_load_average"), Some("1.2"));
    assert_eq!(kept("max_load_average_allowed"), Some("2.0"));
    assert_eq!(kept("node_storage"), Some("/home/op/.local/share/autonomi/node"));
    assert_eq!(
        kept("donate_address"),
        Some("0x00455d78f850b0358E8cea5be24d415E01E107CF")
    );
    assert_eq!(kept("antnode_path"), Some("~/.local/bin/antnode"));
    assert_eq!(kept("no_upnp"), Some("0"));
    assert_eq!(kept("process_manager"), Some("systemd+user"));
    assert_eq!(kept("antctl_version"), None);
    assert_eq!(kept("highest_node_id_used"), None);
    assert_eq!(kept("last_stopped_at"), Some("1000"));
    assert_eq!(
        row.len(),
        SETTINGS.iter().filter(|setting| setting.is_persistent()).count()
    );
}

#[test]
fn rewards_are_needed_to_make_a_colony() {
    let error = with(Vec::new(), Vec::new()).unwrap_err();
    assert!(error.is_refusal());
    assert!(error.to_string().contains("rewards_address"));
}

#[test]
fn only_what_differs_is_to_be_kept() {
    let changes = |said: Vec<Saying>| with(colony(&[]), said).unwrap().changes;
    assert_eq!(changes(Vec::new()), []);
    assert_eq!(
        changes(vec![
            flag("node_cap", "20"),
            flag("desired_load_average", "1.200")
        ]),
        []
    );
    assert_eq!(
        changes(vec![flag("node_cap", "30"), flag("antctl_version", "0.14.2")]),
        [
            ("node_cap", Some("30".to_owned())),
            ("antctl_version", Some("0.14.2".to_owned()))
        ]
    );
    let cleared = with(
        colony(&[("antctl_version", "0.1.0")]),
        vec![flag("antctl_version", "")],
    );
    assert_eq!(cleared.unwrap().changes, [("antctl_version", None)]);
}

#[test]
fn what_init_fixed_stays() {
    let refuse = |name: &str, text: &str| with(colony(&[]), vec![flag(name, text)]).unwrap_err();
    for (name, text) in [
        ("port_start", "56"),
        ("process_manager", "setsid+user"),
        ("rpc_port_start", "31000"),
    ] {
        assert!(refuse(name, text).is_refusal(), "{name}");
    }
    assert_eq!(
        refuse("port_start", "56789").to_string(),
        "`port_start` is `55` in this colony and cannot become `56`: its nodes are made with it (flag)"
    );
    for (name, text) in [("port_start", "55999"), ("process_manager", "systemd+user")] {
        assert_eq!(with(colony(&[]), vec![flag(name, text)]).unwrap().changes, []);
    }
}

#[test]
fn the_highest_id_is_changed_by_order_only() {
    let id = || flag("highest_node_id_used", "40");
    assert!(with(colony(&[]), vec![id()]).unwrap_err().is_refusal());
    let ordered = with(colony(&[]), vec![id(), flag("force_action", "update_config")]).unwrap();
    assert_eq!(ordered.changes, [("highest_node_id_used", Some("40".to_owned()))]);
    assert_eq!(
        with(colony(&[("highest_node_id_used", "40")]), vec![id()])
            .unwrap()
            .changes,
        []
    );
    assert_eq!(
        fresh(&[("highest_node_id_used", "40")])
            .settings
            .highest_node_id_used,
        Some(40)
    );
}

#[test]
fn disable_config_turns_flags_off_and_never_on() {
    let disable = |kept: &str, said: Saying| {
        let said = vec![said, flag("force_action", "disable_config")];
        with(colony(&[("no_upnp", kept)]), said).unwrap().changes
    };
    let off = [("no_upnp", Some("0".to_owned()))];
    assert_eq!(disable("1", flag("no_upnp", "true")), off);
    assert_eq!(disable("1", flag("no_upnp", "false")), off);
    assert_eq!(disable("0", flag("no_upnp", "true")), []);
    let variables: Variables = [("NO_UPNP".to_owned(), "true".to_owned())].into_iter().collect();
    assert_eq!(disable("1", variables.sayings().remove(0)), []);
}

#[test]
fn limits_must_leave_room_between_them() {
    let refuse = |said: &[(&str, &str)]| {
        let said = said.iter().map(|(name, text)| flag(name, text)).collect();
        let error = with(colony(&[]), said).unwrap_err();
        assert!(!error.is_refusal());
        error.to_string()
    };
    assert_eq!(
        refuse(&[("cpu_less_than", "70")]),
        "`cpu_less_than` cannot be `70`: `cpu_less_than` must be below `cpu_remove`, \
         and `cpu_remove` is 70 by `colony.db` (flag)"
    );
    assert!(refuse(&[("hd_remove", "0")]).starts_with("`hd_remove` cannot be `0`"));
    assert!(refuse(&[("max_load_average_allowed", "1.2")]).contains("desired_load_average"));
    assert!(refuse(&[("hdio_read_less_than", "7")]).contains("or both 0"));
    with(colony(&[]), vec![flag("hdio_read_remove", "7")]).unwrap();
}

#[test]
fn what_a_colony_of_the_peer_keeps_is_used_with_a_warning() {
    let odd = colony(&[
        ("cpu_less_than", "101"),
        ("cpu_remove", "101"),
        ("max_load_average_allowed", "inf"),
        ("desired_load_average", "1000.0"),
        ("rpc_port_start", "55"),
    ]);
    let resolved = with(odd.clone(), vec![flag("node_cap", "20")]).unwrap();
    assert_eq!(resolved.warnings.len(), 2, "{:?}", resolved.warnings);
    assert_eq!(resolved.settings.cpu_remove, 101);
    assert_eq!(resolved.changes, []);
    assert!(with(odd, vec![flag("cpu_remove", "101")]).is_err());
}

#[test]
fn ports_must_not_overlap_and_must_exist() {
    let refuse = |said: &[(&str, &str)]| {
        let mut flags = vec![flag("rewards_address", ADDRESS)];
        flags.extend(said.iter().map(|(name, text)| flag(name, text)));
        with(Vec::new(), flags).unwrap_err().to_string()
    };
    assert!(refuse(&[("metrics_port_start", "55")]).contains("would overlap"));
    assert!(refuse(&[("metrics_port_start", "54"), ("node_cap", "1500")]).contains("would overlap"));
    assert!(refuse(&[("port_start", "65"), ("node_cap", "600")]).contains("above 65535"));
    fresh(&[("port_start", "65"), ("node_cap", "500")]);
    fresh(&[("node_cap", "10000")]);
    let grown = with(
        colony(&[("metrics_port_start", "54")]),
        vec![flag("node_cap", "1500")],
    );
    assert!(
        grown
            .unwrap_err()
            .to_string()
            .starts_with("`node_cap` cannot be `1500`")
    );
}

#[test]
fn a_wallet_with_a_wrong_checksum_is_warned_of() {
    let wrong = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD";
    let resolved = fresh(&[("rewards_address", wrong)]);
    assert_eq!(resolved.warnings.len(), 1);
    assert!(resolved.warnings[0].contains(wrong));
    assert!(fresh(&[]).warnings.is_empty());
}

#[test]
fn what_is_allowed_can_be_said_of_all() {
    for setting in SETTINGS {
        assert!(!value::allowed(setting).is_empty());
    }
    assert_eq!(
        value::allowed(table::find("node_cap").unwrap()),
        "a whole number from 0 to 10000"
    );
    assert_eq!(
        value::allowed(table::find("delay_start").unwrap()),
        "a whole number of seconds, 0 or more"
    );
}
