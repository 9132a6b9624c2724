//! antctl's registry, from its file or from `status --json`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::colony::{Node, NodePaths, NodePorts, ServiceName, Version};

use super::super::{DefinedNode, ManagerError, launch_command};
use super::command_line::FolderChoice;

/// All nodes that antctl has created for one account, also removed ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    pub entries: Vec<RegistryEntry>,
}

/// One node in the registry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RegistryEntry {
    pub service_name: String,
    /// The number in the service's name.
    pub number: u32,
    pub status: RegistryStatus,
    #[serde(rename = "data_dir_path")]
    pub root: PathBuf,
    #[serde(rename = "log_dir_path")]
    pub logs: PathBuf,
    #[serde(rename = "antnode_path")]
    pub binary: PathBuf,
    #[serde(default)]
    pub node_port: Option<u16>,
    #[serde(default)]
    pub metrics_port: Option<u16>,
    /// `127.0.0.1:30001`.
    #[serde(default)]
    pub rpc_socket_addr: String,
    #[serde(default)]
    pub peer_id: Option<String>,
    #[serde(default)]
    pub version: String,
    /// The account it runs as; `None` in user mode.
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub rewards_address: String,
    #[serde(default)]
    evm_network: serde_json::Value,
    #[serde(default)]
    pub node_ip: Option<String>,
}

/// The state of a node in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum RegistryStatus {
    /// Never started.
    Added,
    Running,
    Stopped,
    /// Removed; antctl does not use its name and ports again.
    Removed,
}

#[derive(Deserialize)]
struct RegistryFile {
    #[serde(default)]
    nodes: Vec<RegistryEntry>,
}

impl Registry {
    /// Parses the registry file, or the output of `status --json`. An empty text has no nodes.
    ///
    /// # Errors
    /// Why the text is not a registry.
    pub fn parse(text: &str) -> Result<Registry, String> {
        // Old versions also log to stdout, before the JSON object.
        let lines = text.split_inclusive('\n').scan(0, |at, line| {
            let begin = *at;
            *at += line.len();
            Some((begin, line))
        });
        let begin = lines
            .filter(|(_, line)| line.starts_with('{'))
            .map(|(begin, _)| begin)
            .next();
        let Some(begin) = begin else {
            return match text.trim() {
                "" => Ok(Registry::default()),
                _ => Err("it holds no JSON object".to_owned()),
            };
        };
        let mut whole = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<RegistryFile>();
        match whole.next() {
            Some(Ok(whole)) => Ok(Registry { entries: whole.nodes }),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("it holds no JSON object".to_owned()),
        }
    }

    /// Reads the registry file; `None`: it does not exist.
    pub fn read(path: &Path) -> Result<Option<Registry>, ManagerError> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.map_err(ManagerError::file("read", path))?,
        };
        Registry::parse(&text)
            .map(Some)
            .map_err(|why| ManagerError::Refused {
                doing: "read",
                path: path.to_owned(),
                why: format!("antctl's registry is broken ({why}); every antctl command fails with it"),
            })
    }

    /// The nodes that are not removed.
    pub fn live(&self) -> impl Iterator<Item = &RegistryEntry> {
        self.entries
            .iter()
            .filter(|entry| entry.status != RegistryStatus::Removed)
    }

    /// The entry of a node: by name and directory, by parent directory, or by ports. A node whose creation was interrupted,
    /// and rows of the Python wnm, do not have the directory that antctl created.
    #[must_use]
    pub fn entry_of(&self, node: &Node) -> Option<&RegistryEntry> {
        let name = launch_command::service(node).ok()?;
        let root = &node.home.root;
        let by_name = |entry: &&RegistryEntry| entry.service_name == name.0 && entry.root == *root;
        let is_prefix = is_prefix(node);
        let by_folder = |entry: &&RegistryEntry| is_prefix && entry.root.parent() == Some(root);
        // Two entries never have the same port.
        let by_ports = |entry: &&RegistryEntry| {
            entry.metrics_port == Some(node.ports.metrics) && entry.rpc_port() == Some(node.ports.rpc)
        };
        self.live()
            .find(by_name)
            .or_else(|| self.live().find(by_folder))
            .or_else(|| self.live().find(by_ports))
    }

    /// The live entry of that name.
    #[must_use]
    pub fn named(&self, service: &str) -> Option<&RegistryEntry> {
        self.live().find(|entry| entry.service_name == service)
    }

    /// All ports that antctl does not give to new nodes, also those of removed nodes.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.entries.iter().flat_map(RegistryEntry::every_port).collect()
    }
}

