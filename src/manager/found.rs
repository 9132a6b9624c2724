//! A node known by its command line alone: what discovery finds in units, processes and files.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::colony::{
    Figures, Home, ManagerKind, Memory, Mode, Node, NodeId, NodeName, Ports, ServiceName, State, Timestamp,
};

use super::unit::Unit;
use super::{Error, LaunchPolicy};

/// What a command line tells of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub binary: PathBuf,
    pub root: PathBuf,
    pub logs: Option<PathBuf>,
    pub port: u16,
    pub metrics_port: u16,
    pub wallet: Option<String>,
    pub network: String,
    /// The address it listens on, where it was told one.
    pub ip: Option<String>,
    pub environment: Vec<(String, String)>,
    pub service: Option<String>,
    pub user: Option<String>,
}

/// Options of antnode's that no value follows.
const BARE: [&str; 12] = [
    "--enable-metrics-server",
    "--no-upnp",
    "--upnp",
    "--relay",
    "--home-network",
    "--first",
    "--local",
    "--testnet",
    "--write-older-cache-files",
    "--skip-reachability-check",
    "--ignore-cache",
    "--alpha",
];

/// Reads a command line; none where it is not that of an antnode with root and port.
#[must_use]
pub fn from_words(words: &[String], environment: Vec<(String, String)>) -> Option<Found> {
    let is_antnode = |word: &String| {
        Path::new(word)
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("antnode"))
    };
    let at = words.iter().take(3).position(is_antnode)?;
    let rest = &words[at + 1..];
    let value = |name: &str| value_of(rest, name);
    let port = |name: &str| value(name).and_then(|text| text.parse::<u16>().ok());
    Some(Found {
        binary: PathBuf::from(&words[at]),
        root: PathBuf::from(value("--root-dir")?),
        logs: value("--log-output-dest")
            .filter(|text| text.starts_with('/'))
            .map(PathBuf::from),
        port: port("--port")?,
        metrics_port: port("--metrics-server-port").unwrap_or(0),
        wallet: value("--rewards-address"),
        network: network_of(rest).unwrap_or_else(|| "evm-arbitrum-one".to_owned()),
        ip: value("--ip"),
        environment,
        service: None,
        user: None,
    })
}

/// Reads a line for a shell, as `env A=b /path/antnode --root-dir …`.
#[must_use]
pub fn from_line(line: &str) -> Option<Found> {
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

/// The nodes that units in `folder` tell of, up or down, whoever wrote them.
pub fn in_units(folder: &Path, kind: ManagerKind, policy: &LaunchPolicy) -> Result<Vec<Node>, Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::file("read", folder))?,
    };
    let mut nodes = Vec::new();
    for entry in entries.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        if !is_unit_of_node(&file) {
            continue;
        }
        let path = entry.path();
        let unit = Unit::read(&fs::read_to_string(&path).map_err(Error::file("read", &path))?);
        match from_words(&unit.command, unit.environment) {
            Some(mut found) => {
                found.service = Some(file);
                found.user = match kind.mode {
                    Mode::Sudo => Some(unit.user.unwrap_or_else(|| "root".to_owned())),
                    Mode::User => None,
                };
                nodes.push(found.into_node(kind, policy));
            }
            None => tracing::warn!(
                "`{}` is no unit of an antnode with root and port: left alone",
                path.display()
            ),
        }
    }
    nodes.sort_by(|one, other| (one.id, &one.service).cmp(&(other.id, &other.service)));
    Ok(nodes)
}

/// `antnode` and a number: not templates, nor what else an operator calls so.
fn is_unit_of_node(file: &str) -> bool {
    let name = file.strip_suffix(".service");
    let digits = name
        .and_then(|name| name.strip_prefix("antnode"))
        .unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn value_of(words: &[String], name: &str) -> Option<String> {
    words.iter().enumerate().find_map(|(at, word)| {
        if word == name {
            return words.get(at + 1).cloned();
        }
        word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned)
    })
}

/// The network is the one word that no option takes; its names all begin with `evm-`.
fn network_of(words: &[String]) -> Option<String> {
    let is_value = |at: usize| {
        at > 0 && {
            let before = words[at - 1].as_str();
            before.starts_with("--") && !before.contains('=') && !BARE.contains(&before)
        }
    };
    words
        .iter()
        .enumerate()
        .find(|(at, word)| word.starts_with("evm-") && !is_value(*at))
        .map(|(_, word)| word.clone())
}

impl Found {
    /// Its variables as a row keeps them.
    #[must_use]
    pub fn environment_text(&self) -> String {
        let pairs = self
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={}", shell_words::quote(value)));
        pairs.collect::<Vec<String>>().join(" ")
    }

    /// The node, as far as a command line tells. Its number and name come from its service, else its folder.
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
        let born = born(&self.root);
        Node {
            id: NodeId(id),
            name: NodeName(digits),
            service: ServiceName(self.service.clone().unwrap_or_else(|| format!("{full}.service"))),
            manager,
            ports: Ports {
                node: self.port,
                metrics: self.metrics_port,
                rpc: 0,
            },
            wallet: self.wallet,
            peer_id: None,
            host: match self.ip.as_deref() {
                None | Some("0.0.0.0") => policy.host.clone(),
                Some(ip) => ip.to_owned(),
            },
            user: self
                .user
                .or_else(|| crate::program::account::own().map(|account| account.name))
                .unwrap_or_default(),
            network: self.network,
            environment: (!environment.is_empty()).then_some(environment),
            home: Home {
                root: self.root,
                logs: self.logs,
                binary: self.binary,
            },
            version: None,
            born,
            state: State::Stopped,
            since: born,
            figures: Figures::default(),
            memory: Memory::default(),
        }
    }
}

/// When a node was made: when it got its identity, else its folder. 0 where neither is there.
fn born(root: &Path) -> Timestamp {
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
    fn a_command_line_tells_nearly_all_of_a_node() {
        let found = from_line(&format!("env A=1 'B=two words' {LINE}\n")).unwrap();
        assert_eq!(found.root, Path::new("/s/antnode 1"));
        assert_eq!((found.port, found.metrics_port), (55001, 13001));
        assert_eq!(found.wallet.as_deref(), Some("0xabc"));
        assert_eq!(found.network, "evm-arbitrum-one");
        assert_eq!(found.environment_text(), "A=1 B='two words'");
    }

    #[test]
    fn another_network_is_found_wherever_it_stands() {
        let custom = LINE.replace("evm-arbitrum-one", "evm-custom --rpc-url http://x");
        assert_eq!(from_line(&custom).unwrap().network, "evm-custom");
        let first = LINE.replace("--local", "--local evm-arbitrum-sepolia");
        assert_eq!(from_line(&first).unwrap().network, "evm-arbitrum-sepolia");
    }

    #[test]
    fn what_is_no_antnode_tells_nothing() {
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

    #[test]
    fn units_of_nodes_are_told_by_their_names() {
        assert!(is_unit_of_node("antnode001.service") && is_unit_of_node("antnode12345.service"));
        for file in [
            "antnode.service",
            "antnode@1.service",
            "antnode1.timer",
            "antnode-x.service",
            ".antnode1.service",
        ] {
            assert!(!is_unit_of_node(file), "{file}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd_to_be_read(line in "\\PC*") {
            let _ = from_line(&line);
        }
    }
}
