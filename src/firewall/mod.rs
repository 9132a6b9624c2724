//! Firewalls: wnm opens the ports of nodes in them.

mod backend;
mod none;
mod ufw;
mod ufw_status;

use crate::colony::{FirewallKind, Mode};

pub use backend::{Firewall, FirewallStatus, NodeUdpPorts};

use none::NoFirewall;
use ufw::Ufw;

/// The firewall of a colony.
#[must_use]
pub fn choose(kind: FirewallKind, mode: Mode) -> Box<dyn Firewall> {
    match kind {
        FirewallKind::Ufw => Box::new(Ufw),
        FirewallKind::Auto if mode == Mode::Sudo && ufw::is_installed() => Box::new(Ufw),
        FirewallKind::Auto | FirewallKind::Null => Box::new(NoFirewall {
            warnings: &[ufw::warn_if_enabled],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_firewall_needs_no_rights_and_never_fails() {
        for firewall in [
            choose(FirewallKind::Null, Mode::Sudo),
            choose(FirewallKind::Auto, Mode::User),
        ] {
            assert!(firewall.open(55001, "antnode0001").is_ok());
            assert!(firewall.close(55001, "antnode0001").is_ok());
            assert!(firewall.sudo_commands().is_empty());
        }
    }
}
