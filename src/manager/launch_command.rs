//! The arguments and environment variables of a node, the same under every manager.

use std::path::{Path, PathBuf};

use crate::colony::{Node, ServiceName, Version};

use super::ManagerError;

/// What managers need to know besides the node itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchPolicy {
    /// Contains one directory per node. wnm deletes nothing outside it but logs and what a node's service names.
    pub storage: PathBuf,
    /// Contains one log directory per node.
    pub logs: PathBuf,
    /// Contains one copy of each antnode version: `BASE_DIR/bin`.
    pub shelf: PathBuf,
    /// The bootstrap cache of all nodes.
    pub bootstrap_cache: PathBuf,
    /// The directory of units in user mode: `~/.config/systemd/user`.
    pub user_units: PathBuf,
    /// The directory of units in sudo mode: `/etc/systemd/system`.
    pub system_units: PathBuf,
    /// The directory of launchd jobs in user mode: `~/Library/LaunchAgents`.
    pub user_agents: PathBuf,
    /// The directory of launchd jobs in sudo mode: `/Library/LaunchDaemons`.
    pub system_daemons: PathBuf,
    /// Whether nodes get `--no-upnp`, so that they do not ask the router to open a port.
    pub no_upnp: bool,
    /// The operator's additional arguments for every node.
    pub start_args: Vec<String>,
    /// The account that new nodes run as in sudo mode.
    pub user: String,
    /// The address of the metrics ports of discovered nodes.
    pub host: String,
    pub antctl: AntctlPolicy,
}

/// What the managers that use antctl need to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AntctlPolicy {
    /// The absolute path of the program, since sudo searches other directories than we do.
    pub program: PathBuf,
    /// The path in `antctl_path`; `program` may be another one that was found on PATH.
    pub configured_program: PathBuf,
    /// The antnode version that antctl downloads instead of using the antnode on this machine.
    pub version: Option<Version>,
    /// Whether it runs with `--debug`, which it logs to stderr.
    pub debug: bool,
    /// Its `RUST_BACKTRACE`.
    pub backtrace: Option<String>,
    /// Its registry in user mode; that of root is [`AntctlPolicy::SYSTEM_REGISTRY`].
    pub user_registry: PathBuf,
    /// The copy of its registry that wnm keeps: without one, a lost registry means that all nodes are lost.
    pub copy: PathBuf,
}

impl AntctlPolicy {
    /// The registry of root.
    pub const SYSTEM_REGISTRY: &str = "/var/antctl/node_registry.json";

    /// The path of the copy in `base`.
    #[must_use]
    pub fn copy_in(base: &Path) -> PathBuf {
        base.join("antctl_registry.json")
    }

    /// The registry of a user whose data directory is `data`: `~/.local/share` or `$XDG_DATA_HOME`.
    #[must_use]
    pub fn registry_in(data: &Path) -> PathBuf {
        data.join("autonomi/node/node_registry.json")
    }
}

impl LaunchPolicy {
    /// The arguments of nodes without their own `start_args`, besides those from their rows.
    #[must_use]
    pub fn default_start_args(&self) -> Vec<String> {
        let no_upnp = self.no_upnp.then(|| "--no-upnp".to_owned());
        no_upnp
            .into_iter()
            .chain(self.start_args.iter().cloned())
            .collect()
    }

    /// The directories of a new user-mode colony in `base`.
    #[must_use]
    pub fn under(base: &Path) -> LaunchPolicy {
        LaunchPolicy {
            storage: base.join("node"),
            logs: base.join("logs"),
            shelf: base.join("bin"),
            bootstrap_cache: base.join("bootstrap-cache"),
            user_units: base.join("units"),
            system_units: PathBuf::from("/etc/systemd/system"),
            user_agents: base.join("agents"),
            system_daemons: PathBuf::from("/Library/LaunchDaemons"),
            no_upnp: false,
            start_args: Vec::new(),
            user: "ant".to_owned(),
            host: "127.0.0.1".to_owned(),
            antctl: AntctlPolicy {
                program: base.join("antctl"),
                configured_program: base.join("antctl"),
                version: None,
                debug: false,
                backtrace: None,
                user_registry: AntctlPolicy::registry_in(base),
                copy: AntctlPolicy::copy_in(base),
            },
        }
    }
}

/// The options that limit the log files of every node, with their values.
const LOG_LIMITS: [(&str, &str); 2] = [("--max-log-files", "1"), ("--max-archived-log-files", "1")];

