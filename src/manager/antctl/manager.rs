//! The manager itself: its kind, its directories, antctl's registry and the units that antctl wrote.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::colony::{ManagerKind, Mode, Node, Tool};

use super::super::node_layout::NodeLayout;
use super::super::systemctl::{Systemctl, UnitProperties};
use super::super::unit_file::Unit;
use super::super::{AntctlPolicy, LaunchPolicy, ManagerError, discovered_node, launch_command};
use super::command_line::{AntctlCommand, FolderChoice};
use super::registry::Registry;
use super::run_antctl::Antctl;

/// Runs nodes through antctl.
#[derive(Debug)]
pub struct AntctlManager {
    pub(super) kind: ManagerKind,
    pub(super) places: FolderChoice,
    pub(super) antctl: Antctl,
    pub(super) systemctl: Systemctl,
    pub(super) layout: NodeLayout,
    /// Whether antctl changed units since the last `daemon-reload`, which antctl does not run.
    pub(super) is_stale: AtomicBool,
    /// Nodes that did not answer in this run.
    pub(super) given_up: Mutex<BTreeSet<String>>,
}

impl AntctlManager {
    /// For nodes of `kind`: antctl+user, antctl+sudo or antctl+zen.
    #[must_use]
    pub fn new(kind: ManagerKind, policy: LaunchPolicy) -> AntctlManager {
        AntctlManager {
            kind,
            places: match kind.tool {
                Tool::AntctlZen => FolderChoice::Chosen,
                _ => FolderChoice::Given,
            },
            antctl: Antctl::new(kind.mode, policy.antctl.clone()),
            systemctl: Systemctl::new(kind.mode),
            layout: NodeLayout::new(kind.mode, policy),
            is_stale: AtomicBool::new(false),
            given_up: Mutex::default(),
        }
    }

    pub(super) fn policy(&self) -> &LaunchPolicy {
        self.layout.policy()
    }

    pub(super) fn registry_path(&self) -> &Path {
        match self.kind.mode {
            Mode::User => &self.policy().antctl.user_registry,
            Mode::Sudo => Path::new(AntctlPolicy::SYSTEM_REGISTRY),
        }
    }

    pub(super) fn units(&self) -> &Path {
        match self.kind.mode {
            Mode::User => &self.policy().user_units,
            Mode::Sudo => &self.policy().system_units,
        }
    }

    /// antctl's registry: from its file, else from `antctl status`.
    pub(super) fn registry(&self) -> Result<Registry, ManagerError> {
        match Registry::read(self.registry_path())? {
            Some(registry) => Ok(registry),
            None => self.asked_registry(),
        }
    }

    /// The registry, or an empty one if it cannot be read: systemd can start and stop nodes without it.
    pub(super) fn registry_or_none(&self) -> Registry {
        self.registry().unwrap_or_else(|error| {
            tracing::warn!("cannot {error}");
            Registry::default()
        })
    }

    pub(super) fn asked_registry(&self) -> Result<Registry, ManagerError> {
        let failed = |why: String| ManagerError::Antctl {
            doing: "list the nodes of",
            node: self.kind.to_string(),
            why,
        };
        let printed = self
            .antctl
            .run(&AntctlCommand::status())?
            .map_err(|failure| failed(failure.to_string()))?;
        Registry::parse(&printed).map_err(failed)
    }

    /// The unit of a node: that of its entry, or a unit without an entry that has the same data directory.
    pub(super) fn unit_of(&self, node: &Node, registry: &Registry) -> Result<Option<String>, ManagerError> {
        if let Some(entry) = registry.entry_of(node) {
            return Ok(Some(entry.unit()));
        }
        let name = format!("{}.service", launch_command::service(node)?);
        let is_ours = self
            .root_in_unit(&name)
            .is_some_and(|root| root == node.home.root || root.parent() == Some(&node.home.root));
        Ok(is_ours.then_some(name))
    }

    /// The data directory in a unit file.
    pub(super) fn root_in_unit(&self, name: &str) -> Option<PathBuf> {
        let text = fs::read_to_string(self.units().join(name)).ok()?;
        discovered_node::from_words(&Unit::read(&text).command, Vec::new()).map(|found| found.root)
    }

    pub(super) fn shown(&self, unit: &str) -> Result<UnitProperties, ManagerError> {
        let shown = self.systemctl.show(&[unit.to_owned()])?.pop();
        Ok(shown.unwrap_or_default())
    }

    /// Makes systemd read the units that antctl wrote. It keeps the old text of a failed unit until then.
    pub(super) fn announce(&self) -> Result<(), ManagerError> {
        self.systemctl.daemon_reload()?;
        self.is_stale.store(false, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn note_change(&self) {
        self.is_stale.store(true, Ordering::Relaxed);
        self.keep_copy();
    }

    pub(super) fn refused(doing: &'static str, node: &Node, why: impl Into<String>) -> ManagerError {
        ManagerError::Antctl {
            doing,
            node: node.name.full(),
            why: why.into(),
        }
    }
}
