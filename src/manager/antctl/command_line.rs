//! The command lines of antctl, and their time limits.

use std::path::PathBuf;
use std::time::Duration;

use crate::colony::{Binary, Mode, Node};

use super::super::timeouts::{
    ANTCTL_ADD_TIMEOUT, ANTCTL_ADDITION_PER_NODE, ANTCTL_START_TIMEOUT, ANTCTL_STATUS_TIMEOUT,
    ANTCTL_STOP_TIMEOUT, DELETE_TIMEOUT,
};
use super::super::unit_file::inner_quoted;
use super::super::{LaunchPolicy, ManagerError, launch_command};

/// A command for antctl: its arguments after the global options, and its time limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AntctlCommand {
    pub(super) words: Vec<String>,
    pub(super) limit: Duration,
}

impl AntctlCommand {
    fn new(words: &[&str], limit: Duration) -> AntctlCommand {
        AntctlCommand {
            words: words.iter().map(|&word| word.to_owned()).collect(),
            limit,
        }
    }

    /// Adds time for the nodes that antctl queries first.
    #[must_use]
    pub fn among(mut self, nodes: usize) -> AntctlCommand {
        self.limit += ANTCTL_ADDITION_PER_NODE * u32::try_from(nodes).unwrap_or(u32::MAX);
        self
    }

    /// Adds a node without starting it. The network is a subcommand, so that all options are before it.
    ///
    /// # Errors
    /// When antctl or its unit cannot represent a value of the node.
    pub fn add(
        node: &Node,
        binary: &Binary,
        policy: &LaunchPolicy,
        places: FolderChoice,
        mode: Mode,
    ) -> Result<AntctlCommand, ManagerError> {
        let mut words: Vec<String> = vec!["add".to_owned()];
        let mut push = |parts: &[&str]| words.extend(parts.iter().map(|&part| part.to_owned()));
        let start_args = options(node, &policy.start_args)?;
        // antctl takes one of the two.
        if !start_args.iter().any(|word| word == "--first") {
            push(&["--count", "1"]);
        }
        if places == FolderChoice::Given {
            push(&[
                "--data-dir-path",
                bare_path(node, "root", &node.home.root.to_string_lossy())?,
            ]);
            push(&[
                "--log-dir-path",
                bare_path(node, "log folder", &node.logs().to_string_lossy())?,
            ]);
        }
        push(&["--node-port", &node.ports.node.to_string()]);
        push(&["--metrics-port", &node.ports.metrics.to_string()]);
        push(&["--rpc-port", &node.ports.rpc.to_string()]);
        push(&["--rewards-address", launch_command::wallet(node)?]);
        if policy.no_upnp && !start_args.iter().any(|word| word == "--no-upnp") {
            push(&["--no-upnp"]);
        }
        for word in &start_args {
            push(&[word]);
        }
        for (name, value) in launch_command::environment(node)? {
            // antctl writes it into the unit between quotes, without escaping.
            push(&["--env", &format!("{name}={}", inner_quoted(&value))]);
        }
        // The default is `ant`, which antctl creates.
        if mode == Mode::Sudo && node.user != "ant" {
            push(&["--user", launch_command::user(node)?]);
        }
        match source(binary, policy, places) {
            BinarySource::File(path) => {
                push(&["--path", bare_path(node, "antnode", &path.to_string_lossy())?])
            }
            BinarySource::Version(version) => push(&["--version", &version]),
            BinarySource::Newest => {}
        }
        push(&[launch_command::network(node)?]);
        Ok(AntctlCommand {
            words,
            limit: ANTCTL_ADD_TIMEOUT,
        })
    }

    /// Starts a node. Without `--interval` antctl waits up to 305 s until the node has more than five peers.
    #[must_use]
    pub fn start(service: &str) -> AntctlCommand {
        AntctlCommand::new(
            &["start", "--service-name", service, "--interval", "1"],
            ANTCTL_START_TIMEOUT,
        )
    }

    #[must_use]
    pub fn stop(service: &str) -> AntctlCommand {
        AntctlCommand::new(&["stop", "--service-name", service], ANTCTL_STOP_TIMEOUT)
    }

    #[must_use]
    pub fn remove(service: &str) -> AntctlCommand {
        AntctlCommand::new(&["remove", "--service-name", service], DELETE_TIMEOUT)
    }

