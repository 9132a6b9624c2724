//! From all that was said to the settings that count.

use std::collections::BTreeMap;

use super::environment::Variables;
use super::error::SettingsError;
use super::locations::Locations;
use super::parse_value::{self, ParsedValue, PathScope, Value, Values};
use super::run_options::{ForceAction, OtherAction, RunOptions};
use super::source::{Provided, Source, winner};
use super::table::{SETTINGS, Setting, ValueType};
use super::{Settings, cross_checks};

/// The settings of a run, and what follows from where they come from.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub settings: Settings,
    /// Where each persistent setting comes from, by name, in the order of the table.
    pub origins: Vec<(&'static str, Source)>,
    /// Every persistent setting as it counts and as a colony keeps it, in the order of the table.
    pub row: Vec<(&'static str, Option<String>)>,
    /// What the colony does not keep so far: columns and their texts, none for NULL. When there is no
    /// colony yet: all columns that are settings.
    pub changes: Vec<(&'static str, Option<String>)>,
    /// What the operator should hear of, though it can be used.
    pub warnings: Vec<String>,
}

impl Resolved {
    /// Where a persistent setting comes from.
    #[must_use]
    pub fn origin(&self, name: &str) -> Option<&Source> {
        let own = self.origins.iter().find(|(own, _)| *own == name);
        own.map(|(_, origin)| origin)
    }

    /// A line for each persistent setting: its value, and the layer that it comes from.
    pub fn explained(&self) -> impl Iterator<Item = String> {
        self.row
            .iter()
            .zip(&self.origins)
            .map(|((name, text), (_, origin))| {
                let text = text.as_deref().unwrap_or("nothing");
                format!("{name} is `{text}` by {origin}")
            })
    }
}

/// One setting with what counts for it.
pub(super) struct ResolvedSetting<'a> {
    pub saying: &'a Provided,
    pub meaning: ParsedValue,
    /// What the colony keeps, in the same words; none when it keeps nothing.
    pub stored: Option<Option<String>>,
}

impl ResolvedSetting<'_> {
    /// Whether the colony keeps something else.
    pub fn is_changed(&self) -> bool {
        match &self.stored {
            None => true,
            Some(stored) => *stored != self.meaning.stored,
        }
    }
}

/// Only what this run was asked, which is known before any colony is.
pub fn this_run(
    sayings: &[Provided],
    home: &std::path::Path,
    variables: &Variables,
) -> Result<RunOptions, SettingsError> {
    let scope = PathScope { home, variables };
    let mut values = Values::default();
    for setting in SETTINGS.iter().filter(|setting| !setting.is_persistent()) {
        judge_all(sayings, setting, &scope)?;
        if let Some(saying) = winner(sayings, setting.name) {
            values.set(setting.name, judge(saying, &scope)?.value);
        }
    }
    Ok(RunOptions::from_values(&values))
}

