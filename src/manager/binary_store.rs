//! The binary store `BASE_DIR/bin`: one copy of each antnode version, to which every node's antnode is a hard link.
//!
//! Nodes with one inode share the page cache: a node needs less than half the memory, and no 34 MB of disk.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::colony::{Binary, Mode, Version};

use super::ManagerError;
use super::files::{Files, beside};

/// The binary store of one colony.
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

    /// The path of the copy of `version`; an error if the version cannot be part of a file name.
    pub fn path_of(&self, version: &Version) -> Result<PathBuf, ManagerError> {
        let text = version.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
        if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
            return Err(ManagerError::Refused {
                doing: "store an antnode in",
                path: self.folder.clone(),
                why: format!("the version `{}` cannot be a file name", text.escape_debug()),
            });
        }
        Ok(self.folder.join(format!("antnode-{text}")))
    }

    /// Copies `binary` into the store unless it is there; returns the path of the copy, which is complete and on disk.
    pub fn add(&self, binary: &Binary) -> Result<PathBuf, ManagerError> {
        let place = self.path_of(&binary.version)?;
        if place == binary.path {
            return Ok(place);
        }
        // Symlinks are resolved once: they may lead elsewhere the next time.
        let real = binary.path.canonicalize();
        let real = real.map_err(ManagerError::file("read", &binary.path))?;
        let source = check_unchanged(binary, &real)?;
        if fs::symlink_metadata(&place).is_ok_and(|copy| copy.is_file() && is_copy(&copy, &source)) {
            return Ok(place);
        }
        self.files.make_dir(&self.folder, None)?;
        let staging = beside(&place, "new");
        self.files.copy(&real, &staging)?;
        // If its owner replaced it during the copy, the copy may contain parts of both.
        let whole = fs::symlink_metadata(&staging).map_err(ManagerError::file("copy", &staging))?;
        if check_unchanged(binary, &real).is_err() || whole.len() != source.len() {
            let _ = self.files.delete(&staging);
            return Err(ManagerError::BinaryChanged {
                path: binary.path.clone(),
            });
        }
        self.files.rename(&staging, &place)?;
        Ok(place)
    }

    /// Replaces `target` by the stored program at `place`, as a hard link if possible, by a rename.
    ///
    /// `staging` must be on the filesystem of `target`, in a directory that no node can write to.
    pub fn install(&self, place: &Path, target: &Path, staging: &Path) -> Result<(), ManagerError> {
        if is_same_file(place, target) {
            return Ok(());
        }
        self.files.share(place, staging)?;
        self.files.rename(staging, target)
    }

    /// Deletes unfinished copies, and those that no node uses except the newest.
    pub fn delete_unused(&self) -> Result<(), ManagerError> {
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

/// Whether two paths lead to one file.
#[must_use]
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.ino() == other.ino() && one.dev() == other.dev(),
        _ => false,
    }
}

/// Checks that the file is still the one whose version was read.
fn check_unchanged(binary: &Binary, real: &Path) -> Result<Metadata, ManagerError> {
    let seen = fs::metadata(real).map_err(ManagerError::file("read", &binary.path))?;
    // The database may name any file; everybody can read the copy, so a file that is no program is not copied.
    if !seen.is_file() || seen.mode() & 0o111 == 0 {
        return Err(ManagerError::Refused {
            doing: "copy",
            path: binary.path.clone(),
            why: "it is not an executable file".to_owned(),
        });
    }
    let mtime_ns = i128::from(seen.mtime()) * 1_000_000_000 + i128::from(seen.mtime_nsec());
    let key = &binary.key;
    if (seen.len(), mtime_ns, seen.ino()) == (key.size, key.mtime_ns, key.inode) {
        Ok(seen)
    } else {
        Err(ManagerError::BinaryChanged {
            path: binary.path.clone(),
        })
    }
}

/// Whether `copy` was made from `source`: a copy has the size and the modification time of its source.
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
    fn all_nodes_link_to_one_executable_copy() {
        let folder = TempDir::new().unwrap();
        let (shelf, at) = (shelf(folder.path()), |name: &str| folder.path().join(name));
        let place = shelf.add(&binary(folder.path(), "0.4.17", "one")).unwrap();
        assert_eq!(place, at("bin/antnode-0.4.17"));
        for node in ["a", "b", "b"] {
            shelf.install(&place, &at(node), &at("staging")).unwrap();
        }
        let seen = fs::metadata(&place).unwrap();
        assert_eq!((seen.nlink(), seen.permissions().mode() & 0o7777), (3, 0o755));
        assert!(!at("staging").exists());
    }

    #[test]
    fn adding_again_copies_only_changed_files() {
        let folder = TempDir::new().unwrap();
        let shelf = shelf(folder.path());
        let first = binary(folder.path(), "0.4.17", "one");
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        let place = shelf.add(&first).unwrap();
        let before = inode(&place);
        assert_eq!(inode(&shelf.add(&first).unwrap()), before);
        let node = folder.path().join("node");
        shelf
            .install(&place, &node, &folder.path().join("staging"))
            .unwrap();
        let rebuilt = binary(folder.path(), "0.4.17", "another");
        assert_ne!(inode(&shelf.add(&rebuilt).unwrap()), before);
        assert_eq!(
            fs::read_to_string(&node).unwrap(),
            "one",
            "the installed binary is unchanged"
        );
    }

    #[test]
    fn deletes_unused_versions_except_the_newest() {
        let folder = TempDir::new().unwrap();
        let shelf = shelf(folder.path());
        for version in ["0.4.9", "0.4.10", "0.4.11"] {
            shelf.add(&binary(folder.path(), version, version)).unwrap();
        }
        let used = shelf.path_of(&Version::new("0.4.9")).unwrap();
        shelf
            .install(&used, &folder.path().join("node"), &folder.path().join("staging"))
            .unwrap();
        fs::write(folder.path().join("bin/.antnode-0.4.8.new"), "half").unwrap();
        fs::write(folder.path().join("bin/README"), "the operator's").unwrap();
        shelf.delete_unused().unwrap();
        let mut names: Vec<String> = fs::read_dir(folder.path().join("bin"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["README", "antnode-0.4.11", "antnode-0.4.9"]);
    }

    #[test]
    fn refuses_version_that_is_no_file_name() {
        let shelf = shelf(Path::new("/nowhere"));
        for version in ["", "../../etc/passwd", "0.4 17", "0.4\n"] {
            assert!(shelf.path_of(&Version::new(version)).is_err(), "{version}");
        }
    }
}
