//! Reads the figures of this machine.
//!
//! The disk's figures come from statvfs. On Linux all others come from `/proc` and `/sys`: a rate over the last minute needs
//! raw counters, and control groups limit the memory and the processors. On other systems they come from sysinfo.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::{MachineReader, RootState, SurveyError};
use crate::colony::{
    Binary, BinaryKey, BinarySharing, BusyPort, Counters, Inodes, MachineReadings, NodePorts, Timestamp,
    Version,
};

mod busy_ports;
mod cgroup;
mod counter_source;
mod file_sharing;
mod linux;
mod memory;
mod portable;
#[cfg(test)]
mod root_folder;

use busy_ports::PortChecker;
use counter_source::{CounterSource, unreadable};

/// Runs the antnode at a path with `--version` and returns its output, or the cause of the failure.
pub type AskVersion = Box<dyn Fn(&Path) -> Result<String, String>>;

/// Reads the figures of this machine.
pub struct SystemReader {
    run_version: AskVersion,
    source: Box<dyn CounterSource>,
    ports: PortChecker,
}

impl SystemReader {
    /// A reader that gets versions by `run_version`, which must have its own timeout.
    #[must_use]
    pub fn new(run_version: AskVersion) -> SystemReader {
        let source: Box<dyn CounterSource> = if cfg!(target_os = "linux") {
            Box::new(linux::ProcFiles::new("/"))
        } else {
            Box::new(portable::SysinfoCounters::new())
        };
        SystemReader {
            run_version,
            source,
            ports: PortChecker::default(),
        }
    }
}

impl MachineReader for SystemReader {
    fn read(&self, storage: &Path) -> Result<MachineReadings, SurveyError> {
        let at_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        let (counters, boot) = self.source.read()?;
        let levels = self.source.levels();
        let disk = disk(storage)?;
        Ok(MachineReadings {
            counters: Counters { at_ms, ..counters },
            boot,
            cpus: levels.cpus,
            load: levels.load,
            memory_total: levels.memory.total,
            memory_available: levels.memory.available,
            disk_total: disk.total,
            disk_used: disk.used,
            disk_free: disk.free,
            inodes: disk.inodes,
        })
    }

    fn binary(&self, path: &Path, known: &[Binary]) -> Result<Binary, SurveyError> {
        let mut key = key(path)?;
        if let Some(binary) = known.iter().find(|binary| binary.key == key) {
            return Ok(Binary {
                path: path.to_owned(),
                version: binary.version.clone(),
                key,
            });
        }
        // Run it again if the file was replaced meanwhile: the version could be that of the old file.
        for _ in 0..2 {
            let version = self.ask_version(path)?;
            let after = self::key(path)?;
            if after == key {
                return Ok(Binary {
                    path: path.to_owned(),
                    version,
                    key,
                });
            }
            key = after;
        }
        Err(SurveyError::Unwilling {
            path: path.to_owned(),
            cause: "it changed while it was asked".to_owned(),
        })
    }

    fn device(&self, path: &Path) -> Option<u64> {
        fs::metadata(path).ok().map(|metadata| metadata.dev())
    }

    fn has_root(&self, roots: &[PathBuf]) -> Vec<RootState> {
        roots.iter().map(|root| has_root(root)).collect()
    }

    fn changed_at(&self, path: &Path) -> Option<Timestamp> {
        fs::metadata(path).ok().map(|seen| Timestamp(seen.ctime()))
    }

    fn is_bare(&self, folder: &Path) -> bool {
        // Nearly all roots have an identity file, so the directory need not be read.
        match fs::symlink_metadata(folder.join("secret-key")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => !holds_anything(folder),
            _ => false,
        }
    }

    fn sharing(&self, programs: &[&Path]) -> Vec<Option<BinarySharing>> {
        programs.iter().map(|program| file_sharing::of(program)).collect()
    }

    fn busy_port(&self, ports: &NodePorts) -> Option<BusyPort> {
        self.ports.busy(ports)
    }
}

