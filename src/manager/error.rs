//! What a manager could not do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::colony::sanitize::excerpt;
use crate::colony::{ManagerKind, Node};
use crate::program;
use crate::program::trusted_path::UntrustedPath;

/// What a manager could not do.
#[derive(Debug)]
pub enum ManagerError {
    /// Nodes of this kind cannot be handled.
    Unsupported(ManagerKind),
    /// A program did not do its part.
    Program(program::ProgramError),
    /// A file or folder did not let itself be handled; `doing` reads on: `write`, `link`.
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Something that must not be done, and was not.
    Refused {
        doing: &'static str,
        path: PathBuf,
        why: String,
    },
    /// A place that somebody else could exchange, while root's rights would handle what is there.
    Weak { place: PathBuf, weak: UntrustedPath },
    /// A value of a node that its manager cannot be told.
    Value {
        node: String,
        what: &'static str,
        value: String,
        why: String,
    },
    /// Where a new node was to live another one lives already.
    Occupied { root: PathBuf },
    /// The binary is no longer the one that was asked for its version.
    Changed { path: PathBuf },
    /// The node did not start.
    NotStarted { node: String, why: String },
    /// The node did not stop.
    NotStopped { node: String, why: String },
    /// No systemd of the user's answers.
    NoSession { user: String, why: String },
    /// No launchd of the user's answers.
    NoDomain { domain: String, why: String },
    /// The new binary did not start; `back` tells how it went with the old one.
    NotUpgraded {
        node: String,
        why: Box<ManagerError>,
        back: Option<Box<ManagerError>>,
    },
    /// antctl is not installed where it was said to be.
    NoAntctl { path: PathBuf },
    /// antctl did not do with a node what it was told; `doing` reads on: `remove`.
    Antctl {
        doing: &'static str,
        node: String,
        why: String,
    },
    /// A node that runs and does not answer antctl keeps it from everything; `by` are the names of such.
    Blocked {
        doing: &'static str,
        node: String,
        by: Vec<String>,
        /// How systemd is told to stop them.
        cure: String,
    },
    /// antctl lost its registry while its nodes are still there.
    RegistryLost { registry: PathBuf, copy: PathBuf },
    /// A node could not be made, and what had been made of it could not be taken back.
    HalfMade {
        cause: Box<ManagerError>,
        left: Vec<(PathBuf, String)>,
    },
    /// Not all of a node went.
    Left {
        node: String,
        what: Vec<(PathBuf, String)>,
    },
}

impl ManagerError {
    /// Makes a function that turns an `io::Error` into ours.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ManagerError + use<> {
        let path = path.to_owned();
        move |source| ManagerError::File { doing, path, source }
    }

    /// An error if anything is left of a node that was to go.
    pub(crate) fn if_left(node: &Node, what: Vec<(PathBuf, String)>) -> Result<(), ManagerError> {
        if what.is_empty() {
            return Ok(());
        }
        Err(ManagerError::Left {
            node: node.name.full(),
            what,
        })
    }

    /// The same error, and what is left of what was begun if anything is.
    pub(crate) fn with_left(self, left: Vec<(PathBuf, String)>) -> ManagerError {
        if left.is_empty() {
            return self;
        }
        ManagerError::HalfMade {
            cause: Box::new(self),
            left,
        }
    }
}

/// Each path, and why it is still there.
fn list(f: &mut impl fmt::Write, left: &[(PathBuf, String)]) -> fmt::Result {
    for (nth, (path, why)) in left.iter().enumerate() {
        let comma = if nth > 0 { ", " } else { "" };
        write!(f, "{comma}`{}` ({why})", path.display())?;
    }
    Ok(())
}

impl From<program::ProgramError> for ManagerError {
    fn from(error: program::ProgramError) -> ManagerError {
        ManagerError::Program(error)
    }
}

impl fmt::Display for ManagerError {
    /// Names and paths are those of rows, which may hold anything: what is longer than a person reads is cut off.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ENOUGH: usize = 2000;
        let mut whole = String::new();
        self.tell(&mut whole)?;
        f.write_str(&excerpt(&whole, ENOUGH))
    }
}

impl ManagerError {
    fn tell(&self, f: &mut impl fmt::Write) -> fmt::Result {
        match self {
            ManagerError::Unsupported(kind) => {
                write!(f, "handle nodes of `{kind}`: this wnm does not know how to")
            }
            ManagerError::Program(error) => write!(f, "{error}"),
            ManagerError::File { doing, path, source } => write!(f, "{doing} `{}`: {source}", path.display()),
            ManagerError::Refused { doing, path, why } => {
                write!(f, "{doing} `{}`: refused, {why}", path.display())
            }
            ManagerError::Weak { place, weak } => {
                write!(f, "use `{}`: refused, {weak}; {}", place.display(), weak.hint())
            }
            ManagerError::Value {
                node,
                what,
                value,
                why,
            } => write!(f, "run `{node}`: its {what} `{}` {why}", value.escape_debug()),
            ManagerError::Occupied { root } => write!(
                f,
                "make a node in `{}`: the identity of another one (`secret-key`) lies there",
                root.display()
            ),
            ManagerError::Changed { path } => write!(
                f,
                "take `{}`: it changed since its version was read; the next run looks again",
                path.display()
            ),
            ManagerError::NotStarted { node, why } => write!(f, "start `{node}`: {why}"),
            ManagerError::NotStopped { node, why } => write!(f, "stop `{node}`: {why}"),
            ManagerError::NoSession { user, why } => write!(
                f,
                "reach the systemd of user `{user}`: {why}; it runs without a login once \
                 `loginctl enable-linger {user}` was said"
            ),
            ManagerError::NoDomain { domain, why } => write!(
                f,
                "reach the launchd of `{domain}`: {why}; a desktop's is there while its user is logged in, and \
                 nodes that shall run without one are for `launchd+sudo`"
            ),
            ManagerError::NotUpgraded { node, why, back } => {
                write!(f, "upgrade `{node}`: {why}; ")?;
                match back {
                    None => write!(f, "its old binary is back and runs"),
                    Some(error) => write!(f, "and its old binary did not come back: {error}"),
                }
            }
            ManagerError::NoAntctl { path } => write!(
                f,
                "run antctl: there is none at `{}`; install it or set `antctl_path`",
                path.display()
            ),
            ManagerError::Antctl { doing, node, why } => write!(f, "{doing} `{node}` with antctl: {why}"),
            ManagerError::Blocked {
                doing,
                node,
                by,
                cure,
            } => write!(
                f,
                "{doing} `{node}` with antctl: it can do nothing while `{}` runs and does not answer it; \
                 stop that node with `{cure}`",
                by.join("`, `")
            ),
            ManagerError::RegistryLost { registry, copy } => write!(
                f,
                "make a node with antctl: its registry `{}` is gone while its nodes are still there, and a new \
                 one would overwrite them; put the copy `{}` in its place",
                registry.display(),
                copy.display()
            ),
            ManagerError::HalfMade { cause, left } => {
                write!(f, "{cause}; left are ")?;
                list(f, left)
            }
            ManagerError::Left { node, what } => {
                write!(f, "remove all of `{node}`: left are ")?;
                list(f, what)
            }
        }
    }
}

impl std::error::Error for ManagerError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_is_longer_than_a_person_reads() {
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
