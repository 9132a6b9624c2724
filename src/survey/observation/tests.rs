//! Tests of surveys on a simulated machine.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::colony::Counters;
use crate::colony::{
    ManagerKind, Mode, NodeFigures, NodeHistory, NodeId, NodeName, NodePaths, NodePorts, ProcessState,
    ServiceName, Tool, Version,
};

/// A machine whose clock moves only when somebody waits. A tick is a millisecond, half of them idle.
struct Machine {
    now_ms: AtomicI64,
}

const BOOT: Timestamp = Timestamp(100);

impl Machine {
    fn at_second(now: i64) -> Machine {
        Machine {
            now_ms: AtomicI64::new(now * 1000),
        }
    }

    fn ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn counters(at_ms: i64) -> Counters {
        Counters {
            at_ms,
            cpu_total: at_ms as u64,
            cpu_idle: at_ms as u64 / 2,
            disk_read: at_ms as u64 * 3,
            ..Counters::default()
        }
    }
}

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        Timestamp(self.ms() / 1000)
    }

    fn sleep(&self, pause: Duration) {
        self.now_ms.fetch_add(pause.as_millis() as i64, Ordering::Relaxed);
    }

    fn chance(&self) -> u64 {
        0
    }
}

impl MachineReader for Machine {
    fn read(&self, _: &Path) -> Result<MachineReadings, SurveyError> {
        Ok(MachineReadings {
            counters: Machine::counters(self.ms()),
            boot: BOOT,
            cpus: 2,
            load: [0.0; 3],
            memory_total: 1,
            memory_available: 1,
            disk_total: 1,
            disk_used: 0,
            disk_free: 1,
            inodes: Default::default(),
        })
    }

    /// `/none` holds nothing, `/plain` a file that cannot be run, `/ill` one that fails.
    fn binary(&self, path: &Path, _: &[Binary]) -> Result<Binary, SurveyError> {
        let path = path.to_owned();
        if path.starts_with("/none") || path == Path::new("/absent") {
            Err(SurveyError::NoBinary { looked: vec![path] })
        } else if path.starts_with("/plain") {
            Err(SurveyError::NotExecutable { path })
        } else if path.starts_with("/ill") {
            let cause = "it crashed".to_owned();
            Err(SurveyError::Unwilling { path, cause })
        } else {
            Ok(Binary {
                path,
                version: Version::new("0.4.17"),
                key: crate::colony::BinaryKey {
                    size: 1,
                    mtime_ns: 1,
                    inode: 1,
                },
            })
        }
    }

    fn device(&self, path: &Path) -> Option<u64> {
        Some(if path == Path::new("/own") { 10 } else { 9 })
    }

    fn changed_at(&self, _: &Path) -> Option<Timestamp> {
        None
    }

    /// `/own` is a filesystem of its own.
    fn has_root(&self, roots: &[PathBuf]) -> Vec<RootState> {
        let seen = |root: &PathBuf| match root.to_str() {
            Some("/gone") => RootState::Gone,
            Some("/own") => RootState::There { device: Some(10) },
            _ => RootState::There { device: Some(9) },
        };
        roots.iter().map(seen).collect()
    }

    fn is_bare(&self, folder: &Path) -> bool {
        folder == Path::new("/bare")
    }

    fn sharing(&self, programs: &[&Path]) -> Vec<Option<crate::colony::BinarySharing>> {
        vec![None; programs.len()]
    }

    fn busy_port(&self, _: &crate::colony::NodePorts) -> Option<crate::colony::BusyPort> {
        None
    }
}

/// Answers by the node's host.
struct Word;

impl NodeProbe for Word {
    fn ask(&self, nodes: &[Node], _: &Limits, _: Timestamp) -> Vec<Answer> {
        nodes
            .iter()
            .map(|node| match node.host.as_str() {
                "mute" => Answer::Silent,
                _ => Answer::Down,
            })
            .collect()
    }
}

