//! Properties of every parser of foreign text, for any input.
//!
//! The fuzz targets search for inputs that break them, and `fuzz_corpus` replays the inputs found; both use
//! this file. A broken property panics.

use std::collections::BTreeSet;
use std::path::Path;

use wnm::colony::{ManagerKind, Node, Version, Wallet, Wallets};
use wnm::manager::antctl::{discover, registry::Registry};
use wnm::manager::discovered_node;
use wnm::manager::launchd::job_file::JobFile;
use wnm::manager::unit_file::Unit;
use wnm::manager::{LaunchPolicy, launch_command};
use wnm::settings::path_value::PathScope;
use wnm::settings::{Provided, Variables, config_file, environment, parse_value};
use wnm::survey::openmetrics::LineScanner;

/// One property and its inputs.
pub struct Law {
    /// The name of its fuzz target and corpus.
    pub name: &'static str,
    pub holds_for: fn(&[u8]),
}

/// All properties.
pub const LAWS: &[Law] = &[
    Law {
        name: "openmetrics",
        holds_for: openmetrics,
    },
    Law {
        name: "settings",
        holds_for: settings,
    },
    Law {
        name: "units",
        holds_for: units,
    },
    Law {
        name: "wallets",
        holds_for: wallets,
    },
    Law {
        name: "plists",
        holds_for: plists,
    },
    Law {
        name: "antctl",
        holds_for: antctl,
    },
];

/// A page gives the same values whole or in pieces; no figure is negative, and no text can break a
/// terminal, a row or a command.
pub fn openmetrics(page: &[u8]) {
    let mut scan = LineScanner::default();
    scan.feed(page);
    let whole = scan.finish();
    let mut scan = LineScanner::default();
    for piece in page.chunks(7) {
        scan.feed(piece);
    }
    assert_eq!(scan.finish(), whole, "in pieces it means the same");
    for text in whole.version.iter().chain(&whole.peer_id) {
        assert!(!text.is_empty() && text.len() <= 256 && !text.contains(char::is_control));
    }
    let figures = &whole.figures;
    let all = [
        figures.records,
        figures.uptime,
        figures.shunned,
        figures.connected_peers,
        figures.gets,
        figures.puts,
        figures.mem,
        figures.cpu,
        figures.open_connections,
        figures.total_peers,
        figures.bad_peers,
        figures.rel_records,
        figures.max_records,
        figures.payment_count,
        figures.live_time,
        figures.network_size,
        figures.shunned_total,
        figures.shunned_by_old,
    ];
    assert!(all.iter().all(|figure| *figure >= 0), "{figures:?}");
    let amount = &figures.rewards;
    let is_digit = |c: char| c.is_ascii_digit() || c == '.';
    assert!(amount.len() <= 2048 && amount.chars().all(is_digit), "{amount}");
    if let Some(version) = whole.version.map(Version::new) {
        assert!(!version.is_older_than(&version));
    }
}

/// A settings file in any format is read, or rejected with an error of limited length; a stored value reads
/// back as the same value.
pub fn settings(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let variables: Variables = [("DISK".to_owned(), "/mnt/d1".to_owned())].into_iter().collect();
    let scope = PathScope {
        home: Path::new("/home/op"),
        variables: &variables,
    };
    let path = Path::new("/home/op/.local/share/wnm/config");
    for read in [
        config_file::parse(&text, path),
        environment::parse_dotenv(&text, path, &variables),
    ] {
        match read {
            Ok(provided) => provided.iter().for_each(|value| keeps(value, &scope)),
            Err(error) => is_for_people(&error.to_string()),
        }
    }
}

fn keeps(value: &Provided, scope: &PathScope<'_>) {
    match parse_value::parse(value.setting, &value.text, scope) {
        Err(why) => is_for_people(&value.invalid(why).to_string()),
        Ok(meaning) => {
            let Some(stored) = meaning.stored else { return };
            assert!(!stored.contains('\0'));
            // Special characters in a path are kept as meant and substituted only once.
            if stored.contains('$') {
                return;
            }
            let again = parse_value::parse_stored(value.setting, &stored, scope);
            assert_eq!(
                again.map(|again| again.value),
                Ok(meaning.value),
                "{}",
                value.setting.name
            );
        }
    }
}

fn is_for_people(complaint: &str) {
    assert!(!complaint.contains(char::is_control), "{complaint:?}");
    assert!(complaint.chars().count() < 1_500, "{complaint}");
}

