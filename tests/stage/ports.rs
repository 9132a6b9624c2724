//! Ports that belong to one test alone, among all tests and all runs of them on this machine.

use std::net::{TcpListener, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// A thousand ports, ours as long as this lives: whoever holds the first one open has the block.
pub struct Block {
    thousand: u16,
    _held: TcpListener,
}

/// Below the ports that the system gives to outgoing connections, above those that need root.
const FIRST: u16 = 2;
const LAST: u16 = 31;
/// How many of a block are looked at: no test has more nodes.
const USED: u16 = 60;

impl Block {
    /// The next free block; waits for one where all are taken.
    pub fn claim() -> Block {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let spread = (std::process::id() % u32::from(LAST - FIRST + 1)) as u16;
        for _ in 0..1200 {
            let _turn = ONE_AT_A_TIME.lock();
            for _ in FIRST..=LAST {
                let turn = NEXT.fetch_add(1, Ordering::Relaxed);
                let thousand = FIRST + (turn.wrapping_add(spread)) % (LAST - FIRST + 1);
                if let Some(block) = Block::take(thousand) {
                    return block;
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("no thousand of ports from {FIRST}000 to {LAST}999 came free");
    }

    /// The block's number: 7 stands for 7000 to 7999, as in wnm's settings.
    pub fn thousand(&self) -> u16 {
        self.thousand
    }

    fn take(thousand: u16) -> Option<Block> {
        let first = thousand * 1000;
        let held = TcpListener::bind(("127.0.0.1", first)).ok()?;
        let free =
            |port| UdpSocket::bind(("0.0.0.0", port)).is_ok() && TcpListener::bind(("0.0.0.0", port)).is_ok();
        (first + 1..first + USED).all(free).then_some(Block {
            thousand,
            _held: held,
        })
    }
}
