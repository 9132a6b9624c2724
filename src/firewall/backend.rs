//! What wnm asks of a firewall.

use serde::{Deserialize, Serialize};

use crate::program::ProgramError;

use super::wanted_rules::{NodesByPort, PortLayout, PortRange, WantedRules};

/// Why ports were not opened or closed.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// The program of a firewall failed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The operator has a rule for the ports, which wnm does not replace.
    #[error("open {ports}/udp: your rule `{rule}` closes it, and wnm replaces no rule of others")]
    ForeignRule { ports: PortRange, rule: String },
    /// It ended without an error and did not do it.
    #[error("open {ports}/udp: firewalld reports `{complaint}`")]
    NotDone { ports: PortRange, complaint: String },
    /// The rules of nftables are not clear.
    #[error("open the ports of the nodes in nftables: {why}; {hint}")]
    NoChain { why: String, hint: String },
    /// Only root may write the file, and sudo does not allow it.
    #[error("write `{path}`: sudo does not allow it; write it as root with these lines:\n{text}")]
    FileNotWritten { path: String, text: String },
}

/// Ports that wnm opened in a firewall whose rules have no comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedPorts {
    /// The zone of firewalld.
    pub zone: String,
    pub ports: PortRange,
}

/// The rules to apply, and how to recognize those of this colony.
pub(super) struct Request<'a> {
    pub(super) wanted: &'a WantedRules,
    pub(super) layout: PortLayout,
    pub(super) nodes: &'a NodesByPort,
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

/// Opens UDP ports in one firewall program.
pub(super) trait Backend {
    /// Opens the wanted ports, then deletes the other rules of this colony, and no rule of anybody else. `opened` is what
    /// wnm opened so far in firewalld. Returns whether all is done; a later run continues the rest.
    fn apply(&self, request: &Request<'_>, opened: &mut Vec<OpenedPorts>) -> Result<bool, FirewallError>;
    /// The commands that it runs through sudo for these rules.
    fn sudo_commands(&self, wanted: &WantedRules) -> Vec<String>;
}
