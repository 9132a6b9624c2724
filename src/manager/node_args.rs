//! The words of an antnode's command line, behind the program.

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

/// What follows an option, apart or behind `=`.
pub(super) fn value_of(words: &[String], name: &str) -> Option<String> {
    words.iter().enumerate().find_map(|(at, word)| {
        if word == name {
            return words.get(at + 1).cloned();
        }
        word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned)
    })
}

/// The network is the one word that no option takes; its names all begin with `evm-`.
#[must_use]
pub fn network_of(words: &[String]) -> Option<String> {
    network_place(words).map(|at| words[at].clone())
}

/// Where the network stands among the words behind the program.
pub(super) fn network_place(words: &[String]) -> Option<usize> {
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
        .map(|(at, _)| at)
}
