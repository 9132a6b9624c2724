//! Many generated servers, each compared with its expected result.
//!
//! `cargo test` evaluates some dozens and takes over a few; `WNM_STRESS=full` evaluates thousands;
//! `WNM_SEED=N` only one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use wnm::colony::{Node, NodeState};
use wnm::commands::init::anm::give_back;
use wnm::takeover::anm::build::{TakeoverPlan, build_plan};
use wnm::takeover::anm::warning::WarningCode;
use wnm::takeover::anm::{node_details_file, paths};

use super::generator::{self, Made};
use super::takeover::{colony, patiently, take};
use crate::stage::anm::Machine;

fn seeds(few: u64, many: u64) -> Vec<u64> {
    if let Ok(one) = std::env::var("WNM_SEED") {
        return vec![one.parse().expect("a seed")];
    }
    let full = std::env::var("WNM_STRESS").is_ok_and(|how| how == "full");
    (0..if full { many } else { few }).collect()
}

/// Every file with its mode, time and content.
fn snapshot(machine: &Machine) -> BTreeMap<String, (u32, i64, Vec<u8>)> {
    fn walk(folder: &Path, root: &Path, all: &mut BTreeMap<String, (u32, i64, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let seen = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            let bytes = if seen.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            all.insert(
                name,
                (seen.mode(), if seen.is_dir() { 0 } else { seen.mtime() }, bytes),
            );
            if seen.is_dir() {
                walk(&path, root, all);
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(&machine.root(), &machine.root(), &mut all);
    all
}

fn cron(machine: &Machine) -> Option<String> {
    fs::read_to_string(machine.path(paths::CRON)).ok()
}

/// Compares each row with the node that it was generated from.
fn check_rows(made: &Made, rows: &[Node], judgement: &TakeoverPlan) {
    assert_eq!(rows.len(), made.nodes.len());
    let mut numbers = BTreeSet::new();
    for node in &made.nodes {
        let row = rows
            .iter()
            .find(|row| row.service.0 == node.service)
            .expect("a row");
        let about = &node.service;
        assert_eq!(row.name.0, node.digits, "{about}");
        assert_eq!(row.ports.node, node.port.unwrap_or(0), "{about}");
        assert_eq!(row.ports.metrics, node.metrics.unwrap_or(0), "{about}");
        assert_eq!(row.home.root, Path::new(&node.root), "{about}");
        assert_eq!(row.home.binary, Path::new(&node.root).join("antnode"), "{about}");
        let logs = format!("/var/log/antnode/antnode{}", node.digits);
        assert_eq!(row.home.logs.as_deref(), Some(Path::new(&logs)), "{about}");
        assert_eq!(row.wallet.as_deref(), Some(node.wallet), "{about}");
        assert_eq!(row.network, node.network, "{about}");
        assert_eq!(
            (row.user.as_str(), row.host.as_str()),
            ("ant", "127.0.0.1"),
            "{about}"
        );
        let pairs: Vec<String> = node
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            row.environment.as_deref(),
            Some(pairs.join(" ").as_str()),
            "{about}"
        );
        assert_eq!(row.born.0, if node.has_data { node.born } else { 0 }, "{about}");
        let (peer, believed) = node.belief.unwrap_or_default();
        let version = match (node.is_complete(), node.answers, node.has_data) {
            (true, true, _) => "0.4.9",
            (true, false, true) => node.version,
            _ => believed,
        };
        assert_eq!(
            row.version.as_ref().map_or("", |version| version.as_str()),
            version,
            "{about}"
        );
        let has_peer = node.answers || !peer.is_empty();
        assert_eq!(row.peer_id.is_some(), has_peer, "{about}");
        assert_eq!(row.figures.uptime, if node.answers { 77 } else { 0 }, "{about}");
        // Exactly one of several nodes with one number keeps it.
        if row.id.0 == node.number {
            assert!(numbers.insert(node.number), "{about}");
        } else {
            assert!(row.id.0 > made.nodes.last().unwrap().number, "{about}");
            assert_eq!(row.state, NodeState::Disabled, "{about}");
        }
        let shares = judgement.excused().contains(row.name.full().as_str());
        if !shares || row.state != NodeState::Disabled {
            assert_eq!(row.state.word(), node.state(), "{about}");
        }
    }
    let known: BTreeSet<u32> = made.nodes.iter().map(|node| node.number).collect();
    assert_eq!(numbers, known);
}

/// Checks that hold for every server.
fn check_always(made: &Made, judgement: &TakeoverPlan) {
    let rows = &judgement.nodes;
    let ids: BTreeSet<u32> = rows.iter().map(|row| row.id.0).collect();
    let services: BTreeSet<&str> = rows.iter().map(|row| row.service.0.as_str()).collect();
    assert_eq!((ids.len(), services.len()), (rows.len(), rows.len()));
    let mut ports: BTreeMap<u16, &str> = BTreeMap::new();
    let foreign: BTreeSet<u16> = made.foreign.values().flatten().copied().collect();
    for row in rows.iter().filter(|row| row.state != NodeState::Disabled) {
        let node = made
            .nodes
            .iter()
            .find(|node| node.service == row.service.0)
            .unwrap();
        for port in [row.ports.node, row.ports.metrics] {
            let other = ports.insert(port, &row.service.0);
            assert_eq!(other, None, "{port} of {}", row.service);
            assert!(node.runs() || !foreign.contains(&port), "{}", row.service);
        }
    }
    for node in &made.nodes {
        let row = rows.iter().find(|row| row.service.0 == node.service).unwrap();
        let told = |code: WarningCode| {
            judgement.warnings.iter().any(|warning| {
                warning.code == code && warning.node.as_deref() == node.service.strip_suffix(".service")
            })
        };
        let up = [NodeState::Running, NodeState::Restarting].contains(&row.state);
        let is_doubled = told(WarningCode::IdCollision) || told(WarningCode::PortCollision);
        assert_eq!(
            up,
            node.runs() && row.state != NodeState::Disabled,
            "{}",
            node.service
        );
        assert!(
            up || !node.runs() || is_doubled || told(WarningCode::UnitMalformed),
            "{}",
            node.service
        );
        assert!(
            node.runs() || node.has_data || row.state == NodeState::Disabled,
            "{}",
            node.service
        );
        assert_eq!(
            told(WarningCode::DataDirMissing),
            node.is_complete() && !node.has_data,
            "{}",
            node.service
        );
        assert_eq!(
            told(WarningCode::UnitMalformed),
            !node.is_complete(),
            "{}",
            node.service
        );
        // A port is kept by a running node, or by the first of several stopped ones.
        if told(WarningCode::PortCollision) && node.state() == "RUNNING" && !told(WarningCode::IdCollision) {
            let rival = |other: &&Node| {
                let own = [row.ports.node, row.ports.metrics];
                other.id != row.id
                    && [other.ports.node, other.ports.metrics]
                        .iter()
                        .any(|port| own.contains(port))
            };
            let is_lost_to_one_that_runs = rows.iter().filter(rival).any(|other| {
                made.nodes
                    .iter()
                    .any(|node| node.service == other.service.0 && node.runs())
            });
            assert!(
                row.state == NodeState::Running || is_lost_to_one_that_runs,
                "{}",
                node.service
            );
        }
    }
    let not_taken: BTreeSet<&str> = judgement
        .foreign
        .iter()
        .map(|unit| unit.service.as_str())
        .collect();
    assert_eq!(not_taken, made.foreign.keys().map(String::as_str).collect());
    let left: BTreeSet<u32> = judgement.leftovers.iter().copied().collect();
    assert_eq!(left, made.orphans);
}

fn check_settings(made: &Made, judgement: &TakeoverPlan) {
    for taken in &judgement.settings {
        if let Some(text) = made.settings.get(taken.name) {
            assert_eq!(&taken.text, text, "{}", taken.name);
        }
    }
    for name in made.settings.keys() {
        assert!(
            judgement.settings.iter().any(|taken| taken.name == *name),
            "{name}"
        );
    }
}

/// Prints the seed of a failure.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("WNM_SEED={} plays it again", self.0);
        }
    }
}

