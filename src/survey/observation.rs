//! One survey: the figures of the machine, the binary of new nodes, all nodes, and the processes of silent nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{BinaryLookup, Limits, MachineReader, NodeProbe, RootState, SurveyError, find_antnode};
use crate::clock::Clock;
use crate::colony::{
    Answer, Binary, Counters, MachineReadings, Node, NodeObservation, NodeState, ProcessStatus, Rates,
    Timestamp,
};

/// The input of a survey, with what is known from earlier ones.
pub struct Survey<'a> {
    /// All nodes; disabled ones are not queried.
    pub nodes: &'a [Node],
    /// `node_storage`.
    pub storage: &'a Path,
    /// Roots of nodes that were mount points when they were last seen.
    pub mounts: &'a BTreeSet<PathBuf>,
    /// Limits of the queries.
    pub limits: Limits,
    /// The counters of the last survey, and the boot time then.
    pub last: Option<(Counters, Timestamp)>,
    /// Where the antnode of new nodes is.
    pub antnode: BinaryLookup<'a>,
    /// Binaries with known versions.
    pub known: &'a [Binary],
    /// Finds the processes of silent nodes, in their order; called only if there are any.
    pub processes: &'a dyn Fn(&[Node]) -> Vec<Option<ProcessStatus>>,
}

/// The result of a survey.
#[derive(Clone, Debug)]
pub struct Observation {
    /// When the survey began.
    pub at: Timestamp,
    /// The newest readings. The next survey computes rates from their counters.
    pub instruments: MachineReadings,
    /// Rates since the last survey, or over one second of this one.
    pub rates: Rates,
    /// The device number of the filesystem of `node_storage`; None if it is missing.
    pub device: Option<u64>,
    /// The same for all other folders that contain roots, and for roots that are or were mount points.
    pub elsewhere: Vec<(PathBuf, Option<u64>)>,
    /// The antnode of new nodes.
    pub binary: Result<Binary, SurveyError>,
    /// One for each node, in their order.
    pub sightings: Vec<NodeObservation>,
}

/// Sampling time if the counters of the last survey cannot be used.
pub const SAMPLE: Duration = Duration::from_secs(1);

/// Surveys the machine and all nodes once.
///
/// Takes as long as the nodes need to answer, and at least a second if the last counters are too old, too new, or of
/// another boot.
pub fn survey(
    gauge: &dyn MachineReader,
    probe: &dyn NodeProbe,
    clock: &dyn Clock,
    look: &Survey,
) -> Result<Observation, SurveyError> {
    let at = clock.now();
    let before = gauge.read(look.storage)?;
    let begun = Instant::now();
    let since_last = look
        .last
        .and_then(|(counters, boot)| Rates::since(&counters, boot, &before));

    let answers = probe.ask(look.nodes, &look.limits, at);
    let NodeFilesystems {
        rooted,
        device,
        elsewhere,
    } = footing(gauge, look.nodes, look.storage, look.mounts);
    let sightings = sightings(look, answers, rooted);
    let binary = find_antnode(gauge, look.antnode, look.known);

    let (instruments, rates) = match since_last {
        Some(rates) => (before, rates),
        None => {
            clock.sleep(SAMPLE.saturating_sub(begun.elapsed()));
            let after = gauge.read(look.storage)?;
            let rates = Rates::between(&before.counters, &after.counters).unwrap_or_default();
            (after, rates)
        }
    };
    Ok(Observation {
        at,
        instruments,
        rates,
        device,
        elsewhere,
        binary,
        sightings,
    })
}

/// The filesystems of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFilesystems {
    /// Whether the root of each node exists, in their order.
    pub rooted: Vec<bool>,
    /// As in [`Observation`].
    pub device: Option<u64>,
    pub elsewhere: Vec<(PathBuf, Option<u64>)>,
}

