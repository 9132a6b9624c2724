//! Process managers: the tools that run nodes.
//!
//! What all nodes have in common is in [`launch_command`] and [`node_layout`]; each manager adds how its tool is called.

pub mod antctl;
pub mod binary_store;
pub mod discovered_node;
pub mod error;
pub mod file_tools;
pub mod files;
pub mod installed_unit;
pub mod launch_command;
pub mod launchd;
pub mod leftovers;
pub mod node_args;
pub mod node_layout;
mod ownership;
pub mod process_manager;
pub mod process_scan;
pub mod setsid;
mod stop_processes;
pub mod systemctl;
pub mod systemd;
mod timeouts;
pub mod unit_file;
mod upgrade;
mod upgrade_group;

pub use error::ManagerError;
pub use launch_command::{AntctlPolicy, LaunchPolicy};
pub use leftovers::Leftover;
pub use process_manager::{DefinedNode, ProcessManager};

use crate::colony::{ManagerKind, Tool};

/// The managers of a colony, one for each kind.
#[derive(Default)]
pub struct Managers(Vec<(ManagerKind, Box<dyn ProcessManager>)>);

impl Managers {
    /// All managers that wnm has; making them touches nothing.
    #[must_use]
    pub fn real(policy: &LaunchPolicy) -> Managers {
        let mut managers = Managers::default();
        for kind in ManagerKind::all() {
            let policy = policy.clone();
            let manager: Box<dyn ProcessManager> = match kind.tool {
                Tool::Systemd => Box::new(systemd::Systemd::new(kind.mode, policy)),
                Tool::Setsid => Box::new(setsid::Setsid::new(kind.mode, policy)),
                Tool::Launchd => Box::new(launchd::Launchd::new(kind.mode, policy)),
                Tool::Antctl | Tool::AntctlZen => Box::new(antctl::AntctlManager::new(kind, policy)),
                Tool::Docker => continue,
            };
            managers.insert(kind, manager);
        }
        managers
    }

    /// Makes `manager` handle the nodes of `kind`.
    pub fn insert(&mut self, kind: ManagerKind, manager: Box<dyn ProcessManager>) {
        self.0.retain(|(known, _)| *known != kind);
        self.0.push((kind, manager));
    }

    /// The manager of nodes of this kind; an error for kinds that wnm does not handle.
    pub fn of(&self, kind: ManagerKind) -> Result<&dyn ProcessManager, ManagerError> {
        let known = self.0.iter().find(|(known, _)| *known == kind);
        known
            .map(|(_, manager)| manager.as_ref())
            .ok_or(ManagerError::Unsupported(kind))
    }

    /// All managers.
    pub fn all(&self) -> impl Iterator<Item = &dyn ProcessManager> {
        self.0.iter().map(|(_, manager)| manager.as_ref())
    }
}
