//! Resolves the values from all sources to the settings of a run.

use serde_json::json;

use crate::clock::Clock;
use crate::colony::Node;
use crate::error::ExitError;
use crate::settings::source::strongest;
use crate::settings::{self, Provided, Resolved, Source, defaults, from_machine_row, table};
use crate::store::{Event, EventOutcome, Store};
use crate::survey::MachineReader;

use super::{Session, confirm, machine_reader};

impl Session {
    /// Resolves the settings, with those of the database as one source, and logs them.
    ///
    /// # Errors
    /// As [`Session::begin`]; also a change of a setting that only init can set: exit code 1.
    pub fn resolve(&self, store: Option<&Store>) -> Result<Resolved, ExitError> {
        let resolved = self.resolve_from(store, &[], &self.provided)?;
        self.log_settings(&resolved);
        Ok(resolved)
    }

    /// These settings, if they may be stored. In a cycle without a terminal, a lower cap that needs `--confirm` does not
    /// count: crashed nodes must not stay down because a run from cron waits for a confirmation.
    ///
    /// # Errors
    /// In any other run, when the operator answers no, or has to pass `--confirm`.
    pub(super) fn with_confirmed_cap(
        &self,
        store: &Store,
        resolved: Resolved,
        nodes: &[Node],
    ) -> Result<Resolved, ExitError> {
        let checked = confirm::check_cap(&self.run, &self.terminal, store, &resolved, nodes);
        let Err(error) = checked else {
            return Ok(resolved);
        };
        if self.run.force_action.is_some() || self.terminal.has_operator {
            return Err(error);
        }
        let others = self
            .provided
            .iter()
            .filter(|value| value.setting.name != "node_cap");
        let resolved = self.resolve_from(Some(store), &[], &others.cloned().collect::<Vec<_>>())?;
        let cap = resolved.settings.node_cap;
        tracing::warn!("{}; until then `node_cap` stays {cap}", error.what);
        Ok(resolved)
    }

    /// The settings that a colony created now would have. The rewards address has no default: the faucet stands in.
    ///
    /// # Errors
    /// As [`Session::begin`].
    pub fn preview_settings(&self) -> Result<Resolved, ExitError> {
        let wallet = table::find("rewards_address").map(|setting| Provided {
            setting,
            text: "faucet".to_owned(),
            source: Source::Default,
        });
        let found: Vec<Provided> = wallet.into_iter().collect();
        self.resolve_from(None, &found, &self.provided)
    }

    /// Resolves the settings from `said`, and with less precedence from `found`, the database and the defaults. Logs
    /// nothing.
    ///
    /// # Errors
    /// As [`Session::resolve`].
    pub fn resolve_from(
        &self,
        store: Option<&Store>,
        found: &[Provided],
        said: &[Provided],
    ) -> Result<Resolved, ExitError> {
        let mut provided = Vec::new();
        match store {
            Some(store) => {
                let facts = store.facts()?;
                provided.extend(defaults::values(
                    &self.place,
                    facts.cpu_count,
                    facts.last_stopped_at,
                ));
                let row = store.stored_settings()?;
                provided.extend(from_machine_row(
                    row.iter().map(|(name, text)| (name.as_str(), text.clone())),
                ));
            }
            None => {
                let now = machine_reader()
                    .read(&self.place.base_dir)
                    .map_err(|error| ExitError::refused(format_args!("cannot {error}")))?;
                provided.extend(defaults::values(&self.place, now.cpus, now.boot));
            }
        }
        provided.extend(found.iter().cloned());
        provided.extend(said.iter().cloned());
        Ok(settings::resolve(&provided, &self.place, &self.variables)?)
    }

    /// Stores the changed settings. If a file or a variable has another value than a flag, the next run stores that value
    /// again, so this is logged.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn store_settings(&self, store: &Store, resolved: &Resolved) -> Result<(), ExitError> {
        let events = self.setting_events(store, resolved)?;
        store.store_settings(&resolved.changes, &events)?;
        for (name, text) in &resolved.changes {
            let text = text.as_deref().unwrap_or("nothing");
            tracing::info!("kept {name} = {text}");
            let others: Vec<Provided> = self
                .provided
                .iter()
                .filter(|one| one.source != Source::Flag)
                .cloned()
                .collect();
            let is_flag = resolved.source_of(name) == Some(&Source::Flag);
            if let Some(other) = strongest(&others, name).filter(|other| is_flag && other.text != text) {
                tracing::warn!(
                    "{name} = {text} is only for this run: {} sets it to {}, which the next run uses; change it there",
                    other.source,
                    other.text
                );
            }
        }
        Ok(())
    }

    /// One event for each changed setting.
    fn setting_events(&self, store: &Store, resolved: &Resolved) -> Result<Vec<Event>, ExitError> {
        let before = store.stored_settings()?;
        let event = |(name, text): &(&'static str, Option<String>)| {
            let old = before.iter().find(|(known, _)| known == name);
            let old = old.and_then(|(_, text)| text.as_deref());
            let source = resolved.source_of(name).map(ToString::to_string);
            Event {
                at: self.clock.now(),
                run: self.name.clone(),
                action: "set".to_owned(),
                node: None,
                service: None,
                reason: format!(
                    "{name}: {} -> {}, from {}",
                    old.unwrap_or("nothing"),
                    text.as_deref().unwrap_or("nothing"),
                    source.as_deref().unwrap_or("the default")
                ),
                figures: json!({ "setting": name, "before": old, "after": text }),
                forced: true,
                outcome: EventOutcome::Done,
                error: None,
                warning: None,
                duration_ms: 0,
            }
        };
        Ok(resolved.changes.iter().map(event).collect())
    }

    /// Logs the warnings about settings, and the settings themselves if the operator asked for them.
    pub fn log_settings(&self, resolved: &Resolved) {
        for warning in &resolved.warnings {
            tracing::warn!("{warning}");
        }
        if self.run.show_machine_config || self.run.verbose {
            resolved.describe().for_each(|line| tracing::info!("{line}"));
        }
    }
}
