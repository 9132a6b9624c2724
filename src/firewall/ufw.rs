//! ufw: Debian's and Ubuntu's firewall, told by its own program and with root's rights.

use std::path::Path;

use crate::colony::Mode;
use crate::program::Program;

use super::{Error, Firewall, Protocol};

/// Where ufw is found; an operator's PATH, and cron's, may lack these folders.
const PLACES: [&str; 4] = [
    "/usr/sbin/ufw",
    "/sbin/ufw",
    "/usr/bin/ufw",
    "/usr/local/sbin/ufw",
];

/// Rules in ufw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ufw;

/// Whether ufw is on this machine.
#[must_use]
pub fn is_installed() -> bool {
    PLACES.iter().any(|place| Path::new(place).exists())
}

fn ufw() -> Program {
    // A firewall is the machine's: it always needs root, whatever mode the nodes are in.
    Program::new("ufw").rights(Mode::Sudo)
}

fn rule(port: u16, protocol: Protocol) -> String {
    format!("{port}/{protocol}")
}

/// A comment as ufw takes it: it refuses quotes, and a leading `-` would be an option.
fn remark(comment: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let kept: String = comment.chars().filter(plain).take(64).collect();
    kept.trim_start_matches('-').to_owned()
}

impl Firewall for Ufw {
    fn open(&self, port: u16, protocol: Protocol, comment: &str) -> Result<(), Error> {
        let mut program = ufw().args(["allow", &rule(port, protocol)]);
        let remark = remark(comment);
        if !remark.is_empty() {
            program = program.args(["comment", &remark]);
        }
        program.run()?;
        Ok(())
    }

    fn close(&self, port: u16, protocol: Protocol) -> Result<(), Error> {
        let program = ufw().args(["delete", "allow", &rule(port, protocol)]);
        let ended = program.ask()?;
        let said = format!("{}{}", ended.stdout, ended.stderr);
        if ended.code() == Some(0) || said.contains("non-existent rule") {
            return Ok(());
        }
        Err(Error::Program(program.failure(&ended)))
    }

    fn is_active(&self) -> Result<bool, Error> {
        let ended = ufw().arg("status").run()?;
        Ok(ended.stdout.lines().any(|line| line.trim() == "Status: active"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_and_its_remark_are_plain_words() {
        assert_eq!(rule(55001, Protocol::Udp), "55001/udp");
        assert_eq!(remark("antnode0001"), "antnode0001");
        assert_eq!(remark("--it's a \"node\"\n"), "itsanode");
    }
}
