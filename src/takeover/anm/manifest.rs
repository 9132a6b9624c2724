//! The files in a backup, and the state of the server before the takeover.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::fs_ops::FileOps;
use super::paths::{CONFIG, SYSTEM};
use super::{NodeUnit, Server, TakeoverError};

/// One file of the backup, with the digest of the copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUpFile {
    /// Its path on the server.
    pub path: PathBuf,
    /// The path of the copy, relative to the backup.
    pub copy: PathBuf,
    pub sha256: String,
    pub uid: u32,
    pub gid: u32,
    /// Octal: `644`.
    pub mode: String,
    /// Unix seconds.
    pub mtime: i64,
}

/// The file and the process of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitBefore {
    /// Of the unit file.
    pub sha256: String,
    /// `None`: it had no process.
    pub main_pid: Option<u32>,
}

/// What a takeover must not change: the units, their processes, and anm's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateBefore {
    /// By name, `antnode0001.service`.
    pub units: BTreeMap<String, UnitBefore>,
    /// The digests of anm's `config` and `system`, and of the drop-ins of units, by path.
    pub files: BTreeMap<PathBuf, String>,
}

/// The list of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// When the backup was made, in UTC.
    pub made: String,
    pub files: Vec<BackedUpFile>,
    pub standing: StateBefore,
}

impl Manifest {
    /// The entry of the file `path`.
    #[must_use]
    pub fn entry(&self, path: &Path) -> Option<&BackedUpFile> {
        self.files.iter().find(|entry| entry.path == path)
    }

    /// As JSON.
    #[must_use]
    pub fn text(&self) -> String {
        // Strings and numbers can always be written.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Parses the text of `path`.
    ///
    /// # Errors
    /// When it is not a manifest.
    pub fn parse(text: &str, path: &Path) -> Result<Manifest, TakeoverError> {
        serde_json::from_str(text).map_err(|error| TakeoverError::unreadable(path, error))
    }
}

impl BackedUpFile {
    /// The entry for the file `path`, with the digest of its copy; `None`: it does not exist.
    #[must_use]
    pub fn of(server: &Server, path: &Path, copy: PathBuf, sha256: String) -> Option<BackedUpFile> {
        let seen = fs::symlink_metadata(server.path(path)).ok()?;
        Some(BackedUpFile {
            path: path.to_owned(),
            copy,
            sha256,
            uid: seen.uid(),
            gid: seen.gid(),
            mode: format!("{:o}", seen.mode() & 0o7777),
            mtime: seen.mtime(),
        })
    }
}

impl StateBefore {
    /// The current state, with units that were just read.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn of(server: &Server, units: &[NodeUnit]) -> Result<StateBefore, TakeoverError> {
        let others: Vec<PathBuf> = units
            .iter()
            .flat_map(|unit| unit.drop_ins.iter().cloned())
            .chain([CONFIG, SYSTEM].map(PathBuf::from))
            .filter(|path| server.path(path).is_file())
            .collect();
        let of_units = units.iter().map(|unit| &unit.path);
        let paths: Vec<PathBuf> = of_units.chain(&others).map(|path| server.path(path)).collect();
        let digests = FileOps::of(server).digests(&paths)?;
        let (of_units, of_others) = digests.split_at(units.len().min(digests.len()));
        let stood = |(unit, sha256): (&NodeUnit, &String)| {
            let stood = UnitBefore {
                sha256: sha256.clone(),
                main_pid: unit.pid(),
            };
            (unit.service.clone(), stood)
        };
        Ok(StateBefore {
            units: units.iter().zip(of_units).map(stood).collect(),
            files: others.into_iter().zip(of_others.iter().cloned()).collect(),
        })
    }

    /// The differences of `later`, one sentence each.
    #[must_use]
    pub fn differences(&self, later: &StateBefore) -> Vec<String> {
        let mut all = Vec::new();
        for (name, was) in &self.units {
            match later.units.get(name) {
                None => all.push(format!("unit `{name}` is gone")),
                Some(is) if is.sha256 != was.sha256 => all.push(format!("the file of unit `{name}` changed")),
                Some(is) if is.main_pid != was.main_pid => all.push(format!(
                    "the process of unit `{name}` was {} and is {}",
                    pid(was.main_pid),
                    pid(is.main_pid)
                )),
                Some(_) => {}
            }
        }
        let new = later.units.keys().filter(|name| !self.units.contains_key(*name));
        all.extend(new.map(|name| format!("unit `{name}` is new")));
        for (path, was) in &self.files {
            match later.files.get(path) {
                None => all.push(format!("`{}` is gone", path.display())),
                Some(is) if is != was => all.push(format!("`{}` changed", path.display())),
                Some(_) => {}
            }
        }
        let new = later.files.keys().filter(|path| !self.files.contains_key(*path));
        all.extend(new.map(|path| format!("`{}` is new", path.display())));
        all
    }
}

fn pid(pid: Option<u32>) -> String {
    pid.map_or_else(|| "none".to_owned(), |pid| pid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(units: &[(&str, &str, u32)]) -> StateBefore {
        let stood = |(name, sha256, pid): &(&str, &str, u32)| {
            let stood = UnitBefore {
                sha256: (*sha256).to_owned(),
                main_pid: Some(*pid).filter(|pid| *pid != 0),
            };
            ((*name).to_owned(), stood)
        };
        StateBefore {
            units: units.iter().map(stood).collect(),
            files: [(PathBuf::from(CONFIG), "c".to_owned())].into(),
        }
    }

    #[test]
    fn differences_name_their_unit() {
        let before = standing(&[("a", "1", 10), ("b", "2", 20), ("c", "3", 30), ("d", "4", 0)]);
        let mut after = standing(&[("a", "x", 10), ("b", "2", 21), ("d", "4", 40), ("e", "5", 50)]);
        after.files.clear();
        assert_eq!(
            before.differences(&after),
            [
                "the file of unit `a` changed",
                "the process of unit `b` was 20 and is 21",
                "unit `c` is gone",
                "the process of unit `d` was none and is 40",
                "unit `e` is new",
                "`/var/antctl/config` is gone",
            ]
        );
        assert!(before.differences(&before).is_empty());
    }
}
