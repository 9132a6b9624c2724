//! Starting, removing and upgrading one node through antctl, or through systemd if antctl cannot.

use std::fs;
use std::thread::sleep;

use crate::colony::Node;

use super::super::process_scan::check_no_process;
use super::super::stop_processes::stop_strays;
use super::super::timeouts::ANTCTL_STARTUP_WATCH;
use super::super::{ManagerError, ProcessManager, files};
use super::command_line::{AntctlCommand, BinarySource};
use super::manager::AntctlManager;
use super::registry::Registry;
use super::run_antctl::AntctlFailure;
use super::unblock::with_root;

impl AntctlManager {
    /// Starts a node. The state in systemd decides whether that worked, not the exit code of antctl.
    pub(super) fn start_one(&self, node: &Node, registry: &Registry) -> Result<(), ManagerError> {
        let not_started = |why: String| ManagerError::NotStarted {
            node: node.name.full(),
            why,
        };
        let entry = registry.entry_of(node);
        let Some(unit) = self.unit_of(node, registry)? else {
            return Err(not_started(format!(
                "it is not in antctl's registry `{}`",
                self.registry_path().display()
            )));
        };
        let before = self.shown(&unit)?;
        if before.is_running() {
            return Ok(());
        }
        if before.has_failure() {
            self.systemctl.reset_failed(std::slice::from_ref(&unit))?;
        }
        let blocking = self.blocking_nodes(registry);
        let said = match entry {
            None => Some(AntctlFailure::Unanswered(
                "it has a unit, but no entry in antctl's registry".to_owned(),
            )),
            Some(entry) if blocking.is_empty() => {
                let order = AntctlCommand::start(&entry.service_name).among(registry.live().count());
                self.antctl.run(&order)?.err()
            }
            Some(_) => {
                let names: Vec<&str> = blocking.iter().map(|entry| entry.service_name.as_str()).collect();
                Some(AntctlFailure::Unanswered(format!(
                    "`{}` does not answer",
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
                "antctl cannot start {unit}, starting it through systemd: {}",
                failure.to_string()
            );
            self.systemctl.command("start", std::slice::from_ref(&unit))?;
            sleep(ANTCTL_STARTUP_WATCH);
            now = self.shown(&unit)?;
        }
        if now.is_running() {
            if let Some(AntctlFailure::Said(why)) = said {
                tracing::debug!("{unit} runs, although antctl reported: {why}");
            }
            return Ok(());
        }
        Err(not_started(now.explain(said.map(|failure| failure.to_string()))))
    }

    /// Stops a node by antctl, or by systemd where antctl cannot.
    pub(super) fn stop_one(&self, node: &Node) -> Result<(), ManagerError> {
        let registry = self.registry_or_none();
        let Some(unit) = self.unit_of(node, &registry)? else {
            return check_no_process(node, "systemd");
        };
        let root = registry
            .entry_of(node)
            .map_or(&node.home.root, |entry| &entry.root);
        let before = match self.shown(&unit) {
            Err(ManagerError::NoSession { .. }) => {
                return check_no_process(&with_root(node, root), "systemd");
            }
            shown => shown?,
        };
        if before.is_alive() {
            let mut said = None;
            if let Some(entry) = registry.entry_of(node)
                && self.blocking_nodes(&registry).is_empty()
            {
                let order = AntctlCommand::stop(&entry.service_name).among(registry.live().count());
                said = self.antctl.run(&order)?.err();
            }
            if let Some(failure) = &said {
                tracing::debug!("antctl did not stop {unit}: {}", failure.to_string());
            }
            self.stop_by_systemd(node, &unit, said)?;
        }
        self.forget_pid(root);
        let node = with_root(node, root);
        let stopped = stop_strays(&[&node], vec![Ok(())], &self.layout).pop();
        stopped.unwrap_or(Ok(()))
    }

    /// Removes a stopped node from antctl's registry, with its service, data and logs.
    pub(super) fn remove_from_antctl(&self, node: &Node, service: &str) -> Result<(), ManagerError> {
        self.stop_blocking_nodes("remove", node)?;
        let mut said = self.antctl.run(&AntctlCommand::remove(service))?;
        if said.is_err() && self.restore_unit(service)? {
            said = self.antctl.run(&AntctlCommand::remove(service))?;
        }
        self.note_change();
        match said {
            Ok(_) => Ok(()),
            Err(_) if self.registry()?.named(service).is_none() => Ok(()),
            Err(failure) => Err(AntctlManager::refused("remove", node, failure.to_string())),
        }
    }

    /// Writes a unit for a node whose unit was lost: without one antctl cannot remove the node.
    fn restore_unit(&self, service: &str) -> Result<bool, ManagerError> {
        let path = self.units().join(format!("{service}.service"));
        if fs::symlink_metadata(&path).is_ok() {
            return Ok(false);
        }
        let text = format!("[Unit]\nDescription={service}\n\n[Service]\nExecStart=/bin/true\n");
        self.layout
            .files
            .write(&path, &text, &files::beside(&path, "new"))?;
        self.announce()?;
        Ok(true)
    }

    /// Installs another binary for a stopped node, and starts the node.
    pub(super) fn renew(&self, node: &Node, service: &str, from: &BinarySource) -> Result<(), ManagerError> {
        let order = AntctlCommand::upgrade(service, node, from)?;
        let said = self.antctl.run(&order)?;
        self.note_change();
        said.map_err(|failure| AntctlManager::refused("upgrade", node, failure.to_string()))?;
        self.start(node)
    }
}
