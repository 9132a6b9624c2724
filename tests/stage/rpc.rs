//! Blocks of ports for antctl's RPC.

use std::net::TcpListener;
use std::time::Duration;

/// A thousand ports for antctl's RPC, reserved until this is dropped. They are above the ports of outgoing
/// connections; stages without antctl set 64 and open none of those ports.
pub struct Rpc {
    thousand: u16,
    _held: TcpListener,
}

impl Rpc {
    /// Reserves a free thousand; waits while there is none.
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

    /// The ports in the form of wnm's setting.
    pub fn start(&self) -> String {
        self.thousand.to_string()
    }
}
