//! Tracing to stderr: what a run does, as it does it.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How much is said. Results on stdout are not touched by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loudness {
    Error,
    Warning,
    Info,
    Debug,
}

/// Starts to write to stderr, in colour on a terminal only and never with `plain`.
///
/// `directives` are those of `RUST_LOG`; they go beyond `loudness` where they say so.
pub fn start(loudness: Loudness, directives: Option<&str>, plain: bool) {
    let level = match loudness {
        Loudness::Error => LevelFilter::ERROR,
        Loudness::Warning => LevelFilter::WARN,
        Loudness::Info => LevelFilter::INFO,
        Loudness::Debug => LevelFilter::DEBUG,
    };
    let mut filter = EnvFilter::default().add_directive(level.into());
    // The libraries below us speak of their own insides; an operator asked about the colony.
    let quiet = [
        "refinery_core=warn",
        "reqwest=warn",
        "hyper=warn",
        "hyper_util=warn",
        "log=warn",
    ];
    for directive in quiet
        .into_iter()
        .chain(directives.into_iter().flat_map(|all| all.split(',')))
    {
        if let Ok(directive) = directive.parse() {
            filter = filter.add_directive(directive);
        }
    }
    let colour = !plain && std::io::stderr().is_terminal();
    // Only a second call can fail, and then the first one's output goes on.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .with_target(false)
        .try_init();
}
