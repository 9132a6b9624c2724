//! The disk that nodes lie on, and the room there is for more.

use std::fs;
use std::path::PathBuf;

use crate::colony::MachineReadings;
use crate::report::doctor::CheckResult;

use super::{CheckContext, bytes};

const CHECK: &str = "storage";

/// Whether the disk of the nodes is there, is the same as ever, and has room for the nodes to come.
pub fn examine(patient: &CheckContext) -> CheckResult {
    let settings = patient.settings;
    let path = &settings.node_storage;
    let name = path.display();
    let todo_mount = format!("findmnt --target {name}: is the disk mounted?");
    let device = patient.world.gauge.device(path);
    if device.is_none() && patient.facts.is_some() {
        return CheckResult::failed(CHECK, format!("`{name}` is not there"), todo_mount);
    }
    // What init is yet to make will lie on the disk of the first folder above that is there.
    let place = path.ancestors().find(|folder| folder.is_dir()).unwrap_or(path);
    let before = patient.facts.and_then(|facts| facts.storage_device);
    let roots: Vec<PathBuf> = patient.nodes.iter().map(|node| node.home.root.clone()).collect();
    let rooted = patient.world.gauge.rooted(&roots);
    let gone: Vec<&PathBuf> = roots
        .iter()
        .zip(rooted)
        .filter(|(_, rooted)| !rooted.is_there())
        .map(|(root, _)| root)
        .collect();
    if let Some(first) = gone.first() {
        // A node may lie on a disk of its own.
        let folder = first.parent().filter(|folder| folder != path).unwrap_or(path);
        let moved = match folder == path && before.is_some() && before != device {
            true => ", which lies on another filesystem than before",
            false => "",
        };
        let name = folder.display();
        return CheckResult::failed(
            CHECK,
            format!(
                "{} of {} nodes have no folder, the first of them in `{name}`{moved}",
                gone.len(),
                roots.len()
            ),
            format!("findmnt --target {name}: is the disk mounted?"),
        );
    }
    match patient.world.gauge.read(place) {
        Ok(now) => room(patient, &now),
        Err(error) => CheckResult::failed(CHECK, format!("cannot {error}"), todo_mount),
    }
}

/// Whether the disk of `node_storage` has room for the nodes to come.
fn room(patient: &CheckContext, now: &MachineReadings) -> CheckResult {
    let settings = patient.settings;
    let name = settings.node_storage.display();
    let free = bytes(now.disk_free);
    let used = now.used_hd_percent();
    let crisis = settings.crisis_bytes.unsigned_abs();
    let more =
        "name a folder on a larger disk for the nodes to come, with `--node_storage`, or lower `--node_cap`";
    if now.disk_free < crisis {
        return CheckResult::failed(
            CHECK,
            format!("{free} are left in `{name}`, under `crisis_bytes`"),
            more,
        );
    }
    let missing = u64::from(settings.node_cap).saturating_sub(patient.nodes.len() as u64);
    if missing == 0 {
        return CheckResult::ok(
            CHECK,
            format!("`{name}` holds all {} nodes, {free} free", settings.node_cap),
        );
    }
    if used >= settings.hd_less_than as f64 {
        return CheckResult::warning(
            CHECK,
            format!(
                "the disk of `{name}` is {used:.0} % full: no node is added above {} %",
                settings.hd_less_than
            ),
            more,
        );
    }
    // Up to where nodes are removed for the sake of the disk.
    let ceiling = now.disk_total as f64 * settings.hd_remove as f64 / 100.0;
    let room = (ceiling - now.disk_used as f64).clamp(0.0, now.disk_free as f64) as u64;
    let each = room / missing;
    let what = match missing {
        1 => format!("{free} free in `{name}`, for one node to come"),
        _ => format!(
            "{free} free in `{name}`: {} for each of {missing} nodes to come",
            bytes(each)
        ),
    };
    match size_of_a_node(patient) {
        Some(size) if size > each => CheckResult::warning(
            CHECK,
            format!(
                "{what}, and one of {} has {} by now",
                patient.nodes.len(),
                bytes(size)
            ),
            more,
        ),
        _ => CheckResult::ok(CHECK, what),
    }
}

/// So many records of a node are weighed; all of them would be up to 16384 files.
const WEIGHED: usize = 100;

/// What the fullest node has on disk: as many records as it counts, as heavy as some of them.
fn size_of_a_node(patient: &CheckContext) -> Option<u64> {
    let fullest = patient.nodes.iter().max_by_key(|node| node.figures.records)?;
    let entries = fs::read_dir(fullest.home.root.join("record_store")).ok()?;
    let sizes: Vec<u64> = entries
        .flatten()
        .take(WEIGHED)
        .filter_map(|entry| entry.metadata().ok())
        .filter(|file| file.is_file())
        .map(|file| file.len())
        .collect();
    let count = sizes.len() as u64;
    let mean = sizes.iter().sum::<u64>().checked_div(count)?;
    Some(mean.saturating_mul(fullest.figures.records.unsigned_abs()))
}
