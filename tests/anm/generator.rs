//! Random servers of anm, generated from a seed: units in all forms and states, storages, settings, and
//! anm's own records; with each the correct result of a takeover, derived from the generation and not from
//! the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::stage::Random;
use crate::stage::anm::Machine;

const WALLETS: [&str; 3] = [
    "0x94F54E2c09eF751201293cAeE2693dAaCDF0F01c",
    "0xF2a1A6FBC2c81aD60ADf1eeA74DAaB5fE9d5aEC6",
    "0x68723CDB1f027208379af2043B96E5364F5Ab27C",
];
const PEER: &str = "12D3KooWAPZ2td7z4CnDHMUPy3E21Za1BsopW9VLR6sr1eCdYo51";

/// One generated unit.
pub struct Node {
    pub service: String,
    pub digits: String,
    pub number: u32,
    /// From 1 to 9.
    pub form: u8,
    pub active: &'static str,
    pub answers: bool,
    pub has_data: bool,
    pub born: i64,
    pub port: Option<u16>,
    pub metrics: Option<u16>,
    pub root: String,
    pub wallet: &'static str,
    pub network: &'static str,
    pub environment: Vec<(&'static str, &'static str)>,
    pub no_upnp: bool,
    /// The version of its binary.
    pub version: &'static str,
    /// Its peer ID and version in NodeDetails, if there.
    pub belief: Option<(&'static str, &'static str)>,
}

impl Node {
    pub fn is_complete(&self) -> bool {
        self.port.is_some() && self.metrics.is_some()
    }

    pub fn runs(&self) -> bool {
        !matches!(self.active, "inactive" | "failed")
    }

    /// Its state in the table, before conflicts with other nodes.
    pub fn state(&self) -> &'static str {
        match (self.active, self.answers, self.has_data) {
            _ if !self.is_complete() => "DISABLED",
            (_, true, _) | ("active", _, false) => "RUNNING",
            _ if self.runs() => "RESTARTING",
            (_, _, false) => "DISABLED",
            _ => "STOPPED",
        }
    }
}

/// A server and the expected result.
pub struct Made {
    pub machine: Machine,
    pub nodes: Vec<Node>,
    /// Units that are not anm's, and their ports.
    pub foreign: BTreeMap<String, Vec<u16>>,
    /// Numbers of folders without a unit.
    pub orphans: BTreeSet<u32>,
    /// The expected settings, by wnm's names.
    pub settings: BTreeMap<&'static str, String>,
    _folder: TempDir,
}

pub fn server(seed: u64) -> Made {
    let folder = tempfile::Builder::new().prefix("wnm-anm-").tempdir().unwrap();
    let mut yard = Yard {
        dice: Random::of(seed),
        root: folder.path().join("root"),
        runtime: folder.path().join("runtime"),
    };
    fs::create_dir_all(yard.runtime.join("http")).unwrap();
    yard.runtime("processes.txt", "/usr/sbin/cron -f\n");
    yard.runtime("boot_time.txt", "1790000000\n");
    yard.program("/home/weave/.local/bin/antnode", "0.4.3");
    yard.file("/usr/bin/anms.sh", "ntpr=55\n        DelayStart=3\n");
    let storages = [
        "/var/antctl/services",
        "/mnt/some-disk.1/nodes",
        "/mnt/two words/nodes",
    ];
    let home = yard.dice.one(&storages);
    let mut nodes = Vec::new();
    let mut services = BTreeSet::new();
    let count = yard.dice.below(9);
    for _ in 0..count {
        let node = yard.node(home, &storages);
        if services.insert(node.service.clone()) {
            nodes.push(node);
        }
    }
    nodes.sort_by(|one, other| (one.number, &one.service).cmp(&(other.number, &other.service)));
    sole(&mut nodes);
    for node in &nodes {
        yard.lay(node);
    }
    yard.beliefs(&nodes);
    let foreign = yard.foreigners(&nodes);
    let orphans = yard.orphans(home, &nodes, &foreign);
    let settings = yard.settings(home, &nodes);
    Made {
        machine: Machine::at(folder.path().to_owned()),
        nodes,
        foreign,
        orphans,
        settings,
        _folder: folder,
    }
}

