//! The way to antctl: nodes that stand in it, and systemd, which can move them.

use std::path::Path;
use std::sync::PoisonError;
use std::thread::sleep;
use std::time::Duration;

use crate::colony::{Mode, Node, ProcessState, ProcessStatus};

use super::super::ManagerError;
use super::super::process_scan::Processes;
use super::super::systemctl::UnitProperties;
use super::manager::AntctlManager;
use super::registry::{Registry, RegistryEntry};
use super::rpc_health;
use super::run_antctl::AntctlFailure;

/// A node that was just started opens its RPC port within so many looks.
const LOOKS: u32 = 5;
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

impl AntctlManager {
    /// The nodes that run and do not answer antctl, which keeps it from everything with every node.
    pub(super) fn sick<'r>(&self, registry: &'r Registry) -> Vec<&'r RegistryEntry> {
        let live: Vec<&RegistryEntry> = registry.live().collect();
        let names: Vec<String> = live.iter().map(|entry| entry.unit()).collect();
        // Where no systemd answers antctl fails by itself, and says so.
        let shown = self.systemctl.show(&names).unwrap_or_default();
        let mut sick: Vec<&RegistryEntry> = live
            .into_iter()
            .zip(&shown)
            .filter(|(_, shown)| shown.pid.is_some())
            .map(|(entry, _)| entry)
            .collect();
        let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        for look in 1..=LOOKS {
            sick.retain(|entry| !rpc_health::beats(&entry.rpc_socket_addr));
            // One that was waited for before in this run is not waited for again.
            if sick.iter().all(|entry| given_up.contains(&entry.service_name)) {
                break;
            }
            if look < LOOKS {
                sleep(PAUSE);
            }
        }
        given_up.extend(sick.iter().map(|entry| entry.service_name.clone()));
        sick
    }

    /// Makes antctl able to act: sick nodes of this colony are stopped, and started again by a later run.
    ///
    /// # Errors
    /// When one stands in the way that is not ours to stop.
    pub(super) fn clear_the_way(&self, doing: &'static str, node: &Node) -> Result<(), ManagerError> {
        let registry = self.registry()?;
        let (ours, others): (Vec<&RegistryEntry>, Vec<&RegistryEntry>) = self
            .sick(&registry)
            .into_iter()
            .partition(|entry| entry.root.starts_with(&self.policy().storage));
        if !others.is_empty() {
            let names = |name: fn(&RegistryEntry) -> String| {
                others.iter().map(|entry| name(entry)).collect::<Vec<String>>()
            };
            let systemctl = match self.kind.mode {
                Mode::User => "systemctl --user",
                Mode::Sudo => "sudo systemctl",
            };
            return Err(ManagerError::Blocked {
                doing,
                node: node.name.full(),
                by: names(|entry| entry.service_name.clone()),
                cure: format!("{systemctl} stop {}", names(RegistryEntry::unit).join(" ")),
            });
        }
        for entry in ours {
            tracing::warn!(
                "{} does not answer at {} and so keeps antctl from every node: it is stopped, and started again later",
                entry.service_name,
                entry.rpc_socket_addr
            );
            self.systemctl.stop(&[entry.unit()])?;
            self.forget_pid(&entry.root);
        }
        Ok(())
    }

    /// Stops what antctl did not; a unit that failed is no failure any more afterwards.
    pub(super) fn stop_by_systemd(
        &self,
        node: &Node,
        unit: &str,
        said: Option<AntctlFailure>,
    ) -> Result<(), ManagerError> {
        let mut now = self.shown(unit)?;
        let mut complaint = None;
        if now.is_alive() {
            complaint = self.systemctl.stop(&[unit.to_owned()])?;
            now = self.shown(unit)?;
        }
        if now.is_alive() {
            let complaint = complaint.and_then(|complaint| complaint.about(unit));
            return Err(ManagerError::NotStopped {
                node: node.name.full(),
                why: now.why(complaint.or_else(|| said.map(|failure| failure.to_string()))),
            });
        }
        if UnitProperties::is_marred(&now)
            && let Err(error) = self.systemctl.reset_failed(&[unit.to_owned()])
        {
            tracing::debug!("{error}");
        }
        Ok(())
    }

    /// Deletes a stopped node's pid file: once another antnode has the number, antctl would take the node for alive.
    pub(super) fn forget_pid(&self, root: &Path) {
        if let Err(error) = self.premises.files.delete(&root.join("antnode.pid")) {
            tracing::debug!("{error}");
        }
    }
}

/// How nodes are where no systemd can be asked.
pub(super) fn seen(nodes: &[Node], registry: &Registry) -> Result<Vec<ProcessStatus>, ManagerError> {
    let processes = Processes::scan()?;
    let seen = |node: &Node| {
        let root = registry
            .entry_of(node)
            .map_or(&node.home.root, |entry| &entry.root);
        match processes.of(root).first() {
            Some(process) => ProcessStatus::running(process.pid),
            None => ProcessStatus::without(ProcessState::Stopped),
        }
    };
    Ok(nodes.iter().map(seen).collect())
}

/// The node as it would be if its row said where antctl has it.
pub(super) fn at(node: &Node, root: &Path) -> Node {
    let mut node = node.clone();
    node.home.root = root.to_owned();
    node
}
