//! Chooses the value of each setting, and validates all of them.

use std::collections::BTreeMap;

use super::error::SettingsError;
use super::locations::Locations;
use super::parse_value::{ParsedValue, Value};
use super::path_value::PathScope;
use super::resolved_setting::ResolvedSetting;
use super::run_options::{ForceAction, OtherAction, RunOptions};
use super::source::{Provided, Source, strongest};
use super::table::{KnownTo, SETTINGS, ValueType};
use super::validate::{is_stored, parse, parse_stored, validate_all};
use super::values::Settings;
use super::variables::Variables;
use super::{cross_checks, deserialize};

/// The settings of a run, their sources, and what must be stored.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub settings: Settings,
    /// The source of each stored setting, in the order of the table.
    pub sources: Vec<(&'static str, Source)>,
    /// The value of each stored setting as the colony stores it, in the order of the table.
    pub row: Vec<(&'static str, Option<String>)>,
    /// The values that the colony does not store yet, None for NULL. Without a colony: all values.
    pub changes: Vec<(&'static str, Option<String>)>,
    /// About values that are used although they are probably wrong.
    pub warnings: Vec<String>,
}

impl Resolved {
    /// The source of a stored setting.
    #[must_use]
    pub fn source_of(&self, name: &str) -> Option<&Source> {
        let own = self.sources.iter().find(|(own, _)| *own == name);
        own.map(|(_, source)| source)
    }

    /// A line for each stored setting: its value and its source.
    pub fn describe(&self) -> impl Iterator<Item = String> {
        self.row
            .iter()
            .zip(&self.sources)
            .map(|((name, text), (_, source))| {
                let text = text.as_deref().unwrap_or("nothing");
                format!("{name} = '{text}' ({source})")
            })
    }
}

/// The options of this run, which are known before the colony is opened.
pub fn run_options(
    provided: &[Provided],
    home: &std::path::Path,
    variables: &Variables,
) -> Result<RunOptions, SettingsError> {
    let scope = PathScope { home, variables };
    let mut values = BTreeMap::new();
    for setting in SETTINGS.iter().filter(|setting| !setting.is_persistent()) {
        validate_all(provided, setting, &scope)?;
        if let Some(one) = strongest(provided, setting.name) {
            values.insert(setting.name, parse(one, &scope)?.value);
        }
    }
    Ok(deserialize::from_values(values)?)
}

/// Resolves the settings in `provided`, which has the values from all places; of several files, the one with priority is
/// last.
///
/// Values given in this run must be valid, also if another place overrides them. Of the stored values, only those that
/// are used must be valid.
pub fn resolve(
    provided: &[Provided],
    locations: &Locations,
    variables: &Variables,
) -> Result<Resolved, SettingsError> {
    let home = &locations.operator.home;
    let scope = PathScope { home, variables };
    let run = run_options(provided, home, variables)?;
    for setting in SETTINGS.iter().filter(|setting| setting.is_persistent()) {
        validate_all(provided, setting, &scope)?;
    }
    let provided = cross_checks::apply_disable_config(provided, run.force_action);
    let colony: Vec<&Provided> = provided
        .iter()
        .filter(|one| one.source == Source::Colony)
        .collect();
    let mut resolved = BTreeMap::new();
    for setting in SETTINGS.iter().filter(|setting| setting.is_persistent()) {
        let Some(one) = strongest(&provided, setting.name) else {
            return Err(SettingsError::MissingSetting {
                setting: setting.name,
            });
        };
        let stored =
            colony
                .iter()
                .find(|one| one.setting.name == setting.name)
                .map(|one| match parse_stored(one, locations, &scope) {
                    Ok(parsed) => parsed,
                    Err(_) => ParsedValue {
                        value: Value::Text(one.text.clone()),
                        stored: Some(one.text.clone()),
                    },
                });
        let kept = stored.as_ref().map(|parsed| parsed.value.clone());
        // NULL is no value, which is a valid value of some settings.
        let stored = stored
            .map(|parsed| parsed.stored)
            .or_else(|| match setting.value_type {
                _ if colony.is_empty() => None,
                ValueType::Variables | ValueType::Words => Some(Some(String::new())),
                _ => setting.or_none().then_some(None),
            });
        let mut parsed = if one.source == Source::Colony || is_stored(one, &provided) {
            parse_stored(one, locations, &scope)?
        } else {
            parse(one, &scope)?
        };
        // `~/antnode` and its expanded path are the same file.
        if setting.value_type == ValueType::File
            && kept.as_ref() == Some(&parsed.value)
            && let Some(text) = &stored
        {
            parsed.stored.clone_from(text);
        }
        resolved.insert(
            setting.name,
            ResolvedSetting {
                provided: one,
                parsed,
                stored,
            },
        );
    }
    let is_update = run.force_action == Some(ForceAction::Other(OtherAction::UpdateConfig));
    cross_checks::refuse_fixed(&resolved, is_update)?;
    let used = |one: &&ResolvedSetting<'_>| one.provided.setting.known_to != KnownTo::Peer;
    let value = |one: &ResolvedSetting<'_>| (one.provided.setting.name, one.parsed.value.clone());
    let settings = Settings::from_values(resolved.values().filter(used).map(value).collect(), run)?;
    let mut warnings = cross_checks::check(&resolved)?;
    warnings.extend(cross_checks::checksums(&settings));
    let in_order = || SETTINGS.iter().filter_map(|setting| resolved.get(setting.name));
    Ok(Resolved {
        sources: in_order()
            .map(|one| (one.provided.setting.name, one.provided.source.clone()))
            .collect(),
        row: in_order()
            .map(|one| (one.provided.setting.name, one.parsed.stored.clone()))
            .collect(),
        changes: in_order()
            .filter(|one| {
                let origin = &one.provided.source;
                one.is_changed() && (colony.is_empty() || origin.is_explicit() || *origin == Source::Found)
            })
            .map(|one| (one.provided.setting.name, one.parsed.stored.clone()))
            .collect(),
        settings,
        warnings,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::super::fixtures::{ADDRESS, bad, colony, flag, fresh, good, with};
    use super::super::source::{Provided, Source};
    use super::super::table::{KnownTo, Lifetime, SETTINGS, Setting};
    use super::super::variables::Variables;
    use super::super::{config_file, environment};
    use super::run_options;

    /// One value in each layer that may hold it, except flags in both spellings, which the command line tests.
    fn in_every_layer(setting: &'static Setting, text: &str) -> Vec<Vec<Provided>> {
        let path = Path::new("/home/op/wnm/config");
        let mut layers = vec![vec![flag(setting.name, text)]];
        if setting.lifetime == Lifetime::Flag {
            return layers;
        }
        let quoted = toml_text(text);
        for key in [
            setting.name.to_owned(),
            setting.kebab(),
            setting.name.to_ascii_uppercase(),
        ] {
            let lines = format!("no_upnp yes\n{key} = {text}\n");
            layers.push(config_file::parse(&lines, path).unwrap().split_off(1));
            let toml = format!("# toml\n\n{key} = {quoted}\n");
            layers.push(config_file::parse(&toml, path).unwrap());
        }
        if let Some(variable) = setting.variable() {
            for name in [variable.clone(), format!("WNM_{variable}")] {
                let pairs: Variables = [(name.clone(), text.to_owned())].into_iter().collect();
                layers.push(pairs.settings().unwrap());
                let dotenv = format!("\n{name}=\"{text}\"\n");
                layers.push(
                    environment::parse_dotenv(&dotenv, Path::new("/home/op/.env"), &Variables::default())
                        .unwrap(),
                );
            }
        }
        layers
    }

    fn toml_text(text: &str) -> String {
        format!("\"{}\"", text.replace('\u{7}', "\\u0007"))
    }

    #[test]
    fn every_setting_works_in_every_place() {
        for setting in SETTINGS {
            let (text, kept) = good(setting);
            for layer in in_every_layer(setting, text) {
                assert_eq!(layer.len(), 1, "{} {layer:?}", setting.name);
                let origin = layer[0].source.clone();
                if !setting.is_persistent() {
                    let run = run_options(&layer, Path::new("/home/op"), &Variables::default()).unwrap();
                    assert_ne!(run, super::RunOptions::default(), "{} by {origin}", setting.name);
                    continue;
                }
                let mut said = vec![flag("rewards_address", ADDRESS)];
                if setting.name == "rewards_address" {
                    said.clear();
                }
                said.extend(layer);
                let made = with(Vec::new(), said.clone()).unwrap_or_else(|error| panic!("{error}"));
                let column = made.changes.iter().find(|(name, _)| *name == setting.name);
                assert_eq!(
                    column.unwrap().1.as_deref(),
                    Some(kept),
                    "{} by {origin}",
                    setting.name
                );
                let line = format!("{} = '{kept}' ({origin})", setting.name);
                assert!(made.describe().any(|one| one == line), "{line}");
            }
        }
    }

    #[test]
    fn rejects_invalid_values_in_every_place_even_if_overridden() {
        for setting in SETTINGS {
            for layer in in_every_layer(setting, bad(setting)) {
                let (text, _) = good(setting);
                for good in [Vec::new(), vec![flag(setting.name, text)]] {
                    let mut said = layer.clone();
                    if layer[0].source == Source::Flag && !good.is_empty() {
                        continue;
                    }
                    said.extend(good);
                    let error = with(colony(&[]), said).unwrap_err();
                    let message = error.to_string();
                    assert!(!error.is_refusal(), "{message}");
                    assert!(message.starts_with("invalid value '"), "{message}");
                    let place = match &layer[0].source {
                        Source::Flag => format!(" for '--{}'", setting.name),
                        source => format!(" for '{}' in {source}", setting.name),
                    };
                    assert!(message.contains(&place), "{message}");
                }
            }
        }
    }

    #[test]
    fn rejects_invalid_stored_values_unless_overridden() {
        for setting in SETTINGS.iter().filter(|setting| setting.is_persistent()) {
            let bad = match bad(setting) {
                "101" => "-5",
                other => other,
            };
            if setting.name == "process_manager" {
                continue;
            }
            let error = with(colony(&[(setting.name, bad)]), Vec::new())
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("invalid value '"), "{error}");
            assert!(
                error.contains(&format!(" for '{}' in 'colony.db'", setting.name)),
                "{error}"
            );
            if setting.lifetime == Lifetime::Colony {
                let (text, _) = good(setting);
                with(colony(&[(setting.name, bad)]), vec![flag(setting.name, text)]).unwrap();
            }
        }
    }

    #[test]
    fn every_used_setting_has_a_field() {
        let used = |setting: &&Setting| setting.is_persistent() && setting.known_to != KnownTo::Peer;
        let flags: Vec<(&str, &str)> = SETTINGS
            .iter()
            .filter(used)
            .map(|setting| (setting.name, good(setting).0))
            .collect();
        let one = format!("{:#?}", fresh(&flags).settings);
        let other = format!("{:#?}", fresh(&[]).settings);
        let field = |text: &str, name: &str| {
            let from = text
                .find(&format!("\n    {name}: "))
                .unwrap_or_else(|| panic!("no field for {name}"));
            let lines: Vec<&str> = text[from + 1..].lines().collect();
            let end = lines
                .iter()
                .skip(1)
                .position(|line| !line.starts_with("     ") && !line.starts_with("    ]"));
            lines[..=end.unwrap_or(0)].join("\n")
        };
        // The valid values of a lower limit of a rate depend on its upper limit.
        let is_equal = |name: &str| name.contains("io_") && name.ends_with("_less_than");
        for setting in SETTINGS.iter().filter(used) {
            let (one, other) = (field(&one, setting.name), field(&other, setting.name));
            assert_eq!(one == other, is_equal(setting.name), "{}: {one}", setting.name);
        }
    }

    #[test]
    fn new_colony_stores_what_the_python_wnm_stores() {
        let row: BTreeMap<_, _> = fresh(&[]).changes.into_iter().collect();
        let kept = |name: &str| row.get(name).unwrap().as_deref();
        assert_eq!(kept("node_cap"), Some("20"));
        assert_eq!(kept("desired_load_average"), Some("1.2"));
        assert_eq!(kept("max_load_average_allowed"), Some("2.0"));
        assert_eq!(kept("node_storage"), Some("/home/op/.local/share/autonomi/node"));
        assert_eq!(
            kept("donate_address"),
            Some("0x00455d78f850b0358E8cea5be24d415E01E107CF")
        );
        assert_eq!(kept("antnode_path"), Some("~/.local/bin/antnode"));
        assert_eq!(kept("no_upnp"), Some("0"));
        assert_eq!(kept("process_manager"), Some("systemd+user"));
        assert_eq!(kept("antctl_version"), None);
        assert_eq!(kept("highest_node_id_used"), None);
        assert_eq!(kept("last_stopped_at"), Some("1000"));
        assert_eq!(
            row.len(),
            SETTINGS.iter().filter(|setting| setting.is_persistent()).count()
        );
    }

    #[test]
    fn new_colony_needs_a_rewards_address() {
        let error = with(Vec::new(), Vec::new()).unwrap_err();
        assert!(error.is_refusal());
        assert!(error.to_string().contains("rewards_address"));
    }

    #[test]
    fn only_changed_values_are_stored() {
        let changes = |said: Vec<Provided>| with(colony(&[]), said).unwrap().changes;
        assert_eq!(changes(Vec::new()), []);
        assert_eq!(
            changes(vec![
                flag("node_cap", "20"),
                flag("desired_load_average", "1.200")
            ]),
            []
        );
        assert_eq!(
            changes(vec![flag("node_cap", "30"), flag("antctl_version", "0.14.2")]),
            [
                ("node_cap", Some("30".to_owned())),
                ("antctl_version", Some("0.14.2".to_owned()))
            ]
        );
        let cleared = with(
            colony(&[("antctl_version", "0.1.0")]),
            vec![flag("antctl_version", "")],
        );
        assert_eq!(cleared.unwrap().changes, [("antctl_version", None)]);
    }
}
