//! SIGINT and SIGTERM: they set a flag that whoever waits or works in steps looks at.
//!
//! A handler, not a blocked mask: every node we start would inherit a mask.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

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

/// Whether a signal has asked this run to end. The step in hand is finished or undone, nothing more is begun.
#[must_use]
pub fn asked_to_end() -> bool {
    ASKED.load(Ordering::Relaxed)
}
