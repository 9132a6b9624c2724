//! BASE_DIR/bin: one copy of each antnode version, to which every node's antnode is a link.
//!
//! Nodes on one inode share the page cache: less than half the memory a node, and no 34 MB of disk each.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::colony::{Binary, Mode, Version};

use super::ManagerError;
use super::files::{Files, beside};

/// The shelf of one colony.
#[derive(Clone, Debug)]
pub struct BinaryStore {
    folder: PathBuf,
    files: Files,
}

impl BinaryStore {
    #[must_use]
    pub fn new(folder: PathBuf, mode: Mode) -> BinaryStore {
        BinaryStore {
            folder,
            files: Files::new(mode),
        }
    }

    /// Where the copy of `version` is or would be; refused for a version that cannot be a file's name.
    pub fn place_of(&self, version: &Version) -> Result<PathBuf, ManagerError> {
        let text = version.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
        if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
            return Err(ManagerError::Refused {
                doing: "put on the shelf",
                path: self.folder.clone(),
                why: format!("a version `{}` cannot be a file's name", text.escape_debug()),
            });
        }
        Ok(self.folder.join(format!("antnode-{text}")))
    }

    /// Puts a copy of `binary` on the shelf unless it is there. It is whole and on disk when this returns.
    pub fn stock(&self, binary: &Binary) -> Result<PathBuf, ManagerError> {
        let place = self.place_of(&binary.version)?;
        if place == binary.path {
            return Ok(place);
        }
        // Asked once where a link leads: it may be another place the next time.
        let real = binary.path.canonicalize();
        let real = real.map_err(ManagerError::file("read", &binary.path))?;
        let source = known_again(binary, &real)?;
        if fs::symlink_metadata(&place).is_ok_and(|copy| copy.is_file() && is_copy(&copy, &source)) {
            return Ok(place);
        }
        self.files.make_dir(&self.folder, None)?;
        let staging = beside(&place, "new");
        self.files.copy(&real, &staging)?;
        // Replaced by its owner while we read it? Then what we have may be half of each.
        let whole = fs::symlink_metadata(&staging).map_err(ManagerError::file("copy", &staging))?;
        if known_again(binary, &real).is_err() || whole.len() != source.len() {
            let _ = self.files.delete(&staging);
            return Err(ManagerError::Changed {
                path: binary.path.clone(),
            });
        }
        self.files.rename(&staging, &place)?;
        Ok(place)
    }

    /// Makes `target` the program on the shelf at `place`, by a link if that can be. Until the rename, `target` is what
    /// it was.
    ///
    /// `staging` must be on the target's filesystem, in a folder that no node can write to.
    pub fn hand_out(&self, place: &Path, target: &Path, staging: &Path) -> Result<(), ManagerError> {
        if is_same_file(place, target) {
            return Ok(());
        }
        self.files.share(place, staging)?;
        self.files.rename(staging, target)
    }

    /// Takes away the copies that no node uses, but for the newest and what was left half done.
    pub fn clear_out(&self) -> Result<(), ManagerError> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Ok(());
        };
        let mut copies: Vec<(Version, PathBuf, Metadata)> = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(".antnode-") {
                self.files.delete(&entry.path())?;
            } else if let (Some(version), Ok(seen)) = (name.strip_prefix("antnode-"), entry.metadata()) {
                copies.push((Version::new(version), entry.path(), seen));
            }
        }
        let is_newest = |version: &Version| !copies.iter().any(|(other, ..)| version.is_older_than(other));
        for (version, path, seen) in &copies {
            if version.is_readable() && seen.is_file() && seen.nlink() == 1 && !is_newest(version) {
                self.files.delete(path)?;
            }
        }
        Ok(())
    }
}

/// Whether two names are one file.
#[must_use]
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.ino() == other.ino() && one.dev() == other.dev(),
        _ => false,
    }
}

