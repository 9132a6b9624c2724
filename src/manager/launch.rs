//! antnode's arguments and environment: written once for all managers.

use std::path::{Path, PathBuf};

use crate::colony::{Node, ServiceName};

use super::Error;

/// What managers need to know beside the node itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchPolicy {
    /// Holds one folder a node; nothing outside it is ever erased but logs.
    pub storage: PathBuf,
    /// Holds one log folder a node.
    pub logs: PathBuf,
    /// Holds one copy of each antnode version: `BASE_DIR/bin`.
    pub shelf: PathBuf,
    /// Shared by all nodes.
    pub bootstrap_cache: PathBuf,
    /// Where user mode writes units: `~/.config/systemd/user`.
    pub user_units: PathBuf,
    /// Where sudo mode writes units: `/etc/systemd/system`.
    pub system_units: PathBuf,
    /// Whether nodes are kept from asking the router for a port.
    pub no_upnp: bool,
    /// The operator's own words for every node.
    pub start_args: Vec<String>,
    /// Where metrics ports of discovered nodes are reached, unless their units say otherwise.
    pub host: String,
}

impl LaunchPolicy {
    /// Everything at its place under `base`, as a fresh user-mode colony has it.
    #[must_use]
    pub fn under(base: &Path) -> LaunchPolicy {
        LaunchPolicy {
            storage: base.join("node"),
            logs: base.join("logs"),
            shelf: base.join("bin"),
            bootstrap_cache: base.join("bootstrap-cache"),
            user_units: base.join("units"),
            system_units: PathBuf::from("/etc/systemd/system"),
            no_upnp: false,
            start_args: Vec::new(),
            host: "127.0.0.1".to_owned(),
        }
    }
}

/// antnode's arguments, without its own path.
pub fn arguments(node: &Node, policy: &LaunchPolicy) -> Result<Vec<String>, Error> {
    let mut words: Vec<String> = Vec::with_capacity(20);
    let mut say = |parts: &[&str]| words.extend(parts.iter().map(|&part| part.to_owned()));
    say(&[
        "--bootstrap-cache-dir",
        path_word(node, "bootstrap cache", &policy.bootstrap_cache)?,
    ]);
    say(&["--root-dir", path_word(node, "root", &node.home.root)?]);
    say(&["--port", &node.ports.node.to_string(), "--enable-metrics-server"]);
    say(&["--metrics-server-port", &node.ports.metrics.to_string()]);
    say(&["--log-output-dest", path_word(node, "log folder", &node.logs())?]);
    say(&["--max-log-files", "1", "--max-archived-log-files", "1"]);
    if policy.no_upnp {
        say(&["--no-upnp"]);
    }
    for word in &policy.start_args {
        say(&[plain(node, "start argument", word)?]);
    }
    let Some(wallet) = node.wallet.as_deref().filter(|wallet| !wallet.is_empty()) else {
        return Err(value(node, "rewards address", "", "is missing"));
    };
    say(&["--rewards-address", bare_word(node, "rewards address", wallet)?]);
    say(&[bare_word(node, "network", &node.network)?]);
    Ok(words)
}

/// The variables a node gets, from `K=V K="V W"`.
pub fn environment(node: &Node) -> Result<Vec<(String, String)>, Error> {
    let text = node.environment.as_deref().unwrap_or_default();
    let refuse = |why: &str| value(node, "environment", text, why);
    let words = shell_words::split(text).map_err(|_| refuse("has a quote that does not end"))?;
    words
        .iter()
        .map(|word| {
            let (name, set) = word
                .split_once('=')
                .ok_or_else(|| refuse("must be words of the form `NAME=VALUE`"))?;
            let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if !begins_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(refuse("names something that is no variable"));
            }
            plain(node, "environment", set)?;
            Ok((name.to_owned(), set.to_owned()))
        })
        .collect()
}

/// The name by which a node's manager knows it, without `.service`; refused unless it is a plain name.
///
/// The row is not trusted: this name becomes a file name and a word of a command that root runs.
pub fn service(node: &Node) -> Result<ServiceName, Error> {
    let own = node.service.0.as_str();
    let full = node.name.full();
    let name = if own.is_empty() { full.as_str() } else { own };
    let stem = name.strip_suffix(".service").unwrap_or(name);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let is_plain =
        stem.starts_with("antnode") && stem.len() <= 64 && stem.chars().all(plain) && !stem.contains("..");
    if is_plain {
        Ok(ServiceName(stem.to_owned()))
    } else {
        Err(value(
            node,
            "service name",
            name,
            "must be `antnode` and a number",
        ))
    }
}

/// The name of the account a node runs as, fit to be a word of a command.
pub fn user(node: &Node) -> Result<&str, Error> {
    let name = node.user.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins_well && name.len() <= 32 && name.chars().all(plain) {
        Ok(name)
    } else {
        Err(value(node, "user", name, "is no name of an account"))
    }
}

