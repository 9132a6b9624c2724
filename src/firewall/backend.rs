//! What wnm asks of a firewall.

use crate::program::ProgramError;

/// Why a port was not opened or closed.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// The program of a firewall failed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The operator has a rule for the port, which wnm does not replace.
    #[error("open port {port}: your rule `{rule}` closes it, and wnm replaces no rule of others")]
    ForeignRule { port: u16, rule: String },
}

/// The UDP ports that the nodes of a colony need.
#[derive(Clone, Debug, Default)]
pub struct NodeUdpPorts {
    pub of_running: Vec<u16>,
    /// Of the nodes that the cap still allows.
    pub of_new: Vec<u16>,
}

/// What a firewall does with the ports of nodes, as sentences for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirewallStatus {
    /// Packets reach the nodes, or nothing filters them.
    Ok(String),
    /// A firewall is enabled, and wnm does not manage its rules.
    NotManaged { what: String, hint: String },
    /// Packets may not reach some of the running nodes.
    Unsure { what: String, hint: String },
    /// Packets do not reach some of the running nodes.
    Closed { what: String, hint: String },
}

/// Opens the UDP ports of nodes. A failure is a warning in the event, and the step goes on.
///
/// Opening an open port and closing a closed one succeed. While a firewall is not active, it stores the rules.
pub trait Firewall {
    /// Lets everybody send to `port`. `comment` is shown in the list of rules.
    fn open(&self, port: u16, comment: &str) -> Result<(), FirewallError>;
    /// Deletes the rule for `port` that has this `comment`, and no other rule for the port.
    fn close(&self, port: u16, comment: &str) -> Result<(), FirewallError>;
    /// The commands that it runs through sudo, one for each right that it needs.
    fn sudo_commands(&self) -> &'static [&'static str];
    /// Checks whether the ports are open, for `--doctor`.
    fn examine(&self, ports: &NodeUdpPorts) -> Result<FirewallStatus, FirewallError>;
}
