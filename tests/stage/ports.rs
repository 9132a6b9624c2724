//! Blocks of ports, each used by one test at a time among all test runs on this machine.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Two thousand ports, reserved until this is dropped by a listener on the first one. Nodes and metrics
/// share one block, because two tests that each wait for a second block would wait for each other.
pub struct Block {
    thousand: u16,
    _held: TcpListener,
}

/// Below the ports of outgoing connections, above those that only root may use.
const FIRST: u16 = 2;
const LAST: u16 = 30;
const BLOCKS: u16 = (LAST - FIRST) / 2 + 1;
/// The number of ports of each thousand that must be free: no test has more nodes.
const USED: u16 = 130;

impl Block {
    /// Reserves a free block; waits while there is none.
    pub fn claim() -> Block {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let spread = (std::process::id() % u32::from(BLOCKS)) as u16;
        for _ in 0..1200 {
            for _ in 0..BLOCKS {
                let turn = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(spread);
                if let Some(block) = Block::take(FIRST + turn % BLOCKS * 2) {
                    return block;
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("no two thousand ports from {FIRST}000 on came free");
    }

    /// The node ports in the form of wnm's settings: 8 means 8000 to 8999.
    pub fn nodes(&self) -> String {
        self.thousand.to_string()
    }

    /// The metrics ports in the form of wnm's settings.
    pub fn metrics(&self) -> String {
        (self.thousand + 1).to_string()
    }

    fn take(thousand: u16) -> Option<Block> {
        let first = thousand * 1000;
        let held = TcpListener::bind(("127.0.0.1", first)).ok()?;
        let free =
            |port| UdpSocket::bind(("0.0.0.0", port)).is_ok() && TcpListener::bind(("0.0.0.0", port)).is_ok();
        let mut used = (first + 1..first + USED).chain(first + 1000..first + 1000 + USED);
        used.all(free).then_some(Block {
            thousand,
            _held: held,
        })
    }
}
