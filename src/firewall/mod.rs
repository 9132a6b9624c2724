//! Firewalls: wnm opens the UDP ports of its nodes in them.

mod backend;
mod doctor;
mod firewalld;
mod interface;
mod nft_match;
mod nft_rules;
mod nftables;
mod port_verdict;
mod record;
mod ufw;
mod ufw_status;
mod wanted_rules;

use std::cell::RefCell;

use crate::colony::{FirewallKind, FirewallRules, Mode, Timestamp};
use crate::settings::Settings;

use backend::{Backend, Request};
pub use backend::{FirewallError, FirewallStatus};
use record::FirewallRecord;
use wanted_rules::WantedRules;
pub use wanted_rules::{NodeOfPort, NodesByPort, PortLayout};

/// The firewalls of a colony, and what it wants of them.
pub struct Firewall {
    layout: PortLayout,
    kind: FirewallKind,
    mode: Mode,
    /// The setting `nft_chain`.
    chain: String,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    record: FirewallRecord,
    nodes: NodesByPort,
    /// The rules that this run tried to apply.
    tried: Option<WantedRules>,
}

/// When a run looks at the firewall.
#[derive(Clone, Copy, Debug)]
pub struct RunTime {
    pub now: Timestamp,
    /// When the machine was booted.
    pub boot: Option<Timestamp>,
}

impl Firewall {
    /// The firewalls that the settings name. It reads and changes nothing yet.
    #[must_use]
    pub fn of(settings: &Settings) -> Firewall {
        let layout = PortLayout {
            rules: settings.firewall_rules,
            port_start: settings.port_start,
            node_cap: settings.node_cap,
        };
        let mode = settings.process_manager.mode;
        Firewall::new(settings.firewall, mode, &settings.nft_chain, layout)
    }

    fn new(kind: FirewallKind, mode: Mode, chain: &str, layout: PortLayout) -> Firewall {
        Firewall {
            layout,
            kind,
            mode,
            chain: chain.to_owned(),
            state: RefCell::default(),
        }
    }

    /// Begins a run with what the last run stored, and the nodes of the colony.
    pub fn begin(&self, record: Option<&str>, nodes: NodesByPort) {
        let mut state = self.state.borrow_mut();
        state.record = FirewallRecord::parse(record);
        state.nodes = nodes;
    }

    /// What the next run needs to know; None: nothing.
    #[must_use]
    pub fn record(&self) -> Option<String> {
        self.state.borrow().record.text()
    }

    /// Opens the port of a node that was started.
    ///
    /// # Errors
    /// The node runs anyway, so the caller makes a warning of it.
    pub fn open(&self, port: u16, name: &str, time: RunTime) -> Result<(), FirewallError> {
        let node = NodeOfPort {
            name: name.to_owned(),
            runs: true,
        };
        self.state.borrow_mut().nodes.insert(port, node);
        self.apply(time)
    }

    /// Closes the port of a node that was stopped, if it has a rule of its own.
    ///
    /// # Errors
    /// The caller makes a warning of it.
    pub fn close(&self, port: u16, time: RunTime) -> Result<(), FirewallError> {
        if let Some(node) = self.state.borrow_mut().nodes.get_mut(&port) {
            node.runs = false;
        }
        // Nothing to close if the range has the port.
        let has_single = |state: &State| {
            let tried = state.tried.as_ref();
            tried.is_none_or(|tried| *tried != self.layout.wanted(&state.nodes))
        };
        let is_single = self.layout.rules == FirewallRules::Single;
        if is_single && has_single(&self.state.borrow()) {
            return self.apply(time);
        }
        Ok(())
    }

    /// Makes the rules those of `nodes` at the end of a run, if they changed, or were not checked for an hour.
    ///
    /// # Errors
    /// The caller logs it; it is tried again an hour later, or when a node is started.
    pub fn settle(&self, nodes: NodesByPort, time: RunTime) -> Result<(), FirewallError> {
        let key = {
            let mut state = self.state.borrow_mut();
            state.nodes = nodes;
            self.key(&self.layout.wanted(&state.nodes))
        };
        if !self.state.borrow().record.is_due(&key, time.now, time.boot) {
            return Ok(());
        }
        self.apply(time)
    }

