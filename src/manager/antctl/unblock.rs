//! Finds and stops nodes that block antctl.

use std::path::Path;
use std::sync::PoisonError;
use std::thread::sleep;

use crate::colony::{Mode, Node, ProcessState, ProcessStatus};

use super::super::ManagerError;
use super::super::process_scan::Processes;
use super::super::systemctl::UnitProperties;
use super::super::timeouts::RPC_CHECK_INTERVAL;
use super::manager::AntctlManager;
use super::registry::{Registry, RegistryEntry};
use super::rpc_health;
use super::run_antctl::AntctlFailure;

/// A new node opens its RPC port within this many checks.
const CHECKS: u32 = 5;
impl AntctlManager {
    /// The running nodes that do not answer, with which antctl cannot do anything.
    pub(super) fn blocking_nodes<'r>(&self, registry: &'r Registry) -> Vec<&'r RegistryEntry> {
        let live: Vec<&RegistryEntry> = registry.live().collect();
        let names: Vec<String> = live.iter().map(|entry| entry.unit()).collect();
        // Without systemd, antctl reports the error itself.
        let shown = self.systemctl.show(&names).unwrap_or_default();
        let mut blocking: Vec<&RegistryEntry> = live
            .into_iter()
            .zip(&shown)
            .filter(|(_, shown)| shown.pid.is_some())
            .map(|(entry, _)| entry)
            .collect();
        let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        for check in 1..=CHECKS {
            blocking.retain(|entry| !rpc_health::answers(&entry.rpc_socket_addr));
            // Do not wait again for nodes that did not answer earlier in this run.
            if blocking
                .iter()
                .all(|entry| given_up.contains(&entry.service_name))
            {
                break;
            }
            if check < CHECKS {
                sleep(RPC_CHECK_INTERVAL);
            }
        }
        given_up.extend(blocking.iter().map(|entry| entry.service_name.clone()));
        blocking
    }

    /// Unblocks antctl: stops the nodes of this colony that do not answer. A later run starts them again.
    ///
    /// # Errors
    /// When a node that is not of this colony does not answer.
    pub(super) fn stop_blocking_nodes(&self, doing: &'static str, node: &Node) -> Result<(), ManagerError> {
        let registry = self.registry()?;
        let (ours, others): (Vec<&RegistryEntry>, Vec<&RegistryEntry>) = self
            .blocking_nodes(&registry)
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
                "{} does not answer at {}, which blocks antctl: stopping it; a later run starts it again",
                entry.service_name,
                entry.rpc_socket_addr
            );
            self.systemctl.stop(&[entry.unit()])?;
            self.forget_pid(&entry.root);
        }
        Ok(())
    }

    /// Stops a node through systemd, and clears the failed state of its unit.
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
                why: now.explain(complaint.or_else(|| said.map(|failure| failure.to_string()))),
            });
        }
        if UnitProperties::has_failure(&now)
            && let Err(error) = self.systemctl.reset_failed(&[unit.to_owned()])
        {
            tracing::debug!("{error}");
        }
        Ok(())
    }

    /// Deletes a stopped node's PID file: antctl would consider the node running once another antnode has that PID.
    pub(super) fn forget_pid(&self, root: &Path) {
        if let Err(error) = self.layout.files.delete(&root.join("antnode.pid")) {
            tracing::debug!("{error}");
        }
    }
}

/// The processes of nodes, if there is no systemd to query.
pub(super) fn find_processes(
    nodes: &[Node],
    registry: &Registry,
) -> Result<Vec<ProcessStatus>, ManagerError> {
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

/// The node with the data directory in antctl's registry.
pub(super) fn with_root(node: &Node, root: &Path) -> Node {
    let mut node = node.clone();
    node.home.root = root.to_owned();
    node
}
