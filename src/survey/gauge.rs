//! The machine's instruments: the only place that reads them.
//!
//! Levels are read through sysinfo and statvfs. The counters of Linux are read from `/proc` itself, since
//! a rate over the last minute needs raw counters, and in one file each; elsewhere sysinfo must do.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};
use sysinfo::{MemoryRefreshKind, System};

use super::{Error, Gauge};
use crate::colony::{Binary, BinaryKey, Counters, Instruments, Ports, Version};

#[cfg_attr(target_os = "linux", path = "gauge/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "gauge/elsewhere.rs")]
mod counters;

/// Asks the antnode at a path for what it says to `--version`; an error says why it would not tell.
pub type AskVersion = Box<dyn Fn(&Path) -> Result<String, String>>;

/// The instruments of this machine.
pub struct RealGauge {
    run_version: AskVersion,
    source: counters::Source,
}

impl RealGauge {
    /// Instruments that ask binaries by `run_version`, which must come back within its own time limit.
    #[must_use]
    pub fn new(run_version: AskVersion) -> RealGauge {
        RealGauge {
            run_version,
            source: counters::Source::new(),
        }
    }
}

impl Gauge for RealGauge {
    fn read(&self, storage: &Path) -> Result<Instruments, Error> {
        let at_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        let (counters, boot) = self.source.read()?;
        let load = System::load_average().map_err(|error| unreadable("the load average", &error))?;
        let mut system = System::new().map_err(|error| unreadable("the memory", &error))?;
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let disk = disk(storage)?;
        let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get());
        Ok(Instruments {
            counters: Counters { at_ms, ..counters },
            boot,
            cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
            load: [load.one, load.five, load.fifteen],
            memory_total: system.total_memory(),
            memory_available: system.available_memory(),
            disk_total: disk.total,
            disk_used: disk.used,
            disk_free: disk.free,
        })
    }

    fn binary(&self, path: &Path, known: &[Binary]) -> Result<Binary, Error> {
        let mut key = key(path)?;
        if let Some(binary) = known.iter().find(|binary| binary.key == key) {
            return Ok(Binary {
                path: path.to_owned(),
                version: binary.version.clone(),
                key,
            });
        }
        // Once more when the file was exchanged while it ran: its answer would be kept for another.
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
        Err(Error::Unwilling {
            path: path.to_owned(),
            cause: "it changed while it was asked".to_owned(),
        })
    }

    fn device(&self, path: &Path) -> Option<u64> {
        fs::metadata(path).ok().map(|metadata| metadata.dev())
    }

    fn rooted(&self, roots: &[PathBuf]) -> Vec<bool> {
        roots
            .iter()
            .map(|root| match fs::metadata(root) {
                Ok(metadata) => metadata.is_dir(),
                Err(error) => !matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ),
            })
            .collect()
    }

    fn busy_port(&self, ports: &Ports) -> Option<u16> {
        // A node's own port is UDP; a program that listens there on TCP has a claim to the number all the same.
        let node = || tcp_is_taken(ports.node) || udp_is_taken(ports.node);
        if node() {
            return Some(ports.node);
        }
        tcp_is_taken(ports.metrics).then_some(ports.metrics)
    }
}

fn tcp_is_taken(port: u16) -> bool {
    is_in_use(TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
}

fn udp_is_taken(port: u16) -> bool {
    is_in_use(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)))
}

