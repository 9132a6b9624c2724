//! The orders antctl is given: each a line of words, and how long it may take.

use std::path::PathBuf;
use std::time::Duration;

use crate::colony::{Binary, Mode, Node};

use super::super::unit_file::inner_quoted;
use super::super::{LaunchPolicy, ManagerError, launch_command};

/// It copies a binary, or downloads one.
const ADDING: Duration = Duration::from_secs(300);
/// With `--interval` it waits 3 s and then up to 5 s for the node's RPC port.
const STARTING: Duration = Duration::from_secs(60);
/// A node ends in under 0.1 s; after this systemd is told, and kills it.
const STOPPING: Duration = Duration::from_secs(20);
/// It asks no node anything, and looks for the processes of all.
const TELLING: Duration = Duration::from_secs(300);
/// A node may hold many gigabytes of records.
const ERASING: Duration = Duration::from_secs(300);
/// It asks each running node before it does anything; a healthy one takes 0.06 s on an idle machine.
const ASKING: Duration = Duration::from_millis(250);

/// An order to antctl: its words after the global options, and how long it may take.
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

    /// The same where antctl has so many nodes to ask first.
    #[must_use]
    pub fn among(mut self, nodes: usize) -> AntctlCommand {
        self.limit += ASKING * u32::try_from(nodes).unwrap_or(u32::MAX);
        self
    }

    /// Makes one node and does not start it. Every option stands before the network, which is a subcommand.
    ///
    /// # Errors
    /// A value of the node's that antctl or the unit it writes would not take.
    pub fn add(
        node: &Node,
        binary: &Binary,
        policy: &LaunchPolicy,
        places: FolderChoice,
        mode: Mode,
    ) -> Result<AntctlCommand, ManagerError> {
        let mut words: Vec<String> = vec!["add".to_owned()];
        let mut say = |parts: &[&str]| words.extend(parts.iter().map(|&part| part.to_owned()));
        let start_args = options(node, &policy.start_args)?;
        // antctl takes one of the two.
        if !start_args.iter().any(|word| word == "--first") {
            say(&["--count", "1"]);
        }
        if places == FolderChoice::Given {
            say(&[
                "--data-dir-path",
                bare_path(node, "root", &node.home.root.to_string_lossy())?,
            ]);
            say(&[
                "--log-dir-path",
                bare_path(node, "log folder", &node.logs().to_string_lossy())?,
            ]);
        }
        say(&["--node-port", &node.ports.node.to_string()]);
        say(&["--metrics-port", &node.ports.metrics.to_string()]);
        say(&["--rpc-port", &node.ports.rpc.to_string()]);
        say(&["--rewards-address", launch_command::wallet(node)?]);
        if policy.no_upnp && !start_args.iter().any(|word| word == "--no-upnp") {
            say(&["--no-upnp"]);
        }
        for word in &start_args {
            say(&[word]);
        }
        for (name, value) in launch_command::environment(node)? {
            // antctl writes it into the unit as it is, between quotes.
            say(&["--env", &format!("{name}={}", inner_quoted(&value))]);
        }
        // Else it is `ant`, whom antctl makes where there is none.
        if mode == Mode::Sudo && node.user != "ant" {
            say(&["--user", launch_command::user(node)?]);
        }
        match source(binary, policy, places) {
            BinarySource::File(path) => {
                say(&["--path", bare_path(node, "antnode", &path.to_string_lossy())?])
            }
            BinarySource::Version(version) => say(&["--version", &version]),
            BinarySource::Newest => {}
        }
        say(&[launch_command::network(node)?]);
        Ok(AntctlCommand { words, limit: ADDING })
    }

    /// Starts one. Without `--interval` antctl waits until it has more than five peers, for 305 s.
    #[must_use]
    pub fn start(service: &str) -> AntctlCommand {
        AntctlCommand::new(&["start", "--service-name", service, "--interval", "1"], STARTING)
    }

    #[must_use]
    pub fn stop(service: &str) -> AntctlCommand {
        AntctlCommand::new(&["stop", "--service-name", service], STOPPING)
    }

    #[must_use]
    pub fn remove(service: &str) -> AntctlCommand {
        AntctlCommand::new(&["remove", "--service-name", service], ERASING)
    }

    /// Gives one another binary and a new unit, and leaves it stopped.
    ///
    /// # Errors
    /// As [`Order::add`].
    pub fn upgrade(service: &str, node: &Node, from: &BinarySource) -> Result<AntctlCommand, ManagerError> {
        let mut order = AntctlCommand::new(&["upgrade", "--service-name", service, "--do-not-start"], ADDING);
        let mut say = |parts: &[&str]| order.words.extend(parts.iter().map(|&part| part.to_owned()));
        match from {
            BinarySource::File(path) => {
                say(&["--path", bare_path(node, "antnode", &path.to_string_lossy())?])
            }
            BinarySource::Version(version) => say(&["--version", version, "--force"]),
            BinarySource::Newest => {}
        }
        for (name, value) in launch_command::environment(node)? {
            say(&["--env", &format!("{name}={}", inner_quoted(&value))]);
        }
        Ok(order)
    }

    /// Prints all nodes, the removed ones too, without asking any of them.
    #[must_use]
    pub fn status() -> AntctlCommand {
        AntctlCommand::new(&["status", "--json"], TELLING)
    }

    /// Removes every node, and the registry.
    #[must_use]
    pub fn reset() -> AntctlCommand {
        AntctlCommand::new(&["reset", "--force"], ERASING)
    }
}

