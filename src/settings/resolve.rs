//! From all that was said to the settings that count.

use std::collections::BTreeMap;

use super::environment::Variables;
use super::error::Error;
use super::layer::{Origin, Saying, winner};
use super::place::Place;
use super::run::{ForceAction, Run};
use super::table::{Kept, SETTINGS, Setting, Takes};
use super::value::{self, Meaning, Scope, Value, Values};
use super::{Settings, rules};

/// The settings of a run, and what follows from where they come from.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub settings: Settings,
    /// Where each persistent setting comes from, by name, in the order of the table.
    pub origins: Vec<(&'static str, Origin)>,
    /// What the colony does not keep so far: columns and their texts, none for NULL. When there is no
    /// colony yet: all columns that are settings.
    pub changes: Vec<(&'static str, Option<String>)>,
    /// What the operator should hear of, though it can be used.
    pub warnings: Vec<String>,
}

/// One setting with what counts for it.
pub(super) struct Settled<'a> {
    pub saying: &'a Saying,
    pub meaning: Meaning,
    /// What the colony keeps, in the same words; none when it keeps nothing.
    pub stored: Option<Option<String>>,
}

impl Settled<'_> {
    /// Whether the colony keeps something else.
    pub fn is_changed(&self) -> bool {
        match &self.stored {
            None => true,
            Some(stored) => *stored != self.meaning.stored,
        }
    }
}

/// Only what this run was asked, which is known before any colony is.
pub fn this_run(sayings: &[Saying], home: &std::path::Path, variables: &Variables) -> Result<Run, Error> {
    let scope = Scope { home, variables };
    let mut values = Values::default();
    for setting in SETTINGS.iter().filter(|setting| !setting.is_persistent()) {
        judge_all(sayings, setting, &scope)?;
        if let Some(saying) = winner(sayings, setting.name) {
            values.set(setting.name, judge(saying, &scope)?.value);
        }
    }
    Ok(Run::from_values(&values))
}

/// Resolves `sayings`, which are of all layers, defaults and colony included; of several files the
/// stronger must come later.
///
/// What anybody said for this run must be possible, even if something stronger counts; of what the colony
/// keeps only what counts must be.
pub fn resolve(sayings: &[Saying], place: &Place, variables: &Variables) -> Result<Resolved, Error> {
    let home = &place.operator.home;
    let scope = Scope { home, variables };
    let run = this_run(sayings, home, variables)?;
    for setting in SETTINGS.iter().filter(|setting| setting.is_persistent()) {
        judge_all(sayings, setting, &scope)?;
    }
    let sayings = disabled(sayings, run.force_action);
    let colony: Vec<&Saying> = sayings
        .iter()
        .filter(|saying| saying.origin == Origin::Colony)
        .collect();
    let mut settled = BTreeMap::new();
    for setting in SETTINGS.iter().filter(|setting| setting.is_persistent()) {
        let Some(saying) = winner(&sayings, setting.name) else {
            return Err(Error::Missing {
                setting: setting.name,
            });
        };
        let stored = colony
            .iter()
            .find(|saying| saying.setting.name == setting.name)
            .map(|saying| match judge_stored(saying, place, &scope) {
                Ok(meaning) => meaning.stored,
                Err(_) => Some(saying.text.clone()),
            });
        // A column that is NULL keeps nothing, which for some settings is a value.
        let stored = stored.or_else(|| match setting.takes {
            _ if colony.is_empty() => None,
            Takes::Variables | Takes::Words => Some(Some(String::new())),
            _ => setting.or_none().then_some(None),
        });
        let meaning = if saying.origin == Origin::Colony {
            judge_stored(saying, place, &scope)?
        } else {
            judge(saying, &scope)?
        };
        settled.insert(
            setting.name,
            Settled {
                saying,
                meaning,
                stored,
            },
        );
    }
    rules::hold_fixed(&settled, run.force_action == Some(ForceAction::UpdateConfig))?;
    let mut values = Values::default();
    for (name, one) in &settled {
        values.set(name, one.meaning.value.clone());
    }
    let settings = Settings::from_values(&values, &settled, run);
    let mut warnings = rules::check(&settled)?;
    warnings.extend(rules::checksums(&settings));
    let in_order = || SETTINGS.iter().filter_map(|setting| settled.get(setting.name));
    Ok(Resolved {
        origins: in_order()
            .map(|one| (one.saying.setting.name, one.saying.origin.clone()))
            .collect(),
        changes: in_order()
            .filter(|one| one.is_changed() && (colony.is_empty() || one.saying.origin.is_said()))
            .map(|one| (one.saying.setting.name, one.meaning.stored.clone()))
            .collect(),
        settings,
        warnings,
    })
}

fn judge(saying: &Saying, scope: &Scope<'_>) -> Result<Meaning, Error> {
    value::read(saying.setting, &saying.text, scope).map_err(|why| saying.refused(why))
}

/// Every saying for this run, the strongest first, so that the complaint is about what was typed last.
fn judge_all(sayings: &[Saying], setting: &Setting, scope: &Scope<'_>) -> Result<(), Error> {
    let mut said: Vec<&Saying> = sayings
        .iter()
        .filter(|saying| saying.setting.name == setting.name && saying.origin.is_said())
        .collect();
    said.sort_by_key(|saying| std::cmp::Reverse(saying.origin.rank()));
    said.into_iter()
        .try_for_each(|saying| judge(saying, scope).map(drop))
}

fn judge_stored(saying: &Saying, place: &Place, scope: &Scope<'_>) -> Result<Meaning, Error> {
    let text = saying.text.as_str();
    // The peer once stored a manager without its mode.
    if saying.setting.name == "process_manager"
        && let Some(kind) = crate::colony::ManagerKind::from_stored(text, place.mode)
    {
        return Ok(Meaning {
            value: Value::Text(kind.to_string()),
            stored: Some(kind.to_string()),
        });
    }
    value::read_stored(saying.setting, text, scope).map_err(|why| saying.refused(why))
}

/// With `--force_action disable_config` a switch of the colony given as a flag is turned off.
fn disabled(sayings: &[Saying], action: Option<ForceAction>) -> Vec<Saying> {
    let mut sayings = sayings.to_vec();
    if action == Some(ForceAction::DisableConfig) {
        for saying in &mut sayings {
            let is_switch = saying.setting.takes == Takes::Switch && saying.setting.kept == Kept::Colony;
            if is_switch && saying.origin == Origin::Flag {
                saying.text = "false".to_owned();
            }
        }
    }
    sayings
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
