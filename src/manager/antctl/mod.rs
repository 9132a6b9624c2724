//! Nodes that antctl runs, as user or system services. wnm chooses their directories, or antctl does (zen).
//!
//! antctl has a registry without a lock, hangs if one node does not answer, and reports a failed start although the node
//! runs. Therefore wnm runs one antctl at a time, checks the result in the registry and in systemd, and uses systemd for
//! nodes that do not answer.

mod cleanup;
mod command_line;
pub mod discover;
mod manager;
mod node_operations;
pub mod registry;
mod rpc_health;
mod run_antctl;
mod unblock;

use std::sync::atomic::Ordering;

use crate::colony::{Binary, Node, NodeId, ProcessState, ProcessStatus, Version};
use crate::program::Program;

use super::files::refuse_mounts;
use super::{DefinedNode, ManagerError, ProcessManager, launch_command};

pub use manager::AntctlManager;

use command_line::{AntctlCommand, BinarySource, FolderChoice};
use registry::Registry;

impl ProcessManager for AntctlManager {
    fn define(&self, node: &Node, binary: &Binary) -> Result<DefinedNode, ManagerError> {
        let before = self.registry()?;
        if let Some(entry) = before.entry_of(node) {
            return Ok(entry.defined());
        }
        self.refuse_lost_registry(&before)?;
        self.refuse_occupied(node)?;
        // antctl creates the account `ant`. Any other account has to exist.
        if node.user != self.policy().user {
            self.layout.account(node)?;
        }
        let order = AntctlCommand::add(node, binary, self.policy(), self.places, self.kind.mode)?;
        if self.places == FolderChoice::Given {
            self.layout.paths.check_root(node)?;
            for folder in [&self.policy().storage, &self.policy().logs] {
                self.layout.files.make_dir(folder, None)?;
            }
        }
        let said = self.antctl.run(&order)?;
        self.note_change();
        let after = self.registry().map_err(|error| ManagerError::NotRemoved {
            node: node.name.full(),
            remains: vec![(self.registry_path().to_owned(), error.to_string())],
        })?;
        let why = match &said {
            Err(failure) => failure.to_string(),
            Ok(printed) => {
                let entry = run_antctl::added(printed).and_then(|name| after.named(&name));
                match entry {
                    Some(entry) if entry.is_as_asked(node, self.places) => return Ok(entry.defined()),
                    Some(entry) => format!(
                        "`{}` has other values than requested: antctl's registry has it in `{}` with the ports {:?}",
                        entry.service_name,
                        entry.root.display(),
                        entry.ports()
                    ),
                    None => "antctl reported a new node, but its registry does not have it".to_owned(),
                }
            }
        };
        self.undo(node, &before, &after)?;
        Err(AntctlManager::refused("make", node, why))
    }

