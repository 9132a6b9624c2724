//! The measurements of the long run, and their limits.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Instant;

use super::Size;
use crate::stage::{Process, Ran, Stage};

/// All measurements.
#[derive(Default)]
pub struct Figures {
    begun: Option<Instant>,
    /// For each complete cycle: its peak memory in kB, and the size of the database after it.
    memory: Vec<u64>,
    sizes: Vec<u64>,
    /// The largest sizes of the database's log: after complete cycles, and after killed ones.
    log: u64,
    log_of_killed: u64,
    /// The most descriptors of one node.
    descriptors: usize,
    looks: usize,
    kills: usize,
    pub deaths: usize,
    pub illnesses: usize,
    pub versions: usize,
}

impl Figures {
    /// Measures one cycle.
    pub fn cycle(&mut self, stage: &Stage) -> Ran {
        self.begun.get_or_insert_with(Instant::now);
        let child = stage.begin(&[]);
        let (ran, _, most) = Ran::weighed(String::new(), child);
        self.memory.push(most);
        self.sizes.push(length(&stage.database()));
        self.log = self.log.max(length(&stage.base().join("colony.db-wal")));
        ran
    }

    /// Records a killed cycle.
    pub fn killed(&mut self, stage: &Stage) {
        self.kills += 1;
        let log = length(&stage.base().join("colony.db-wal"));
        self.log_of_killed = self.log_of_killed.max(log);
    }

    /// Measures the open files of every node, and the files of the colony.
    pub fn look(&mut self, stage: &Stage, cycle: usize) {
        self.looks += 1;
        for process in stage.processes() {
            let open = open_files(&process);
            let foreign: Vec<&String> = open
                .iter()
                .filter(|file| !is_its_own(file, stage, &process))
                .collect();
            assert!(
                foreign.is_empty(),
                "cycle {cycle}: {} has open what is not its own: {foreign:?}",
                process.root.display()
            );
            self.descriptors = self.descriptors.max(open.len());
        }
        let versions: BTreeSet<String> = stage
            .rows()
            .iter()
            .filter_map(|row| row.version.clone())
            .collect();
        let shelf = names(&stage.base().join("bin"));
        // An unused version is deleted when the next binary changes or the next node is removed.
        assert!(
            shelf.len() <= versions.len() + 2 && shelf.iter().all(|name| name.starts_with("antnode-")),
            "cycle {cycle}: {shelf:?}\n{}",
            stage.describe()
        );
        let expected = [
            "bin",
            "removed",
            "bootstrap-cache",
            "colony.db",
            // This test's own read access leaves these two.
            "colony.db-shm",
            "colony.db-wal",
            "logs",
            "node",
            "wnm_active",
        ];
        let base = names(&stage.base());
        let strange: Vec<&String> = base
            .iter()
            .filter(|name| !expected.contains(&name.as_str()))
            .collect();
        assert!(
            strange.is_empty(),
            "cycle {cycle}: {strange:?} in the colony's folder"
        );
        for row in stage.rows() {
            let known = [
                "antnode",
                "antnode.pid",
                "node.pid",
                "node.command",
                "record_store",
                "secret-key",
                "SIM_ANTNODE",
            ];
            let inside = names(&row.root);
            let strange: Vec<&String> = inside
                .iter()
                .filter(|name| !known.contains(&name.as_str()))
                .collect();
            assert!(
                strange.is_empty(),
                "cycle {cycle}: {strange:?} in {}",
                row.root.display()
            );
            let console = length(&row.logs.expect("logs").join("console.log"));
            assert!(
                console <= 512 << 10,
                "cycle {cycle}: a console of {console} bytes"
            );
        }
        assert_eq!(zombies(), Vec::<String>::new(), "cycle {cycle}");
    }

