//! What antctl is told about one node, and what is done where it cannot.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use crate::colony::Node;

use super::super::{ManagerError, ProcessManager, files};
use super::command_line::{AntctlCommand, BinarySource};
use super::manager::AntctlManager;
use super::registry::Registry;
use super::run_antctl::AntctlFailure;

/// A service that systemd started lives so long once it has found its files and its ports.
const PROVEN: Duration = Duration::from_millis(500);

impl AntctlManager {
    /// Starts one whose unit systemd knows; how it is then is what counts, not what antctl says of it.
    pub(super) fn start_one(&self, node: &Node, registry: &Registry) -> Result<(), ManagerError> {
        let not_started = |why: String| ManagerError::NotStarted {
            node: node.name.full(),
            why,
        };
        let entry = registry.entry_of(node);
        let Some(unit) = self.unit_of(node, registry)? else {
            return Err(not_started(format!(
                "antctl does not know it: it is not in `{}`",
                self.registry_path().display()
            )));
        };
        let before = self.shown(&unit)?;
        if before.is_running() {
            return Ok(());
        }
        if before.is_marred() {
            self.systemctl.reset_failed(std::slice::from_ref(&unit))?;
        }
        let sick = self.sick(registry);
        let said = match entry {
            None => Some(AntctlFailure::Unanswered(
                "its unit is there, its entry is not".to_owned(),
            )),
            Some(entry) if sick.is_empty() => {
                let order = AntctlCommand::start(&entry.service_name).among(registry.live().count());
                self.antctl.tell(&order)?.err()
            }
            Some(_) => {
                let names: Vec<&str> = sick.iter().map(|entry| entry.service_name.as_str()).collect();
                Some(AntctlFailure::Unanswered(format!(
                    "`{}` runs and does not answer it",
                    names.join("`, `")
                )))
            }
        };
        self.keep_copy();
        let mut now = self.shown(&unit)?;
        if let Some(failure @ (AntctlFailure::Unanswered(_) | AntctlFailure::Hung(_))) = &said
            && !now.is_running()
        {
            tracing::warn!(
                "antctl cannot start {unit}, systemd does: {}",
                failure.to_string()
            );
            self.systemctl.tell("start", std::slice::from_ref(&unit))?;
            sleep(PROVEN);
            now = self.shown(&unit)?;
        }
        if now.is_running() {
            if let Some(AntctlFailure::Said(why)) = said {
                tracing::debug!("{unit} runs, whatever antctl says: {why}");
            }
            return Ok(());
        }
        Err(not_started(now.why(said.map(|failure| failure.to_string()))))
    }

    /// Takes an entry out of antctl's registry, with its service, data and logs. The node is stopped.
    pub(super) fn discharge(&self, node: &Node, service: &str) -> Result<(), ManagerError> {
        self.clear_the_way("remove", node)?;
        let mut said = self.antctl.tell(&AntctlCommand::remove(service))?;
        if said.is_err() && self.mend_unit(service)? {
            said = self.antctl.tell(&AntctlCommand::remove(service))?;
        }
        self.note_change();
        match said {
            Ok(_) => Ok(()),
            Err(_) if self.registry()?.named(service).is_none() => Ok(()),
            Err(failure) => Err(AntctlManager::refused("remove", node, failure.to_string())),
        }
    }

    /// antctl cannot remove a node whose unit was lost; it can once there is a unit of that name again.
    fn mend_unit(&self, service: &str) -> Result<bool, ManagerError> {
        let path = self.units().join(format!("{service}.service"));
        if fs::symlink_metadata(&path).is_ok() {
            return Ok(false);
        }
        let text = format!("[Unit]\nDescription={service}\n\n[Service]\nExecStart=/bin/true\n");
        self.premises
            .files
            .write(&path, &text, &files::beside(&path, "new"))?;
        self.announce()?;
        Ok(true)
    }

    /// Has antctl give a stopped node another binary, and starts it.
    pub(super) fn renew(&self, node: &Node, service: &str, from: &BinarySource) -> Result<(), ManagerError> {
        let order = AntctlCommand::upgrade(service, node, from)?;
        let said = self.antctl.tell(&order)?;
        self.note_change();
        said.map_err(|failure| AntctlManager::refused("upgrade", node, failure.to_string()))?;
        self.start(node)
    }
}
