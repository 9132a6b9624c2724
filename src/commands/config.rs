//! `wnm config`: shows and changes settings, with the place that each value comes from.

use serde_json::{Map, Value, json};

use super::{RunResult, order_answer};
use crate::arguments::ConfigAction;
use crate::error::ExitError;
use crate::session::{Colony, Session, absent};
use crate::settings::table::{self, Setting};
use crate::settings::{self, Provided, Resolved, SettingsError, Source, defaults};
use crate::store::Store;

/// Does what `wnm config` requests.
///
/// # Errors
/// An unknown setting or an invalid value: exit code 2. A setting that only `--init` can set: exit code 1.
pub(super) fn config(session: &mut Session, words: &[String]) -> Result<RunResult, ExitError> {
    let (action, rest) = match words {
        [action, rest @ ..] => (action.parse().ok(), rest),
        [] => (None, &[][..]),
    };
    match (action, rest) {
        (Some(ConfigAction::Get), names) if !names.is_empty() => show(session, names, false),
        (Some(ConfigAction::List), []) => show(session, &[], session.run.changed),
        (Some(ConfigAction::Set), [assignment]) if assignment.contains('=') => {
            let (name, value) = assignment.split_once('=').unwrap_or((assignment, ""));
            set(session, find(name)?, value.to_owned())
        }
        (Some(ConfigAction::Set), [name, values @ ..]) if !values.is_empty() => {
            set(session, find(name)?, values.join(" "))
        }
        (Some(ConfigAction::Unset), [name]) => unset(session, find(name)?),
        _ => Err(ExitError::mistaken(
            "`wnm config` needs `get NAME`, `set NAME VALUE`, `unset NAME` or `list`",
        )
        .hint("`wnm help config` shows examples")),
    }
}

/// The stored setting of this name.
fn find(name: &str) -> Result<&'static Setting, ExitError> {
    let stored = || table::SETTINGS.iter().filter(|setting| setting.is_persistent());
    let name = table::normalize(name.trim_start_matches('-'));
    stored().find(|setting| setting.name == name).ok_or_else(|| {
        let similar = table::most_similar(&name, stored().map(|setting| setting.name));
        SettingsError::Unknown {
            name: name.clone(),
            similar: similar.map(str::to_owned),
            place: Source::Flag,
        }
        .into()
    })
}

/// Prints settings: all if none is named, or only those that differ from the default.
fn show(session: &Session, names: &[String], only_changed: bool) -> Result<RunResult, ExitError> {
    let named: Vec<&'static Setting> = names.iter().map(|name| find(name)).collect::<Result<_, _>>()?;
    let store = Store::open_read_only(&session.place.db_path).map_err(|error| absent(session, error))?;
    let resolved = session.resolve_from(Some(&store), &[], &session.provided)?;
    let usual = default_texts(session, &store)?;
    let is_default = |name: &str, text: &str| {
        usual
            .iter()
            .any(|one| one.setting.name == name && canonical(one.setting, &one.text) == text)
    };
    let mut rows: Vec<(&str, String, String)> = Vec::new();
    for (name, text) in &resolved.row {
        let text = text.clone().unwrap_or_default();
        let is_shown = match named.is_empty() {
            true => !only_changed || !is_default(name, &text),
            false => named.iter().any(|setting| setting.name == *name),
        };
        if is_shown {
            let source = resolved
                .source_of(name)
                .map_or_else(String::new, |source| match source {
                    Source::Colony if is_default(name, &text) => "default".to_owned(),
                    source => source.to_string(),
                });
            rows.push((name, text, source));
        }
    }
    if session.run.json {
        let all: Map<String, Value> = rows
            .into_iter()
            .map(|(name, text, source)| (name.to_owned(), json!({ "value": text, "source": source })))
            .collect();
        return Ok(RunResult::success(crate::report::pretty(&all)));
    }
    let is_value_alone = named.len() == 1 && !order_answer::is_for_person(session);
    let lines: Vec<String> = rows
        .into_iter()
        .map(|(name, text, source)| match is_value_alone {
            true => text,
            false => format!("{name} = {text}  ({source})"),
        })
        .collect();
    Ok(RunResult::success(lines.join("\n")))
}

/// A default as the colony stores it.
fn canonical(setting: &Setting, text: &str) -> String {
    match (setting.value_type, text) {
        (table::ValueType::Switch, "true") => "1".to_owned(),
        (table::ValueType::Switch, "false") => "0".to_owned(),
        _ => text.to_owned(),
    }
}

fn default_texts(session: &Session, store: &Store) -> Result<Vec<Provided>, ExitError> {
    let facts = store.facts()?;
    Ok(defaults::values(
        &session.place,
        facts.cpu_count,
        facts.last_stopped_at,
    ))
}

/// Stores a setting as its flag does, and says so if another place overrides it.
fn set(session: &mut Session, setting: &'static Setting, text: String) -> Result<RunResult, ExitError> {
    session
        .provided
        .retain(|one| one.source != Source::Flag || one.setting.name != setting.name);
    session.provided.push(Provided {
        setting,
        text,
        source: Source::Flag,
    });
    session.run.force_action = Some(settings::ForceAction::Other(settings::OtherAction::UpdateConfig));
    if let Some(action) = table::find("force_action") {
        session.provided.push(Provided {
            setting: action,
            text: "update_config".to_owned(),
            source: Source::Flag,
        });
    }
    let colony = Colony::open(session)?;
    let resolved = session.resolve_from(Some(&colony.store), &[], &session.provided)?;
    Ok(RunResult::success(match order_answer::is_for_person(session) {
        true => sentence(session, setting, &resolved),
        false => String::new(),
    }))
}

fn unset(session: &mut Session, setting: &'static Setting) -> Result<RunResult, ExitError> {
    let store = Store::open_read_only(&session.place.db_path).map_err(|error| absent(session, error))?;
    let usual = default_texts(session, &store)?;
    drop(store);
    let default = usual.into_iter().find(|one| one.setting.name == setting.name);
    match default {
        Some(default) => set(session, setting, default.text),
        None => Err(
            ExitError::refused(format_args!("'{}' has no default", setting.name))
                .hint("nothing was changed; set another value with `wnm config set`"),
        ),
    }
}

fn sentence(session: &Session, setting: &Setting, resolved: &Resolved) -> String {
    let name = setting.name;
    let row = resolved.row.iter().find(|(own, _)| *own == name);
    let text = row.and_then(|(_, text)| text.as_deref()).unwrap_or("nothing");
    let mut sentence = match session.run.dry_run {
        true => format!("Would set {name} = {text}."),
        false => format!("Set {name} = {text}."),
    };
    if name == "rewards_address" {
        sentence.push_str(
            " New nodes get it. Nodes that exist keep their wallets: `wnm status --columns id,wallet` shows them; \
             to change one, remove the node and let wnm add another.",
        );
    }
    sentence
}
