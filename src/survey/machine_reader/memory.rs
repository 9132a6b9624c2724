//! The memory of a Linux machine, and of the control group that this process runs in.

use std::fs;
use std::path::{Path, PathBuf};

use super::cgroup;

/// Bytes in all, and bytes that programs could still take; both 0 if they are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) total: u64,
    pub(super) available: u64,
}

/// The part of the memory that `/proc/meminfo` may leave without a name.
///
/// Drivers take some; more of it without ZFS' own file may be a cache, or may not.
const MOST_NAMELESS: f64 = 0.4;

/// The memory of the machine with `/proc` and `/sys` in `root`, or what its control groups leave of it.
pub(super) fn read(root: &Path) -> Memory {
    let Some(machine) = of_machine(root) else {
        return Memory::default();
    };
    let mut memory = machine;
    for group in cgroup::memory_folders(root) {
        match cgroup::memory(&group) {
            Some(limited) if limited.limit < machine.total => {
                let Some(used) = limited.used else {
                    return Memory::default();
                };
                memory.total = memory.total.min(limited.limit);
                memory.available = memory.available.min(limited.limit.saturating_sub(used));
            }
            _ => {}
        }
    }
    memory
}

/// None if the files do not tell, or contradict themselves.
fn of_machine(root: &Path) -> Option<Memory> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let total = kilobytes(&meminfo, "MemTotal").filter(|total| *total > 0)?;
    let available = available(&meminfo)?;
    let cache = match fs::read_to_string(arcstats(root)) {
        Ok(stats) => arc(&stats),
        Err(_) if is_nameless(&meminfo, total) => return None,
        Err(_) => 0,
    };
    (available <= total).then(|| Memory {
        total,
        available: available.saturating_add(cache).min(total),
    })
}

/// The kernel's own figure; one before Linux 3.14 has none, and free memory and caches come near.
fn available(meminfo: &str) -> Option<u64> {
    kilobytes(meminfo, "MemAvailable").or_else(|| {
        let cached = kilobytes(meminfo, "Cached")?.saturating_add(kilobytes(meminfo, "Buffers")?);
        let shared = kilobytes(meminfo, "Shmem").unwrap_or(0);
        Some(kilobytes(meminfo, "MemFree")?.saturating_add(cached.saturating_sub(shared)))
    })
}

/// The value of a line such as `MemTotal:  24000 kB` in bytes.
fn kilobytes(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let number: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    number.checked_mul(1024)
}

/// Whether so much memory is taken without a name that it may be ZFS' cache, which meminfo does not show.
fn is_nameless(meminfo: &str, total: u64) -> bool {
    const NAMED: [&str; 11] = [
        "MemFree",
        "Buffers",
        "Cached",
        "SwapCached",
        "AnonPages",
        "Slab",
        "KernelStack",
        "PageTables",
        "Percpu",
        "Hugetlb",
        "VmallocUsed",
    ];
    // Files of a container hide the lines, and then nothing can be summed.
    if kilobytes(meminfo, "AnonPages").is_none() || kilobytes(meminfo, "Slab").is_none() {
        return false;
    }
    let named = NAMED
        .iter()
        .filter_map(|name| kilobytes(meminfo, name))
        .fold(0_u64, u64::saturating_add);
    total.saturating_sub(named) as f64 > total as f64 * MOST_NAMELESS
}

fn arcstats(root: &Path) -> PathBuf {
    root.join("proc/spl/kstat/zfs/arcstats")
}