fn node(id: u32, host: &str, root: &str, state: NodeState) -> Node {
    Node {
        id: NodeId(id),
        name: NodeName::of(NodeId(id)),
        service: ServiceName(String::new()),
        manager: ManagerKind {
            tool: Tool::Setsid,
            mode: Mode::User,
        },
        ports: NodePorts {
            node: 1,
            metrics: 2,
            rpc: 3,
        },
        wallet: None,
        peer_id: None,
        host: host.to_owned(),
        user: String::new(),
        network: String::new(),
        environment: None,
        home: NodePaths {
            root: PathBuf::from(root),
            logs: None,
            binary: PathBuf::new(),
        },
        version: None,
        born: Timestamp(0),
        state,
        since: Timestamp(0),
        figures: NodeFigures::default(),
        memory: NodeHistory::default(),
    }
}

fn inputs(machine: &Machine, nodes: &[Node], last: Option<(Counters, Timestamp)>) -> Observation {
    inputs_after(machine, nodes, last, &Rates::UNKNOWN)
}

fn inputs_after(
    machine: &Machine,
    nodes: &[Node],
    last: Option<(Counters, Timestamp)>,
    rates: &Rates,
) -> Observation {
    let last = last.map(|(counters, boot)| MachineReadings {
        counters,
        boot,
        ..MachineReadings::default()
    });
    let inputs = Survey {
        nodes,
        storage: Path::new("/data"),
        mounts: &BTreeSet::new(),
        limits: Limits::default(),
        last: last.as_ref().map(|last| (last, rates)),
        antnode: BinaryLookup {
            path: Path::new("/absent"),
            search: "/none:/plain::/bin:/ill",
        },
        known: &[],
        living: &|up| vec![Some(true); up.len()],
        processes: &|mute| {
            mute.iter()
                .map(|node| Some(ProcessStatus::running(node.id.0)))
                .collect()
        },
    };
    survey(machine, &Word, machine, &inputs).unwrap()
}

#[test]
fn rates_since_the_last_survey_need_no_wait() {
    let machine = Machine::at_second(1_000);
    let seen = inputs(&machine, &[], Some((Machine::counters(940_000), BOOT)));
    assert_eq!(seen.rates.used_cpu_percent, 50.0);
    assert_eq!(seen.rates.disk_read, 3_000.0);
    assert_eq!(seen.at, Timestamp(1_000));
    assert_eq!(machine.ms(), 1_000_000);
}

#[test]
fn survey_a_moment_after_another_takes_its_rates_and_does_not_wait() {
    let machine = Machine::at_second(1_000);
    let rates = Rates {
        used_cpu_percent: 12.5,
        ..Rates::UNKNOWN
    };
    let last = Some((Machine::counters(999_000), BOOT));
    assert_eq!(
        inputs_after(&machine, &[], last, &rates).rates.used_cpu_percent,
        12.5
    );
    assert_eq!(machine.ms(), 1_000_000);
    let other_boot = Some((Machine::counters(999_000), Timestamp(2)));
    assert_ne!(
        inputs_after(&machine, &[], other_boot, &rates)
            .rates
            .used_cpu_percent,
        12.5
    );
}

#[test]
fn samples_for_a_second_without_usable_counters() {
    let useless = [
        None,
        Some((Machine::counters(999_000), BOOT)),
        Some((Machine::counters(1_000), BOOT)),
        Some((Machine::counters(940_000), Timestamp(2))),
    ];
    for last in useless {
        let machine = Machine::at_second(1_000);
        let seen = inputs(&machine, &[], last);
        assert!((seen.rates.used_cpu_percent - 50.0).abs() < 0.1);
        assert!((900_000 + 100_001..=1_001_000).contains(&machine.ms()));
        assert_eq!(seen.instruments.counters.at_ms, machine.ms());
    }
}