/// A path as a word: absolute, without `..`, readable text.
fn path_word<'a>(node: &Node, what: &'static str, path: &'a Path) -> Result<&'a str, Error> {
    let Some(text) = path.to_str() else {
        return Err(value(node, what, &path.to_string_lossy(), "is not readable text"));
    };
    if !super::files::is_straight(path) {
        return Err(value(node, what, text, "must be an absolute path without `..`"));
    }
    plain(node, what, text)
}

/// A word that cannot be taken for an option.
fn bare_word<'a>(node: &Node, what: &'static str, word: &'a str) -> Result<&'a str, Error> {
    if word.is_empty() || word.starts_with('-') || word.contains(char::is_whitespace) {
        return Err(value(node, what, word, "must be one word that is no option"));
    }
    plain(node, what, word)
}

fn plain<'a>(node: &Node, what: &'static str, text: &'a str) -> Result<&'a str, Error> {
    if text.contains(char::is_control) {
        return Err(value(
            node,
            what,
            text,
            "holds a line break or another control character",
        ));
    }
    Ok(text)
}

fn value(node: &Node, what: &'static str, value: &str, why: &str) -> Error {
    Error::Value {
        node: node.name.full(),
        what,
        value: value.to_owned(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colony::{Figures, Home, ManagerKind, Memory, NodeId, NodeName, Ports, State, Timestamp};

    fn node() -> Node {
        Node {
            id: NodeId(1),
            name: NodeName("0001".into()),
            service: ServiceName("antnode0001.service".into()),
            manager: ManagerKind::from_choice("systemd+user").unwrap(),
            ports: Ports {
                node: 55001,
                metrics: 13001,
                rpc: 30001,
            },
            wallet: Some("0xabc".into()),
            peer_id: None,
            host: "127.0.0.1".into(),
            user: "ant".into(),
            network: "evm-arbitrum-one".into(),
            environment: None,
            home: Home {
                root: "/s/antnode0001".into(),
                logs: Some("/l/antnode0001".into()),
                binary: "/s/antnode0001/antnode".into(),
            },
            version: None,
            born: Timestamp(0),
            state: State::Stopped,
            since: Timestamp(0),
            figures: Figures::default(),
            memory: Memory::default(),
        }
    }

    fn with(change: impl FnOnce(&mut Node)) -> Node {
        let mut node = node();
        change(&mut node);
        node
    }

    #[test]
    fn every_manager_gives_antnode_these_arguments() {
        let mut policy = LaunchPolicy::under(Path::new("/b"));
        policy.no_upnp = true;
        policy.start_args = vec!["--local".into(), "--first".into()];
        assert_eq!(
            arguments(&node(), &policy).unwrap().join(" "),
            "--bootstrap-cache-dir /b/bootstrap-cache --root-dir /s/antnode0001 --port 55001 \
             --enable-metrics-server --metrics-server-port 13001 --log-output-dest /l/antnode0001 \
             --max-log-files 1 --max-archived-log-files 1 --no-upnp --local --first \
             --rewards-address 0xabc evm-arbitrum-one"
        );
        policy.no_upnp = false;
        policy.start_args.clear();
        let words = arguments(&with(|node| node.home.logs = None), &policy).unwrap();
        assert!(words.contains(&"/s/antnode0001/logs".to_owned()));
        assert!(!words.contains(&"--no-upnp".to_owned()));
    }

    #[test]
    fn a_value_that_would_be_an_option_or_a_line_is_refused() {
        let policy = LaunchPolicy::under(Path::new("/b"));
        for node in [
            with(|node| node.wallet = None),
            with(|node| node.wallet = Some("--root-dir=/".into())),
            with(|node| node.network = "--help".into()),
            with(|node| node.network = "evm x".into()),
            with(|node| node.home.root = "/s/../etc".into()),
            with(|node| node.home.root = "s/antnode0001".into()),
            with(|node| node.home.root = "/s/a\nb".into()),
        ] {
            assert!(arguments(&node, &policy).is_err(), "{node:?}");
        }
    }

    #[test]
    fn an_environment_is_words_of_names_and_values() {
        let read = |text: &str| environment(&with(|node| node.environment = Some(text.into())));
        assert_eq!(read("").unwrap(), []);
        assert_eq!(
            read("A=1 B=\"two words\" C=").unwrap(),
            [("A", "1"), ("B", "two words"), ("C", "")].map(|(name, value)| (name.into(), value.into()))
        );
        for text in ["A", "=1", "1A=2", "A-B=1", "A='1", "A='1\n2'"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_plain_names_reach_a_command() {
        for name in ["antnode0001", "antnode0001.service", "antnode3", "antnode001", ""] {
            let node = with(|node| node.service.0 = name.into());
            assert!(service(&node).is_ok(), "{name}");
        }
        for name in [
            "-rf",
            "../antnode1",
            "antnode/1",
            "antnode 1",
            "antnode1\n",
            "antnode1;x",
            "ssh",
            "antnode*",
        ] {
            let node = with(|node| node.service.0 = name.into());
            assert!(service(&node).is_err(), "{name}");
        }
        assert!(user(&with(|node| node.user = "-u".into())).is_err());
        assert!(user(&with(|node| node.user = String::new())).is_err());
        assert_eq!(user(&node()).unwrap(), "ant");
    }
}
