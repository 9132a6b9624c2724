//! Reads the arguments of an antnode.

/// Options of antnode that have no value.
const FLAGS: [&str; 12] = [
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

/// The value of an option: the next word, or what is after `=`.
pub(super) fn value_of(words: &[String], name: &str) -> Option<String> {
    words.iter().enumerate().find_map(|(at, word)| {
        if word == name {
            return words.get(at + 1).cloned();
        }
        word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned)
    })
}

/// The network, which is the only argument that belongs to no option; all its names begin with `evm-`.
#[must_use]
pub fn network_of(words: &[String]) -> Option<String> {
    network_position(words).map(|at| words[at].clone())
}

/// The position of the network among the arguments.
pub(super) fn network_position(words: &[String]) -> Option<usize> {
    let is_value = |at: usize| {
        at > 0 && {
            let before = words[at - 1].as_str();
            before.starts_with("--") && !before.contains('=') && !FLAGS.contains(&before)
        }
    };
    words
        .iter()
        .enumerate()
        .find(|(at, word)| word.starts_with("evm-") && !is_value(*at))
        .map(|(at, _)| at)
}
