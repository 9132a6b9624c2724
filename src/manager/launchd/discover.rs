//! Nodes as the files of jobs tell of them, whoever wrote those.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::bounded_read::{ReadError, bytes_in};
use crate::colony::{ManagerKind, Mode, Node, NodeName, ServiceName};
use crate::manager::{LaunchPolicy, ManagerError};

use super::{FAMILY, JobFile, number_of};

/// No job of a node comes near this; what is longer is none, and is not read to its end.
const MOST: u64 = 64 << 10;

/// The nodes that jobs in `folder` tell of, up or down. What is left out is said.
pub(super) fn nodes(
    folder: &Path,
    kind: ManagerKind,
    policy: &LaunchPolicy,
) -> Result<Vec<Node>, ManagerError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(ManagerError::file("read", folder))?,
    };
    let mut nodes = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let file = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Some(name) = file.strip_suffix(".plist") else {
            continue;
        };
        match node(&path, name, kind, policy) {
            Ok(found) => nodes.extend(found),
            Err(why) => tracing::warn!("`{}` is left alone: {why}", path.display()),
        }
    }
    nodes.sort_by(|one, other| (one.id, &one.service.0).cmp(&(other.id, &other.service.0)));
    Ok(nodes)
}

/// The node of one file, if it is a node's at all; or why it is not taken.
fn node(path: &Path, name: &str, kind: ManagerKind, policy: &LaunchPolicy) -> Result<Option<Node>, String> {
    let number = number_of(name);
    let job = match (read(path), number) {
        (Ok(job), _) => job,
        (Err(why), Some(_)) => return Err(why),
        // What is not even called like a node's may be whatever it is.
        (Err(_), None) => return Ok(None),
    };
    let mut found = match (job.told(), number) {
        (Some(found), _) => found,
        (None, Some(_)) => return Err("it is no job of an antnode with root and port".to_owned()),
        (None, None) => return Ok(None),
    };
    let Some(id) = number.filter(|_| job.label == name) else {
        return Err(format!(
            "its label is `{}`; wnm knows a node's job by a label `{FAMILY}` and a number, in a file of that name",
            job.label.escape_debug()
        ));
    };
    if let Some(why) = found.crooked(&found.binary) {
        return Err(why);
    }
    found.user = match kind.mode {
        Mode::Sudo => Some(job.user.unwrap_or_else(|| "root".to_owned())),
        Mode::User => None,
    };
    let mut node = found.into_node(kind, policy);
    // The folder may write the number in its own way; it is erased by that name or not at all.
    if node.id != id {
        node.id = id;
        node.name = NodeName::of(id);
    }
    // The Python wnm tells all nodes to write into the folder that holds the folders of logs.
    if node.home.logs.as_ref() == Some(&policy.logs) {
        node.home.logs = Some(policy.logs.join(node.name.full()));
    }
    node.service = ServiceName(name.to_owned());
    Ok(Some(node))
}

/// Reads the job in a file, or says why it is none.
pub(super) fn read(path: &Path) -> Result<JobFile, String> {
    let bytes = bytes_in(path, MOST).map_err(|why| match why {
        ReadError::Io(error) => format!("it cannot be read ({error})"),
        why => why.to_string(),
    })?;
    JobFile::read(&bytes).ok_or_else(|| "it is no property list of a job".to_owned())
}