    fn key(&self, wanted: &WantedRules) -> String {
        match wanted.key() {
            rules if rules.is_empty() => rules,
            rules => format!("{:?} {}: {rules}", self.kind, self.chain),
        }
    }

    /// Applies the rules of the nodes, unless this run did so before.
    fn apply(&self, time: RunTime) -> Result<(), FirewallError> {
        let mut state = self.state.borrow_mut();
        let wanted = self.layout.wanted(&state.nodes);
        if state.tried.as_ref() == Some(&wanted) {
            return Ok(());
        }
        let State { record, nodes, .. } = &mut *state;
        let request = Request {
            wanted: &wanted,
            layout: self.layout,
            nodes,
        };
        let mut first_error = None;
        let mut has_more = false;
        for backend in self.backends() {
            match backend.apply(&request, &mut record.opened) {
                Ok(is_done) => has_more |= !is_done,
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        let key = self.key(&wanted);
        record.note(key, has_more && first_error.is_none(), time.now, time.boot);
        state.tried = Some(wanted);
        first_error.map_or(Ok(()), Err)
    }

    /// The firewalls in which wnm opens ports.
    fn backends(&self) -> Vec<Box<dyn Backend>> {
        let nftables = || nftables::Nftables {
            chain: self.chain.clone(),
        };
        match self.kind {
            FirewallKind::Ufw => vec![Box::new(ufw::Ufw)],
            FirewallKind::Nftables => vec![Box::new(nftables())],
            FirewallKind::Firewalld => vec![Box::new(firewalld::Firewalld)],
            FirewallKind::Null => Vec::new(),
            FirewallKind::Auto if self.mode == Mode::User => Vec::new(),
            FirewallKind::Auto => {
                let mut active: Vec<Box<dyn Backend>> = Vec::new();
                if firewalld::is_active() {
                    active.push(Box::new(firewalld::Firewalld));
                }
                if ufw::is_enabled() {
                    active.push(Box::new(ufw::Ufw));
                }
                if nftables::is_active() {
                    active.push(Box::new(nftables()));
                }
                // Its rules take effect when it is enabled.
                if active.is_empty() && ufw::is_installed() {
                    active.push(Box::new(ufw::Ufw));
                }
                active
            }
        }
    }

    /// The commands that wnm runs through sudo for the nodes that the cap allows.
    #[must_use]
    pub fn sudo_commands(&self) -> Vec<String> {
        let node = NodeOfPort {
            name: "antnode0001".to_owned(),
            runs: true,
        };
        let first = self.layout.range().map(|range| (range.first, node));
        let wanted = self.layout.wanted(&first.into_iter().collect());
        let mut commands: Vec<String> = Vec::new();
        for command in self
            .backends()
            .iter()
            .flat_map(|backend| backend.sudo_commands(&wanted))
        {
            if !commands.contains(&command) {
                commands.push(command);
            }
        }
        commands
    }

    /// Whether packets reach the ports of the running nodes, for `--doctor`.
    ///
    /// # Errors
    /// When the rules cannot be listed.
    pub fn examine(&self, ports: &[u16]) -> Result<FirewallStatus, FirewallError> {
        doctor::examine(ports, self.layout, !self.backends().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_firewall_needs_no_rights_and_never_fails() {
        for (kind, mode) in [(FirewallKind::Null, Mode::Sudo), (FirewallKind::Auto, Mode::User)] {
            let layout = PortLayout {
                rules: FirewallRules::Range,
                port_start: 55,
                node_cap: 20,
            };
            let firewall = Firewall::new(kind, mode, "", layout);
            let time = RunTime {
                now: Timestamp(7),
                boot: None,
            };
            assert!(firewall.open(55001, "antnode0001", time).is_ok());
            assert!(firewall.close(55001, time).is_ok());
            assert!(firewall.settle(NodesByPort::new(), time).is_ok());
            assert!(firewall.sudo_commands().is_empty());
        }
    }
}
