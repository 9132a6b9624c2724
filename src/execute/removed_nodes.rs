//! The identities of removed nodes, in `BASE_DIR/removed`: one directory for each, with the identity files and `node.json`.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::bounded_read::bytes_in;
use crate::colony::{Mode, Node, NodeId, NodePorts, RemovedNode, ServiceName, Timestamp, Version};
use crate::manager::ManagerError;
use crate::manager::files::identity::{IdentityFile, write_private};
use crate::manager::files::{DirectoryToDelete, Files};

/// The description of the node, beside its identity.
const DESCRIPTION: &str = "node.json";
/// A longer description was not written by wnm.
const LONGEST: u64 = 64 * 1024;
const DAY: i64 = 24 * 60 * 60;

/// Keeps the identities of removed nodes.
#[derive(Clone, Debug)]
pub struct RemovedNodes {
    directory: PathBuf,
    /// How many days an identity is kept; 0: none is kept.
    days: i64,
}

/// Why the identity of a node could not be kept, or put back.
#[derive(Debug, thiserror::Error)]
pub enum RemovedNodesError {
    #[error("{doing} `{}`: {source}", .path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(transparent)]
    Files(#[from] ManagerError),
    #[error("`{}` is not a directory", .0.display())]
    NotADirectory(PathBuf),
    #[error("there is no identity in `{}`", .0.display())]
    NoIdentity(PathBuf),
}

impl RemovedNodes {
    #[must_use]
    pub fn new(base_dir: &Path, days: i64) -> RemovedNodes {
        RemovedNodes {
            directory: base_dir.join("removed"),
            days,
        }
    }

    /// Copies the identity of `node` before the node is removed. It is on disk when this returns. A node without an
    /// identity needs none kept.
    pub fn keep(&self, node: &Node, at: Timestamp, reason: &str) -> Result<(), RemovedNodesError> {
        if self.days == 0 {
            return Ok(());
        }
        let identity = Files::new(node.manager.mode).read_identity(&node.home.root)?;
        if identity.is_empty() {
            return Ok(());
        }
        let service = directory_part(&node.service.0).unwrap_or_else(|| node.name.full());
        let name = format!("{service}-{}", at.utc().replace(['-', ':'], ""));
        // An earlier removal of this node may have failed after its identity was kept.
        let earlier: Vec<String> = self
            .of_service(&service)
            .into_iter()
            .filter(|kept| self.identity(kept).is_ok_and(|kept| kept == identity))
            .collect();
        if earlier.contains(&name) {
            return Ok(());
        }
        let name = self.free_name(name);
        self.write(&name, &identity, &description(node, at, reason))?;
        for kept in earlier {
            self.forget(&kept)?;
        }
        Ok(())
    }

    /// All nodes whose identity is kept, the earliest removal first. Directories without a readable description are
    /// ignored.
    #[must_use]
    pub fn all(&self) -> Vec<RemovedNode> {
        let read = |name: String| {
            let text = bytes_in(&self.directory.join(&name).join(DESCRIPTION), LONGEST).ok()?;
            parse(name, &serde_json::from_slice(&text).ok()?)
        };
        let mut all: Vec<RemovedNode> = self.names().into_iter().filter_map(read).collect();
        all.sort_by(|one, other| (one.removed_at, &one.directory).cmp(&(other.removed_at, &other.directory)));
        all
    }

    /// The identity files in the directory `name`.
    pub fn identity(&self, name: &str) -> Result<Vec<IdentityFile>, RemovedNodesError> {
        let path = self.directory.join(name);
        let identity = Files::new(Mode::User).read_identity(&path)?;
        match identity.is_empty() {
            true => Err(RemovedNodesError::NoIdentity(path)),
            false => Ok(identity),
        }
    }

    /// Deletes the directory `name`.
    pub fn forget(&self, name: &str) -> Result<(), RemovedNodesError> {
        Files::new(Mode::User).delete_dir(DirectoryToDelete {
            path: &self.directory.join(name),
            name,
            inside: &self.directory,
        })?;
        Ok(())
    }

    /// Deletes the identities of nodes that were removed more than `keep_removed` days before `now`.
    pub fn prune(&self, now: Timestamp) {
        for node in self.all() {
            if self.days > 0
                && now.since(node.removed_at) > self.days.saturating_mul(DAY)
                && let Err(error) = self.forget(&node.directory)
            {
                tracing::warn!("cannot delete an old identity: {error}");
            }
        }
    }

