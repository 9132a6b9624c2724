//! SIGINT and SIGTERM: they set a flag that whoever waits or works in steps looks at.
//!
//! A handler, not a blocked mask: every node we start would inherit a mask.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| Arc::new(AtomicBool::new(false)));

/// Starts to listen. From now on neither signal ends the process by itself.
///
/// # Errors
/// When the system refuses the handlers.
pub fn listen() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ASKED))?;
    }
    Ok(())
}

/// How long after a signal a program that is running for us may still take: the whole run ends within 2 s.
const PATIENCE: Duration = Duration::from_millis(1200);

/// What is asked of a program after that, so that one begun late has a moment as well.
const LEAST: Duration = Duration::from_millis(100);

/// By when a program that is running for us since `begun` must have ended, once a signal has come.
#[must_use]
pub fn last_moment(begun: Instant) -> Option<Instant> {
    static NOTICED: OnceLock<Instant> = OnceLock::new();
    asked_to_end().then(|| (*NOTICED.get_or_init(Instant::now) + PATIENCE).max(begun + LEAST))
}

/// Whether a signal has asked this run to end. The step in hand is finished or undone, nothing more is begun.
#[must_use]
pub fn asked_to_end() -> bool {
    ASKED.load(Ordering::Relaxed)
}
