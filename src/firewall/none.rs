//! No firewall.

use super::backend::{Firewall, FirewallError, FirewallStatus, NodeUdpPorts};

/// Changes no rules: there is no firewall, or the operator manages it.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoFirewall {
    /// For each firewall that wnm knows: what the operator has to do if it is enabled.
    pub(super) warnings: &'static [fn(&NodeUdpPorts) -> Option<FirewallStatus>],
}

impl Firewall for NoFirewall {
    fn open(&self, _port: u16, _comment: &str) -> Result<(), FirewallError> {
        Ok(())
    }

    fn close(&self, _port: u16, _comment: &str) -> Result<(), FirewallError> {
        Ok(())
    }

    fn sudo_commands(&self) -> &'static [&'static str] {
        &[]
    }

    fn examine(&self, ports: &NodeUdpPorts) -> Result<FirewallStatus, FirewallError> {
        let warning = self.warnings.iter().find_map(|warning| warning(ports));
        Ok(warning.unwrap_or_else(|| FirewallStatus::Ok("no firewall is enabled".to_owned())))
    }
}