/// The part of ZFS' cache that it gives back when programs need memory.
fn arc(stats: &str) -> u64 {
    let value = |name: &str| {
        stats.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next()? == name).then(|| words.nth(1)?.parse::<u64>().ok())?
        })
    };
    match (value("size"), value("c_min")) {
        (Some(size), Some(least)) => size.saturating_sub(least),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::root_folder::root;
    use super::*;

    const MIB: u64 = 1024 * 1024;
    const MEMINFO: &str = "MemTotal: 4096000 kB\nMemFree: 1024000 kB\nMemAvailable: 2048000 kB\n";

    fn figures(files: &[(&str, &str)]) -> (u64, u64) {
        let folder = root(files);
        let memory = read(folder.path());
        (memory.total / MIB, memory.available / MIB)
    }

    #[test]
    fn given_a_whole_machine_when_memory_is_read_then_it_is_that_of_the_machine() {
        assert_eq!(figures(&[("proc/meminfo", MEMINFO)]), (4000, 2000));
    }

    #[test]
    fn given_a_meminfo_that_does_not_tell_when_memory_is_read_then_it_is_not_known() {
        for meminfo in [
            "",
            "MemTotal: 0 kB\nMemAvailable: 0 kB\n",
            "MemTotal: 4096000 kB\n",
            "MemTotal: many kB\nMemAvailable: 1 kB\n",
            "MemTotal: 1 kB\nMemAvailable: 2 kB\n",
        ] {
            assert_eq!(figures(&[("proc/meminfo", meminfo)]), (0, 0), "{meminfo}");
        }
        assert_eq!(figures(&[]), (0, 0));
    }

    #[test]
    fn given_an_old_kernel_when_memory_is_read_then_caches_count_as_available() {
        let old = "MemTotal: 4096000 kB\nMemFree: 1024000 kB\nBuffers: 0 kB\nCached: 1024000 kB\nShmem: 512000 kB\n";
        assert_eq!(figures(&[("proc/meminfo", old)]), (4000, 1500));
    }

    #[test]
    fn given_a_limit_of_control_groups_when_memory_is_read_then_the_tightest_counts() {
        let v2 = [
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "0::/box/cron\n"),
            ("sys/fs/cgroup/box/memory.max", "314572800\n"),
            ("sys/fs/cgroup/box/memory.current", "104857600\n"),
            (
                "sys/fs/cgroup/box/memory.stat",
                "anon 7\ninactive_file 52428800\n",
            ),
            ("sys/fs/cgroup/box/cron/memory.max", "max\n"),
        ];
        assert_eq!(figures(&v2), (300, 250));
        let v1 = [
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "5:cpuset:/\n4:memory:/c\n0::/\n"),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
            ("sys/fs/cgroup/memory/c/memory.limit_in_bytes", "314572800\n"),
            ("sys/fs/cgroup/memory/c/memory.usage_in_bytes", "104857600\n"),
            (
                "sys/fs/cgroup/memory/c/memory.stat",
                "inactive_file 1\ntotal_inactive_file 52428800\n",
            ),
        ];
        assert_eq!(figures(&v1), (300, 250));
    }

    #[test]
    fn given_a_container_that_names_a_folder_of_its_host_when_memory_is_read_then_its_own_root_counts() {
        let files = [
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "4:memory:/docker/1a2b\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "314572800\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "104857600\n"),
        ];
        assert_eq!(figures(&files), (300, 200));
    }

    #[test]
    fn given_a_limit_without_a_usage_when_memory_is_read_then_it_is_not_known() {
        let files = [
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "0::/box\n"),
            ("sys/fs/cgroup/box/memory.max", "314572800\n"),
        ];
        assert_eq!(figures(&files), (0, 0));
    }

    #[test]
    fn given_zfs_when_memory_is_read_then_its_cache_above_the_least_counts_as_available() {
        let stats = "13 1 0x01 96 26112 1 2\nname type data\nc_min 4 104857600\nsize 4 1153433600\n";
        let files = [("proc/meminfo", MEMINFO), ("proc/spl/kstat/zfs/arcstats", stats)];
        assert_eq!(figures(&files), (4000, 3000));
    }

    #[test]
    fn given_memory_that_has_no_name_and_no_file_of_zfs_when_memory_is_read_then_it_is_not_known() {
        let nameless = "MemTotal: 24000000 kB\nMemFree: 1800000 kB\nMemAvailable: 2000000 kB\nBuffers: 100000 kB\n\
            Cached: 100000 kB\nAnonPages: 3000000 kB\nSlab: 900000 kB\n";
        assert_eq!(figures(&[("proc/meminfo", nameless)]), (0, 0));
        let named = nameless.replace("AnonPages: 3000000", "AnonPages: 19000000");
        assert_ne!(figures(&[("proc/meminfo", &named)]), (0, 0));
    }
}