    /// Prints the measurements and asserts that nothing grew.
    pub fn build_plan(&self, size: &Size) {
        let part = 100.min(size.cycles / 4);
        let mean = |all: &[u64]| all.iter().sum::<u64>() / all.len().max(1) as u64;
        let most = |all: &[u64]| all.iter().copied().max().unwrap_or(0);
        let (first, last) = (
            mean(&self.memory[..part]),
            mean(&self.memory[self.memory.len() - part..]),
        );
        let quarter = self.sizes.len() / 4;
        let (third, fourth) = (
            most(&self.sizes[2 * quarter..3 * quarter]),
            most(&self.sizes[3 * quarter..]),
        );
        eprintln!(
            "{} cycles on {} nodes in {:.0} s, {} days: {} runs killed, {} nodes killed, {} illnesses, {} versions;\n\
             memory at most {} kB, of the first {part} cycles {first} kB, of the last {part} {last} kB;\n\
             database at most {} kB, in the third quarter {} kB, in the last {} kB; its log after a run {} kB, after one that was killed {} kB;\n\
             {} looks at what nodes have open: {} descriptors at most, none of ours",
            self.memory.len(),
            size.nodes,
            self.begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64()),
            super::DAYS,
            self.kills,
            self.deaths,
            self.illnesses,
            self.versions,
            most(&self.memory),
            most(&self.sizes) >> 10,
            third >> 10,
            fourth >> 10,
            self.log >> 10,
            self.log_of_killed >> 10,
            self.looks,
            self.descriptors,
        );
        assert!(
            last * 10 <= first * 11,
            "memory grew from {first} kB to {last} kB"
        );
        // A quarter of the short form is three jumps in time, and what each leaves is deleted at the next.
        let percent = if self.memory.len() < 100 { 25 } else { 5 };
        assert!(
            fourth * 100 <= third * (100 + percent),
            "the database grew from {third} to {fourth} bytes"
        );
        assert_eq!(self.log, 0, "a run that ended left a log");
        assert!(
            self.log_of_killed < 16 << 20,
            "a log of {} bytes",
            self.log_of_killed
        );
        assert!(
            self.descriptors < 60,
            "a node with {} descriptors",
            self.descriptors
        );
    }
}

/// A teardown leaves no process and no folder.
pub fn nothing_is_left(stage: &Stage) {
    assert_eq!(stage.processes(), []);
    for folder in [stage.storage(), stage.logs()] {
        assert_eq!(names(&folder), Vec::<String>::new(), "{}", folder.display());
    }
    assert!(names(&stage.base().join("bin")).len() <= 1);
}

fn open_files(process: &Process) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{}/fd", process.pid))
        .into_iter()
        .flatten()
        .flatten();
    entries
        .filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.display().to_string()))
        .collect()
}

/// Sockets, the console log, and its own files for a moment. No pipe, no lock, no database.
fn is_its_own(file: &str, stage: &Stage, process: &Process) -> bool {
    let name = process.root.file_name().unwrap_or_default();
    file == "/dev/null"
        || file.starts_with("socket:[")
        || Path::new(file).starts_with(&process.root)
        || Path::new(file).starts_with(stage.logs().join(name))
        || file.starts_with("/proc/")
}

/// Zombies for five seconds: children of this process, and those that were reparented to init.
fn zombies() -> Vec<String> {
    let mut found = waiting();
    for _ in 0..100 {
        if found.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        let still = waiting();
        found.retain(|one| still.contains(one));
    }
    found
}

fn waiting() -> Vec<String> {
    let ours = std::process::id().to_string();
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter(|stat| {
            let (name, rest) = stat.split_once(") ").unwrap_or_default();
            let mut rest = rest.split(' ');
            let is_ours = ["(wnm", "(antnode", "(setsid"]
                .iter()
                .any(|word| name.ends_with(word));
            is_ours
                && rest.next() == Some("Z")
                // Nodes that are children of this process belong to other tests, which start them without
                // wnm.
                && matches!(rest.next(), Some(parent) if parent == "1" || parent == ours && name.ends_with("(wnm"))
        })
        .collect()
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |seen| seen.len())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}
