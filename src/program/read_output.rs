//! Reads the output of a program in threads, so that neither the program nor wnm blocks.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::signals;

/// Bytes kept of one stream; the rest is read and dropped, so that the child never blocks.
const KEPT_BYTES: usize = 64 << 20;

/// For the streams of a program that has ended to be closed: its children may have inherited them.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(200);

/// An output stream, read by its own thread.
pub(super) struct Stream {
    kept: Arc<Mutex<Vec<u8>>>,
    /// The same pipe, to check for unread bytes.
    pipe: Option<OwnedFd>,
}

impl Stream {
    /// Whether its thread has not yet read all bytes, or not yet reached the end of the stream.
    fn has_unread(&self) -> bool {
        let is_being_read = Arc::strong_count(&self.kept) > 1;
        is_being_read
            && self.pipe.as_ref().is_some_and(|pipe| {
                let mut polled = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
                poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
            })
    }

    pub(super) fn text(&self) -> String {
        self.kept
            .lock()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

/// Waits until the child has ended and its output is read; None if it still runs at the deadline, or soon after a signal
/// to wnm unless it is `uninterrupted`.
///
/// Children of the child that keep its streams open get [`CLOSE_TIMEOUT`]; what the child itself wrote is read to its
/// end, even on a busy machine.
pub(super) fn wait(
    child: &mut Child,
    closes: &Receiver<()>,
    streams: [&Stream; 2],
    deadline: Instant,
    uninterrupted: bool,
) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    let mut open = 2;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            while open > 0 {
                if closes.recv_timeout(CLOSE_TIMEOUT).is_ok() {
                    open -= 1;
                } else if Instant::now() >= deadline || !streams.iter().any(|stream| stream.has_unread()) {
                    break;
                }
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
            match closes.recv_timeout(pause.min(deadline.saturating_duration_since(Instant::now()))) {
                Ok(()) => {
                    open -= 1;
                    // After closing its output it will end soon.
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

/// Reads a stream to its end in its own thread, and then sends to `closed`.
pub(super) fn drain<S: Read + AsFd + Send + 'static>(stream: Option<S>, closed: mpsc::Sender<()>) -> Stream {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let Some(mut stream) = stream else {
        return Stream { kept, pipe: None };
    };
    let pipe = stream.as_fd().try_clone_to_owned().ok();
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
        drop(into);
        let _ = closed.send(());
    });
    Stream { kept, pipe }
}
