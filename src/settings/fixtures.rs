//! For tests: locations, a colony as `--init` makes it, and values of all settings.

use std::collections::BTreeMap;

use super::locations::{HostFacts, Locations, Operator, Platform, find};
use super::resolve::{Resolved, resolve};
use super::source::{Provided, Source};
use super::table::{Setting, Unit, ValueType};
use super::{SettingsError, Variables, defaults, from_machine_row, table};
use crate::colony::{StoredPlace, Timestamp};

pub fn operator(uid: u32) -> Operator {
    Operator {
        user: if uid == 0 { "root" } else { "op" }.to_owned(),
        uid,
        home: if uid == 0 { "/root" } else { "/home/op" }.into(),
    }
}

pub const ADDRESS: &str = "0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a";

pub fn place() -> Locations {
    let machine = HostFacts {
        platform: Platform::Linux,
        peek: &|_| StoredPlace::Nothing,
        systemd: &|_| true,
    };
    find(&[], &operator(1000), &machine, &Variables::default()).unwrap()
}

pub fn flag(name: &str, text: &str) -> Provided {
    Provided {
        setting: table::find(name).unwrap(),
        text: text.to_owned(),
        source: Source::Flag,
    }
}

/// The stored settings of a colony as `--init` makes it, with these changes.
pub fn colony(but: &[(&str, &str)]) -> Vec<Provided> {
    let mut row: BTreeMap<&str, Option<String>> = fresh(&[]).changes.into_iter().collect();
    for (name, text) in but {
        row.insert(name, Some((*text).to_owned()));
    }
    from_machine_row(row)
}

pub fn with(colony: Vec<Provided>, said: Vec<Provided>) -> Result<Resolved, SettingsError> {
    let place = place();
    let mut all = defaults::values(&place, 2, Timestamp(1000));
    all.extend(colony);
    all.extend(said);
    resolve(&all, &place, &Variables::default())
}

pub fn fresh(said: &[(&str, &str)]) -> Resolved {
    let mut flags = vec![flag("rewards_address", ADDRESS)];
    flags.extend(said.iter().map(|(name, text)| flag(name, text)));
    with(Vec::new(), flags).unwrap()
}

/// A valid value of each setting, other than its default, and how a colony stores it.
pub fn good(setting: &Setting) -> (&'static str, &'static str) {
    match (setting.name, setting.value_type) {
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
        ("firewall_rules", _) => ("single", "single"),
        ("nft_chain", _) => ("inet filter input", "inet filter input"),
        ("loglevel", _) => ("debug", "DEBUG"),
        ("enable_upgrade", _) => ("off", "0"),
        (_, ValueType::Whole { .. } | ValueType::Thousands) => ("7", "7"),
        (_, ValueType::Load) => ("3.5", "3.5"),
        (_, ValueType::Switch) => ("Yes", "1"),
        (_, ValueType::Choice(words)) => (words[0], words[0]),
        (_, ValueType::Storage) => ("~/nodes/", "/home/op/nodes"),
        (_, ValueType::File | ValueType::Database) => ("~/file", "~/file"),
        (_, ValueType::Directory) => ("~/folder", "/home/op/folder"),
        (_, ValueType::Wallets) => ("donate:3,faucet", "donate:3,faucet"),
        (_, ValueType::Address) => (ADDRESS, ADDRESS),
        (_, ValueType::Host) => ("node.example", "node.example"),
        (_, ValueType::Variables) => ("A=1 B='x y'", "A=1 B='x y'"),
        (_, ValueType::Words) => ("--first 'a b'", "--first 'a b'"),
        (_, ValueType::Version) => ("0.14.2", "0.14.2"),
        (_, ValueType::Text) => ("some/image:1", "some/image:1"),
        (_, ValueType::Names) => ("antnode0001,2", "antnode0001,2"),
        (_, ValueType::Since | ValueType::Until) => ("2h", "2h"),
    }
}

/// An invalid value of each setting.
pub fn bad(setting: &Setting) -> &'static str {
    match setting.value_type {
        ValueType::Whole {
            unit: Unit::Percent, ..
        } => "101",
        ValueType::Whole { .. } => "3O",
        ValueType::Load => "-1",
        ValueType::Thousands => "66",
        ValueType::Switch => "maybe",
        ValueType::Choice(_) => "docker",
        ValueType::Storage => "/etc",
        ValueType::File => "~nobody/x",
        ValueType::Directory => "folder",
        ValueType::Database => "mysql://host/db",
        ValueType::Wallets => "donate:0",
        ValueType::Address => "garbage",
        ValueType::Host => "a host",
        ValueType::Variables => "no equals sign",
        ValueType::Words => "'not closed",
        ValueType::Version => "latest",
        ValueType::Text => "a\u{7}b",
        ValueType::Names => "a b",
        ValueType::Since | ValueType::Until => "yesterday",
    }
}
