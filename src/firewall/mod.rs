//! Firewalls: letting nodes be reached from outside.

/// What a firewall could not do.
#[derive(Debug)]
pub enum Error {}

/// The protocol of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Udp,
    Tcp,
}

/// Lets nodes be reached from outside. A failure is a warning in the event, never a failed step.
pub trait Firewall {
    /// Lets traffic in on `port`; `comment` is shown to whoever lists the rules.
    fn open(&self, port: u16, protocol: Protocol, comment: &str) -> Result<(), Error>;
    /// Takes back what `open` allowed.
    fn close(&self, port: u16, protocol: Protocol) -> Result<(), Error>;
    /// Whether rules have any effect now. An idle firewall is not an error.
    fn is_active(&self) -> Result<bool, Error>;
}