/// Finds the filesystems of `nodes`; `mounts` as in [`Survey`].
pub fn footing(
    gauge: &dyn MachineReader,
    nodes: &[Node],
    storage: &Path,
    mounts: &BTreeSet<PathBuf>,
) -> NodeFilesystems {
    let roots: Vec<PathBuf> = nodes.iter().map(|node| node.home.root.clone()).collect();
    let seen = gauge.rooted(&roots);
    let device = gauge.device(storage);
    let parents: BTreeSet<&Path> = roots.iter().filter_map(|root| root.parent()).collect();
    let mut folders: BTreeMap<&Path, Option<u64>> = parents
        .into_iter()
        .map(|folder| match folder == storage {
            true => (folder, device),
            false => (folder, gauge.device(folder)),
        })
        .collect();
    let mut rooted = Vec::with_capacity(roots.len());
    let mut own = Vec::new();
    for (root, seen) in roots.iter().zip(&seen) {
        let around = root.parent().and_then(|folder| folders.get(folder).copied());
        let was_mount = mounts.contains(root);
        let is_mount = match (seen, around) {
            (RootState::There { device: Some(own) }, Some(Some(around))) => around != *own,
            _ => false,
        };
        // An empty directory means a missing disk only if it is or was a mount point, so only then it is checked.
        let is_bare = (was_mount || is_mount) && seen.is_there() && gauge.is_bare(root);
        rooted.push(seen.is_there() && !(was_mount && is_bare));
        if was_mount || (is_mount && !is_bare) {
            own.push(root);
        }
    }
    for root in own {
        folders.insert(root, gauge.device(root));
    }
    folders.remove(storage);
    NodeFilesystems {
        device,
        elsewhere: folders
            .into_iter()
            .map(|(folder, device)| (folder.to_owned(), device))
            .collect(),
        rooted,
    }
}

