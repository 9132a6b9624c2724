//! A node read from a command line: of a unit, a process or a file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::colony::{
    ManagerKind, Node, NodeFigures, NodeHistory, NodeId, NodeName, NodePaths, NodePorts, NodeState,
    ServiceName, Timestamp,
};

use super::node_args::{network_of, value_of};
use super::{LaunchPolicy, launch_command};

/// What a command line says of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveredNode {
    pub binary: PathBuf,
    pub root: PathBuf,
    pub logs: Option<PathBuf>,
    pub port: u16,
    pub metrics_port: u16,
    pub wallet: Option<String>,
    pub network: String,
    /// All arguments.
    pub words: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub service: Option<String>,
    pub user: Option<String>,
}

/// Reads a command line; none if it does not run an antnode with a root and a port.
#[must_use]
pub fn from_words(words: &[String], environment: Vec<(String, String)>) -> Option<DiscoveredNode> {
    let is_antnode = |word: &String| {
        Path::new(word)
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("antnode"))
    };
    let at = words
        .iter()
        .take(3)
        .take_while(|word| !word.starts_with("--"))
        .position(is_antnode)?;
    let rest = &words[at + 1..];
    let value = |name: &str| value_of(rest, name);
    let port = |name: &str| value(name).and_then(|text| text.parse::<u16>().ok());
    Some(DiscoveredNode {
        binary: PathBuf::from(&words[at]),
        root: PathBuf::from(value("--root-dir")?),
        logs: value("--log-output-dest")
            .filter(|text| text.starts_with('/'))
            .map(PathBuf::from),
        port: port("--port")?,
        metrics_port: port("--metrics-server-port").unwrap_or(0),
        wallet: value("--rewards-address"),
        network: network_of(rest).unwrap_or_else(|| "evm-arbitrum-one".to_owned()),
        words: rest.to_vec(),
        environment,
        service: None,
        user: None,
    })
}

/// The root that a command line names, whichever program it runs.
#[must_use]
pub fn root_in(words: &[String]) -> Option<PathBuf> {
    value_of(words, "--root-dir").map(PathBuf::from)
}

/// Reads a shell command, as `env A=b /path/antnode --root-dir …`.
#[must_use]
pub fn from_line(line: &str) -> Option<DiscoveredNode> {
    let words = shell_words::split(line.trim()).ok()?;
    let words = words.strip_prefix(&["env".to_owned()][..]).unwrap_or(&words);
    let is_variable = |word: &&String| word.contains('=') && !word.starts_with(['/', '-']);
    let count = words.iter().take_while(is_variable).count();
    let (variables, command) = words.split_at(count);
    let variables = variables
        .iter()
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    from_words(command, variables)
}

impl DiscoveredNode {
    /// Whether it is `node`, with the same root, binary and ports.
    #[must_use]
    pub fn runs(&self, node: &Node) -> bool {
        self.root == node.home.root
            && self.binary == node.home.binary
            && (self.port, self.metrics_port) == (node.ports.node, node.ports.metrics)
    }

    /// Why wnm cannot use one of the paths: `program`, the root or the log directory.
    #[must_use]
    pub fn invalid_path(&self, program: &Path) -> Option<String> {
        [program, &self.root]
            .into_iter()
            .chain(self.logs.as_deref())
            .find(|path| !super::files::has_only_normal_parts(path))
            .map(|path| format!("`{}` is not an absolute path without `..`", path.display()))
    }

    /// Its ports, as command line options.
    #[must_use]
    pub fn ports_text(&self) -> String {
        format!(
            "`--port {} --metrics-server-port {}`",
            self.port, self.metrics_port
        )
    }

    /// Makes relative paths absolute: they begin in `folder`.
    pub fn resolve_paths(&mut self, folder: &Path) {
        let absolute = |path: &Path| -> PathBuf { folder.join(path).components().collect() };
        if !self.root.as_os_str().is_empty() && !self.root.starts_with("~") {
            self.root = absolute(&self.root);
        }
        let logs = value_of(&self.words, "--log-output-dest");
        self.logs = logs
            .filter(|text| text != "stdout" && text != "data-dir" && !text.is_empty())
            .map(|text| absolute(Path::new(&text)));
    }

