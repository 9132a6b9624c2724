//! What a colony is made of: nodes, their names, states, versions, wallets and ports, and the figures of a machine.
//!
//! Values only: nothing here reads a file, a clock or a database, and nothing here logs.

pub mod binary;
pub mod calendar;
mod counted;
pub mod excerpt;
pub mod host;
pub mod instruments;
mod keccak;
pub mod manager_kind;
pub mod metrics;
pub mod name;
pub mod node;
pub mod number;
pub mod ports;
pub mod process;
pub mod reading;
pub mod sharing;
pub mod state;
pub mod timestamp;
pub mod version;
pub mod wallet;

pub use binary::{Binary, BinaryKey};
pub use calendar::Since;
pub use counted::Counted;
pub use instruments::{Counters, Instruments, Rates};
pub use manager_kind::{Glimpse, ManagerKind, Mode, Tool};
pub use metrics::Metrics;
pub use name::{NodeId, NodeName, ServiceName};
pub use node::{Home, Memory, Node, Particulars};
pub use ports::Ports;
pub use process::{Activity, Process};
pub use reading::{Answer, Figures, Reading, Sighting};
pub use sharing::Sharing;
pub use state::State;
pub use timestamp::Timestamp;
pub use version::Version;
pub use wallet::{Wallet, Wallets};
