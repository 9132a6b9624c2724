//! From all that was said to the settings of a run.

use crate::error::ExitError;
use crate::settings::source::strongest;
use crate::settings::{self, Provided, Resolved, Source, defaults, from_machine_row, table};
use crate::store::Store;
use crate::survey::MachineReader;

use super::{Session, gauge};

impl Session {
    /// The settings that count, with what the colony keeps as one of their layers.
    /// # Errors
    /// As [`Session::begin`]; and what init fixed and was to be changed: exit code 1.
    pub fn resolve(&self, store: Option<&Store>) -> Result<Resolved, ExitError> {
        let resolved = self.weigh(store, &[], &self.sayings)?;
        self.tell(&resolved);
        Ok(resolved)
    }

    /// The settings that a colony made now would have, whoever gets its rewards: the one thing nobody can guess.
    ///
    /// # Errors
    /// As [`Session::begin`].
    pub fn foreseen(&self) -> Result<Resolved, ExitError> {
        let wallet = table::find("rewards_address").map(|setting| Provided {
            setting,
            text: "faucet".to_owned(),
            source: Source::Default,
        });
        let found: Vec<Provided> = wallet.into_iter().collect();
        self.weigh(None, &found, &self.sayings)
    }

    /// As [`Session::resolve`], without a word in the log, by what was `said`, and before what the colony keeps by
    /// what was `found`.
    ///
    /// # Errors
    /// As [`Session::resolve`].
    pub fn weigh(
        &self,
        store: Option<&Store>,
        found: &[Provided],
        said: &[Provided],
    ) -> Result<Resolved, ExitError> {
        let mut sayings = Vec::new();
        match store {
            Some(store) => {
                let facts = store.facts()?;
                sayings.extend(defaults::values(
                    &self.place,
                    facts.cpu_count,
                    facts.last_stopped_at,
                ));
                let row = store.machine_sayings()?;
                sayings.extend(from_machine_row(
                    row.iter().map(|(name, text)| (name.as_str(), text.clone())),
                ));
            }
            None => {
                let now = gauge()
                    .read(&self.place.base_dir)
                    .map_err(|error| ExitError::refused(format_args!("cannot {error}")))?;
                sayings.extend(defaults::values(&self.place, now.cpus, now.boot));
            }
        }
        sayings.extend(found.iter().cloned());
        sayings.extend(said.iter().cloned());
        Ok(settings::resolve(&sayings, &self.place, &self.variables)?)
    }

    /// Stores the changed settings. If a file or a variable has another value than a flag, the next run stores that value
    /// again, so the operator is told.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep(&self, store: &Store, resolved: &Resolved) -> Result<(), ExitError> {
        store.keep(&resolved.changes)?;
        for (name, text) in &resolved.changes {
            let text = text.as_deref().unwrap_or("nothing");
            tracing::info!("kept {name} = {text}");
            let others: Vec<Provided> = self
                .sayings
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

    /// Logs what the operator should hear of his settings, or wants to see.
    pub fn tell(&self, resolved: &Resolved) {
        for warning in &resolved.warnings {
            tracing::warn!("{warning}");
        }
        if self.run.show_machine_config || self.run.verbose {
            resolved.describe().for_each(|line| tracing::info!("{line}"));
        }
    }
}