/// Only what is known to be in use is taken: a port we may not bind for another reason is antnode's to judge.
fn is_in_use<T>(bound: io::Result<T>) -> bool {
    bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

impl RealGauge {
    fn ask_version(&self, path: &Path) -> Result<Version, Error> {
        let said = (self.run_version)(path).map_err(|cause| Error::Unwilling {
            path: path.to_owned(),
            cause,
        })?;
        version_said(&said).ok_or_else(|| Error::NoVersion {
            path: path.to_owned(),
            said: shortened(&said),
        })
    }
}

/// The version in what antnode says to `--version`: `Autonomi Node v0.4.17` on a line of its own.
fn version_said(said: &str) -> Option<Version> {
    said.lines()
        .filter_map(|line| line.trim().strip_prefix("Autonomi Node v"))
        .filter_map(|rest| rest.split_whitespace().next())
        .map(Version::new)
        .find(Version::is_readable)
}

/// The first line of what was said, fit for a message.
fn shortened(said: &str) -> String {
    let line = said.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn key(path: &Path) -> Result<BinaryKey, Error> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata,
        Ok(_) => {
            return Err(Error::NotExecutable {
                path: path.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(Error::NotExecutable {
                path: path.to_owned(),
            });
        }
        Err(_) => {
            return Err(Error::NoBinary {
                looked: vec![path.to_owned()],
            });
        }
    };
    if access(path, AccessFlags::X_OK).is_err() {
        return Err(Error::NotExecutable {
            path: path.to_owned(),
        });
    }
    Ok(BinaryKey {
        size: metadata.size(),
        mtime_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
        inode: metadata.ino(),
    })
}

/// Bytes of a filesystem: `used` also counts what root keeps, `free` is what a user may still take.
struct Space {
    total: u64,
    used: u64,
    free: u64,
}

/// The filesystem of `storage`, or of the nearest directory above it while it is not there yet.
#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the widths of these counts differ from system to system"
)]
fn disk(storage: &Path) -> Result<Space, Error> {
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
    Ok(Space {
        total,
        used: total.saturating_sub(bytes(u64::from(found.blocks_free()))),
        free: bytes(u64::from(found.blocks_available())),
    })
}

