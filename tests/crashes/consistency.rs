//! Checks of a colony after a killed run and a clean one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::stage::{Stage, simulated_antnode};

/// The identities in the storage, by folder.
pub type Identities = BTreeMap<PathBuf, Vec<u8>>;

/// The `secret-key` of every folder that has one.
pub fn identities(stage: &Stage) -> Identities {
    let folders = fs::read_dir(stage.storage()).into_iter().flatten().flatten();
    folders
        .filter_map(|folder| Some((folder.path(), fs::read(folder.path().join("secret-key")).ok()?)))
        .filter(|(_, key)| !key.is_empty())
        .collect()
}

/// Rows, processes and files match; the database is intact; every binary is complete and has the version in
/// its row; no temporary files are left. `before`: identities that must still exist.
pub fn is_consistent(stage: &Stage, before: &Identities) {
    stage.check_consistency(false);
    let check: String = stage
        .look()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a verdict");
    assert_eq!(check, "ok");
    let now = identities(stage);
    for (folder, key) in before {
        assert_eq!(
            now.get(folder),
            Some(key),
            "the identity in {} is lost\n{}",
            folder.display(),
            stage.describe()
        );
    }
    for row in stage.rows() {
        let version = row.version.clone().unwrap_or_default();
        assert!(
            is_antnode(&row.root.join("antnode"), &version),
            "{} has no whole antnode {version}\n{}",
            row.root.display(),
            stage.describe()
        );
        if let Some(process) = stage.process(row.id) {
            let runs = PathBuf::from(format!("/proc/{}/exe", process.pid));
            assert!(
                is_antnode(&runs, &version),
                "antnode{:04} runs another antnode than {version}\n{}",
                row.id,
                stage.describe()
            );
        }
    }
    for copy in names(&stage.base().join("bin")) {
        let place = stage.base().join("bin").join(&copy);
        let version = copy.strip_prefix("antnode-");
        assert!(
            version.is_some_and(|version| is_antnode(&place, version)),
            "half a binary: {}",
            place.display()
        );
    }
    let half_made: Vec<_> = stage
        .rows()
        .iter()
        .flat_map(|row| names(&row.root))
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(half_made.is_empty(), "{half_made:?}\n{}", stage.describe());
}

/// Names and sizes of files, and the processes, to see whether a killed run had changed anything; without
/// what every run writes: the note in the lock file and the index of the database's log.
pub fn print(stage: &Stage) -> String {
    let mut lines = Vec::new();
    note(&stage.base(), &mut lines);
    lines.sort();
    format!("{}\n{:?}", lines.join("\n"), stage.processes())
}

fn note(folder: &Path, lines: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, Ok(seen)) = (entry.path(), entry.metadata()) else {
            continue;
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_fleeting = name == "wnm_active" || name == "colony.db-shm";
        if is_fleeting || name == "colony.db-wal" && seen.len() == 0 || name == "antnode.log" {
            continue;
        }
        if seen.is_dir() {
            lines.push(path.display().to_string());
            note(&path, lines);
        } else {
            lines.push(format!(
                "{} {} {} {}.{}",
                path.display(),
                seen.ino(),
                seen.len(),
                seen.mtime(),
                seen.mtime_nsec()
            ));
        }
    }
}

/// Whether the file is the complete simulated antnode of this version.
fn is_antnode(path: &Path, version: &str) -> bool {
    let mark = format!("antnode-version:{version}");
    let whole = fs::metadata(simulated_antnode()).map(|seen| seen.len() + mark.len() as u64);
    let Ok(content) = fs::read(path) else { return false };
    whole.is_ok_and(|whole| whole == content.len() as u64)
        && content.ends_with(mark.as_bytes())
        // A file whose data never reached the disk has the right length and contains zeros.
        && content.starts_with(b"\x7fELF")
        && content[content.len() - 4096..].iter().any(|byte| *byte != 0)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}
