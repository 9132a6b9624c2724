//! SIGINT and SIGTERM set a flag, which is checked between steps and while waiting.
//!
//! The signals are handled and not blocked, because every node that wnm starts would inherit a mask of blocked signals.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| Arc::new(AtomicBool::new(false)));

/// Installs the handlers. From now on neither signal ends the process.
///
/// # Errors
/// The handlers cannot be installed.
pub fn listen() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ASKED))?;
    }
    Ok(())
}

/// How long a child program may continue after a signal. The whole run must end within 2 s.
const PATIENCE: Duration = Duration::from_millis(1200);

/// Minimum time for a child program that began after the signal.
const LEAST: Duration = Duration::from_millis(100);

/// The deadline of a child program that began at `begun`; None without a signal.
#[must_use]
pub fn last_moment(begun: Instant) -> Option<Instant> {
    static NOTICED: OnceLock<Instant> = OnceLock::new();
    asked_to_end().then(|| (*NOTICED.get_or_init(Instant::now) + PATIENCE).max(begun + LEAST))
}

/// Whether a signal has requested the end of this run. The current step is finished or undone, and no other begins.
#[must_use]
pub fn asked_to_end() -> bool {
    ASKED.load(Ordering::Relaxed)
}