    /// The names of the directories that are complete.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect()
    }

    fn of_service(&self, service: &str) -> Vec<String> {
        let mut names = self.names();
        names.retain(|name| {
            name.strip_prefix(service)
                .is_some_and(|rest| rest.starts_with('-'))
        });
        names
    }

    fn free_name(&self, name: String) -> String {
        let is_free = |name: &String| fs::symlink_metadata(self.directory.join(name)).is_err();
        let mut names = std::iter::once(name.clone()).chain((2..).map(|nth| format!("{name}-{nth}")));
        names.find(is_free).unwrap_or(name)
    }

    /// Writes all files into a directory with another name, which is renamed when it is complete.
    fn write(
        &self,
        name: &str,
        identity: &[IdentityFile],
        description: &Value,
    ) -> Result<(), RemovedNodesError> {
        self.make_directory()?;
        let unfinished = format!(".{name}.new");
        self.forget(&unfinished)?;
        let (from, to) = (self.directory.join(&unfinished), self.directory.join(name));
        let written = self.fill(&from, identity, description).and_then(|()| {
            fs::rename(&from, &to)
                .and_then(|()| File::open(&self.directory)?.sync_all())
                .map_err(io_error("write", &to))
        });
        if written.is_err() {
            // An incomplete copy is useless.
            let _ = self.forget(&unfinished);
        }
        written
    }

    fn fill(
        &self,
        path: &Path,
        identity: &[IdentityFile],
        description: &Value,
    ) -> Result<(), RemovedNodesError> {
        DirBuilder::new()
            .mode(0o700)
            .create(path)
            .map_err(io_error("make", path))?;
        for (name, content) in identity {
            write_private(&path.join(name), &path.join(".new"), content)?;
        }
        let text = format!("{description:#}\n");
        write_private(&path.join(DESCRIPTION), &path.join(".new"), text.as_bytes())?;
        Ok(())
    }

    fn make_directory(&self) -> Result<(), RemovedNodesError> {
        let path = &self.directory;
        match fs::symlink_metadata(path) {
            Ok(seen) if seen.is_dir() => return Ok(()),
            Ok(_) => return Err(RemovedNodesError::NotADirectory(path.clone())),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io_error("read", path)(error)),
        }
        let sync_parent = || match path.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        };
        DirBuilder::new()
            .mode(0o700)
            .create(path)
            .and_then(|()| sync_parent())
            .map_err(io_error("make", path))
    }
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RemovedNodesError + use<> {
    let path = path.to_owned();
    move |source| RemovedNodesError::Io { doing, path, source }
}

/// The service name as part of a directory name. None if it contains characters that no service name needs.
fn directory_part(service: &str) -> Option<String> {
    let bare = service.strip_suffix(".service").unwrap_or(service);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_usable = bare
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric());
    (is_usable && bare.len() <= 64 && bare.bytes().all(is_plain)).then(|| bare.to_owned())
}

fn description(node: &Node, at: Timestamp, reason: &str) -> Value {
    json!({
        "id": node.id.0,
        "name": node.name.full(),
        "service": node.service.0,
        "peer_id": node.peer_id,
        "port": node.ports.node,
        "metrics_port": node.ports.metrics,
        "rpc_port": node.ports.rpc,
        "wallet": node.wallet,
        "network": node.network,
        "version": node.version.as_ref().map(Version::as_str),
        "manager": node.manager.to_string(),
        "removed_at": at.0,
        "removed": at.utc(),
        "reason": reason,
    })
}

fn parse(directory: String, value: &Value) -> Option<RemovedNode> {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let port = |key: &str| u16::try_from(value[key].as_u64()?).ok();
    Some(RemovedNode {
        directory,
        id: NodeId(u32::try_from(value["id"].as_u64()?).ok()?),
        full_name: text("name")?,
        service: ServiceName(text("service")?),
        ports: NodePorts {
            node: port("port")?,
            metrics: port("metrics_port")?,
            rpc: port("rpc_port")?,
        },
        peer_id: text("peer_id"),
        wallet: text("wallet"),
        network: text("network")?,
        version: text("version").map(Version::new),
        manager: text("manager")?,
        removed_at: Timestamp(value["removed_at"].as_i64()?),
        reason: text("reason").unwrap_or_default(),
    })
}
