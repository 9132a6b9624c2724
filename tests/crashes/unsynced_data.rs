//! What is on disk after a power failure, derived from the calls of a run as `strace -y` prints them. Files
//! that were not synced may be lost, and so may names in folders that were not synced.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::system_calls;
use crate::stage::Stage;

/// The calls that matter.
pub const CALLS: &str = "openat,write,pwrite64,copy_file_range,sendfile,ioctl,ftruncate,fsync,fdatasync,\
                         rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir";

/// Data in a file that may not be on disk.
#[derive(Debug, Default)]
struct Dirt {
    /// The whole file.
    whole: bool,
    /// A range: offset and length.
    pieces: Vec<(u64, u64)>,
}

/// A disk that follows the calls of a run.
#[derive(Debug, Default)]
struct Disk {
    dirty: BTreeMap<PathBuf, Dirt>,
    /// Folders with names added or removed since the last sync, and those names.
    names: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    /// Files that got their final names before they were synced.
    early: Vec<PathBuf>,
    /// The names that were not synced when the database was synced last.
    at_commit: Vec<PathBuf>,
}

impl Disk {
    fn follow(trace: &[u8]) -> Disk {
        let mut disk = Disk::default();
        // A call of one process can be interrupted by the calls of another.
        let mut begun: BTreeMap<String, String> = BTreeMap::new();
        for line in String::from_utf8_lossy(trace).lines() {
            let pid: String = line.chars().take_while(char::is_ascii_digit).collect();
            if let Some(call) = line.strip_suffix("<unfinished ...>") {
                begun.insert(pid, call.to_owned());
                continue;
            }
            let whole = match line.split_once(" resumed>") {
                Some((_, end)) => begun.remove(&pid).unwrap_or_default() + end,
                None => line.to_owned(),
            };
            let Some((call, rest)) = whole.split_once('(') else {
                continue;
            };
            // A failed call changed nothing; a killed process did not finish its call.
            if !rest.contains(") ") || rest.contains(" = -1 ") || rest.ends_with("= ?") {
                continue;
            }
            disk.see(
                call.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' '),
                rest,
            );
        }
        disk
    }

    fn see(&mut self, call: &str, rest: &str) {
        let open = descriptors(rest);
        let named = quoted(rest);
        match call {
            // Truncation loses nothing that matters: SQLite truncates its files to their present length.
            "write" => self.write(open.first(), None),
            "pwrite64" => self.write(open.first(), place(rest)),
            "copy_file_range" => self.write(open.get(1), None),
            "sendfile" => self.write(open.first(), None),
            "ioctl" if rest.contains("FICLONE") => self.write(open.first(), None),
            "openat" if rest.contains("O_CREAT") => {
                if let Some(file) = named.first() {
                    self.name(file);
                }
            }
            "fsync" | "fdatasync" => {
                let Some(file) = open.first() else { return };
                self.dirty.remove(file);
                self.names.remove(file);
                if file.to_string_lossy().ends_with("colony.db-wal") {
                    self.at_commit = self.names.values().flatten().cloned().collect();
                }
            }
            "rename" | "renameat" | "renameat2" => {
                let [from, to] = &named[..] else { return };
                if let Some(dirt) = self.dirty.remove(from) {
                    self.early.push(to.clone());
                    self.dirty.insert(to.clone(), dirt);
                }
                self.unname(from);
                self.name(to);
            }
            "link" | "linkat" => {
                let [from, to] = &named[..] else { return };
                if self.dirty.contains_key(from) {
                    self.early.push(to.clone());
                }
                self.name(to);
            }
            "mkdir" | "mkdirat" => named.iter().for_each(|folder| self.name(folder)),
            "unlink" | "unlinkat" | "rmdir" => {
                for gone in &named {
                    self.dirty.remove(gone);
                    self.names.remove(gone);
                    self.name(gone);
                }
            }
            _ => {}
        }
    }

    fn write(&mut self, file: Option<&PathBuf>, piece: Option<(u64, u64)>) {
        let Some(file) = file.filter(|file| file.is_absolute()) else {
            return;
        };
        let dirt = self.dirty.entry(file.clone()).or_default();
        match piece {
            Some(piece) => dirt.pieces.push(piece),
            None => dirt.whole = true,
        }
    }

    fn name(&mut self, path: &Path) {
        if let Some(folder) = path.parent() {
            self.names
                .entry(folder.to_owned())
                .or_default()
                .insert(path.to_owned());
        }
    }

    fn unname(&mut self, path: &Path) {
        if let Some(names) = path.parent().and_then(|folder| self.names.get_mut(folder)) {
            names.remove(path);
        }
    }
}

/// The paths of the open files in the arguments of a call.
fn descriptors(rest: &str) -> Vec<PathBuf> {
    rest.split('<')
        .skip(1)
        .filter_map(|part| Some(PathBuf::from(part.split_once('>')?.0)))
        .filter(|path| path.is_absolute())
        .collect()
}

/// The paths in quotes in the arguments of a call.
fn quoted(rest: &str) -> Vec<PathBuf> {
    rest.split('"')
        .skip(1)
        .step_by(2)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .collect()
}

