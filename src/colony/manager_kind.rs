//! The kinds of process manager, and everything that differs from one kind to another outside `manager`.

use std::fmt;

use super::{NodeId, NodeName, Platform, ServiceName};

/// The tool that runs a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    Systemd,
    Setsid,
    Launchd,
    Antctl,
    /// antctl, which also chooses the nodes' directories.
    AntctlZen,
    /// Only found in databases of the Python wnm; wnm runs no containers.
    Docker,
}

/// Whether nodes are run for the whole machine (through sudo) or for the user who runs wnm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    Sudo,
    User,
}

/// A tool and its mode: `systemd+user`, `antctl+zen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManagerKind {
    pub tool: Tool,
    pub mode: Mode,
}

/// The kinds that an operator can choose, with their names in the setting `process_manager`.
const KINDS: [(&str, ManagerKind); 9] = [
    ("systemd+sudo", ManagerKind::new(Tool::Systemd, Mode::Sudo)),
    ("systemd+user", ManagerKind::new(Tool::Systemd, Mode::User)),
    ("setsid+sudo", ManagerKind::new(Tool::Setsid, Mode::Sudo)),
    ("setsid+user", ManagerKind::new(Tool::Setsid, Mode::User)),
    ("launchd+sudo", ManagerKind::new(Tool::Launchd, Mode::Sudo)),
    ("launchd+user", ManagerKind::new(Tool::Launchd, Mode::User)),
    ("antctl+sudo", ManagerKind::new(Tool::Antctl, Mode::Sudo)),
    ("antctl+user", ManagerKind::new(Tool::Antctl, Mode::User)),
    ("antctl+zen", ManagerKind::new(Tool::AntctlZen, Mode::User)),
];

/// A command that a manager runs through sudo; `sudo -l` can be asked whether it is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SudoExample {
    pub command: &'static str,
    /// Whether it runs as the nodes' account instead of root.
    pub is_as_node_account: bool,
}

impl ManagerKind {
    /// The names of all kinds that an operator can choose.
    pub const CHOICES: [&'static str; KINDS.len()] = {
        let mut names = [""; KINDS.len()];
        let mut index = 0;
        while index < KINDS.len() {
            names[index] = KINDS[index].0;
            index += 1;
        }
        names
    };

    /// The only kind that anm uses: its nodes are system units.
    pub const ANM: ManagerKind = ManagerKind::new(Tool::Systemd, Mode::Sudo);

    #[must_use]
    pub const fn new(tool: Tool, mode: Mode) -> ManagerKind {
        ManagerKind { tool, mode }
    }

    /// Every kind that an operator can choose.
    pub fn all() -> impl Iterator<Item = ManagerKind> {
        KINDS.into_iter().map(|(_, kind)| kind)
    }