fn unreadable(what: &str, cause: &dyn std::fmt::Display) -> Error {
    Error::Instrument {
        what: what.to_owned(),
        cause: cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs::{File, Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::rc::Rc;

    use super::*;

    fn executable(path: &Path) {
        File::create(path).unwrap();
        set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    /// A gauge whose binaries all say `said`, and how often they were asked.
    fn gauge(said: &'static str) -> (RealGauge, Rc<Cell<u32>>) {
        let asked = Rc::new(Cell::new(0));
        let count = Rc::clone(&asked);
        let gauge = RealGauge::new(Box::new(move |_| {
            count.set(count.get() + 1);
            Ok(said.to_owned())
        }));
        (gauge, asked)
    }

    const SAID: &str = include_str!("../../tests/fixtures/antnode-0.4.17/version.txt");

    #[test]
    fn the_machine_is_read() {
        let (gauge, _) = gauge(SAID);
        let read = gauge.read(Path::new("/")).unwrap();
        assert!(read.counters.at_ms > 1_600_000_000_000);
        assert!(read.boot.0 > 1_000_000_000 && read.boot.0 * 1000 <= read.counters.at_ms + 1000);
        assert!(read.cpus >= 1);
        assert!(read.memory_available <= read.memory_total && read.memory_total > 0);
        assert!(read.disk_used + read.disk_free <= read.disk_total);
        assert!(read.counters.cpu_idle <= read.counters.cpu_total);
        let again = gauge.read(Path::new("/")).unwrap();
        assert!(again.counters.cpu_total >= read.counters.cpu_total);
        assert!(again.counters.net_received >= read.counters.net_received);
    }

    #[test]
    fn storage_that_is_not_there_yet_is_measured_where_it_will_be() {
        let (gauge, _) = gauge(SAID);
        let home = tempfile::tempdir().unwrap();
        let there = gauge.read(home.path()).unwrap();
        let not_yet = gauge.read(&home.path().join("autonomi/node")).unwrap();
        assert_eq!(there.disk_total, not_yet.disk_total);
        assert_eq!(gauge.device(&home.path().join("autonomi/node")), None);
        assert!(gauge.device(home.path()).is_some());
    }

    #[test]
    fn a_binary_is_asked_once() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("antnode");
        executable(&path);
        let (gauge, asked) = gauge(SAID);
        let binary = gauge.binary(&path, &[]).unwrap();
        assert_eq!(binary.version.as_str(), "0.4.17");
        let link = home.path().join("link");
        fs::hard_link(&path, &link).unwrap();
        let known = [binary.clone()];
        assert_eq!(gauge.binary(&path, &known).unwrap(), binary);
        assert_eq!(gauge.binary(&link, &known).unwrap().version, binary.version);
        assert_eq!(asked.get(), 1);
        fs::write(&path, "another").unwrap();
        gauge.binary(&path, &known).unwrap();
        assert_eq!(asked.get(), 2);
    }

    #[test]
    fn versions_are_kept_whole_and_rubbish_is_refused() {
        let said = |text: &str| version_said(text).map(|version| version.as_str().to_owned());
        assert_eq!(
            said("Autonomi Node v0.4.18-rc.1\nmore").as_deref(),
            Some("0.4.18-rc.1")
        );
        assert_eq!(
            said("warning: x\n Autonomi Node v0.5.0 (abc)").as_deref(),
            Some("0.5.0")
        );
        for text in [
            "",
            "antctl 0.13",
            "Autonomi Node v",
            "Autonomi Node vlatest",
            "v0.4.17",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("antnode");
        executable(&path);
        let (gauge, _) = gauge("hello\u{7} there\nworld");
        let error = gauge.binary(&path, &[]).unwrap_err().to_string();
        assert!(
            error.ends_with("it answered `hello there` and not `Autonomi Node v...`"),
            "{error}"
        );
    }

    #[test]
    fn a_binary_that_is_not_there_or_will_not_run_says_so() {
        let home = tempfile::tempdir().unwrap();
        let (willing, _) = gauge(SAID);
        let missing = home.path().join("antnode");
        let error = willing.binary(&missing, &[]).unwrap_err();
        assert_eq!(
            error,
            Error::NoBinary {
                looked: vec![missing.clone()]
            }
        );
        assert_eq!(
            error.to_string(),
            format!("find `antnode`: looked for `{}`", missing.display())
        );
        File::create(&missing).unwrap();
        for path in [missing.as_path(), home.path()] {
            let error = willing.binary(path, &[]).unwrap_err();
            assert_eq!(
                error,
                Error::NotExecutable {
                    path: path.to_owned()
                }
            );
        }
        executable(&missing);
        let hanging = RealGauge::new(Box::new(|_| Err("no end after 5 s".to_owned())));
        let error = hanging.binary(&missing, &[]).unwrap_err().to_string();
        assert!(error.ends_with("for its version: no end after 5 s"), "{error}");
    }

    #[test]
    fn only_what_is_known_to_be_gone_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let (file, closed) = (home.path().join("file"), home.path().join("closed"));
        File::create(&file).unwrap();
        fs::create_dir(&closed).unwrap();
        set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
        let (gauge, _) = gauge(SAID);
        let roots = [
            home.path().to_owned(),
            closed.clone(),
            home.path().join("gone"),
            file.clone(),
            file.join("under"),
        ];
        assert_eq!(gauge.rooted(&roots), [true, true, false, false, false]);
        // Root sees into the closed one, and then it is known to be gone.
        let readable = fs::read_dir(&closed).is_ok();
        assert_eq!(gauge.rooted(&[closed.join("under")]), [!readable]);
        set_permissions(&closed, Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_port_that_something_has_is_busy() {
        let gauge = RealGauge::new(Box::new(|_| Err(String::new())));
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let tcp = held.local_addr().unwrap().port();
        let bound = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let udp = bound.local_addr().unwrap().port();
        let ports = |node, metrics| Ports {
            node,
            metrics,
            rpc: 0,
        };
        assert_eq!(gauge.busy_port(&ports(0, tcp)), Some(tcp));
        assert_eq!(gauge.busy_port(&ports(udp, 0)), Some(udp));
        assert_eq!(gauge.busy_port(&ports(0, 0)), None);
    }
}
