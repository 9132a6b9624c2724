//! Checks the disk of the nodes, and the free space for more nodes.

use std::fs;
use std::path::PathBuf;

use crate::colony::MachineReadings;
use crate::report::doctor::CheckResult;

use super::context::{CheckContext, bytes};
use super::noexec;

const CHECK: &str = "storage";

/// Checks that the disk is mounted, is the same as before, and has room for more nodes.
pub fn check(context: &CheckContext) -> CheckResult {
    let settings = context.settings;
    let path = &settings.node_storage;
    let name = path.display();
    let todo_mount = format!("findmnt --target {name}: is the disk mounted?");
    let device = context.world.machine_reader.device(path);
    if device.is_none() && context.facts.is_some() {
        return CheckResult::failed(CHECK, format!("`{name}` does not exist"), todo_mount);
    }
    // Before `--init` creates the directory, its disk is that of the first existing directory above it.
    let place = path.ancestors().find(|folder| folder.is_dir()).unwrap_or(path);
    let before = context.facts.and_then(|facts| facts.storage_device);
    let roots: Vec<PathBuf> = context.nodes.iter().map(|node| node.home.root.clone()).collect();
    let has_root = context.world.machine_reader.has_root(&roots);
    let gone: Vec<&PathBuf> = roots
        .iter()
        .zip(has_root)
        .filter(|(_, has_root)| !has_root.is_there())
        .map(|(root, _)| root)
        .collect();
    if let Some(first) = gone.first() {
        // A node may be on another disk.
        let folder = first.parent().filter(|folder| folder != path).unwrap_or(path);
        let moved = match folder == path && before.is_some() && before != device {
            true => ", which is on another filesystem than before",
            false => "",
        };
        let name = folder.display();
        return CheckResult::failed(
            CHECK,
            format!(
                "{} of {} nodes have no data directory; the first missing one is in `{name}`{moved}",
                gone.len(),
                roots.len()
            ),
            format!("findmnt --target {name}: is the disk mounted?"),
        );
    }
    if let Some(point) = noexec::mount_point(place) {
        let quoted = shell_words::quote(&point);
        return CheckResult::failed(
            CHECK,
            format!("`{point}` is mounted with noexec: no antnode in `{name}` can run"),
            format!("sudo mount -o remount,exec {quoted}, and the same in /etc/fstab"),
        );
    }
    match context.world.machine_reader.read(place) {
        Ok(now) => check_free_space(context, &now),
        Err(error) => CheckResult::failed(CHECK, format!("cannot {error}"), todo_mount),
    }
}

/// Checks that the disk of `node_storage` has room for the nodes up to `node_cap`.
fn check_free_space(context: &CheckContext, now: &MachineReadings) -> CheckResult {
    let settings = context.settings;
    let name = settings.node_storage.display();
    let free = bytes(now.disk_free);
    let used = now.used_hd_percent();
    let crisis = settings.crisis_bytes.unsigned_abs();
    let more = "set `--node_storage` to a directory on a larger disk, or lower `--node_cap`";
    if now.inodes.are_exhausted() {
        return CheckResult::failed(
            CHECK,
            format!("{free} free in `{name}`, but no inodes left: no file can be created"),
            format!("`df -i {name}` shows them; delete small files, or {more}"),
        );
    }
    if now.disk_free < crisis {
        return CheckResult::failed(
            CHECK,
            format!("only {free} free in `{name}`, less than `crisis_bytes`"),
            more,
        );
    }
    let missing = u64::from(settings.node_cap).saturating_sub(context.nodes.len() as u64);
    if missing == 0 {
        return CheckResult::ok(
            CHECK,
            format!("all {} nodes exist in `{name}`, {free} free", settings.node_cap),
        );
    }
    if used >= settings.hd_less_than as f64 {
        return CheckResult::warning(
            CHECK,
            format!(
                "the disk of `{name}` is {used:.0} % full{}; wnm adds no nodes above {} %",
                match now.is_disk_limited_by_inodes() {
                    true => " by its inodes (`df -i`)",
                    false => "",
                },
                settings.hd_less_than
            ),
            more,
        );
    }
    // Above this, nodes are removed.
    let ceiling = now.disk_total as f64 * settings.hd_remove as f64 / 100.0;
    let room = (ceiling - now.disk_used as f64).clamp(0.0, now.disk_free as f64) as u64;
    let each = room / missing;
    let what = match missing {
        1 => format!("{free} free in `{name}`, for one more node"),
        _ => format!(
            "{free} free in `{name}`: {} for each of {missing} more nodes",
            bytes(each)
        ),
    };
    match size_of_a_node(context) {
        Some(size) if size > each => CheckResult::warning(
            CHECK,
            format!(
                "{what}, but one of the {} nodes already uses {}",
                context.nodes.len(),
                bytes(size)
            ),
            more,
        ),
        _ => CheckResult::ok(CHECK, what),
    }
}

/// The number of records whose size is read: a node may have 16384.
const SAMPLED_RECORDS: usize = 100;

/// The size of the node with the most records: its number of records times their average size in a sample.
fn size_of_a_node(context: &CheckContext) -> Option<u64> {
    let fullest = context.nodes.iter().max_by_key(|node| node.figures.records)?;
    let entries = fs::read_dir(fullest.home.root.join("record_store")).ok()?;
    let sizes: Vec<u64> = entries
        .flatten()
        .take(SAMPLED_RECORDS)
        .filter_map(|entry| entry.metadata().ok())
        .filter(|file| file.is_file())
        .map(|file| file.len())
        .collect();
    let count = sizes.len() as u64;
    let mean = sizes.iter().sum::<u64>().checked_div(count)?;
    Some(mean.saturating_mul(fullest.figures.records.unsigned_abs()))
}
