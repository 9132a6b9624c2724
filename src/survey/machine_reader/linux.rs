//! The counters and levels of Linux, from small files in `/proc` and `/sys`.

use std::fs;
use std::path::{Path, PathBuf};

use super::counter_source::{CounterSource, Levels, unreadable};
use super::{cgroup, memory};
use crate::colony::{Counters, Timestamp, WaitTimes};
use crate::survey::SurveyError;

/// The kernel's files.
pub struct ProcFiles {
    /// The folder that holds `proc` and `sys`.
    root: PathBuf,
}

impl ProcFiles {
    pub fn new(root: impl Into<PathBuf>) -> ProcFiles {
        ProcFiles { root: root.into() }
    }

    fn text(&self, file: &str) -> std::io::Result<String> {
        fs::read_to_string(self.root.join("proc").join(file))
    }

    /// How long programs waited. Many kernels do not count it.
    fn waited(&self) -> WaitTimes {
        let total = |file: &str, line: &str| {
            let text = self.text(&format!("pressure/{file}")).ok()?;
            wait_total(&text, line)
        };
        WaitTimes {
            cpu_some: total("cpu", "some").unwrap_or(WaitTimes::UNKNOWN),
            io_full: total("io", "full").unwrap_or(WaitTimes::UNKNOWN),
            memory_full: total("memory", "full").unwrap_or(WaitTimes::UNKNOWN),
        }
    }
}

impl CounterSource for ProcFiles {
    fn read(&self) -> Result<(Counters, Timestamp), SurveyError> {
        let stat = self.text("stat");
        let uptime = self.text("uptime").unwrap_or_default();
        let boot = stat.as_ref().ok().and_then(|stat| boot_time(stat));
        let boot = boot
            .or_else(|| boot_by_uptime(&uptime))
            .ok_or_else(|| match &stat {
                Err(error) => unreadable("`/proc/stat`", error),
                Ok(_) => unreadable("`/proc/stat`", &"it has no boot time"),
            })?;
        let mut counters = Counters {
            at_ms: 0,
            cpu_total: Counters::UNKNOWN,
            cpu_idle: Counters::UNKNOWN,
            cpu_iowait: Counters::UNKNOWN,
            disk_read: Counters::UNKNOWN,
            disk_written: Counters::UNKNOWN,
            net_received: Counters::UNKNOWN,
            net_sent: Counters::UNKNOWN,
            waited: self.waited(),
        };
        if let Some((total, idle, iowait)) = stat.ok().and_then(|stat| cpu_times(&stat)) {
            (counters.cpu_total, counters.cpu_idle, counters.cpu_iowait) = (total, idle, iowait);
        }
        // A container may hide these two files.
        if let Ok(diskstats) = self.text("diskstats") {
            let kind = |name: &str| kind_of(&self.root, name);
            (counters.disk_read, counters.disk_written) = read_disks(&diskstats, &kind);
        }
        if let Ok(dev) = self.text("net/dev") {
            (counters.net_received, counters.net_sent) = read_interfaces(&dev);
        }
        Ok((counters, boot))
    }

    fn levels(&self) -> Levels {
        let load = self.text("loadavg").ok().and_then(|text| read_load(&text));
        let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get());
        let cpus = u32::try_from(cpus).unwrap_or(u32::MAX);
        Levels {
            load: load.unwrap_or([f64::NAN; 3]),
            memory: memory::read(&self.root),
            cpus: cgroup::processors(&self.root).map_or(cpus, |quota| quota.min(cpus)),
        }
    }
}

/// The counter `total` of the line `some` or `full` of a file in `/proc/pressure`, in microseconds.
fn wait_total(text: &str, line: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|text| text.split_once(' '));
    let (_, figures) = lines.find(|(word, _)| *word == line)?;
    let mut words = figures.split_ascii_whitespace();
    words.find_map(|word| word.strip_prefix("total="))?.parse().ok()
}

/// The three averages; None if they cannot be told.
///
/// After them comes `running/all`, the numbers of processes: a kernel that counts none at all counts no load either.
fn read_load(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split_ascii_whitespace();
    let mut next = || {
        let average = words.next()?.parse::<f64>().ok()?;
        (average.is_finite() && average >= 0.0).then_some(average)
    };
    let load = [next()?, next()?, next()?];
    let all = words
        .next()
        .and_then(|word| word.split_once('/'))
        .map(|(_, all)| all);
    (all != Some("0")).then_some(load)
}

/// A counter of ticks above this ran below 0: it would have taken longer than the world exists.
const MOST_TICKS: u64 = 1 << 62;

