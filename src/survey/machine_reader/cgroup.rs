//! The limits of the control groups that this process runs in, of versions 1 and 2.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// A group's limit of memory, and what it uses of it; None if that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LimitedMemory {
    pub(super) limit: u64,
    pub(super) used: Option<u64>,
}

/// The folders of the own group and its parents that may limit memory.
pub(super) fn memory_folders(root: &Path) -> Vec<PathBuf> {
    folders(root, "memory", &["sys/fs/cgroup/memory"])
}

/// The limit of memory in this folder; None where there is none.
pub(super) fn memory(folder: &Path) -> Option<LimitedMemory> {
    let number = |file: &str| read_number(&folder.join(file));
    let v2 = [number("memory.max"), number("memory.high")];
    let (limit, usage, inactive) = match v2.into_iter().flatten().min() {
        Some(limit) => (limit, number("memory.current"), "inactive_file"),
        None => {
            let limit = number("memory.limit_in_bytes")?;
            (limit, number("memory.usage_in_bytes"), "total_inactive_file")
        }
    };
    // The kernel drops inactive pages of files before it ends a process.
    let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let inactive = stat.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == inactive).then(|| value.trim().parse::<u64>().ok())?
    });
    Some(LimitedMemory {
        limit,
        used: usage.map(|usage| usage.saturating_sub(inactive.unwrap_or(0))),
    })
}

/// The processors that the tightest quota allows, rounded down and at least one; None without a quota.
pub(super) fn processors(root: &Path) -> Option<u32> {
    let places = ["sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"];
    let quotas = folders(root, "cpu", &places)
        .into_iter()
        .filter_map(|folder| quota(&folder));
    let least = quotas.fold(f64::INFINITY, f64::min);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a finite number of processors of at least 1; a larger one than u32 becomes its highest value"
    )]
    least.is_finite().then(|| least.floor().max(1.0) as u32)
}

/// Processors by the quota in this folder.
fn quota(folder: &Path) -> Option<f64> {
    let (quota, period) = match fs::read_to_string(folder.join("cpu.max")) {
        Ok(text) => {
            let (quota, period) = text.trim().split_once(' ')?;
            (quota.parse::<u64>().ok()?, period.parse::<u64>().ok()?)
        }
        Err(_) => (
            read_number(&folder.join("cpu.cfs_quota_us"))?,
            read_number(&folder.join("cpu.cfs_period_us"))?,
        ),
    };
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

/// A file with one number; None also for `max` and for -1, which mean no limit.
fn read_number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The folders of the own group and of its parents up to the mount point. `v1` are the mount points of version 1.
///
/// In a container without a namespace the group has its name on the host, and only the mount point itself exists.
fn folders(root: &Path, controller: &str, v1: &[&str]) -> Vec<PathBuf> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(group)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let mounts: &[&str] = match controllers {
            "" => &["sys/fs/cgroup", "sys/fs/cgroup/unified"],
            names if names.split(',').any(|name| name == controller) => v1,
            _ => continue,
        };
        let group = Path::new(group);
        let is_outside = group.components().any(|part| part == Component::ParentDir);
        let below = group.strip_prefix("/").unwrap_or(group);
        for mount in mounts.iter().map(|mount| root.join(mount)) {
            let below = if is_outside { Path::new("") } else { below };
            found.extend(
                below
                    .ancestors()
                    .map(|part| mount.join(part))
                    .filter(|folder| folder.is_dir()),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::root_folder::root;
    use super::*;

    #[test]
    fn given_quotas_of_version_2_when_processors_are_counted_then_the_tightest_of_all_parents_counts() {
        let files = |max| {
            root(&[
                ("proc/self/cgroup", "0::/a/b\n"),
                ("sys/fs/cgroup/a/cpu.max", max),
                ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
            ])
        };
        for (max, processors) in [
            ("50000 100000\n", Some(1)),
            ("250000 100000\n", Some(2)),
            ("max 100000\n", None),
            ("", None),
        ] {
            assert_eq!(super::processors(files(max).path()), processors, "{max}");
        }
    }

    #[test]
    fn given_a_quota_of_version_1_when_processors_are_counted_then_it_counts() {
        let files = |quota| {
            root(&[
                ("proc/self/cgroup", "2:cpu,cpuacct:/c\n0::/\n"),
                ("sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", quota),
                ("sys/fs/cgroup/cpu/c/cpu.cfs_period_us", "100000\n"),
            ])
        };
        assert_eq!(processors(files("300000\n").path()), Some(3));
        assert_eq!(processors(files("-1\n").path()), None);
    }

    #[test]
    fn given_a_group_outside_of_the_namespace_when_its_folders_are_looked_for_then_only_the_mount_point_counts()
     {
        let folder = root(&[
            ("proc/self/cgroup", "0::/../../x\n"),
            ("sys/fs/cgroup/memory.max", "314572800\n"),
        ]);
        assert_eq!(
            memory_folders(folder.path()),
            [folder.path().join("sys/fs/cgroup")]
        );
    }

    #[test]
    fn given_no_control_groups_when_limits_are_read_then_there_are_none() {
        let folder = root(&[]);
        assert_eq!(memory_folders(folder.path()), Vec::<PathBuf>::new());
        assert_eq!(processors(folder.path()), None);
    }
}