/// The arguments of a node's antnode.
pub fn arguments(node: &Node, policy: &LaunchPolicy) -> Result<Vec<String>, ManagerError> {
    let (own, after_network) = own_arguments(node, policy)?;
    let has = |name: &str| own.iter().any(|word| is_option(word, name));
    let mut words: Vec<String> = Vec::with_capacity(20);
    let mut add = |parts: &[&str]| words.extend(parts.iter().map(|&part| part.to_owned()));
    if !has("--bootstrap-cache-dir") {
        add(&[
            "--bootstrap-cache-dir",
            path_word(node, "bootstrap cache", &policy.bootstrap_cache)?,
        ]);
    }
    add(&["--root-dir", path_word(node, "root", &node.home.root)?]);
    add(&["--port", &node.ports.node.to_string(), "--enable-metrics-server"]);
    add(&["--metrics-server-port", &node.ports.metrics.to_string()]);
    add(&["--log-output-dest", path_word(node, "log folder", &node.logs())?]);
    for (name, value) in LOG_LIMITS {
        if !has(name) {
            add(&[name, value]);
        }
    }
    for word in &own {
        add(&[plain(node, "start argument", word)?]);
    }
    add(&["--rewards-address", wallet(node)?]);
    add(&[network(node)?]);
    for word in &after_network {
        add(&[plain(node, "start argument", word)?]);
    }
    Ok(words)
}

/// The rewards address of a node, checked to be a single argument.
pub fn wallet(node: &Node) -> Result<&str, ManagerError> {
    match node.wallet.as_deref().filter(|wallet| !wallet.is_empty()) {
        Some(wallet) => bare_word(node, "rewards address", wallet),
        None => Err(invalid_value(node, "rewards address", "", "is missing")),
    }
}

/// The network of a node, checked to be a single argument.
pub fn network(node: &Node) -> Result<&str, ManagerError> {
    bare_word(node, "network", &node.network)
}

/// The arguments of a node besides those from its row: its `start_args`, or those of the colony. The second list follows
/// the network's name, as `evm-custom` needs it.
fn own_arguments(node: &Node, policy: &LaunchPolicy) -> Result<(Vec<String>, Vec<String>), ManagerError> {
    let Some(text) = node.memory.start_args.as_deref() else {
        return Ok((policy.default_start_args(), Vec::new()));
    };
    let refuse = || invalid_value(node, "start_args", text, "has an unclosed quote");
    let mut words = shell_words::split(text).map_err(|_| refuse())?;
    let after_network = match words.iter().position(|word| *word == node.network) {
        Some(at) => words.split_off(at).split_off(1),
        None => Vec::new(),
    };
    Ok((words, after_network))
}

/// The arguments that must be stored in `start_args`, as no other column of a node's row has them: [`arguments`] adds
/// them again.
#[must_use]
pub fn arguments_beyond_row(words: &[String], network: &str, policy: &LaunchPolicy) -> Vec<String> {
    const IN_ROW: [&str; 5] = [
        "--root-dir",
        "--port",
        "--metrics-server-port",
        "--log-output-dest",
        "--rewards-address",
    ];
    let cache = policy.bootstrap_cache.to_string_lossy();
    let at = super::node_args::network_position(words).unwrap_or(words.len());
    let (before, from) = words.split_at(at);
    let mut own = Vec::new();
    let mut rest = before.iter();
    while let Some(word) = rest.next() {
        let (name, given) = match word.split_once('=') {
            Some((name, given)) if name.starts_with("--") => (name, Some(given)),
            _ => (word.as_str(), None),
        };
        if name == "--enable-metrics-server" {
            continue;
        }
        let usual = LOG_LIMITS
            .iter()
            .chain([&("--bootstrap-cache-dir", cache.as_ref())])
            .find(|(usual, _)| *usual == name)
            .map(|(_, value)| *value);
        if usual.is_none() && !IN_ROW.contains(&name) {
            own.push(word.clone());
            continue;
        }
        let value = given.map(str::to_owned).or_else(|| rest.next().cloned());
        if let (Some(usual), Some(value)) = (usual, value)
            && value != usual
        {
            own.extend([name.to_owned(), value]);
        }
    }
    if let Some((_, behind)) = from.split_first().filter(|(_, behind)| !behind.is_empty()) {
        own.push(network.to_owned());
        own.extend(behind.iter().cloned());
    }
    own
}

fn is_option(word: &str, name: &str) -> bool {
    word == name || word.strip_prefix(name).is_some_and(|rest| rest.starts_with('='))
}

/// The environment variables of a node, from `K=V K="V W"`.
pub fn environment(node: &Node) -> Result<Vec<(String, String)>, ManagerError> {
    let text = node.environment.as_deref().unwrap_or_default();
    let refuse = |why: &str| invalid_value(node, "environment", text, why);
    let words = shell_words::split(text).map_err(|_| refuse("has an unclosed quote"))?;
    words
        .iter()
        .map(|word| {
            let (name, set) = word
                .split_once('=')
                .ok_or_else(|| refuse("must be words of the form `NAME=VALUE`"))?;
            let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if !begins_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(refuse("has an invalid variable name"));
            }
            plain(node, "environment", set)?;
            Ok((name.to_owned(), set.to_owned()))
        })
        .collect()
}

/// Variables in the format of a row, which [`environment`] reads: `A=1 B='two words'`.
#[must_use]
pub fn environment_text(variables: &[(String, String)]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    let word = |(name, value): &(String, String)| {
        if value.chars().all(is_plain) {
            format!("{name}={value}")
        } else {
            format!("{name}={}", shell_words::quote(value))
        }
    };
    variables.iter().map(word).collect::<Vec<String>>().join(" ")
}