/// CPU times of all CPUs: all, idle, and waiting for I/O. None if they cannot be told: all are 0, or one ran below 0.
///
/// The fields are user, nice, system, idle, iowait, irq, softirq, steal. The guest times after them are part of user and
/// nice, and would be counted twice.
fn cpu_times(stat: &str) -> Option<(u64, u64, u64)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let times: Vec<u64> = line
        .split_ascii_whitespace()
        .take(8)
        .map(|time| time.parse().ok().filter(|time| *time < MOST_TICKS))
        .collect::<Option<_>>()?;
    let total = times.iter().fold(0_u64, |sum, time| sum.saturating_add(*time));
    let idle = *times.get(3)?;
    (total > 0).then(|| (total, idle, times.get(4).copied().unwrap_or(0)))
}

fn boot_time(stat: &str) -> Option<Timestamp> {
    let boot = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    boot.trim().parse().ok().map(Timestamp)
}

/// The boot time by the seconds since then, the first word of `/proc/uptime`.
fn boot_by_uptime(uptime: &str) -> Option<Timestamp> {
    let seconds: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    let up = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    let boot = std::time::SystemTime::now().checked_sub(up)?;
    let since = boot.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Timestamp)
}

/// The kind of device of a line of `/proc/diskstats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DiskKind {
    /// A device with real or emulated hardware.
    Disk,
    /// A whole device without hardware: a loop, a mapper, an array, RAM, a network block device.
    Virtual,
    /// A partition of a device.
    Partition,
}

fn kind_of(root: &Path, name: &str) -> DiskKind {
    let name = name.replace('/', "!");
    let block = root.join("sys/block").join(name);
    if block.join("device").exists() {
        DiskKind::Disk
    } else if block.exists() {
        DiskKind::Virtual
    } else {
        DiskKind::Partition
    }
}

/// Devices whose bytes another device counts, or that are no disks.
const STACKED: [&str; 7] = ["loop", "ram", "zram", "dm-", "md", "bcache", "sr"];

/// Bytes read and written by real disks, each byte once. Without a disk that shows its hardware, other whole devices are
/// counted: the root disk of a container, or a network block device.
fn read_disks(diskstats: &str, kind_of: &dyn Fn(&str) -> DiskKind) -> (u64, u64) {
    let mut disks = None;
    let mut others = (0_u64, 0_u64);
    for line in diskstats.lines() {
        let mut words = line.split_ascii_whitespace().skip(2);
        let Some(name) = words.next() else { continue };
        let counts: Vec<u64> = words.take(7).map_while(|word| word.parse().ok()).collect();
        // Reads, merged, sectors, milliseconds; then the same of writes. A sector has 512 bytes here,
        // whatever the disk says of itself.
        let &[_, _, read, _, _, _, written] = counts.as_slice() else {
            continue;
        };
        if read == 0 && written == 0 {
            continue;
        }
        let sum = match kind_of(name) {
            DiskKind::Disk if !name.starts_with("sr") => disks.get_or_insert((0_u64, 0_u64)),
            DiskKind::Virtual if !STACKED.iter().any(|stacked| name.starts_with(stacked)) => &mut others,
            _ => continue,
        };
        sum.0 = sum.0.saturating_add(read.saturating_mul(512));
        sum.1 = sum.1.saturating_add(written.saturating_mul(512));
    }
    disks.unwrap_or(others)
}

/// Bytes received and sent on all interfaces including the loopback, as the Python wnm counts.
fn read_interfaces(dev: &str) -> (u64, u64) {
    dev.lines()
        .filter_map(|line| line.rsplit_once(':'))
        .filter_map(|(_, counts)| {
            let mut counts = counts.split_ascii_whitespace().map(|word| word.parse().ok());
            Some((counts.next()??, counts.nth(7)??))
        })
        .fold((0_u64, 0_u64), |sum, (received, sent): (u64, u64)| {
            (sum.0.saturating_add(received), sum.1.saturating_add(sent))
        })
}

#[cfg(test)]
mod tests {
    use super::super::root_folder::root;
    use super::*;

    const STAT: &str = "cpu  20564 7 8849 152597 2666 3 166 347 50 9\n\
                        cpu0 9996 0 3810 78266 379 0 13 134 0 0\n\
                        intr 12\nctxt 34\nbtime 1795465645\nprocesses 9\n";

    #[test]
    fn total_of_a_pressure_file_is_read_and_odd_text_is_not() {
        let text = "some avg10=0.00 avg60=0.10 avg300=0.20 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(super::wait_total(text, "some"), Some(123_456));
        assert_eq!(super::wait_total(text, "full"), Some(7));
        for odd in ["", "some", "some total=", "some total=-1", "full total=1"] {
            assert_eq!(super::wait_total(odd, "some"), None, "{odd}");
        }
    }

