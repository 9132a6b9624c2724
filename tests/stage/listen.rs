//! Listeners of tests, and ports without one.

use std::net::TcpListener;
use std::time::{Duration, Instant};

/// Nothing listens here: only root could, and no service does.
pub const CLOSED_PORT: u16 = 1;

/// Listens on a port of the test's own block. A killed process keeps its port for a moment after it has disappeared from
/// `/proc`, so this waits until the port is free.
pub fn listen(port: u16) -> TcpListener {
    let begun = Instant::now();
    loop {
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(listener) => return listener,
            Err(error) => assert!(
                begun.elapsed() < super::PATIENCE,
                "port {port} of this test's own block does not become free: {error}"
            ),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
