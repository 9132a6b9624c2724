//! Hearing a program out: its streams are read in threads, so that it never blocks on us nor we on it.

use std::io::{self, Read};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::signals;

/// Kept of one output stream; what comes after it is read and dropped, so that the child never blocks.
const KEPT_BYTES: usize = 64 << 20;

/// Until it has ended and all it said is read: Some; until the deadline, or soon after a signal to us unless it
/// is `uninterrupted`: None.
///
/// Children of its own may hold its streams open; they are given a moment after its end, no more.
pub(super) fn wait(
    child: &mut Child,
    ends: &Receiver<()>,
    deadline: Instant,
    uninterrupted: bool,
) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    let mut open = 2;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            let grace = Instant::now() + Duration::from_millis(200);
            while open > 0
                && ends
                    .recv_timeout(grace.saturating_duration_since(Instant::now()))
                    .is_ok()
            {
                open -= 1;
            }
            return Ok(Some(status));
        }
        let end = match signals::last_moment(begun) {
            Some(last) if !uninterrupted => last.min(deadline),
            _ => deadline,
        };
        if Instant::now() >= end {
            return Ok(None);
        }
        if open > 0 {
            match ends.recv_timeout(pause.min(deadline.saturating_duration_since(Instant::now()))) {
                Ok(()) => {
                    open -= 1;
                    // It has said all: its end is near.
                    pause = Duration::from_millis(1);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => open = 0,
            }
        } else {
            thread::sleep(pause);
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Reads a stream to its end in a thread of its own.
pub(super) fn drain<S: Read + Send + 'static>(
    stream: Option<S>,
    told: mpsc::Sender<()>,
) -> Arc<Mutex<Vec<u8>>> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let Some(mut stream) = stream else { return kept };
    let into = Arc::clone(&kept);
    thread::spawn(move || {
        let mut piece = vec![0; 64 << 10];
        loop {
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => {
                    if let Ok(mut kept) = into.lock() {
                        let room = KEPT_BYTES.saturating_sub(kept.len());
                        kept.extend_from_slice(&piece[..count.min(room)]);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = told.send(());
    });
    kept
}

pub(super) fn text(bytes: &Mutex<Vec<u8>>) -> String {
    bytes
        .lock()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}