    #[test]
    fn cpu_times_count_guests_once() {
        assert_eq!(boot_time(STAT), Some(Timestamp(1_795_465_645)));
        let total = 20564 + 7 + 8849 + 152597 + 2666 + 3 + 166 + 347;
        assert_eq!(cpu_times(STAT), Some((total, 152_597, 2_666)));
        assert_eq!((cpu_times("nonsense"), boot_time("nonsense")), (None, None));
        assert_eq!(cpu_times("cpu  1 x 3 4 5\nbtime 9"), None);
    }

    #[test]
    fn given_a_stat_that_cannot_be_right_when_cpu_times_are_read_then_they_are_not_known() {
        for line in [
            "",
            "cpu  0 0 0 0 0 0 0 0 0 0",
            "cpu  123 4 567 89000 10 0 1 18446744073709551000 0 0",
            "cpu  123 4 567 18446744073709551000 10 0 1 0 0 0",
            "cpu  123 4 567 89000 10 0 1 -616 0 0",
            "cpu  123 4",
        ] {
            assert_eq!(cpu_times(&format!("{line}\nbtime 9\n")), None, "{line}");
        }
    }

    #[test]
    fn given_a_loadavg_that_does_not_tell_when_load_is_read_then_it_is_not_known() {
        assert_eq!(read_load("0.50 0.25 0.00 1/345 678\n"), Some([0.5, 0.25, 0.0]));
        for text in [
            "",
            "\n",
            "0.50 0.25",
            "a b c",
            "NaN 1 1 1/2 3",
            "-1 0 0 1/2 3",
            "0.00 0.00 0.00 0/0 0",
        ] {
            assert_eq!(read_load(text), None, "{text}");
        }
    }

    #[test]
    fn given_files_that_are_hidden_when_the_machine_is_read_then_only_their_figures_are_not_known() {
        let folder = root(&[("proc/uptime", "100.00 50.00\n")]);
        let files = ProcFiles::new(folder.path());
        let (counters, boot) = files.read().unwrap();
        assert!(boot.0 > 1_000_000_000);
        let unknown = Counters::UNKNOWN;
        assert_eq!(
            (counters.cpu_total, counters.disk_read, counters.net_sent),
            (unknown, unknown, unknown)
        );
        let levels = files.levels();
        assert!(levels.load.iter().all(|load| load.is_nan()));
        assert_eq!(levels.memory.total, 0);
        assert!(levels.cpus >= 1);
        assert!(ProcFiles::new(folder.path().join("none")).read().is_err());
    }

    const DISKSTATS: &str = "   7       0 loop0 5 0 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n \
        259       0 nvme0n1 10 1 100 5 20 2 200 9 0 1 2 0 0 0 0 0 0\n \
        259       1 nvme0n1p1 9 1 90 5 19 2 190 9 0 1 2 0 0 0 0 0 0\n \
        253       0 dm-0 9 1 90 5 19 2 190 9 0 1 2\n   \
          8      16 sdb 1 0 8 0 1 0 16 0 0 0 0\n  \
         43       0 nbd0 1 0 2 0 1 0 4 0 0 0 0\n  \
         11       0 sr0 1 0 2 0 0 0 0 0 0 0 0\n broken line\n";

    #[test]
    fn counts_each_byte_of_a_disk_once() {
        let kind_of = |name: &str| match name {
            "nvme0n1" | "sdb" | "sr0" => DiskKind::Disk,
            "nvme0n1p1" => DiskKind::Partition,
            _ => DiskKind::Virtual,
        };
        assert_eq!(read_disks(DISKSTATS, &kind_of), (108 * 512, 216 * 512));
    }

    #[test]
    fn counts_other_devices_without_hardware_disks() {
        let kind_of = |name: &str| match name {
            "nvme0n1p1" => DiskKind::Partition,
            _ => DiskKind::Virtual,
        };
        assert_eq!(read_disks(DISKSTATS, &kind_of), (110 * 512, 220 * 512));
        assert_eq!(read_disks("", &kind_of), (0, 0));
    }

    #[test]
    fn counts_all_interfaces() {
        let dev = "Inter-|   Receive                                                |  Transmit\n \
            face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n    \
            lo:    3193      29    0    0    0     0          0         0     3193      29    0    0\n  \
            eth0:132237533    5136    0    0    0     0          0         0   362006    4134    0    0\n  \
            eth0:1: 10 1 0 0 0 0 0 0 20 1 0 0\n";
        assert_eq!(
            read_interfaces(dev),
            (3193 + 132_237_533 + 10, 3193 + 362_006 + 20)
        );
    }
}