#[test]
fn reads_only_processes_of_silent_nodes() {
    let nodes = [
        node(1, "here", "/1", NodeState::Running),
        node(2, "mute", "/2", NodeState::Running),
        node(3, "here", "/gone", NodeState::Stopped),
        node(4, "mute", "/4", NodeState::Disabled),
        node(5, "mute", "/5", NodeState::Stopped),
    ];
    let machine = Machine::at_second(1_000);
    let seen = inputs(&machine, &nodes, None).observations;
    let answers: Vec<&Answer> = seen.iter().map(|observation| &observation.answer).collect();
    let expected = [
        &Answer::Down,
        &Answer::Silent,
        &Answer::Down,
        &Answer::Unasked,
        &Answer::Silent,
    ];
    assert_eq!(answers, expected);
    let pids: Vec<Option<u32>> = seen.iter().map(|observation| observation.process?.pid).collect();
    assert_eq!(pids, [None, Some(2), None, None, Some(5)]);
    let has_root: Vec<bool> = seen.iter().map(|observation| observation.has_root).collect();
    assert_eq!(has_root, [true, true, false, true, true]);
    assert!(
        seen[1]
            .process
            .is_some_and(|process| process.activity == ProcessState::Running)
    );
}

#[test]
fn mount_point_roots_are_listed_with_the_storage_folders() {
    let nodes = [
        node(1, "here", "/1", NodeState::Running),
        node(2, "here", "/own", NodeState::Running),
        node(3, "here", "/gone", NodeState::Running),
        node(4, "here", "/data/4", NodeState::Running),
    ];
    let machine = Machine::at_second(1_000);
    let names = |mounts: &[&str]| {
        let mounts = mounts.iter().map(PathBuf::from).collect();
        let node_filesystems = node_filesystems(&machine, &nodes, Path::new("/data"), &mounts);
        assert_eq!(node_filesystems.has_root, [true, true, false, true]);
        let mut named = node_filesystems.elsewhere.into_iter();
        let text = |(path, device): (PathBuf, Option<u64>)| format!("{} {device:?}", path.display());
        named.by_ref().map(text).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["/ Some(9)", "/own Some(10)"]);
    let was = ["/gone", "/of/no/node"];
    assert_eq!(names(&was), ["/ Some(9)", "/gone Some(9)", "/own Some(10)"]);
}

#[test]
fn empty_root_is_missing_if_it_was_a_mount_point() {
    let nodes = [node(1, "here", "/bare", NodeState::Running)];
    let machine = Machine::at_second(1_000);
    let has_root =
        |mounts: &BTreeSet<PathBuf>| node_filesystems(&machine, &nodes, Path::new("/data"), mounts).has_root;
    assert_eq!(has_root(&BTreeSet::new()), [true]);
    assert_eq!(has_root(&BTreeSet::from(["/bare".into()])), [false]);
}

#[test]
fn finds_the_first_antnode_on_path_that_runs() {
    let machine = Machine::at_second(0);
    let find = |lookup| find_antnode(&machine, lookup, &[]);
    assert_eq!(
        find(BinaryLookup {
            path: Path::new("/absent"),
            search: "/none:/plain:/bin:/ill"
        })
        .unwrap()
        .path,
        Path::new("/bin/antnode")
    );
    assert_eq!(
        find(BinaryLookup {
            path: Path::new("/opt/ant"),
            search: ""
        })
        .unwrap()
        .path,
        Path::new("/opt/ant")
    );
    let error = |lookup| find(lookup).unwrap_err().to_string();
    assert_eq!(
        error(BinaryLookup {
            path: Path::new("/absent"),
            search: "/none:/plain"
        }),
        "find `antnode`: looked for `/absent`, `/none/antnode`, `/plain/antnode`"
    );
    assert_eq!(
        error(BinaryLookup {
            path: Path::new("/absent"),
            search: ""
        }),
        "find `antnode`: looked for `/absent`"
    );
    assert_eq!(
        error(BinaryLookup {
            path: Path::new("/absent"),
            search: "/ill:/bin"
        }),
        "ask `/ill/antnode` for its version: it crashed"
    );
}