/// Of several nodes with one metrics port, the one that started first answers; it is the running one with
/// the newer identity.
fn sole(nodes: &mut [Node]) {
    let rank = |node: &Node| {
        let liveliness = match node.active {
            "active" => 2,
            "activating" => 1,
            _ => 0,
        };
        (liveliness, if node.has_data { node.born } else { 0 })
    };
    let ranks: Vec<_> = nodes.iter().map(|node| (node.metrics, rank(node))).collect();
    for (nth, node) in nodes.iter_mut().enumerate() {
        let own = (node.metrics, rank(node));
        let is_before = |other: &(usize, &(Option<u16>, (u8, i64)))| {
            other.1.0 == own.0 && (other.1.1 > own.1 || other.1.1 == own.1 && other.0 < nth)
        };
        node.answers &= !ranks.iter().enumerate().any(|other| is_before(&other));
    }
}

/// Where a server is created.
struct Yard {
    dice: Random,
    root: PathBuf,
    runtime: PathBuf,
}

impl Yard {
    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn file(&self, path: &str, text: &str) {
        Yard::write(&self.path(path), text);
    }

    fn runtime(&self, path: &str, text: &str) {
        Yard::write(&self.runtime.join(path), text);
    }

    fn program(&self, path: &str, version: &str) {
        self.file(path, &format!("#!/bin/sh\necho 'Autonomi Node v{version}'\n"));
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn node(&mut self, home: &str, storages: &[&str]) -> Node {
        let dice = &mut self.dice;
        let number = match dice.below(8) {
            0 => u32::try_from(998 + dice.below(6)).unwrap(),
            1 => 8 + u32::try_from(dice.below(3)).unwrap(),
            _ => u32::try_from(1 + dice.below(12)).unwrap(),
        };
        let form = u8::try_from(1 + dice.below(9)).unwrap();
        let digits = if form < 6 {
            format!("{number:03}")
        } else {
            format!("{number:04}")
        };
        let name = format!("antnode{digits}");
        let thousands = dice.one(&[55, 55, 55, 55, 35]);
        let (port, metrics) = match dice.below(16) {
            // The octal bug, ports concatenated as text, and manual edits.
            0 => (None, None),
            1 => (Some(12_000 + number), Some(14_000 + number)),
            2 => (Some(thousands * 1000 + number), None),
            _ => (Some(thousands * 1000 + number), Some(13_000 + number)),
        };
        let narrow = |port: Option<u32>| port.map(|port| u16::try_from(port).unwrap());
        let active = dice.one(&["active", "active", "active", "activating", "inactive", "failed"]);
        let storage = if dice.is_one_in(4) {
            dice.one(storages)
        } else {
            home
        };
        let mut environment = Vec::new();
        if form > 6 || dice.is_one_in(4) {
            environment.push(("ANT_LOG", "ant_evm=error"));
        }
        if dice.is_one_in(8) {
            environment.push(("RUST_BACKTRACE", "1"));
        }
        Node {
            service: format!("{name}.service"),
            number,
            form,
            active,
            answers: active == "active" && port.is_some() && metrics.is_some() && !dice.is_one_in(4),
            has_data: !dice.is_one_in(5),
            born: 1_746_000_000 + i64::try_from(dice.below(1_000_000)).unwrap(),
            port: narrow(port),
            metrics: narrow(metrics),
            root: format!("{storage}/{name}"),
            wallet: dice.one(&WALLETS),
            network: if form < 3 {
                "evm-arbitrum-sepolia"
            } else {
                "evm-arbitrum-one"
            },
            environment,
            no_upnp: form > 7,
            version: dice.one(&["0.4.3", "0.4.2", "0.3.11"]),
            belief: dice.one(&[Some((PEER, "0.4.1")), Some((PEER, "")), Some(("", "0.4.1")), None]),
            digits,
        }
    }

    fn lay(&mut self, node: &Node) {
        let unit = self.unit(node);
        let path = format!("/etc/systemd/system/{}", node.service);
        self.file(&path, &unit);
        let pid = if node.runs() { 1000 + node.number } else { 0 };
        let shown = format!("LoadState=loaded\nActiveState={}\nMainPID={pid}\n", node.active);
        self.runtime(&format!("systemctl_show/{}.txt", node.service), &shown);
        if node.has_data {
            self.program(&format!("{}/antnode", node.root), node.version);
            let key = self.path(&format!("{}/secret-key", node.root));
            Yard::write(&key, "key");
            let born = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(node.born).unwrap());
            fs::File::options()
                .write(true)
                .open(key)
                .unwrap()
                .set_modified(born)
                .unwrap();
        }
        if node.answers {
            let port = node.metrics.unwrap();
            let metadata = format!(
                "ant_node_antnode_version_info{{antnode_version=\"0.4.9\"}} 1\n\
                 ant_networking_peer_id_info{{peer_id=\"{PEER}\"}} 1\n# EOF\n"
            );
            self.runtime(&format!("http/{port}/metadata"), &metadata);
            self.runtime(&format!("http/{port}/metrics"), "ant_node_uptime 77\n# EOF\n");
        }
    }