    /// Reads one of [`ManagerKind::CHOICES`]; `launchctl` is an old name of `launchd`.
    #[must_use]
    pub fn from_choice(text: &str) -> Option<ManagerKind> {
        let name = match text.strip_prefix("launchctl+") {
            Some(mode) => format!("launchd+{mode}"),
            None => text.to_owned(),
        };
        KINDS
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| kind)
    }

    /// Reads a stored `manager_type`. Old databases store it without its mode: then the mode is `default_mode`.
    #[must_use]
    pub fn from_stored(text: &str, default_mode: Mode) -> Option<ManagerKind> {
        if text == "docker" {
            return Some(ManagerKind::new(Tool::Docker, default_mode));
        }
        ManagerKind::from_choice(text).or_else(|| ManagerKind::from_choice(&format!("{text}+{default_mode}")))
    }

    /// The kind of a new colony whose operator chose none.
    #[must_use]
    pub fn default_for(
        platform: Platform,
        mode: Mode,
        has_systemd: impl FnOnce(Mode) -> bool,
    ) -> ManagerKind {
        let tool = match platform {
            Platform::MacOs => Tool::Launchd,
            Platform::Linux if has_systemd(mode) => Tool::Systemd,
            Platform::Linux => Tool::Setsid,
        };
        ManagerKind::new(tool, mode)
    }

    /// Whether it can run on `platform`.
    #[must_use]
    pub fn is_available_on(self, platform: Platform) -> bool {
        match self.tool {
            Tool::Systemd => platform == Platform::Linux,
            Tool::Launchd => platform == Platform::MacOs,
            Tool::Setsid | Tool::Antctl | Tool::AntctlZen => true,
            Tool::Docker => false,
        }
    }

    /// Whether it gives each node its number itself and uses no number twice.
    #[must_use]
    pub fn numbers_its_nodes(self) -> bool {
        matches!(self.tool, Tool::Antctl | Tool::AntctlZen)
    }

    /// Whether it keeps its own registry of nodes, whose directories count and not those in our rows.
    #[must_use]
    pub fn has_registry(self) -> bool {
        self.numbers_its_nodes()
    }

    /// Whether it can download an antnode of a given version.
    #[must_use]
    pub fn can_download(self) -> bool {
        self.numbers_its_nodes()
    }

    /// Whether it can make nodes without any antnode on this machine.
    #[must_use]
    pub fn needs_no_binary(self) -> bool {
        self.tool == Tool::AntctlZen
    }

    /// Whether its nodes are units of the user's systemd, which ends with the last login unless the user lingers.
    #[must_use]
    pub fn needs_lingering(self) -> bool {
        self == ManagerKind::new(Tool::Systemd, Mode::User)
    }

    /// The name that the manager gives to the service of the new node `id`.
    #[must_use]
    pub fn service_name(self, id: NodeId) -> ServiceName {
        let directory = NodeName::of(id).full();
        ServiceName(match self.tool {
            Tool::Systemd => format!("{directory}.service"),
            Tool::Setsid | Tool::Docker => directory,
            Tool::Launchd => format!("com.autonomi.antnode-{id}"),
            Tool::Antctl | Tool::AntctlZen => format!("antnode{id}"),
        })
    }

    /// A command of its own that it needs sudo for; none in user mode, and none for tools that sudo runs whole.
    #[must_use]
    pub fn sudo_example(self) -> Option<SudoExample> {
        let (command, is_as_node_account) = match (self.mode, self.tool) {
            (Mode::Sudo, Tool::Systemd) => ("systemctl --no-ask-password daemon-reload", false),
            (Mode::Sudo, Tool::Setsid) => ("kill -TERM -- -99999", true),
            _ => return None,
        };
        Some(SudoExample {
            command,
            is_as_node_account,
        })
    }

    /// What an operator can do when the manager does not answer.
    #[must_use]
    pub fn repair_hint(self) -> &'static str {
        match (self.tool, self.mode) {
            (Tool::Systemd, Mode::User) => "sudo loginctl enable-linger \"$USER\", and log in again",
            (Tool::Systemd, Mode::Sudo) => {
                "check that PID 1 is systemd; in a container without systemd use setsid"
            }
            (Tool::Setsid, _) => "install util-linux",
            (Tool::Launchd, _) => "check that this machine runs macOS",
            (Tool::Antctl | Tool::AntctlZen, _) => "install antctl there, or set `--antctl_path FILE`",
            (Tool::Docker, _) => "",
        }
    }
}

/// The process manager in a colony's database, read before the database is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredPlace {
    /// There is no colony, or its database has no manager.
    Nothing,
    /// The file exists, but cannot be read: damaged, or in use.
    Unreadable,
    /// The stored name of its manager.
    Manager(String),
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Sudo => "sudo",
            Mode::User => "user",
        })
    }
}

impl fmt::Display for ManagerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = KINDS.iter().find(|(_, kind)| kind == self);
        f.write_str(known.map_or("docker", |(name, _)| *name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_read_back() {
        for (name, kind) in KINDS {
            assert_eq!(ManagerKind::from_choice(name), Some(kind));
            assert_eq!(kind.to_string(), name);
        }
        for name in [
            "docker+sudo",
            "systemd",
            "systemd+zen",
            "antctl+",
            "",
            "launchctl",
        ] {
            assert_eq!(ManagerKind::from_choice(name), None, "{name}");
        }
    }

    #[test]
    fn stored_name_without_mode_gets_the_default_mode() {
        let read = |name| ManagerKind::from_stored(name, Mode::Sudo).map(|kind| kind.to_string());
        assert_eq!(read("systemd").as_deref(), Some("systemd+sudo"));
        assert_eq!(read("launchctl").as_deref(), Some("launchd+sudo"));
        assert_eq!(read("launchctl+user").as_deref(), Some("launchd+user"));
        assert_eq!(read("antctl+zen").as_deref(), Some("antctl+zen"));
        assert_eq!(read("docker").as_deref(), Some("docker"));
        assert_eq!(read("systemd+"), None);
    }
}
