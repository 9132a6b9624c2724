//! What this run's settings and surroundings tell the managers that drive antctl.

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

    /// `path` if a program is there, else the one of that name on PATH, else `path` all the same.
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

    /// RUST_BACKTRACE for antctl: `--rust_backtrace`, else our own.
    fn backtrace(&self) -> Option<String> {
        let own = || self.variables.get("RUST_BACKTRACE").map(str::to_owned);
        self.run.rust_backtrace.clone().or_else(own)
    }

    /// Where programs of the user keep their data.
    fn data_home(&self) -> PathBuf {
        let told = self.variables.get("XDG_DATA_HOME").map(PathBuf::from);
        told.filter(|path| path.is_absolute())
            .unwrap_or_else(|| self.place.operator.home.join(".local/share"))
    }
}

/// What nodes are made from and upgraded to: the antnode that was found, or one that antctl downloads.
#[must_use]
pub fn material(settings: &Settings, found: Option<&Binary>) -> Option<Binary> {
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
    /// What nodes are made from and upgraded to; None, and a warning, where there is nothing.
    pub fn material<E: std::fmt::Display>(&self, found: Result<&Binary, &E>) -> Option<Binary> {
        let material = material(&self.settings, found.ok());
        if let (None, Err(error)) = (&material, found) {
            tracing::warn!("cannot {error}; nothing is added or upgraded");
        }
        material
    }

    /// Ports that no new node may have though no node of the colony has them.
    pub(super) fn reserved_ports(&self) -> Vec<u16> {
        let manager = self.world.managers.of(self.settings.process_manager);
        let ports = manager.and_then(|manager| manager.reserved_ports());
        ports.unwrap_or_else(|error| {
            tracing::warn!("which ports are taken for good is not known: cannot {error}");
            Vec::new()
        })
    }
}