    /// The unit's text in one of the forms that anm and operators have written.
    fn unit(&mut self, node: &Node) -> String {
        let dice = &mut self.dice;
        let name = format!("antnode{}", node.digits);
        let slashes = dice.one(&["/", "//"]);
        let (storage, last) = node.root.rsplit_once('/').unwrap();
        let root = format!("{storage}{slashes}{last}");
        let word = |dice: &mut Random, text: &str| match (text.contains(' '), dice.below(8)) {
            (true, 0) => format!("'{text}'"),
            (true, 1) => text.replace(' ', "\\x20"),
            (true, _) | (false, 0) => format!("\"{text}\""),
            _ => text.to_owned(),
        };
        let pair = |dice: &mut Random, flag: &str, value: &str| {
            let joint = dice.one(&[" ", " ", " ", " ", "=", "  "]);
            let value = if joint == "=" && value.contains(' ') {
                value.replace(' ', "\\x20")
            } else if joint == "=" {
                value.to_owned()
            } else {
                word(dice, value)
            };
            format!("{flag}{joint}{value}")
        };
        let port = |dice: &mut Random, flag: &str, port: Option<u16>| match port {
            Some(port) => pair(dice, flag, &port.to_string()),
            None => dice.one(&[format!("{flag} "), format!("{flag} 551001"), String::new()]),
        };
        let mut words = Vec::new();
        if node.no_upnp {
            words.push("--no-upnp".to_owned());
        }
        match node.form {
            4 => words.push("--bootstrap-cache-dir /var/antctl/services/bootstrap-cache".to_owned()),
            5..=8 => words.push(pair(dice, "--bootstrap-cache-dir", "/var/antctl/bootstrap-cache")),
            9 => words.push("--bootstrap \"192.0.2.10:12000\"".to_owned()),
            _ => {}
        }
        words.push(pair(dice, "--root-dir", &root));
        words.push(port(dice, "--port", node.port));
        words.push("--enable-metrics-server".to_owned());
        words.push(port(dice, "--metrics-server-port", node.metrics));
        let logs = format!(
            "{} --max-log-files 1 --max-archived-log-files 1",
            pair(dice, "--log-output-dest", &format!("/var/log/antnode/{name}"))
        );
        let wallet = pair(dice, "--rewards-address", node.wallet);
        words.extend(if node.form < 3 {
            [wallet, logs]
        } else {
            [logs, wallet]
        });
        if dice.is_one_in(8) {
            // An operator sorted the lines.
            words.sort();
        }
        words.push(node.network.to_owned());
        let joint = dice.one(&[" ", " ", " ", "  ", " \\\n    "]);
        let program = word(dice, &format!("{root}/antnode"));
        let mut lines = vec![
            "[Unit]".to_owned(),
            format!("Description={name}"),
            "[Service]".to_owned(),
            "User=ant".to_owned(),
        ];
        for (variable, value) in &node.environment {
            let line = dice.one(&["Environment=\"{}\"", "Environment={}", "Environment='{}'"]);
            lines.push(line.replace("{}", &format!("{variable}={value}")));
        }
        if node.environment.len() == 1 && dice.is_one_in(4) {
            // The end of the list, with two successors.
            lines.push(lines.last().unwrap().clone());
        }
        lines.push(format!("ExecStart={program} {}", words.join(joint)));
        lines.push("Restart=always".to_owned());
        lines.push(
            if node.form == 1 {
                "RestartSec=300"
            } else {
                "#RestartSec=300"
            }
            .to_owned(),
        );
        if dice.is_one_in(8) {
            lines.insert(1, "# by hand\n\n; too".to_owned());
        }
        let end = dice.one(&["\n", "\n", "\n", "\r\n", "  \n"]);
        // Blanks after a backslash would end the continuation.
        let end = if joint.contains('\\') && end == "  \n" {
            "\n"
        } else {
            end
        };
        let text = lines.join("\n") + "\n";
        text.replace('\n', end)
    }

