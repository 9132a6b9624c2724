//! Errors of process managers. Each reads on after `cannot `.

use std::fmt::{self, Write};
use std::io;
use std::path::{Path, PathBuf};

use crate::colony::sanitize::excerpt;
use crate::colony::{ManagerKind, Node};
use crate::program::ProgramError;
use crate::program::trusted_path::UntrustedPath;

/// An error message has at most this many characters: it quotes names and paths of rows, which may contain anything.
const MAX_MESSAGE: usize = 2000;

/// Why a manager could not do something.
#[derive(Debug)]
pub enum ManagerError {
    /// wnm has no manager of this kind.
    Unsupported(ManagerKind),
    /// A program failed.
    Program(ProgramError),
    /// A file operation failed; `doing` is a verb: `write`, `link`.
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// wnm refused to do something unsafe.
    Refused {
        doing: &'static str,
        path: PathBuf,
        why: String,
    },
    /// Another user could replace the path that wnm would use as root.
    Untrusted {
        place: PathBuf,
        found: UntrustedPath,
    },
    /// A value in a node's row cannot be used.
    InvalidValue {
        node: String,
        what: &'static str,
        value: String,
        why: String,
    },
    /// The root of a new node contains another node's identity.
    IdentityExists {
        root: PathBuf,
    },
    /// The binary was replaced after its version was read.
    BinaryChanged {
        path: PathBuf,
    },
    NotStarted {
        node: String,
        why: String,
    },
    NotStopped {
        node: String,
        why: String,
    },
    /// No systemd of the user answers.
    NoSession {
        user: String,
        why: String,
    },
    /// No launchd of the user answers.
    NoDomain {
        domain: String,
        why: String,
    },
    /// The new binary did not start; `rollback` is why the old one did not either, if it failed.
    NotUpgraded {
        node: String,
        why: Box<ManagerError>,
        rollback: Option<Box<ManagerError>>,
    },
    /// antctl is not installed.
    NoAntctl {
        path: PathBuf,
    },
    /// antctl failed; `doing` is a verb: `remove`.
    Antctl {
        doing: &'static str,
        node: String,
        why: String,
    },
    /// Running nodes that do not answer antctl keep it from doing anything.
    Blocked {
        doing: &'static str,
        node: String,
        /// The names of those nodes.
        by: Vec<String>,
        /// The command that stops them.
        cure: String,
    },
    /// antctl's registry is missing while its nodes still exist.
    RegistryLost {
        registry: PathBuf,
        copy: PathBuf,
    },
    /// A node could not be made, and what had been made could not be deleted.
    NotRolledBack {
        cause: Box<ManagerError>,
        remains: Vec<(PathBuf, String)>,
    },
    /// A node could not be removed whole.
    NotRemoved {
        node: String,
        remains: Vec<(PathBuf, String)>,
    },
}

