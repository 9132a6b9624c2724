//! The counters of Linux, from `/proc/stat`, `/proc/diskstats` and `/proc/net/dev`.

use std::fs;
use std::path::Path;

use super::counter_source::{CounterSource, unreadable};
use crate::colony::{Counters, Timestamp};
use crate::survey::SurveyError;

/// The kernel's counters.
pub struct ProcCounters;

impl CounterSource for ProcCounters {
    fn read(&self) -> Result<(Counters, Timestamp), SurveyError> {
        let stat = text("/proc/stat")?;
        let mut counters = Counters::default();
        let boot = read_stat(&stat, &mut counters)
            .ok_or_else(|| unreadable("`/proc/stat`", &"it has another form than expected"))?;
        // A container may hide these two files; the rates are then 0.
        if let Ok(diskstats) = fs::read_to_string("/proc/diskstats") {
            (counters.disk_read, counters.disk_written) = read_disks(&diskstats, &kind_of);
        }
        if let Ok(dev) = fs::read_to_string("/proc/net/dev") {
            (counters.net_received, counters.net_sent) = read_interfaces(&dev);
        }
        Ok((counters, boot))
    }
}

fn text(path: &str) -> Result<String, SurveyError> {
    fs::read_to_string(path).map_err(|error| unreadable(&format!("`{path}`"), &error))
}

/// CPU times of all CPUs into `counters`, and the boot time.
///
/// The fields are user, nice, system, idle, iowait, irq, softirq, steal. The guest times after them are part of user and
/// nice, and would be counted twice.
fn read_stat(stat: &str, counters: &mut Counters) -> Option<Timestamp> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let times: Vec<u64> = line
        .split_ascii_whitespace()
        .take(8)
        .map(|time| time.parse().ok())
        .collect::<Option<_>>()?;
    counters.cpu_total = times.iter().fold(0, |sum, time| sum.saturating_add(*time));
    counters.cpu_idle = *times.get(3)?;
    counters.cpu_iowait = times.get(4).copied().unwrap_or(0);
    let boot = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    boot.trim().parse().ok().map(Timestamp)
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

fn kind_of(name: &str) -> DiskKind {
    let name = name.replace('/', "!");
    let block = Path::new("/sys/block").join(name);
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
    use super::*;

    const STAT: &str = "cpu  20564 7 8849 152597 2666 3 166 347 50 9\n\
                        cpu0 9996 0 3810 78266 379 0 13 134 0 0\n\
                        intr 12\nctxt 34\nbtime 1795465645\nprocesses 9\n";

    #[test]
    fn cpu_times_count_guests_once() {
        let mut counters = Counters::default();
        assert_eq!(read_stat(STAT, &mut counters), Some(Timestamp(1_795_465_645)));
        assert_eq!(
            counters.cpu_total,
            20564 + 7 + 8849 + 152597 + 2666 + 3 + 166 + 347
        );
        assert_eq!(counters.cpu_idle, 152_597);
        assert_eq!(counters.cpu_iowait, 2_666);
        assert_eq!(read_stat("nonsense", &mut counters), None);
        assert_eq!(read_stat("cpu  1 x 3 4 5\nbtime 9", &mut counters), None);
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
