//! The defaults of the stored settings.

use super::locations::Locations;
use super::source::{Provided, Source};
use super::table::SETTINGS;
use crate::colony::Timestamp;

/// The defaults on this machine: with `cpus` CPUs for this process, booted at `boot`.
#[must_use]
pub fn values(locations: &Locations, cpus: u32, boot: Timestamp) -> Vec<Provided> {
    let cpus = f64::from(cpus.max(1));
    SETTINGS
        .iter()
        .filter(|setting| setting.is_persistent())
        .filter_map(|setting| {
            let text = match setting.name {
                "desired_load_average" => format!("{:?}", cpus * 0.6),
                "max_load_average_allowed" => format!("{cpus:?}"),
                "node_storage" => locations.node_storage.to_string_lossy().into_owned(),
                "process_manager" => locations.manager.to_string(),
                "last_stopped_at" => boot.to_string(),
                // antctl never uses an id twice.
                "highest_node_id_used" if locations.manager.numbers_its_nodes() => "0".to_owned(),
                // Only the operator knows it.
                "rewards_address" => return None,
                _ => setting.default.to_owned(),
            };
            Some(Provided {
                setting,
                text,
                source: Source::Default,
            })
        })
        .collect()
}
