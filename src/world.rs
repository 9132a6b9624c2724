//! Everything outside this process that a cycle uses, except the store.

use std::time::Duration;

use crate::clock::Clock;
use crate::colony::{Answer, Node};
use crate::firewall::Firewall;
use crate::manager::Managers;
use crate::progress::Progress;
use crate::survey::{Limits, MachineReader, NodeProbe};

/// All traits in one value, so that a test can pass a world with nodes in memory.
pub struct World {
    pub clock: Box<dyn Clock>,
    pub machine_reader: Box<dyn MachineReader>,
    pub probe: Box<dyn NodeProbe>,
    pub managers: Managers,
    pub firewall: Firewall,
    /// Gets the progress of long work.
    pub progress: &'static dyn Progress,
}

impl World {
    /// Whether an antnode answers at the metrics port of a node now.
    #[must_use]
    pub fn answers(&self, node: &Node) -> bool {
        let limits = Limits {
            each: Duration::from_secs(1),
            all: Duration::from_secs(1),
            ..Limits::default()
        };
        let answers = self
            .probe
            .ask(std::slice::from_ref(node), &limits, self.clock.now());
        matches!(answers.first(), Some(Answer::Up(_)))
    }
}