impl RegistryEntry {
    /// The port of its RPC server.
    #[must_use]
    pub fn rpc_port(&self) -> Option<u16> {
        self.rpc_socket_addr.rsplit_once(':')?.1.parse().ok()
    }

    fn every_port(&self) -> impl Iterator<Item = u16> {
        [self.node_port, self.metrics_port, self.rpc_port()]
            .into_iter()
            .flatten()
    }

    /// Its ports; 0 for none.
    #[must_use]
    pub fn ports(&self) -> NodePorts {
        NodePorts {
            node: self.node_port.unwrap_or(0),
            metrics: self.metrics_port.unwrap_or(0),
            rpc: self.rpc_port().unwrap_or(0),
        }
    }

    /// The network, as an argument of antnode.
    #[must_use]
    pub fn network(&self) -> &'static str {
        match self.evm_network.as_str() {
            Some("ArbitrumOne") => "evm-arbitrum-one",
            Some("ArbitrumSepoliaTest") => "evm-arbitrum-sepolia-test",
            _ if self.evm_network.is_object() => "evm-custom",
            _ => "evm-arbitrum-one",
        }
    }

    /// The name of its unit.
    #[must_use]
    pub fn unit(&self) -> String {
        format!("{}.service", self.service_name)
    }

    /// What a row gets from it.
    #[must_use]
    pub fn defined(&self) -> DefinedNode {
        DefinedNode {
            service: ServiceName(self.service_name.clone()),
            home: NodePaths {
                root: self.root.clone(),
                logs: Some(self.logs.clone()),
                binary: self.binary.clone(),
            },
            ports: self.ports(),
            version: Some(Version::new(&self.version)).filter(Version::is_readable),
        }
    }

    /// Whether the entry matches the request. Two antctls at the same time can mix their entries.
    #[must_use]
    pub fn is_as_asked(&self, node: &Node, places: FolderChoice) -> bool {
        let is_placed = || {
            self.root.parent() == Some(&node.home.root) && self.logs.parent() == Some(node.logs().as_path())
        };
        self.ports() == node.ports && (places == FolderChoice::Chosen || is_placed())
    }
}

/// Whether a row has the parent directory instead of the one that antctl created.
#[must_use]
pub fn is_prefix(node: &Node) -> bool {
    let name = node.home.root.file_name();
    name.is_some_and(|name| name == node.name.full().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = include_str!("../../../tests/fixtures/antctl-0.14.2/registry-user.json");
    const RUNNING: &str =
        include_str!("../../../tests/fixtures/antctl-0.14.2/user-status-json-running.stdout");

    #[test]
    fn parses_registry_of_real_antctl() {
        let registry = Registry::parse(USER).unwrap();
        let states: Vec<RegistryStatus> = registry.entries.iter().map(|entry| entry.status).collect();
        use RegistryStatus::{Added, Removed, Running, Stopped};
        assert_eq!(states, [Running, Stopped, Added, Removed, Running]);
        let first = &registry.entries[0];
        assert_eq!((first.service_name.as_str(), first.number), ("antnode1", 1));
        assert_eq!(first.root, Path::new("/home/wnm/wnm-nodes/antnode0001/antnode1"));
        assert_eq!(
            first.ports(),
            NodePorts {
                node: 55001,
                metrics: 13001,
                rpc: 30001
            }
        );
        assert_eq!(
            (first.network(), first.version.as_str()),
            ("evm-arbitrum-one", "0.4.17")
        );
        assert_eq!(registry.live().count(), 4);
        assert!(
            registry.ports().contains(&55004),
            "a removed node keeps its ports"
        );
    }

    #[test]
    fn parses_output_of_status() {
        assert_eq!(
            Registry::parse(RUNNING).unwrap().entries[0].service_name,
            "antnode1"
        );
        assert_eq!(
            Registry::parse(&format!("[log] a line\n{RUNNING}[log] {{ more\n"))
                .unwrap()
                .entries
                .len(),
            1
        );
    }

    #[test]
    fn empty_text_has_no_nodes_and_truncated_text_is_an_error() {
        assert_eq!(Registry::parse("").unwrap(), Registry::default());
        assert_eq!(Registry::parse("\n").unwrap(), Registry::default());
        assert_eq!(Registry::parse("{}").unwrap(), Registry::default());
        for broken in ["garbage", &USER[..500], &USER.replace("Stopped", "Melted")] {
            assert!(Registry::parse(broken).is_err(), "{broken:.40}");
        }
    }
}
