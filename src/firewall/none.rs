//! No firewall.

use super::{Firewall, FirewallError, Protocol};

/// Does nothing: nodes are reached already, or the operator sees to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFirewall;

impl Firewall for NoFirewall {
    fn open(&self, _port: u16, _protocol: Protocol, _comment: &str) -> Result<(), FirewallError> {
        Ok(())
    }

    fn close(&self, _port: u16, _protocol: Protocol, _comment: &str) -> Result<(), FirewallError> {
        Ok(())
    }

    fn is_active(&self) -> Result<bool, FirewallError> {
        Ok(false)
    }
}
