//! Ports that belong to one test alone, among all tests and all runs of them on this machine.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Two thousand ports, ours as long as this lives: whoever holds the first one open has the block. Both
/// thousands in one, since tests that hold one and wait for another would wait for each other.
pub struct Block {
    thousand: u16,
    _held: TcpListener,
}

/// Below the ports that the system gives to outgoing connections, above those that need root.
const FIRST: u16 = 2;
const LAST: u16 = 30;
const BLOCKS: u16 = (LAST - FIRST) / 2 + 1;
/// How many of a thousand are looked at: no test has more nodes.
const USED: u16 = 130;

impl Block {
    /// The next free block; waits for one where all are taken.
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

    /// The thousand for nodes: 8 stands for 8000 to 8999, as in wnm's settings.
    pub fn nodes(&self) -> String {
        self.thousand.to_string()
    }

    /// The thousand for metrics.
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
