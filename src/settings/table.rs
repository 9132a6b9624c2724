//! The table of all settings: flags, keys, variables, stored values, help and `docs/settings.md` are made from it.

use super::per_run::PER_RUN;
use super::persistent::PERSISTENT;
pub use super::setting::{EnvName, Group, KnownTo, Lifetime, Setting, Unit, ValueType};

static ALL: [Setting; PERSISTENT.len() + PER_RUN.len()] = {
    let mut all = [PERSISTENT[0]; PERSISTENT.len() + PER_RUN.len()];
    let mut n = 0;
    while n < all.len() {
        all[n] = if n < PERSISTENT.len() {
            PERSISTENT[n]
        } else {
            PER_RUN[n - PERSISTENT.len()]
        };
        n += 1;
    }
    all
};

/// Every setting: the stored settings in the order of the machine-config report, then those of one run.
pub static SETTINGS: &[Setting] = &ALL;

/// The setting with this name, in snake_case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The setting of a flag or a key, in snake_case, kebab-case or capitals.
#[must_use]
pub fn find_by_key(key: &str) -> Option<&'static Setting> {
    find(&normalize(key))
}

/// A key in the form of the table: snake_case.
#[must_use]
pub fn normalize(key: &str) -> String {
    key.to_ascii_lowercase().replace('-', "_")
}

/// The name most similar to `wrong`; None if no name is similar.
#[must_use]
pub fn most_similar<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The comparison takes time proportional to the product of both lengths.
    const LONGEST: usize = 64;
    if wrong.len() > LONGEST {
        return None;
    }
    names
        .map(|name| {
            let is_prefix = !wrong.is_empty() && wrong.len() > 2 && name.starts_with(wrong);
            let similarity =
                strsim::jaro_winkler(wrong, name) - strsim::damerau_levenshtein(wrong, name) as f64 / 100.0;
            (
                name,
                if is_prefix {
                    similarity.max(0.9)
                } else {
                    similarity
                },
            )
        })
        .filter(|(_, similarity)| *similarity > 0.8)
        .max_by(|one, two| one.1.total_cmp(&two.1))
        .map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Lifetime, SETTINGS, Setting, ValueType, find, find_by_key, most_similar};

    #[test]
    fn names_and_variables_are_unique() {
        let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
        let variables: Vec<_> = SETTINGS.iter().filter_map(Setting::variable).collect();
        let different: BTreeSet<_> = variables.iter().collect();
        assert_eq!(different.len(), variables.len());
    }

    #[test]
    fn every_setting_has_one_line_of_help() {
        for setting in SETTINGS {
            assert!(
                !setting.help.is_empty() && setting.help.len() < 100,
                "{}",
                setting.name
            );
            assert!(!setting.help.ends_with('.'), "{}", setting.name);
            assert!(setting.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
    }

    #[test]
    fn finds_settings_in_every_spelling() {
        for key in ["node_cap", "node-cap", "NODE_CAP", "Node-Cap"] {
            assert_eq!(
                find_by_key(key).map(|setting| setting.name),
                Some("node_cap"),
                "{key}"
            );
        }
        assert!(find("node-cap").is_none());
        assert!(find_by_key("nodecap").is_none());
    }

    #[test]
    fn suggests_the_most_similar_name() {
        let near = |wrong| most_similar(wrong, SETTINGS.iter().map(|setting| setting.name));
        assert_eq!(near("nodecap"), Some("node_cap"));
        assert_eq!(near("dryrun"), Some("dry_run"));
        assert_eq!(near("dry"), Some("dry_run"));
        assert_eq!(near("rewards_adress"), Some("rewards_address"));
        assert_eq!(near("nonsense"), None);
        assert_eq!(near("frobnicate"), None);
    }

    #[test]
    fn actions_that_must_not_repeat_are_flags_only() {
        for name in [
            "init",
            "confirm",
            "import",
            "migrate_anm",
            "remove_lockfile",
            "config",
        ] {
            assert_eq!(
                find(name).map(|setting| setting.lifetime),
                Some(Lifetime::Flag),
                "{name}"
            );
        }
        assert_eq!(
            find("no_upnp").map(|setting| setting.value_type),
            Some(ValueType::Switch)
        );
    }
}