/// Resolves `sayings`, which are of all layers, defaults and colony included; of several files the
/// stronger must come later.
///
/// What anybody said for this run must be possible, even if something stronger counts; of what the colony
/// keeps only what counts must be.
pub fn resolve(
    sayings: &[Provided],
    place: &Locations,
    variables: &Variables,
) -> Result<Resolved, SettingsError> {
    let home = &place.operator.home;
    let scope = PathScope { home, variables };
    let run = this_run(sayings, home, variables)?;
    for setting in SETTINGS.iter().filter(|setting| setting.is_persistent()) {
        judge_all(sayings, setting, &scope)?;
    }
    let sayings = cross_checks::disabled(sayings, run.force_action);
    let colony: Vec<&Provided> = sayings
        .iter()
        .filter(|saying| saying.origin == Source::Colony)
        .collect();
    let mut settled = BTreeMap::new();
    for setting in SETTINGS.iter().filter(|setting| setting.is_persistent()) {
        let Some(saying) = winner(&sayings, setting.name) else {
            return Err(SettingsError::Missing {
                setting: setting.name,
            });
        };
        let stored = colony
            .iter()
            .find(|saying| saying.setting.name == setting.name)
            .map(|saying| match judge_stored(saying, place, &scope) {
                Ok(meaning) => meaning,
                Err(_) => ParsedValue {
                    value: Value::Text(saying.text.clone()),
                    stored: Some(saying.text.clone()),
                },
            });
        let kept = stored.as_ref().map(|meaning| meaning.value.clone());
        // A column that is NULL keeps nothing, which for some settings is a value.
        let stored = stored
            .map(|meaning| meaning.stored)
            .or_else(|| match setting.takes {
                _ if colony.is_empty() => None,
                ValueType::Variables | ValueType::Words => Some(Some(String::new())),
                _ => setting.or_none().then_some(None),
            });
        let mut meaning = if saying.origin == Source::Colony || is_kept(saying, &sayings) {
            judge_stored(saying, place, &scope)?
        } else {
            judge(saying, &scope)?
        };
        // `~/antnode` and what a shell makes of it are one file.
        if setting.takes == ValueType::File
            && kept.as_ref() == Some(&meaning.value)
            && let Some(text) = &stored
        {
            meaning.stored.clone_from(text);
        }
        settled.insert(
            setting.name,
            ResolvedSetting {
                saying,
                meaning,
                stored,
            },
        );
    }
    cross_checks::hold_fixed(
        &settled,
        run.force_action == Some(ForceAction::Other(OtherAction::UpdateConfig)),
    )?;
    let mut values = Values::default();
    for (name, one) in &settled {
        values.set(name, one.meaning.value.clone());
    }
    let settings = Settings::from_values(&values, &settled, run);
    let mut warnings = cross_checks::check(&settled)?;
    warnings.extend(cross_checks::checksums(&settings));
    let in_order = || SETTINGS.iter().filter_map(|setting| settled.get(setting.name));
    Ok(Resolved {
        origins: in_order()
            .map(|one| (one.saying.setting.name, one.saying.origin.clone()))
            .collect(),
        row: in_order()
            .map(|one| (one.saying.setting.name, one.meaning.stored.clone()))
            .collect(),
        changes: in_order()
            .filter(|one| {
                let origin = &one.saying.origin;
                one.is_changed() && (colony.is_empty() || origin.is_said() || *origin == Source::Found)
            })
            .map(|one| (one.saying.setting.name, one.meaning.stored.clone()))
            .collect(),
        settings,
        warnings,
    })
}

fn judge(saying: &Provided, scope: &PathScope<'_>) -> Result<ParsedValue, SettingsError> {
    parse_value::read(saying.setting, &saying.text, scope).map_err(|why| saying.refused(why))
}

/// Every saying for this run, the strongest first, so that the complaint is about what was typed last.
fn judge_all(sayings: &[Provided], setting: &Setting, scope: &PathScope<'_>) -> Result<(), SettingsError> {
    let mut said: Vec<&Provided> = sayings
        .iter()
        .filter(|saying| saying.setting.name == setting.name && saying.origin.is_said())
        .collect();
    said.sort_by_key(|saying| std::cmp::Reverse(saying.origin.rank()));
    said.into_iter()
        .filter(|saying| !is_kept(saying, sayings))
        .try_for_each(|saying| judge(saying, scope).map(drop))
}

/// Whether a file or a variable says it in the very words the colony keeps. What the peer let a colony keep may
/// be read back from its report, even where nobody could say it anew.
fn is_kept(saying: &Provided, sayings: &[Provided]) -> bool {
    saying.origin != Source::Flag
        && sayings.iter().any(|kept| {
            kept.origin == Source::Colony
                && kept.setting.name == saying.setting.name
                && kept.text == saying.text
        })
}