/// Who says where a node's folders are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderChoice {
    /// wnm does.
    Given,
    /// antctl does: zen.
    Chosen,
}

/// Where antctl takes a binary from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BinarySource {
    File(PathBuf),
    /// Downloaded.
    Version(String),
    /// Downloaded, whichever it is.
    Newest,
}

/// Where the binary of a new node comes from: from the network where a version was asked for, else from
/// `binary`; in zen antctl sees to it.
#[must_use]
pub fn source(binary: &Binary, policy: &LaunchPolicy, places: FolderChoice) -> BinarySource {
    match (&policy.antctl.version, places) {
        (Some(version), _) => BinarySource::Version(version.as_str().to_owned()),
        (None, FolderChoice::Given) => BinarySource::File(binary.path.clone()),
        (None, FolderChoice::Chosen) => BinarySource::Newest,
    }
}

/// antnode's arguments as the options of `antctl add` that stand for them.
fn options(node: &Node, start_args: &[String]) -> Result<Vec<String>, ManagerError> {
    /// Options that take no value, and those that take one; the same for antnode and antctl.
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
        let refuse = |why: &str| Err(launch_command::value(node, "start argument", word, why));
        if BARE.contains(&name) && inline.is_none() {
            words.push(name.to_owned());
        } else if VALUED.contains(&name) {
            let Some(value) = inline.or_else(|| rest.next().cloned()) else {
                return refuse("needs a value");
            };
            words.push(name.to_owned());
            words.push(bare_path(node, "start argument", &value)?.to_owned());
        } else {
            return refuse("cannot be said through antctl, which has no such option");
        }
    }
    Ok(words)
}

/// A word that antctl can write into a unit, where it quotes nothing.
fn bare_path<'a>(node: &Node, what: &'static str, text: &'a str) -> Result<&'a str, ManagerError> {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "%\"'\\$;\u{fffd}".contains(c);
    if text.is_empty() || text.starts_with('-') || text.contains(is_odd) {
        return Err(launch_command::value(
            node,
            what,
            text,
            "cannot be used with antctl, which quotes nothing in the units it writes: no spaces, quotes, `%`, `$`, `;` or `\\`",
        ));
    }
    Ok(text)
}