/// A unit, or a command line in a file, reads back as the same after it is written; a node's arguments are
/// plain words.
pub fn units(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let unit = Unit::read(&text);
    if let Ok(written) = unit.text() {
        // A foreign unit may have more: a working directory, other files, unresolved variables.
        let said = Unit {
            directory: None,
            environment_files: Vec::new(),
            is_literal: false,
            unresolved: None,
            ..unit.clone()
        };
        assert_eq!(Unit::read(&written), said, "{written}");
    }
    let policy = LaunchPolicy::under(Path::new("/b"));
    let kind = ManagerKind::from_choice("systemd+sudo").expect("a kind");
    let found = [
        discovered_node::from_words(&unit.command, unit.environment),
        discovered_node::from_line(&text),
    ];
    for found in found.into_iter().flatten() {
        is_runnable(&found.into_node(kind, &policy), &policy);
    }
}

/// A property list, XML or binary, reads back as the same after it is written, or cannot be written; a
/// node's arguments are plain words.
pub fn plists(bytes: &[u8]) {
    let Some(job) = JobFile::read(bytes) else { return };
    let is_plain = |text: &String| !text.contains(char::is_control);
    let pairs = job.environment.iter().flat_map(|(name, value)| [name, value]);
    let texts = [&job.label, &job.directory];
    let all = texts.into_iter().chain(&job.command).chain(pairs);
    let all_plain = all.chain(&job.console).chain(&job.user).all(is_plain);
    if let Ok(written) = job.text()
        && all_plain
    {
        assert_eq!(
            JobFile::read(written.as_bytes()).as_ref(),
            Some(&job),
            "{written}"
        );
    }
    let policy = LaunchPolicy::under(Path::new("/b"));
    let kind = ManagerKind::from_choice("launchd+sudo").expect("a kind");
    if let Some(found) = discovered_node::from_words(&job.command, job.environment) {
        is_runnable(&found.into_node(kind, &policy), &policy);
    }
}

/// antctl's output and registry give nodes with unique ids, or an error; a node's arguments are plain
/// words.
pub fn antctl(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(registry) = Registry::parse(&text) else {
        return;
    };
    let policy = LaunchPolicy::under(Path::new("/b"));
    let kind = ManagerKind::from_choice("antctl+sudo").expect("a kind");
    let nodes = discover::nodes(&registry, kind, Path::new("/nowhere"), &policy);
    assert_eq!(nodes.len(), registry.live().count());
    let ids: BTreeSet<_> = nodes.iter().map(|node| node.id).collect();
    assert_eq!(ids.len(), nodes.len(), "no two share an id");
    nodes.iter().for_each(|node| is_runnable(node, &policy));
}

/// A discovered node is run with plain words, or not at all.
fn is_runnable(node: &Node, policy: &LaunchPolicy) {
    let root = &node.home.root;
    if let Ok(words) = launch_command::arguments(node, policy) {
        assert!(
            words.iter().all(|word| !word.contains(char::is_control)),
            "{words:?}"
        );
        let at = words
            .iter()
            .position(|word| word == "--root-dir")
            .expect("its root");
        assert_eq!(Path::new(&words[at + 1]), root.as_path());
        assert!(root.is_absolute() && !root.to_string_lossy().contains("/../"));
    }
    if let Ok(service) = launch_command::service(node) {
        assert!(service.0.starts_with("antnode") && !service.0.contains('/') && service.0.len() <= 64);
    }
    if let Ok(user) = launch_command::user(node) {
        assert!(!user.starts_with('-') && !user.contains(char::is_whitespace));
    }
    if let Ok(variables) = launch_command::environment(node) {
        assert!(variables.iter().all(|(name, value)| {
            !name.is_empty() && !name.contains('=') && !value.contains(char::is_control)
        }));
    }
}

/// A list of wallets gives addresses with weights from 1, of which each draw takes one, or an error of one
/// line.
pub fn wallets(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Wallets::parse(&text, &Wallet::faucet()) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(wallets) => {
            assert!(!wallets.0.is_empty());
            for (wallet, weight) in &wallets.0 {
                assert!(*weight >= 1);
                assert_eq!(Wallet::from_address(&wallet.0).as_ref(), Some(wallet));
                let _ = wallet.checksum_holds();
            }
            for random in [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
                let drawn = wallets.draw(random);
                assert!(wallets.0.iter().any(|(wallet, _)| wallet == drawn));
            }
        }
    }
}
