//! The types of a colony: nodes, their names, states, versions, wallets and ports, and the figures of a machine.
//!
//! Plain values: this module reads no file, clock or database, and does not log.

pub mod binary;
pub mod binary_sharing;
pub mod date;
mod decimal;
pub mod firewall_kind;
mod forced_action;
pub mod hostname;
pub mod machine_metrics;
pub mod machine_readings;
pub mod manager_kind;
pub mod node;
pub mod node_figures;
pub mod node_name;
pub mod node_ports;
pub mod node_reading;
pub mod node_state;
pub mod parse_number;
mod pause;
pub mod platform;
mod plural;
pub mod process_status;
mod removed_node;
pub mod sanitize;
pub mod timestamp;
pub mod version;
pub mod wait_shares;
pub mod wallet;

pub use binary::{Binary, BinaryKey};
pub use binary_sharing::BinarySharing;
pub use date::{Since, Until};
pub use decimal::{Decimal, DecimalText, MAX_DIGITS};
pub use firewall_kind::{FirewallKind, FirewallRules};
pub use forced_action::{ChosenBy, ForcedAction};
pub use machine_metrics::{Metrics, OwnUse, PausedNodes};
pub use machine_readings::{Counters, Inodes, MachineReadings, Rates};
pub use manager_kind::{ManagerKind, Mode, StoredPlace, Tool};
pub use node::{Node, NodeHistory, NodePaths, PeerColumns};
pub use node_figures::NodeFigures;
pub use node_name::{NodeId, NodeName, ServiceName};
pub use node_ports::{BusyPort, NodePorts};
pub use node_reading::{Answer, NodeObservation, NodeReading};
pub use node_state::NodeState;
pub use pause::{NodePause, Pause, Pauses};
pub use platform::Platform;
pub use plural::Plural;
pub use process_status::{ProcessState, ProcessStatus};
pub use removed_node::RemovedNode;
pub use timestamp::Timestamp;
pub use version::Version;
pub use wait_shares::{WaitShares, WaitTimes};
pub use wallet::{Wallet, Wallets};
