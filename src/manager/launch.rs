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
    let own = node.service.0.trim();
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