    fn beliefs(&mut self, nodes: &[Node]) {
        let mut line = "declare -A node_details_store=(".to_owned();
        for node in nodes {
            if let Some((peer, version)) = node.belief {
                let state = self.dice.one(&["RUNNING", "STOPPED"]);
                let digits = &node.digits;
                line += &format!("[{digits}]=\"antnode{digits},{peer},{version},{state}\" ");
            }
        }
        let line = match self.dice.below(6) {
            0 => line + "[0777]=\"antnode0777,,,RUNNING\" )\n",
            1 => line + "[0778]=\"antnode07",
            _ => line + ")\n",
        };
        if nodes.iter().all(|node| node.belief.is_none()) && self.dice.is_one_in(2) {
            return;
        }
        self.file("/var/antctl/NodeDetails", &line);
    }

    fn foreigners(&mut self, nodes: &[Node]) -> BTreeMap<String, Vec<u16>> {
        let mut foreign = BTreeMap::new();
        if self.dice.is_one_in(4) {
            let number = 20 + u16::try_from(self.dice.below(5)).unwrap();
            // Some of these ports also belong to a unit of anm's.
            let port = nodes.iter().filter_map(|node| node.port).next();
            let port = port.filter(|_| self.dice.is_one_in(3)).unwrap_or(57_000 + number);
            let rpc = if self.dice.is_one_in(2) {
                format!("--rpc 127.0.0.1:{}", 34_000 + number)
            } else {
                String::new()
            };
            let name = format!("antnode{number}");
            let root = format!("/var/antctl/services/{name}");
            let text = format!(
                "[Service]\nExecStart={root}/antnode {rpc} --root-dir {root} --port {port} --metrics-server-port {}\n",
                15_000 + number
            );
            self.file(&format!("/etc/systemd/system/{name}.service"), &text);
            fs::create_dir_all(self.path(&root)).unwrap();
            let mut ports = vec![port, 15_000 + number];
            if rpc.is_empty() {
                let list = format!("{{\"nodes\": [{{\"service_name\": \"{name}\"}}]}}");
                self.file("/var/antctl/node_registry.json", &list);
            } else {
                ports.push(34_000 + number);
            }
            foreign.insert(format!("{name}.service"), ports);
        }
        foreign
    }

    fn orphans(&mut self, home: &str, nodes: &[Node], foreign: &BTreeMap<String, Vec<u16>>) -> BTreeSet<u32> {
        let mut orphans = BTreeSet::new();
        for _ in 0..self.dice.below(3) {
            let number = u32::try_from(1 + self.dice.below(30)).unwrap();
            let name = format!("antnode{number:04}");
            let service = format!("{name}.service");
            if nodes.iter().any(|node| node.service == service) || foreign.contains_key(&service) {
                continue;
            }
            let folder = self.dice.one(&[home, "/var/log/antnode"]);
            fs::create_dir_all(self.path(&format!("{folder}/{name}"))).unwrap();
            orphans.insert(number);
        }
        orphans
    }

    /// One line in one of the styles of operators.
    fn line(&mut self, name: &str, value: &str) -> String {
        let dice = &mut self.dice;
        let is_bare = !value.contains(' ') && dice.is_one_in(2);
        let quoted = match (is_bare, dice.below(3)) {
            (true, _) => value.to_owned(),
            (false, 0) => format!("'{value}'"),
            (false, 1) if value.contains(' ') => value.replace(' ', "\\ "),
            _ => format!("\"{value}\""),
        };
        let before = dice.one(&["", "", "", "export ", "  "]);
        let after = dice.one(&["", "", "", "  ", " # was 7", "\t#"]);
        let earlier = if dice.is_one_in(8) {
            format!("{name}=7\n")
        } else {
            String::new()
        };
        format!("{earlier}{before}{name}={quoted}{after}\n")
    }

