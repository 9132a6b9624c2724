//! The options of this run for the managers that use antctl.

use std::path::{Path, PathBuf};

use crate::colony::Binary;
use crate::manager::AntctlPolicy;
use crate::settings::Settings;

use super::{Colony, Session};

impl Session {
    pub(super) fn antctl_policy(&self, settings: &Settings) -> AntctlPolicy {
        AntctlPolicy {
            program: self.program_at(&settings.antctl_path),
            configured_program: settings.antctl_path.clone(),
            version: settings.antctl_version.clone(),
            debug: settings.is_antctl_verbose(),
            backtrace: self.backtrace(),
            user_registry: AntctlPolicy::registry_in(&self.data_home()),
            copy: AntctlPolicy::copy_in(&self.place.base_dir),
        }
    }

    /// `path` if it is a file, else the program of that name on PATH, else `path`.
    fn program_at(&self, path: &Path) -> PathBuf {
        let search = self.variables.get("PATH").unwrap_or_default();
        let name = path.file_name().unwrap_or_default();
        let places = std::iter::once(path.to_owned()).chain(
            search
                .split(':')
                .filter(|place| place.starts_with('/'))
                .map(|place| Path::new(place).join(name)),
        );
        let found = places.into_iter().find(|place| place.is_file());
        found.unwrap_or_else(|| path.to_owned())
    }

    /// RUST_BACKTRACE for antctl: `--rust_backtrace`, else the environment variable of wnm.
    fn backtrace(&self) -> Option<String> {
        let own = || self.variables.get("RUST_BACKTRACE").map(str::to_owned);
        self.run.rust_backtrace.clone().or_else(own)
    }

    /// The XDG data directory of the user.
    fn data_home(&self) -> PathBuf {
        let configured = self.variables.get("XDG_DATA_HOME").map(PathBuf::from);
        configured
            .filter(|path| path.is_absolute())
            .unwrap_or_else(|| self.place.operator.home.join(".local/share"))
    }
}

/// The binary for adds and upgrades: the antnode that was found, or one that antctl downloads.
#[must_use]
pub fn node_binary(settings: &Settings, found: Option<&Binary>) -> Option<Binary> {
    let version = settings.antctl_version.as_ref();
    let kind = settings.process_manager;
    match found {
        _ if version.is_some() && kind.can_download() => Some(Binary::download(version)),
        Some(binary) => Some(binary.clone()),
        None if kind.needs_no_binary() => Some(Binary::download(None)),
        None => None,
    }
}

impl Colony {
    /// The binary for adds and upgrades. If there is none: None, and a warning in the log.
    pub fn node_binary<E: std::fmt::Display>(&self, found: Result<&Binary, &E>) -> Option<Binary> {
        let node_binary = node_binary(&self.settings, found.ok());
        if let (None, Err(error)) = (&node_binary, found) {
            tracing::warn!("cannot {error}; nothing is added or upgraded");
        }
        node_binary
    }

    /// Ports of removed nodes, which the manager does not give to new nodes.
    pub(super) fn reserved_ports(&self) -> Vec<u16> {
        let manager = self.world.managers.of(self.settings.process_manager);
        let ports = manager.and_then(|manager| manager.reserved_ports());
        ports.unwrap_or_else(|error| {
            tracing::warn!("the ports that the manager reserves are unknown: cannot {error}");
            Vec::new()
        })
    }
}
