//! Firewalls: letting nodes be reached from outside.

pub mod none;
pub mod ufw;

use std::fmt;

use crate::colony::Mode;
use crate::program;

pub use none::NoFirewall;
pub use ufw::Ufw;

/// What a firewall could not do.
#[derive(Debug)]
pub enum FirewallError {
    /// The firewall's program did not do its part.
    Program(program::ProgramError),
}

impl From<program::ProgramError> for FirewallError {
    fn from(error: program::ProgramError) -> FirewallError {
        FirewallError::Program(error)
    }
}

impl fmt::Display for FirewallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FirewallError::Program(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FirewallError {}

/// The protocol of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Udp,
    Tcp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        })
    }
}

/// Lets nodes be reached from outside. A failure is a warning in the event, never a failed step.
///
/// Asking for what is already so is success; so is asking an idle firewall, whose rules wait for their day.
pub trait Firewall {
    /// Lets traffic in on `port`; `comment` is shown to whoever lists the rules.
    fn open(&self, port: u16, protocol: Protocol, comment: &str) -> Result<(), FirewallError>;
    /// Takes back what `open` allowed with this `comment`; a rule of somebody else's for the port stays.
    fn close(&self, port: u16, protocol: Protocol, comment: &str) -> Result<(), FirewallError>;
    /// Whether rules have any effect now. An idle firewall is not an error.
    fn is_active(&self) -> Result<bool, FirewallError>;
}

/// What the operator says of the firewall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirewallOptions {
    /// ufw with the sudo modes where it is installed, else none.
    #[default]
    Auto,
    Ufw,
    Null,
}

impl FirewallOptions {
    /// The words of the setting `firewall`.
    pub const WORDS: [&'static str; 3] = ["auto", "ufw", "null"];

    /// A choice from its word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<FirewallOptions> {
        match word {
            "auto" => Some(FirewallOptions::Auto),
            "ufw" => Some(FirewallOptions::Ufw),
            "null" => Some(FirewallOptions::Null),
            _ => None,
        }
    }
}

/// The firewall for a colony; `disabled` (`WNM_FIREWALL_DISABLED`) is stronger than any choice.
#[must_use]
pub fn choose(choice: FirewallOptions, mode: Mode, disabled: bool) -> Box<dyn Firewall> {
    let is_wanted = match choice {
        FirewallOptions::Ufw => true,
        FirewallOptions::Null => false,
        FirewallOptions::Auto => mode == Mode::Sudo && ufw::is_installed(),
    };
    if is_wanted && !disabled {
        Box::new(Ufw)
    } else {
        Box::new(NoFirewall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_firewall_is_never_active_and_never_fails() {
        for firewall in [
            choose(FirewallOptions::Null, Mode::Sudo, false),
            choose(FirewallOptions::Auto, Mode::User, false),
            choose(FirewallOptions::Ufw, Mode::Sudo, true),
        ] {
            assert!(firewall.open(55001, Protocol::Udp, "antnode0001").is_ok());
            assert!(firewall.close(55001, Protocol::Udp, "antnode0001").is_ok());
            assert!(!firewall.is_active().unwrap());
        }
    }

    #[test]
    fn every_word_is_a_choice() {
        assert!(
            FirewallOptions::WORDS
                .iter()
                .all(|word| FirewallOptions::from_word(word).is_some())
        );
        assert_eq!(FirewallOptions::from_word("iptables"), None);
    }
}
