//! The lowest layer: what holds when nobody says anything.

use super::locations::Locations;
use super::source::{Provided, Source};
use super::table::SETTINGS;
use crate::colony::Timestamp;

/// What the machine itself suggests: `cpus` this process may use, and when it was booted.
#[must_use]
pub fn sayings(place: &Locations, cpus: u32, boot: Timestamp) -> Vec<Provided> {
    let cpus = f64::from(cpus.max(1));
    SETTINGS
        .iter()
        .filter(|setting| setting.is_persistent())
        .filter_map(|setting| {
            let text = match setting.name {
                "desired_load_average" => format!("{:?}", cpus * 0.6),
                "max_load_average_allowed" => format!("{cpus:?}"),
                "node_storage" => place.node_storage.to_string_lossy().into_owned(),
                "process_manager" => place.manager.to_string(),
                "last_stopped_at" => boot.to_string(),
                // antctl never gives an id twice, and counts from the first.
                "highest_node_id_used" if place.manager.numbers_its_nodes() => "0".to_owned(),
                // Whose wallet it is nobody can guess.
                "rewards_address" => return None,
                _ => setting.default.to_owned(),
            };
            Some(Provided {
                setting,
                text,
                origin: Source::Default,
            })
        })
        .collect()
}