    fn start_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        let registry = self.registry_or_none();
        match self.announce() {
            Ok(()) => nodes.iter().map(|node| self.start_one(node, &registry)).collect(),
            Err(error) => error.for_each(nodes, ManagerError::not_started),
        }
    }

    fn stop_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        nodes.iter().map(|node| self.stop_one(node)).collect()
    }

    fn upgrade(&self, node: &Node, new: &Binary) -> Result<(), ManagerError> {
        let registry = self.registry()?;
        let Some(entry) = registry.entry_of(node) else {
            let why = format!("it is not in `{}`", self.registry_path().display());
            return Err(AntctlManager::refused("upgrade", node, why));
        };
        let from = match command_line::source(new, self.policy(), self.places) {
            BinarySource::Newest if new.version.is_readable() => {
                BinarySource::Version(new.version.as_str().to_owned())
            }
            from => from,
        };
        let is_done = Version::new(&entry.version) == new.version && self.shown(&entry.unit())?.is_running();
        if is_done {
            return Ok(());
        }
        let service = entry.service_name.as_str();
        let kept = self.keep_binary(entry)?;
        let renewed = self
            .stop(node)
            .and_then(|()| self.stop_blocking_nodes("upgrade", node))
            .and_then(|()| self.renew(node, service, &from));
        let Err(error) = renewed else {
            self.forget_binary(&kept);
            return Ok(());
        };
        let back = match self.registry()?.named(service).map(|entry| entry.version.clone()) {
            // It was only stopped.
            Some(version) if version == entry.version => self.start(node),
            _ => self.renew(node, service, &BinarySource::File(kept.clone())),
        };
        self.forget_binary(&kept);
        Err(ManagerError::NotUpgraded {
            node: node.name.full(),
            why: Box::new(error),
            rollback: back.err().map(Box::new),
        })
    }

    fn remove(&self, node: &Node) -> Result<(), ManagerError> {
        // Check this before the stop: a node that antctl cannot remove keeps running.
        let before = self.registry()?;
        let root = before.entry_of(node).map_or(&node.home.root, |entry| &entry.root);
        refuse_mounts(&unblock::with_root(node, root))?;
        self.stop(node)?;
        let registry = self.registry()?;
        let entry = registry.entry_of(node);
        match entry {
            Some(entry) => self.remove_from_antctl(node, &entry.service_name)?,
            None => self.sweep(node, &registry)?,
        }
        self.clear(node, entry, &registry)
    }

    fn teardown(&self, nodes: &[Node]) -> Vec<(NodeId, ManagerError)> {
        let whole = match self.reset(nodes) {
            Ok(whole) => whole,
            Err(error) => {
                tracing::warn!("{error}; removing the nodes one by one");
                false
            }
        };
        let remove = |node: &Node| {
            if whole {
                self.clear(node, None, &Registry::default())
            } else {
                self.remove(node)
            }
        };
        let failed = nodes
            .iter()
            .filter_map(|node| remove(node).err().map(|error| (node.id, error)));
        failed.collect()
    }

    fn inspect(&self, nodes: &[Node]) -> Result<Vec<ProcessStatus>, ManagerError> {
        let registry = Registry::read(self.registry_path())
            .ok()
            .flatten()
            .unwrap_or_default();
        let name = |node: &Node| match registry.entry_of(node) {
            Some(entry) => Some(entry.unit()),
            // After a reset of antctl, another node can have this name.
            None => launch_command::service(node)
                .ok()
                .filter(|name| registry.named(&name.0).is_none())
                .map(|name| format!("{name}.service")),
        };
        let named: Vec<Option<String>> = nodes.iter().map(name).collect();
        let names: Vec<String> = named.iter().flatten().cloned().collect();
        let mut shown = match self.systemctl.show(&names) {
            Err(ManagerError::NoSession { .. }) => return unblock::find_processes(nodes, &registry),
            shown => shown?.into_iter(),
        };
        let process = |name: Option<String>| {
            name.and_then(|_| shown.next())
                .map(|shown| shown.process_status())
        };
        Ok(named
            .into_iter()
            .map(process)
            .map(|process| process.unwrap_or(ProcessStatus::without(ProcessState::Unknown)))
            .collect())
    }

    fn check_tool(&self, environment: &[(&'static str, String)]) -> Result<(), ManagerError> {
        let program = Program::new(&self.policy().antctl.configured_program);
        Ok(program.arg("--version").check_in(environment)?)
    }

    fn discover(&self) -> Result<Vec<Node>, ManagerError> {
        let registry = self.asked_registry()?;
        self.keep_copy();
        Ok(discover::nodes(&registry, self.kind, self.units(), self.policy()))
    }

    fn reserved_ports(&self) -> Result<Vec<u16>, ManagerError> {
        let registry = Registry::read(self.registry_path())?;
        Ok(registry.map(|registry| registry.ports()).unwrap_or_default())
    }

    fn outdated_rows(&self, nodes: &[Node]) -> Vec<(NodeId, DefinedNode)> {
        self.kept_by_prefix(nodes)
    }

    fn reload_definitions(&self) -> Result<(), ManagerError> {
        if !self.is_stale.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.announce() {
            // A systemd that starts later reads all units anyway.
            Err(ManagerError::NoSession { .. }) => Ok(()),
            announced => announced,
        }
    }
}