    /// Installs another binary and a new unit, without starting the node.
    ///
    /// # Errors
    /// As [`Order::add`].
    pub fn upgrade(service: &str, node: &Node, from: &BinarySource) -> Result<AntctlCommand, ManagerError> {
        let mut order = AntctlCommand::new(
            &["upgrade", "--service-name", service, "--do-not-start"],
            ANTCTL_ADD_TIMEOUT,
        );
        let mut push = |parts: &[&str]| order.words.extend(parts.iter().map(|&part| part.to_owned()));
        match from {
            BinarySource::File(path) => {
                push(&["--path", bare_path(node, "antnode", &path.to_string_lossy())?])
            }
            BinarySource::Version(version) => push(&["--version", version, "--force"]),
            BinarySource::Newest => {}
        }
        for (name, value) in launch_command::environment(node)? {
            push(&["--env", &format!("{name}={}", inner_quoted(&value))]);
        }
        Ok(order)
    }

    /// Prints all nodes, also removed ones, without querying them.
    #[must_use]
    pub fn status() -> AntctlCommand {
        AntctlCommand::new(&["status", "--json"], ANTCTL_STATUS_TIMEOUT)
    }

    /// Removes every node, and the registry.
    #[must_use]
    pub fn reset() -> AntctlCommand {
        AntctlCommand::new(&["reset", "--force"], DELETE_TIMEOUT)
    }
}

/// Who chooses the directories of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderChoice {
    /// wnm.
    Given,
    /// antctl (zen).
    Chosen,
}

/// Where antctl gets a binary from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BinarySource {
    File(PathBuf),
    /// Downloads this version.
    Version(String),
    /// Downloads the newest version.
    Newest,
}

/// Where antctl gets the binary of a new node: downloads it if a version is set or in zen mode, else copies `binary`.
#[must_use]
pub fn source(binary: &Binary, policy: &LaunchPolicy, places: FolderChoice) -> BinarySource {
    match (&policy.antctl.version, places) {
        (Some(version), _) => BinarySource::Version(version.as_str().to_owned()),
        (None, FolderChoice::Given) => BinarySource::File(binary.path.clone()),
        (None, FolderChoice::Chosen) => BinarySource::Newest,
    }
}

/// Converts arguments of antnode to options of `antctl add`.
fn options(node: &Node, start_args: &[String]) -> Result<Vec<String>, ManagerError> {
    /// Options of both antnode and antctl, without and with a value.
    const BARE: [&str; 7] = [
        "--alpha",
        "--first",
        "--ignore-cache",
        "--local",
        "--no-upnp",
        "--relay",
        "--write-older-cache-files",
    ];
    const VALUED: [&str; 8] = [
        "--bootstrap-cache-dir",
        "--log-format",
        "--max-archived-log-files",
        "--max-log-files",
        "--network-contacts-url",
        "--network-id",
        "--node-ip",
        "--peer",
    ];
    let mut words = Vec::new();
    let mut rest = start_args.iter();
    while let Some(word) = rest.next() {
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let name = if name == "--ip" { "--node-ip" } else { name };
        let refuse = |why: &str| Err(launch_command::invalid_value(node, "start argument", word, why));
        if BARE.contains(&name) && inline.is_none() {
            words.push(name.to_owned());
        } else if VALUED.contains(&name) {
            let Some(value) = inline.or_else(|| rest.next().cloned()) else {
                return refuse("needs a value");
            };
            words.push(name.to_owned());
            words.push(bare_path(node, "start argument", &value)?.to_owned());
        } else {
            return refuse("is not supported by antctl");
        }
    }
    Ok(words)
}

/// Rejects a word that antctl cannot write into a unit, because it does not quote.
fn bare_path<'a>(node: &Node, what: &'static str, text: &'a str) -> Result<&'a str, ManagerError> {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "%\"'\\$;\u{fffd}".contains(c);
    if text.is_empty() || text.starts_with('-') || text.contains(is_odd) {
        return Err(launch_command::invalid_value(
            node,
            what,
            text,
            "cannot be used with antctl, which quotes nothing in its units: it must not contain spaces, quotes, `%`, `$`, `;` or `\\`",
        ));
    }
    Ok(text)
}