fn has_root(root: &Path) -> RootState {
    match fs::metadata(root) {
        Ok(seen) if seen.is_dir() => RootState::There {
            device: Some(seen.dev()),
        },
        Ok(_) => RootState::Gone,
        // A broken symlink only shows that the disk behind it is missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(root).is_err() => {
            RootState::Gone
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => RootState::Gone,
        Err(_) => RootState::There { device: None },
    }
}

/// Whether a directory contains more than a new filesystem does.
fn holds_anything(folder: &Path) -> bool {
    fs::read_dir(folder).map_or(true, |entries| {
        entries.flatten().any(|entry| entry.file_name() != "lost+found")
    })
}

impl SystemReader {
    fn ask_version(&self, path: &Path) -> Result<Version, SurveyError> {
        let said = (self.run_version)(path).map_err(|cause| SurveyError::Unwilling {
            path: path.to_owned(),
            cause,
        })?;
        version_said(&said).ok_or_else(|| SurveyError::NoVersion {
            path: path.to_owned(),
            said: shortened(&said),
        })
    }
}

/// The version in the output of `antnode --version`, which is a line such as `Autonomi Node v0.4.17`.
#[must_use]
pub fn version_said(said: &str) -> Option<Version> {
    said.lines()
        .filter_map(|line| line.trim().strip_prefix("Autonomi Node v"))
        .filter_map(|rest| rest.split_whitespace().next())
        .map(Version::new)
        .find(Version::is_readable)
}

/// The first line of an output, shortened for a message.
fn shortened(said: &str) -> String {
    let line = said.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn key(path: &Path) -> Result<BinaryKey, SurveyError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata,
        Ok(_) => {
            return Err(SurveyError::NotExecutable {
                path: path.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(SurveyError::NotExecutable {
                path: path.to_owned(),
            });
        }
        Err(_) => {
            return Err(SurveyError::NoBinary {
                looked: vec![path.to_owned()],
            });
        }
    };
    if access(path, AccessFlags::X_OK).is_err() {
        return Err(SurveyError::NotExecutable {
            path: path.to_owned(),
        });
    }
    Ok(BinaryKey {
        size: metadata.size(),
        mtime_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
        inode: metadata.ino(),
    })
}

/// Bytes of a filesystem: `used` includes blocks reserved for root, `free` is the space for users.
struct FilesystemSpace {
    total: u64,
    used: u64,
    free: u64,
    inodes: Inodes,
}

/// The filesystem of `storage`, or of the nearest existing parent.
#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the widths of these counts differ from system to system"
)]
fn disk(storage: &Path) -> Result<FilesystemSpace, SurveyError> {
    let mut nearest = storage;
    let found = loop {
        match statvfs(nearest) {
            Err(nix::errno::Errno::ENOENT | nix::errno::Errno::ENOTDIR) => match nearest.parent() {
                Some(parent) => nearest = parent,
                None => break Err(nix::errno::Errno::ENOENT),
            },
            found => break found,
        }
    };
    let found = found.map_err(|error| unreadable(&format!("the disk of `{}`", storage.display()), &error))?;
    let block = u64::from(found.fragment_size());
    let bytes = |blocks: u64| blocks.saturating_mul(block);
    let total = bytes(u64::from(found.blocks()));
    Ok(FilesystemSpace {
        total,
        used: total.saturating_sub(bytes(u64::from(found.blocks_free()))),
        free: bytes(u64::from(found.blocks_available())),
        inodes: inodes(
            u64::from(found.files()),
            u64::from(found.files_free()),
            u64::from(found.files_available()),
        ),
    })
}

/// btrfs and others have no fixed number of inodes, and give 0 for all three.
fn inodes(all: u64, free: u64, available: u64) -> Inodes {
    match all {
        0 => Inodes::default(),
        _ => Inodes {
            used: all.saturating_sub(free),
            free: available,
        },
    }
}

#[cfg(test)]
mod tests;