fn judge_stored(
    saying: &Provided,
    place: &Locations,
    scope: &PathScope<'_>,
) -> Result<ParsedValue, SettingsError> {
    let text = saying.text.as_str();
    // The peer once stored a manager without its mode.
    if saying.setting.name == "process_manager"
        && let Some(kind) = crate::colony::ManagerKind::from_stored(text, place.mode)
    {
        return Ok(ParsedValue {
            value: Value::Text(kind.to_string()),
            stored: Some(kind.to_string()),
        });
    }
    parse_value::read_stored(saying.setting, text, scope).map_err(|why| saying.refused(why))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::super::fixtures::{ADDRESS, bad, colony, flag, fresh, good, with};
    use super::super::source::{Provided, Source};
    use super::super::table::{Lifetime, SETTINGS, Setting};
    use super::super::{Variables, config_file, environment};
    use super::this_run;

    /// One saying in each layer that may hold it, flags in both spellings being the command line's matter.
    fn in_every_layer(setting: &'static Setting, text: &str) -> Vec<Vec<Provided>> {
        let path = Path::new("/home/op/wnm/config");
        let mut layers = vec![vec![flag(setting.name, text)]];
        if setting.kept == Lifetime::Flag {
            return layers;
        }
        let quoted = toml_text(text);
        for key in [
            setting.name.to_owned(),
            setting.kebab(),
            setting.name.to_ascii_uppercase(),
        ] {
            let lines = format!("no_upnp yes\n{key} = {text}\n");
            layers.push(config_file::read(&lines, path).unwrap().split_off(1));
            let toml = format!("# toml\n\n{key} = {quoted}\n");
            layers.push(config_file::read(&toml, path).unwrap());
        }
        if let Some(variable) = setting.variable() {
            for name in [variable.clone(), format!("WNM_{variable}")] {
                let pairs: Variables = [(name.clone(), text.to_owned())].into_iter().collect();
                layers.push(pairs.sayings().unwrap());
                let dotenv = format!("\n{name}=\"{text}\"\n");
                layers.push(
                    environment::dotenv(&dotenv, Path::new("/home/op/.env"), &Variables::default()).unwrap(),
                );
            }
        }
        layers
    }

    fn toml_text(text: &str) -> String {
        format!("\"{}\"", text.replace('\u{7}', "\\u0007"))
    }

    #[test]
    fn every_setting_works_in_every_layer() {
        for setting in SETTINGS {
            let (text, kept) = good(setting);
            for layer in in_every_layer(setting, text) {
                assert_eq!(layer.len(), 1, "{} {layer:?}", setting.name);
                let origin = layer[0].origin.clone();
                if !setting.is_persistent() {
                    let run = this_run(&layer, Path::new("/home/op"), &Variables::default()).unwrap();
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
                let line = format!("{} is `{kept}` by {origin}", setting.name);
                assert!(made.explained().any(|one| one == line), "{line}");
            }
        }
    }

    #[test]
    fn a_bad_value_is_refused_in_every_layer_even_under_a_good_one() {
        for setting in SETTINGS {
            for layer in in_every_layer(setting, bad(setting)) {
                let origin = layer[0].origin.to_string();
                let (text, _) = good(setting);
                for good in [Vec::new(), vec![flag(setting.name, text)]] {
                    let mut said = layer.clone();
                    if layer[0].origin == Source::Flag && !good.is_empty() {
                        continue;
                    }
                    said.extend(good);
                    let error = with(colony(&[]), said).unwrap_err();
                    let message = error.to_string();
                    assert!(!error.is_refusal(), "{message}");
                    assert!(
                        message.starts_with(&format!("`{}` cannot be `", setting.name)),
                        "{message}"
                    );
                    assert!(message.ends_with(&format!("({origin})")), "{message}");
                }
            }
        }
    }

    #[test]
    fn a_bad_value_in_the_colony_is_refused_unless_something_better_counts() {
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
            assert!(
                error.starts_with(&format!("`{}` cannot be `", setting.name)),
                "{error}"
            );
            assert!(error.ends_with("(`colony.db`)"), "{error}");
            if setting.kept == Lifetime::Colony {
                let (text, _) = good(setting);
                with(colony(&[(setting.name, bad)]), vec![flag(setting.name, text)]).unwrap();
            }
        }
    }

    #[test]
    fn the_whole_table_is_typed() {
        let flags: Vec<(&str, &str)> = SETTINGS
            .iter()
            .filter(|setting| setting.is_persistent())
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
        // Of these the table has one value, or one that goes with the others.
        let same = |name: &str| {
            name == "node_removal_strategy" || name.contains("io_") && name.ends_with("_less_than")
        };
        for setting in SETTINGS.iter().filter(|setting| setting.is_persistent()) {
            let (one, other) = (field(&one, setting.name), field(&other, setting.name));
            assert_eq!(one == other, same(setting.name), "{}: {one}", setting.name);
        }
    }

    #[test]
    fn a_fresh_colony_keeps_what_the_peer_keeps() {
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
    fn rewards_are_needed_to_make_a_colony() {
        let error = with(Vec::new(), Vec::new()).unwrap_err();
        assert!(error.is_refusal());
        assert!(error.to_string().contains("rewards_address"));
    }

    #[test]
    fn only_what_differs_is_to_be_kept() {
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