fn sightings(look: &Survey, answers: Vec<Answer>, rooted: Vec<bool>) -> Vec<NodeObservation> {
    let mut sightings: Vec<NodeObservation> = answers
        .into_iter()
        .zip(look.nodes)
        .zip(rooted)
        .map(|((answer, node), rooted)| NodeObservation {
            answer: match node.state {
                NodeState::Disabled => Answer::Unasked,
                _ => answer,
            },
            rooted,
            process: None,
        })
        .collect();

    let silent: Vec<usize> = sightings
        .iter()
        .enumerate()
        .filter(|(_, sighting)| sighting.answer == Answer::Silent)
        .map(|(index, _)| index)
        .collect();
    if !silent.is_empty() {
        let mute: Vec<Node> = silent.iter().map(|index| look.nodes[*index].clone()).collect();
        for (index, process) in silent.into_iter().zip((look.processes)(&mute)) {
            sightings[index].process = process;
        }
    }
    sightings
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
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

        /// `/own` is a filesystem of its own.
        fn rooted(&self, roots: &[PathBuf]) -> Vec<RootState> {
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

        fn busy_port(&self, _: &crate::colony::NodePorts) -> Option<u16> {
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

    fn look(machine: &Machine, nodes: &[Node], last: Option<(Counters, Timestamp)>) -> Observation {
        let look = Survey {
            nodes,
            storage: Path::new("/data"),
            mounts: &BTreeSet::new(),
            limits: Limits::default(),
            last,
            antnode: BinaryLookup {
                path: Path::new("/absent"),
                search: "/none:/plain::/bin:/ill",
            },
            known: &[],
            processes: &|mute| {
                mute.iter()
                    .map(|node| Some(ProcessStatus::running(node.id.0)))
                    .collect()
            },
        };
        survey(machine, &Word, machine, &look).unwrap()
    }

    #[test]
    fn rates_are_those_since_the_last_survey_and_nobody_waits() {
        let machine = Machine::at_second(1_000);
        let seen = look(&machine, &[], Some((Machine::counters(940_000), BOOT)));
        assert_eq!(seen.rates.used_cpu_percent, 50.0);
        assert_eq!(seen.rates.disk_read, 3_000.0);
        assert_eq!(seen.at, Timestamp(1_000));
        assert_eq!(machine.ms(), 1_000_000);
    }

    #[test]
    fn without_usable_counters_a_second_is_sampled() {
        let useless = [
            None,
            Some((Machine::counters(999_000), BOOT)),
            Some((Machine::counters(1_000), BOOT)),
            Some((Machine::counters(940_000), Timestamp(2))),
        ];
        for last in useless {
            let machine = Machine::at_second(1_000);
            let seen = look(&machine, &[], last);
            assert!((seen.rates.used_cpu_percent - 50.0).abs() < 0.1);
            assert!((900_000 + 100_001..=1_001_000).contains(&machine.ms()));
            assert_eq!(seen.instruments.counters.at_ms, machine.ms());
        }
    }

    #[test]
    fn processes_are_looked_at_for_silent_nodes_alone() {
        let nodes = [
            node(1, "here", "/1", NodeState::Running),
            node(2, "mute", "/2", NodeState::Running),
            node(3, "here", "/gone", NodeState::Stopped),
            node(4, "mute", "/4", NodeState::Disabled),
            node(5, "mute", "/5", NodeState::Stopped),
        ];
        let machine = Machine::at_second(1_000);
        let seen = look(&machine, &nodes, None).sightings;
        let answers: Vec<&Answer> = seen.iter().map(|sighting| &sighting.answer).collect();
        let expected = [
            &Answer::Down,
            &Answer::Silent,
            &Answer::Down,
            &Answer::Unasked,
            &Answer::Silent,
        ];
        assert_eq!(answers, expected);
        let pids: Vec<Option<u32>> = seen.iter().map(|sighting| sighting.process?.pid).collect();
        assert_eq!(pids, [None, Some(2), None, None, Some(5)]);
        let rooted: Vec<bool> = seen.iter().map(|sighting| sighting.rooted).collect();
        assert_eq!(rooted, [true, true, false, true, true]);
        assert!(
            seen[1]
                .process
                .is_some_and(|process| process.activity == ProcessState::Running)
        );
    }

    #[test]
    fn roots_that_are_or_were_filesystems_of_their_own_are_named_beside_the_folders() {
        let nodes = [
            node(1, "here", "/1", NodeState::Running),
            node(2, "here", "/own", NodeState::Running),
            node(3, "here", "/gone", NodeState::Running),
            node(4, "here", "/data/4", NodeState::Running),
        ];
        let machine = Machine::at_second(1_000);
        let names = |mounts: &[&str]| {
            let mounts = mounts.iter().map(PathBuf::from).collect();
            let footing = footing(&machine, &nodes, Path::new("/data"), &mounts);
            assert_eq!(footing.rooted, [true, true, false, true]);
            let mut named = footing.elsewhere.into_iter();
            let text = |(path, device): (PathBuf, Option<u64>)| format!("{} {device:?}", path.display());
            named.by_ref().map(text).collect::<Vec<_>>()
        };
        assert_eq!(names(&[]), ["/ Some(9)", "/own Some(10)"]);
        let was = ["/gone", "/of/no/node"];
        assert_eq!(names(&was), ["/ Some(9)", "/gone Some(9)", "/own Some(10)"]);
    }

    #[test]
    fn an_empty_root_is_a_missing_one_where_it_was_a_filesystem_of_its_own() {
        let nodes = [node(1, "here", "/bare", NodeState::Running)];
        let machine = Machine::at_second(1_000);
        let rooted =
            |mounts: &BTreeSet<PathBuf>| footing(&machine, &nodes, Path::new("/data"), mounts).rooted;
        assert_eq!(rooted(&BTreeSet::new()), [true]);
        assert_eq!(rooted(&BTreeSet::from(["/bare".into()])), [false]);
    }

    #[test]
    fn antnode_is_the_first_on_path_that_can_be_run() {
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
}
