//! Which tool runs a node, and in whose name.

use std::fmt;

/// The tool that runs a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    Systemd,
    Setsid,
    Launchd,
    Antctl,
    /// antctl with all paths of its own choosing.
    AntctlZen,
    /// Known from the peer's databases only; nothing here runs containers.
    Docker,
}

/// In whose name: for the whole machine through sudo, or for the user who runs wnm.
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

impl ManagerKind {
    /// The choices an operator has, in the words of `process_manager`.
    pub const CHOICES: [&'static str; 9] = [
        "systemd+sudo",
        "systemd+user",
        "setsid+sudo",
        "setsid+user",
        "launchd+sudo",
        "launchd+user",
        "antctl+sudo",
        "antctl+user",
        "antctl+zen",
    ];

    /// A kind from one of [`ManagerKind::CHOICES`].
    #[must_use]
    pub fn from_choice(text: &str) -> Option<ManagerKind> {
        let (tool, mode) = text.split_once('+')?;
        let kind = match (tool, mode) {
            ("antctl", "zen") => ManagerKind {
                tool: Tool::AntctlZen,
                mode: Mode::User,
            },
            (_, "sudo") => ManagerKind {
                tool: Tool::from_word(tool)?,
                mode: Mode::Sudo,
            },
            (_, "user") => ManagerKind {
                tool: Tool::from_word(tool)?,
                mode: Mode::User,
            },
            _ => return None,
        };
        (kind.tool != Tool::Docker).then_some(kind)
    }

    /// A kind from a stored `manager_type`, which in old databases lacks its mode: then `bare` decides it.
    #[must_use]
    pub fn from_stored(text: &str, bare: Mode) -> Option<ManagerKind> {
        if text == "docker" {
            return Some(ManagerKind {
                tool: Tool::Docker,
                mode: bare,
            });
        }
        ManagerKind::from_choice(text)
            .or_else(|| Tool::from_word(text).map(|tool| ManagerKind { tool, mode: bare }))
    }
}

/// What a first look at a colony's file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredPlace {
    /// There is no colony, or one that names no manager.
    Nothing,
    /// Something is there and cannot be read: damaged, or in use.
    Unreadable,
    /// The manager it names, as it is stored.
    Manager(String),
}

impl Tool {
    fn from_word(word: &str) -> Option<Tool> {
        match word {
            "systemd" => Some(Tool::Systemd),
            "setsid" => Some(Tool::Setsid),
            "launchd" | "launchctl" => Some(Tool::Launchd),
            "antctl" => Some(Tool::Antctl),
            "docker" => Some(Tool::Docker),
            _ => None,
        }
    }
}

impl fmt::Display for ManagerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tool = match self.tool {
            Tool::Systemd => "systemd",
            Tool::Setsid => "setsid",
            Tool::Launchd => "launchd",
            Tool::Antctl => "antctl",
            Tool::AntctlZen => return f.write_str("antctl+zen"),
            Tool::Docker => return f.write_str("docker"),
        };
        let mode = match self.mode {
            Mode::Sudo => "sudo",
            Mode::User => "user",
        };
        write!(f, "{tool}+{mode}")
    }
}