    fn settings(&mut self, home: &str, nodes: &[Node]) -> BTreeMap<&'static str, String> {
        let mut comes_to = BTreeMap::new();
        let (mut config, mut over) = ("# made up\n\n".to_owned(), String::new());
        let many = self.dice.is_one_in(4);
        for (old, new) in [
            ("CpuLessThan", "cpu_less_than"),
            ("MemLessThan", "mem_less_than"),
            ("HDLessThan", "hd_less_than"),
            ("CpuRemove", "cpu_remove"),
            ("MemRemove", "mem_remove"),
            ("HDRemove", "hd_remove"),
            ("NodeCap", "node_cap"),
            ("DelayStart", "delay_start"),
            ("DelayReStart", "delay_restart"),
            ("DelayUpgrade", "delay_upgrade"),
            ("DelayRemove", "delay_remove"),
        ] {
            let mut value = self.dice.below(50) + if new.ends_with("_remove") { 50 } else { 0 };
            config += &self.line(old, &value.to_string());
            if self.dice.is_one_in(8) {
                value = if new.ends_with("_remove") { 90 } else { 9 };
                over += &self.line(old, &value.to_string());
            }
            if many && matches!(old, "DelayStart" | "DelayUpgrade") {
                value = 3;
            }
            if old.starts_with("Delay") {
                value *= 60;
            }
            if old == "NodeCap" {
                value = value.max(nodes.len());
            }
            comes_to.insert(new, value.to_string());
        }
        for (old, new, values) in [
            (
                "MaxLoadAverageAllowed",
                "max_load_average_allowed",
                [("8.0", "8.0"), ("24", "24.0")],
            ),
            (
                "DesiredLoadAverage",
                "desired_load_average",
                [("4.8", "4.8"), (".6", "0.6")],
            ),
        ] {
            let (text, value) = self.dice.one(&values);
            config += &self.line(old, text);
            comes_to.insert(new, value.to_owned());
        }
        let slash = self.dice.one(&["", "/", "//"]);
        config += &self.line("NodeStorage", &format!("{home}{slash}"));
        comes_to.insert("node_storage", home.to_owned());

        // First the file that anm reads last, then `override`, then `config`, then the value of most nodes.
        let [file, over_says, config_says] = [self.offer(), self.offer(), self.offer()];
        if let Some((text, _)) = &over_says {
            over += &self.line("RewardsAddress", text);
        }
        if let Some((text, _)) = &config_says {
            config += &self.line("RewardsAddress", text);
        }
        if let Some((text, _)) = &file {
            let line = self.line("RewardsAddress", text);
            self.file("/home/weave/.local/share/anm-wallet", &line);
        }
        let said = [file, over_says, config_says].into_iter().flatten();
        let plain = said.filter_map(|(_, address)| address).next();
        if let Some(address) = plain {
            comes_to.insert("rewards_address", address.to_owned());
        }
        config += "UpgradeHour=3\nUpgradeMin=41\nNodeVersion=\"\"\nDiscordUsername=\"--owner $USER\"\n";
        if self.dice.is_one_in(8) {
            config = config.replace('\n', "\r\n");
        }
        self.file("/var/antctl/config", &config);
        if !over.is_empty() {
            self.file("/var/antctl/override", &over);
        }
        let cores = if many { 32 } else { 8 };
        let system = self.line("CpuCount", &cores.to_string());
        self.file("/var/antctl/system", &system);
        if !self.dice.is_one_in(8) {
            self.file(
                "/etc/cron.d/anm",
                "* * * * * weave /bin/bash /usr/bin/anms.sh >> /var/antctl/log\n",
            );
        }
        fs::create_dir_all(self.path("/etc/cron.d")).unwrap();
        comes_to
    }

    /// The rewards address in a file, and whether it is valid.
    fn offer(&mut self) -> Option<(String, Option<&'static str>)> {
        let wallet = self.dice.one(&WALLETS);
        match self.dice.below(4) {
            0 => None,
            1 => Some(("--rewards-address EtheriumAddress".to_owned(), None)),
            2 => Some((format!("--rewards-address {wallet}"), Some(wallet))),
            _ => Some((wallet.to_owned(), Some(wallet))),
        }
    }
}