#[test]
fn rows_and_settings_of_any_generated_server_are_as_expected() {
    for seed in seeds(60, 4000) {
        let _told = Told(seed);
        let made = generator::server(seed);
        let before = snapshot(&made.machine);
        let judgement = build_plan(&made.machine.server(), cron(&made.machine).as_deref()).unwrap();
        check_rows(&made, &judgement.nodes, &judgement);
        check_always(&made, &judgement);
        check_settings(&made, &judgement);
        assert!(snapshot(&made.machine) == before, "something was changed");
    }
}

/// Files that a takeover may change and a rollback restores.
fn is_ours(path: &str) -> bool {
    [
        "etc/cron.d/",
        "var/lib",
        "var/antctl/block",
        "var/antctl/colony.db",
        "var/antctl/wnm_active",
    ]
    .iter()
    .any(|own| path.starts_with(own))
}

#[test]
fn any_generated_server_is_restored_after_takeover_and_rollback() {
    for seed in seeds(4, 150) {
        let _told = Told(seed);
        let made = generator::server(seed);
        let machine = &made.machine;
        let before = snapshot(machine);
        let line = cron(machine);
        let judgement = build_plan(&machine.server(), line.as_deref()).unwrap();
        // Where there is no wallet, the operator must give one.
        let says_wallet = judgement
            .settings
            .iter()
            .any(|taken| taken.name == "rewards_address");
        let wallet = [("rewards_address", "0x94F54E2c09eF751201293cAeE2693dAaCDF0F01c")];
        if !says_wallet {
            let refused = take(machine, &[]).unwrap_err();
            assert!(refused.to_string().contains("rewards_address"), "{refused}");
            assert!(snapshot(machine) == before, "something was changed");
        }
        let flags: &[(&str, &str)] = if says_wallet { &[] } else { &wallet };
        take(machine, &[flags, &[("dry_run", "true")]].concat()).unwrap();
        assert!(snapshot(machine) == before, "a dry run changed something");
        take(machine, flags).unwrap();
        let kept = |all: BTreeMap<String, (u32, i64, Vec<u8>)>| -> BTreeMap<_, _> {
            all.into_iter().filter(|(path, _)| !is_ours(path)).collect()
        };
        assert!(
            kept(snapshot(machine)) == kept(before.clone()),
            "what is not ours was changed"
        );
        check_rows(&made, &colony(machine).nodes().unwrap(), &judgement);
        assert_eq!(cron(machine), None);

        patiently(|| give_back(&machine.session(&[("confirm", "true")]), &machine.server())).unwrap();
        assert_eq!(cron(machine), line);
        let mut after = snapshot(machine);
        let details = after.remove("var/antctl/NodeDetails").unwrap().2;
        let mut wanted = before.clone();
        wanted.remove("var/antctl/NodeDetails");
        let is_backup = |path: &str| path.starts_with("var/lib");
        after.retain(|path, _| !is_backup(path) && path != "var/antctl/wnm_active");
        wanted.retain(|path, _| !is_backup(path));
        let differs: Vec<&String> = after
            .iter()
            .filter(|(path, what)| wanted.get(*path) != Some(*what))
            .map(|(path, _)| path)
            .chain(wanted.keys().filter(|path| !after.contains_key(*path)))
            .collect();
        assert!(differs.is_empty(), "{differs:?}");
        let told = node_details_file::read(&String::from_utf8(details).unwrap());
        let believed: BTreeSet<(&str, bool)> = told
            .iter()
            .map(|one| (one.name.as_str(), one.is_running))
            .collect();
        let true_ones: BTreeSet<(&str, bool)> = made
            .nodes
            .iter()
            .map(|node| (node.service.strip_suffix(".service").unwrap(), node.runs()))
            .collect();
        assert_eq!(believed, true_ones);
    }
}