/// The offset and length of a `pwrite64`: its last two arguments.
fn place(rest: &str) -> Option<(u64, u64)> {
    let (words, _) = rest.rsplit_once(") ")?;
    let mut words = words.rsplit(", ");
    let at = words.next()?.parse().ok()?;
    Some((at, words.next()?.parse().ok()?))
}

/// Deletes what was not synced from the files below `home`, as a power failure would.
pub fn lose(home: &Path, trace: &[u8]) {
    for (file, dirt) in Disk::follow(trace).dirty {
        // The index of the database's log is shared memory and is always created again.
        if !file.starts_with(home) || file.to_string_lossy().ends_with("-shm") {
            continue;
        }
        let Ok(mut open) = OpenOptions::new().write(true).open(&file) else {
            continue;
        };
        let length = open.metadata().map_or(0, |seen| seen.len());
        if dirt.whole {
            open.set_len(0).expect("it is cut");
        }
        for (at, count) in dirt.pieces {
            let count = count.min(length.saturating_sub(at));
            open.seek(SeekFrom::Start(at)).expect("a place");
            open.write_all(&vec![0; count as usize]).expect("it is blanked");
        }
    }
}

/// Files that may be lost: notes for people, files of the node itself, and files that wnm creates again.
fn is_dispensable(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    matches!(
        name.as_ref(),
        "secret-key"
            | "antnode.pid"
            | "record_store"
            | "node.pid"
            | ".antnode.pid"
            | ".antnode.old"
            | "wnm_active"
            | "console.log"
            | "bootstrap-cache"
            | "bin"
    ) || name.starts_with("colony.db-")
        || path
            .components()
            .any(|part| part.as_os_str() == "logs" || part.as_os_str() == "record_store")
        // Logs of root, and the state of the simulated sudo and systemctl.
        || ["/var/log", "/var/lib/systemctl"].iter().any(|folder| path.starts_with(folder))
        || ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder))
}

/// Follows a complete run, and returns what a power failure could have lost.
fn left_to_chance(stage: &Stage, words: &[&str]) -> Vec<String> {
    let log = stage.home().join("trace");
    let output = log.display().to_string();
    let which = format!("trace={CALLS}");
    let options = ["-D", "-f", "-q", "-y", "-s", "4096", "-o", &output, "-e", &which];
    // Waits only for wnm: strace follows the nodes as well.
    let status = system_calls::strace(stage, &options, words)
        .status()
        .expect("strace starts");
    assert!(status.success(), "{words:?}: {status}\n{}", stage.describe());
    stage.wait_for("all is told", |_| {
        let told = fs::read_to_string(&log).unwrap_or_default();
        let first = told.split(' ').next().unwrap_or_default();
        let mut lines = told.lines();
        lines.any(|line| {
            line.split_whitespace().next() == Some(first) && line.ends_with("+++ exited with 0 +++")
        })
    });
    let disk = Disk::follow(&fs::read(&log).expect("a trace"));
    let early = disk
        .early
        .iter()
        .map(|file| ("named before it was on disk", file));
    let unnamed = disk
        .at_commit
        .iter()
        .map(|name| ("written down before its name was on disk", name));
    let dirty = disk.dirty.keys().map(|file| ("never on disk", file));
    early
        .chain(unnamed)
        .chain(dirty)
        .filter(|(_, path)| !is_dispensable(path))
        .map(|(why, path)| format!("{}: {why}", path.display()))
        .collect()
}

#[test]
fn files_of_a_step_are_synced_before_it_is_recorded_as_done() {
    if !system_calls::is_traceable() {
        eprintln!("SKIPPED: what is on disk when: strace is missing, or may not trace here");
        return;
    }
    nothing_is_left_to_chance(&Stage::colony(&["--node_cap", "1"]));
}

#[test]
fn files_that_root_created_are_synced_before_the_step_is_recorded() {
    if !system_calls::is_traceable() {
        eprintln!("SKIPPED: what root has on disk when: strace is missing, or may not trace here");
        return;
    }
    for kind in ["setsid+sudo", "systemd+sudo"] {
        let Some(stage) = Stage::with_sudo("wnm-stage-") else {
            return;
        };
        stage.install_program(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fakes/systemctl"));
        stage
            .init(&["--process_manager", kind, "--firewall", "null", "--node_cap", "1"])
            .done();
        stage.survey();
        nothing_is_left_to_chance(&stage);
    }
}

/// Follows each step of a node's life to the disk.
fn nothing_is_left_to_chance(stage: &Stage) {
    for words in [
        &["--force_action", "add"][..],
        &["--force_action", "stop"],
        &["--force_action", "start"],
        &["--force_action", "upgrade"],
        &["--force_action", "remove"],
    ] {
        if words[1] == "upgrade" {
            stage.install("0.4.18");
        }
        stage.until("it is settled", |stage| stage.in_motion() == 0, Stage::survey);
        assert_eq!(left_to_chance(stage, words), Vec::<String>::new(), "{words:?}");
    }
}
