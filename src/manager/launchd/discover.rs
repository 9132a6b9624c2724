//! Finds nodes by launchd job files, whoever wrote them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::colony::{ManagerKind, Mode, Node, NodeName, ServiceName};
use crate::manager::{LaunchPolicy, ManagerError};

use super::job_directory::read;
use super::label::{PREFIX, number_of};

/// The nodes of the job files in `folder`, running or not; warns of files that it ignores.
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
            Err(why) => tracing::warn!("`{}` is ignored: {why}", path.display()),
        }
    }
    nodes.sort_by(|one, other| (one.id, &one.service.0).cmp(&(other.id, &other.service.0)));
    Ok(nodes)
}

/// The node of one job file; none if it is no node's, an error if the node cannot be taken over.
fn node(path: &Path, name: &str, kind: ManagerKind, policy: &LaunchPolicy) -> Result<Option<Node>, String> {
    let number = number_of(name);
    let job = match (read(path), number) {
        (Ok(job), _) => job,
        (Err(why), Some(_)) => return Err(why),
        // A file without a node's name need not be a job.
        (Err(_), None) => return Ok(None),
    };
    let mut found = match (job.node(), number) {
        (Some(found), _) => found,
        (None, Some(_)) => return Err("it does not run an antnode with `--root-dir` and `--port`".to_owned()),
        (None, None) => return Ok(None),
    };
    let Some(id) = number.filter(|_| job.label == name) else {
        return Err(format!(
            "its label is `{}`; wnm knows a node's job by a label `{PREFIX}` and a number, in a file of that name",
            job.label.escape_debug()
        ));
    };
    if let Some(why) = found.invalid_path(&found.binary) {
        return Err(why);
    }
    found.user = match kind.mode {
        Mode::Sudo => Some(job.user.unwrap_or_else(|| "root".to_owned())),
        Mode::User => None,
    };
    let mut node = found.into_node(kind, policy);
    // The directory may have a number of other digits, as in `antnode7`; it is deleted by that name or not at all.
    if node.id != id {
        node.id = id;
        node.name = NodeName::of(id);
    }
    // The Python wnm makes all nodes log into the directory that contains the log directories.
    if node.home.logs.as_ref() == Some(&policy.logs) {
        node.home.logs = Some(policy.logs.join(node.name.full()));
    }
    node.service = ServiceName(name.to_owned());
    Ok(Some(node))
}
