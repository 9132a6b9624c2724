//! Everything outside this process that a cycle uses, except the store.

use crate::clock::Clock;
use crate::firewall::Firewall;
use crate::manager::Managers;
use crate::progress::Progress;
use crate::survey::{MachineReader, NodeProbe};

/// All traits in one value, so that a test can pass a world with nodes in memory.
pub struct World {
    pub clock: Box<dyn Clock>,
    pub machine_reader: Box<dyn MachineReader>,
    pub probe: Box<dyn NodeProbe>,
    pub managers: Managers,
    pub firewall: Box<dyn Firewall>,
    /// Gets the progress of long work.
    pub progress: &'static dyn Progress,
}
