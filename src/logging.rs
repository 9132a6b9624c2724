//! Tracing to stderr: what a run does, as it does it.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::terminal::{Coloring, LogWriter};

/// How much is said. Results on stdout are not touched by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    Error,
    Warning,
    Info,
    Debug,
}

/// Starts to write to stderr, in this style.
///
/// `directives` are those of `RUST_LOG`; they go beyond `loudness` where they say so.
pub fn start(loudness: Verbosity, directives: Option<&str>, style: Coloring) {
    let level = match loudness {
        Verbosity::Error => LevelFilter::ERROR,
        Verbosity::Warning => LevelFilter::WARN,
        Verbosity::Info => LevelFilter::INFO,
        Verbosity::Debug => LevelFilter::DEBUG,
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
    // Only a second call can fail, and then the first one's output goes on.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| LogWriter)
        .with_ansi(style == Coloring::Colour)
        .with_target(false)
        .try_init();
}
