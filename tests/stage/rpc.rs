//! Ports for antctl's RPC, apart from the others, for no demo needs them.

use std::net::TcpListener;
use std::time::Duration;

/// A thousand ports for antctl's RPC, ours as long as this lives. Few are above those that the system gives to
/// outgoing connections, and other stages name 64 and open none of them.
pub struct Rpc {
    thousand: u16,
    _held: TcpListener,
}

impl Rpc {
    /// The next free thousand; waits for one where all are taken.
    pub fn claim() -> Rpc {
        for _ in 0..3000 {
            for thousand in [61, 62, 63, 65] {
                if let Ok(held) = TcpListener::bind(("127.0.0.1", thousand * 1000)) {
                    return Rpc {
                        thousand,
                        _held: held,
                    };
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("no thousand ports for RPC came free");
    }

    /// As in wnm's settings.
    pub fn start(&self) -> String {
        self.thousand.to_string()
    }
}