/// The file that was asked for its version, if it still is that one.
fn known_again(binary: &Binary, real: &Path) -> Result<Metadata, ManagerError> {
    let seen = fs::metadata(real).map_err(ManagerError::file("read", &binary.path))?;
    // Whatever the table of binaries says: a copy can be read by all, and a file that is no program may be secret.
    if !seen.is_file() || seen.mode() & 0o111 == 0 {
        return Err(ManagerError::Refused {
            doing: "copy",
            path: binary.path.clone(),
            why: "it is no program".to_owned(),
        });
    }
    let mtime_ns = i128::from(seen.mtime()) * 1_000_000_000 + i128::from(seen.mtime_nsec());
    let key = &binary.key;
    if (seen.len(), mtime_ns, seen.ino()) == (key.size, key.mtime_ns, key.inode) {
        Ok(seen)
    } else {
        Err(ManagerError::Changed {
            path: binary.path.clone(),
        })
    }
}

/// Whether `copy` was made from `source` as it is: a copy has the size and the time of change of its source.
fn is_copy(copy: &Metadata, source: &Metadata) -> bool {
    let is_program = copy.mode() & 0o777 == 0o755;
    is_program && copy.len() == source.len() && copy.mtime() == source.mtime()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;
    use crate::colony::BinaryKey;

    fn binary(folder: &Path, version: &str, content: &str) -> Binary {
        let path = folder.join("antnode");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let seen = fs::metadata(&path).unwrap();
        Binary {
            path,
            version: Version::new(version),
            key: BinaryKey {
                size: seen.len(),
                mtime_ns: i128::from(seen.mtime()) * 1_000_000_000 + i128::from(seen.mtime_nsec()),
                inode: seen.ino(),
            },
        }
    }

    fn shelf(folder: &Path) -> BinaryStore {
        BinaryStore::new(folder.join("bin"), Mode::User)
    }

    #[test]
    fn one_copy_serves_all_and_can_be_run() {
        let folder = TempDir::new().unwrap();
        let (shelf, at) = (shelf(folder.path()), |name: &str| folder.path().join(name));
        let place = shelf.stock(&binary(folder.path(), "0.4.17", "one")).unwrap();
        assert_eq!(place, at("bin/antnode-0.4.17"));
        for node in ["a", "b", "b"] {
            shelf.hand_out(&place, &at(node), &at("staging")).unwrap();
        }
        let seen = fs::metadata(&place).unwrap();
        assert_eq!((seen.nlink(), seen.permissions().mode() & 0o7777), (3, 0o755));
        assert!(!at("staging").exists());
    }

    #[test]
    fn stocking_again_copies_only_what_changed() {
        let folder = TempDir::new().unwrap();
        let shelf = shelf(folder.path());
        let first = binary(folder.path(), "0.4.17", "one");
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        let place = shelf.stock(&first).unwrap();
        let before = inode(&place);
        assert_eq!(inode(&shelf.stock(&first).unwrap()), before);
        let node = folder.path().join("node");
        shelf
            .hand_out(&place, &node, &folder.path().join("staging"))
            .unwrap();
        let rebuilt = binary(folder.path(), "0.4.17", "another");
        assert_ne!(inode(&shelf.stock(&rebuilt).unwrap()), before);
        assert_eq!(
            fs::read_to_string(&node).unwrap(),
            "one",
            "what runs is left as it is"
        );
    }

    #[test]
    fn unused_versions_go_but_not_the_newest() {
        let folder = TempDir::new().unwrap();
        let shelf = shelf(folder.path());
        for version in ["0.4.9", "0.4.10", "0.4.11"] {
            shelf.stock(&binary(folder.path(), version, version)).unwrap();
        }
        let used = shelf.place_of(&Version::new("0.4.9")).unwrap();
        shelf
            .hand_out(&used, &folder.path().join("node"), &folder.path().join("staging"))
            .unwrap();
        fs::write(folder.path().join("bin/.antnode-0.4.8.new"), "half").unwrap();
        fs::write(folder.path().join("bin/README"), "the operator's").unwrap();
        shelf.clear_out().unwrap();
        let mut names: Vec<String> = fs::read_dir(folder.path().join("bin"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["README", "antnode-0.4.11", "antnode-0.4.9"]);
    }

    #[test]
    fn a_version_that_is_no_file_name_is_refused() {
        let shelf = shelf(Path::new("/nowhere"));
        for version in ["", "../../etc/passwd", "0.4 17", "0.4\n"] {
            assert!(shelf.place_of(&Version::new(version)).is_err(), "{version}");
        }
    }
}