/// The service name of a node, without `.service`; an error if it has other characters than such names have.
///
/// The row may contain anything, and this name becomes a file name and an argument of commands that root runs.
pub fn service(node: &Node) -> Result<ServiceName, ManagerError> {
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
        Err(invalid_value(
            node,
            "service name",
            name,
            "must be `antnode` and a number",
        ))
    }
}

/// The name of the account that a node runs as, checked to be a single argument.
pub fn user(node: &Node) -> Result<&str, ManagerError> {
    let name = node.user.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins_well && name.len() <= 32 && name.chars().all(plain) {
        Ok(name)
    } else {
        Err(invalid_value(node, "user", name, "is not an account name"))
    }
}

/// A path as an argument: absolute, without `..`, valid UTF-8.
fn path_word<'a>(node: &Node, what: &'static str, path: &'a Path) -> Result<&'a str, ManagerError> {
    let Some(text) = path.to_str() else {
        return Err(invalid_value(
            node,
            what,
            &path.to_string_lossy(),
            "is not valid UTF-8",
        ));
    };
    if !super::files::has_only_normal_parts(path) {
        return Err(invalid_value(
            node,
            what,
            text,
            "must be an absolute path without `..`",
        ));
    }
    plain(node, what, text)
}

/// A word that is no option.
fn bare_word<'a>(node: &Node, what: &'static str, word: &'a str) -> Result<&'a str, ManagerError> {
    if word.is_empty() || word.starts_with('-') || word.contains(char::is_whitespace) {
        return Err(invalid_value(
            node,
            what,
            word,
            "must be one word that does not begin with `-`",
        ));
    }
    plain(node, what, word)
}

fn plain<'a>(node: &Node, what: &'static str, text: &'a str) -> Result<&'a str, ManagerError> {
    if text.contains(char::is_control) {
        return Err(invalid_value(
            node,
            what,
            text,
            "contains a line break or another control character",
        ));
    }
    Ok(text)
}

/// The error for a value that cannot be used; `why` follows the value in the message.
pub(super) fn invalid_value(node: &Node, what: &'static str, value: &str, why: &str) -> ManagerError {
    ManagerError::InvalidValue {
        node: node.name.full(),
        what,
        value: value.to_owned(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colony::{
        ManagerKind, NodeFigures, NodeHistory, NodeId, NodeName, NodePaths, NodePorts, NodeState, Timestamp,
    };

    fn node() -> Node {
        Node {
            id: NodeId(1),
            name: NodeName("0001".into()),
            service: ServiceName("antnode0001.service".into()),
            manager: ManagerKind::from_choice("systemd+user").unwrap(),
            ports: NodePorts {
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
            home: NodePaths {
                root: "/s/antnode0001".into(),
                logs: Some("/l/antnode0001".into()),
                binary: "/s/antnode0001/antnode".into(),
            },
            version: None,
            born: Timestamp(0),
            state: NodeState::Stopped,
            since: Timestamp(0),
            figures: NodeFigures::default(),
            memory: NodeHistory::default(),
        }
    }

    fn with(change: impl FnOnce(&mut Node)) -> Node {
        let mut node = node();
        change(&mut node);
        node
    }

    #[test]
    fn lists_arguments() {
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
    fn restores_own_arguments_of_imported_node() {
        let mut policy = LaunchPolicy::under(Path::new("/b"));
        policy.no_upnp = true;
        policy.start_args = vec!["--local".into()];
        let split = |line: &str| shell_words::split(line).unwrap();
        for (line, own) in [
            ("--root-dir /s/antnode0001 --port 55001 evm-arbitrum-one", ""),
            (
                "--bootstrap-cache-dir=/b/bootstrap-cache --max-log-files 1 --no-upnp evm-arbitrum-one",
                "--no-upnp",
            ),
            (
                "--bootstrap-cache-dir /other --max-log-files=9 --ip 10.0.0.7 'a b' --rewards-address 0x1 evm-arbitrum-one",
                "--bootstrap-cache-dir /other --max-log-files 9 --ip 10.0.0.7 'a b'",
            ),
            (
                "--first evm-custom --rpc-url http://x",
                "--first evm-custom --rpc-url http://x",
            ),
        ] {
            let words = split(line);
            let network = words
                .iter()
                .find(|word| word.starts_with("evm-"))
                .unwrap()
                .clone();
            let found = arguments_beyond_row(&words, &network, &policy);
            assert_eq!(found, split(own), "{line}");
            let node = with(|node| {
                node.network.clone_from(&network);
                node.memory.start_args = Some(shell_words::join(&found));
            });
            let said = arguments(&node, &policy).unwrap();
            assert!(!said.contains(&"--local".to_owned()), "{line}");
            assert_eq!(
                arguments_beyond_row(&said, &network, &policy),
                split(own),
                "{line}"
            );
            let caches = said
                .iter()
                .filter(|word| word.starts_with("--bootstrap-cache-dir"));
            assert_eq!(caches.count(), 1, "{line}");
        }
    }

    #[test]
    fn refuses_values_that_would_be_options_or_lines() {
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
    fn reads_environment() {
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
    fn refuses_unusual_names() {
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
