//! The log on stderr.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::terminal::{Coloring, LogWriter};

/// The level of the log. It does not affect results on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    Error,
    Warning,
    Info,
    Debug,
}

/// Starts to log to stderr.
///
/// `directives` are those of `RUST_LOG`, and override `loudness`.
pub fn start(loudness: Verbosity, directives: Option<&str>, style: Coloring) {
    let level = match loudness {
        Verbosity::Error => LevelFilter::ERROR,
        Verbosity::Warning => LevelFilter::WARN,
        Verbosity::Info => LevelFilter::INFO,
        Verbosity::Debug => LevelFilter::DEBUG,
    };
    let mut filter = EnvFilter::default().add_directive(level.into());
    // The libraries' own messages are not useful to an operator.
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
    // Only a second call can fail; the first one then stays in effect.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| LogWriter)
        .with_ansi(style == Coloring::Colour)
        .with_target(false)
        .try_init();
}