impl ManagerError {
    /// For `map_err` of file operations.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ManagerError + use<> {
        let path = path.to_owned();
        move |source| ManagerError::File { doing, path, source }
    }

    pub(super) fn not_started(node: &Node, why: String) -> ManagerError {
        ManagerError::NotStarted {
            node: node.name.full(),
            why,
        }
    }

    pub(super) fn not_stopped(node: &Node, why: String) -> ManagerError {
        ManagerError::NotStopped {
            node: node.name.full(),
            why,
        }
    }

    /// The same error for each of `nodes`.
    pub(super) fn for_each(
        &self,
        nodes: &[&Node],
        make: fn(&Node, String) -> ManagerError,
    ) -> Vec<Result<(), ManagerError>> {
        let why = self.to_string();
        nodes.iter().map(|node| Err(make(node, why.clone()))).collect()
    }

    /// An error if anything remains of a node that was to be removed.
    pub(crate) fn if_remains(node: &Node, remains: Vec<(PathBuf, String)>) -> Result<(), ManagerError> {
        if remains.is_empty() {
            return Ok(());
        }
        Err(ManagerError::NotRemoved {
            node: node.name.full(),
            remains,
        })
    }

    /// This error, and what remains of a node that could not be made.
    pub(crate) fn with_remains(self, remains: Vec<(PathBuf, String)>) -> ManagerError {
        if remains.is_empty() {
            return self;
        }
        ManagerError::NotRolledBack {
            cause: Box::new(self),
            remains,
        }
    }

    /// The whole message, however long.
    fn message(&self) -> String {
        match self {
            ManagerError::Unsupported(kind) => {
                format!("handle nodes of `{kind}`: this wnm has no such process manager")
            }
            ManagerError::Program(error) => error.to_string(),
            ManagerError::File { doing, path, source } => format!("{doing} `{}`: {source}", path.display()),
            ManagerError::Refused { doing, path, why } => {
                format!("{doing} `{}`: refused, {why}", path.display())
            }
            ManagerError::Untrusted { place, found } => {
                format!("use `{}`: refused, {found}; {}", place.display(), found.hint())
            }
            ManagerError::InvalidValue {
                node,
                what,
                value,
                why,
            } => format!("run `{node}`: its {what} `{}` {why}", value.escape_debug()),
            ManagerError::IdentityExists { root } => format!(
                "make a node in `{}`: it contains the identity of another node (`secret-key`)",
                root.display()
            ),
            ManagerError::BinaryChanged { path } => format!(
                "copy `{}`: it changed after its version was read; the next run reads it again",
                path.display()
            ),
            ManagerError::NotStarted { node, why } => format!("start `{node}`: {why}"),
            ManagerError::NotStopped { node, why } => format!("stop `{node}`: {why}"),
            ManagerError::NoSession { user, why } => format!(
                "reach the systemd of user `{user}`: {why}; to keep it running without a login, run \
                 `sudo loginctl enable-linger {}`",
                shell_words::quote(user)
            ),
            ManagerError::NoDomain { domain, why } => format!(
                "reach the launchd of `{domain}`: {why}; it only exists while its user is logged in: use \
                 `launchd+sudo` for nodes that run without a login"
            ),
            ManagerError::NotUpgraded { node, why, rollback } => match rollback {
                None => format!("upgrade `{node}`: {why}; its old binary is back and runs"),
                Some(error) => {
                    format!("upgrade `{node}`: {why}; and its old binary did not come back: {error}")
                }
            },
            ManagerError::NoAntctl { path } => format!(
                "run antctl: `{}` not found; install it or set `antctl_path`",
                path.display()
            ),
            ManagerError::Antctl { doing, node, why } => format!("{doing} `{node}` with antctl: {why}"),
            ManagerError::Blocked {
                doing,
                node,
                by,
                cure,
            } => format!(
                "{doing} `{node}` with antctl: it can do nothing while `{}` runs and does not answer it; \
                 stop that node with `{cure}`",
                by.join("`, `")
            ),
            ManagerError::RegistryLost { registry, copy } => format!(
                "make a node with antctl: its registry `{}` is missing while its nodes still exist, and a new \
                 registry would overwrite them; put the copy `{}` in its place",
                registry.display(),
                copy.display()
            ),
            ManagerError::NotRolledBack { cause, remains } => {
                format!("{cause}; not deleted: {}", list(remains))
            }
            ManagerError::NotRemoved { node, remains } => {
                format!("remove all of `{node}`: not deleted: {}", list(remains))
            }
        }
    }
}

/// Each path, and why it still exists.
fn list(remains: &[(PathBuf, String)]) -> String {
    let mut text = String::new();
    for (path, why) in remains {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}`{}` ({why})", path.display());
    }
    text
}

impl From<ProgramError> for ManagerError {
    fn from(error: ProgramError) -> ManagerError {
        ManagerError::Program(error)
    }
}

impl fmt::Display for ManagerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&excerpt(&self.message(), MAX_MESSAGE))
    }
}

impl std::error::Error for ManagerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ManagerError::Program(error) => Some(error),
            ManagerError::File { source, .. } => Some(source),
            ManagerError::NotUpgraded { why, .. } => Some(why),
            ManagerError::NotRolledBack { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_length_of_messages() {
        let error = ManagerError::NotStarted {
            node: "ä".repeat(1 << 20),
            why: "it ended".to_owned(),
        };
        let said = error.to_string();
        assert!(
            said.starts_with("start `ää") && said.ends_with('…'),
            "{}",
            said.len()
        );
        assert_eq!(said.chars().count(), 2001);
        let short = ManagerError::NotStarted {
            node: "antnode0001".to_owned(),
            why: "it ended".to_owned(),
        };
        assert_eq!(short.to_string(), "start `antnode0001`: it ended");
    }
}
