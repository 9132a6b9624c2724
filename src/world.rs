//! Everything outside this process that a cycle touches, but for the store.

use crate::clock::Clock;
use crate::firewall::Firewall;
use crate::manager::Managers;
use crate::progress::Progress;
use crate::survey::{MachineReader, NodeProbe};

/// The five traits in one value, so that a test can hand in a world that keeps its nodes in memory.
pub struct World {
    pub clock: Box<dyn Clock>,
    pub gauge: Box<dyn MachineReader>,
    pub probe: Box<dyn NodeProbe>,
    pub managers: Managers,
    pub firewall: Box<dyn Firewall>,
    /// Who hears how far long work has come.
    pub progress: &'static dyn Progress,
}