    /// Its environment variables in the format of a row.
    #[must_use]
    pub fn environment_text(&self) -> String {
        launch_command::environment_text(&self.environment)
    }

    /// The node, as far as the command line describes it. Its number and name are those of its service, else of its root.
    #[must_use]
    pub fn into_node(self, manager: ManagerKind, policy: &LaunchPolicy) -> Node {
        let folder = self
            .root
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let full = self.service.as_deref().map_or(folder.as_str(), |name| {
            name.strip_suffix(".service").unwrap_or(name)
        });
        let digits = full.strip_prefix("antnode").unwrap_or(full).to_owned();
        let id = digits.parse().unwrap_or(0);
        let environment = self.environment_text();
        let own = launch_command::arguments_beyond_row(&self.words, &self.network, policy);
        let born = born(&self.root);
        Node {
            id: NodeId(id),
            name: NodeName(digits),
            service: ServiceName(self.service.clone().unwrap_or_else(|| full.to_owned())),
            manager,
            ports: NodePorts {
                node: self.port,
                metrics: self.metrics_port,
                rpc: 0,
            },
            wallet: self.wallet,
            peer_id: None,
            // Even with `--ip`, the address for the network, a node serves its metrics only on 127.0.0.1.
            host: policy.host.clone(),
            user: self
                .user
                .or_else(|| crate::program::user_account::own().map(|account| account.name))
                .unwrap_or_default(),
            network: self.network,
            environment: (!environment.is_empty()).then_some(environment),
            home: NodePaths {
                root: self.root,
                logs: self.logs,
                binary: self.binary,
            },
            version: None,
            born,
            state: NodeState::Stopped,
            since: born,
            figures: NodeFigures::default(),
            memory: NodeHistory {
                start_args: (own != policy.default_start_args()).then(|| shell_words::join(&own)),
                ..NodeHistory::default()
            },
        }
    }
}

/// When a node's identity file was written, else its root; 0 if neither exists.
pub(super) fn born(root: &Path) -> Timestamp {
    let seen = [root.join("secret-key"), root.to_owned()]
        .iter()
        .find_map(|path| fs::metadata(path).ok());
    Timestamp(seen.map_or(0, |seen| seen.mtime()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = "/s/antnode0001/antnode --bootstrap-cache-dir /b --root-dir '/s/antnode 1' --port 55001 \
        --enable-metrics-server --metrics-server-port=13001 --log-output-dest /l --max-log-files 1 --no-upnp \
        --local --rewards-address 0xabc evm-arbitrum-one";

    #[test]
    fn reads_command_line() {
        let found = from_line(&format!("env A=1 'B=two words' {LINE}\n")).unwrap();
        assert_eq!(found.root, Path::new("/s/antnode 1"));
        assert_eq!((found.port, found.metrics_port), (55001, 13001));
        assert_eq!(found.wallet.as_deref(), Some("0xabc"));
        assert_eq!(found.network, "evm-arbitrum-one");
        assert_eq!(found.environment_text(), "A=1 B='two words'");
    }

    #[test]
    fn finds_network_at_any_position() {
        let custom = LINE.replace("evm-arbitrum-one", "evm-custom --rpc-url http://x");
        assert_eq!(from_line(&custom).unwrap().network, "evm-custom");
        let first = LINE.replace("--local", "--local evm-arbitrum-sepolia");
        assert_eq!(from_line(&first).unwrap().network, "evm-arbitrum-sepolia");
    }

    #[test]
    fn rejects_other_commands() {
        for line in [
            "",
            "garbage",
            "/bin/sleep 5",
            "/s/antnode",
            "/s/antnode --root-dir /s",
            "'",
        ] {
            assert_eq!(from_line(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn reads_any_line_without_panic(line in "\\PC*") {
            let _ = from_line(&line);
        }
    }
}
