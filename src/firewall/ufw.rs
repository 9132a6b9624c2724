//! ufw: Debian's and Ubuntu's firewall, told by its own program and with root's rights.

use std::fs;
use std::path::Path;

use crate::colony::Mode;
use crate::program::Program;

use super::{Firewall, FirewallError, Protocol};

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

/// Whether it is to be active from boot on, which anybody may read; its rules only root sees.
#[must_use]
pub fn is_enabled() -> bool {
    let settings = fs::read_to_string("/etc/ufw/ufw.conf").unwrap_or_default();
    settings.lines().any(|line| line.trim() == "ENABLED=yes")
}

/// What ufw says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UfwStatus {
    pub is_active: bool,
    /// Ports that all may reach by UDP, from and to.
    open: Vec<(u16, u16)>,
}

impl UfwStatus {
    /// Whether a rule lets everybody send to this port by UDP.
    #[must_use]
    pub fn lets_in_udp(&self, port: u16) -> bool {
        self.open.iter().any(|(from, to)| (*from..=*to).contains(&port))
    }

    /// From what `ufw status` prints. Rules for some senders only, and such by names of services, are not counted.
    fn read(text: &str) -> UfwStatus {
        let mut status = UfwStatus::default();
        for line in text.lines() {
            if line.trim() == "Status: active" {
                status.is_active = true;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let (to, rest) = match words.as_slice() {
                [to, "(v6)", ..] | [to] => (*to, &[][..]),
                [to, rest @ ..] => (*to, rest),
                [] => continue,
            };
            if !matches!(rest, ["ALLOW", "Anywhere", ..] | ["ALLOW", "IN", "Anywhere", ..]) {
                continue;
            }
            let ports = match to.split_once('/') {
                Some((ports, "udp")) => ports,
                None => to,
                Some(_) => continue,
            };
            for range in ports.split(',') {
                let (from, to) = range.split_once(':').unwrap_or((range, range));
                if let (Ok(from), Ok(to)) = (from.parse(), to.parse()) {
                    status.open.push((from, to));
                }
            }
        }
        status
    }
}

/// Asks ufw how it stands; needs root, as all that is said to it.
///
/// # Errors
/// When it, or sudo before it, does not answer.
pub fn status() -> Result<UfwStatus, FirewallError> {
    Ok(UfwStatus::read(&ufw().arg("status").run()?.stdout))
}

fn ufw() -> Program {
    // A firewall is the machine's: it always needs root, whatever mode the nodes are in.
    Program::new("ufw").rights(Mode::Sudo)
}

fn rule(port: u16, protocol: Protocol) -> String {
    format!("{port}/{protocol}")
}

/// Whether `added`, as `ufw show added` prints it, allows `rule` to all in the name of `remark`.
fn is_added(added: &str, rule: &str, remark: &str) -> bool {
    added.lines().any(|line| {
        let rest = line.trim().strip_prefix("ufw allow ");
        let named = rest.and_then(|rest| rest.strip_prefix(rule)?.strip_prefix(" comment "));
        named.is_some_and(|named| named.trim_matches('\'') == remark)
    })
}

/// A comment as ufw takes it: it refuses quotes, and a leading `-` would be an option.
fn remark(comment: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let kept: String = comment.chars().filter(plain).take(64).collect();
    kept.trim_start_matches('-').to_owned()
}

impl Firewall for Ufw {
    fn open(&self, port: u16, protocol: Protocol, comment: &str) -> Result<(), FirewallError> {
        let mut program = ufw().args(["allow", &rule(port, protocol)]);
        let remark = remark(comment);
        if !remark.is_empty() {
            program = program.args(["comment", &remark]);
        }
        program.run()?;
        Ok(())
    }

    fn close(&self, port: u16, protocol: Protocol, comment: &str) -> Result<(), FirewallError> {
        // ufw deletes a rule whatever its comment, and a port alone does not say whose it is.
        let added = ufw().args(["show", "added"]).run()?.stdout;
        if !is_added(&added, &rule(port, protocol), &remark(comment)) {
            return Ok(());
        }
        let program = ufw().args(["delete", "allow", &rule(port, protocol)]);
        let ended = program.ask()?;
        let said = format!("{}{}", ended.stdout, ended.stderr);
        if ended.code() == Some(0) || said.contains("non-existent rule") {
            return Ok(());
        }
        Err(FirewallError::Program(program.failure(&ended)))
    }

    fn is_active(&self) -> Result<bool, FirewallError> {
        Ok(status()?.is_active)
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

    #[test]
    fn only_the_rule_of_a_node_is_taken_for_its() {
        let added = "Added user rules (see 'ufw status' for running firewall):\nufw allow 53/udp\n\
            ufw allow 55001/udp comment 'antnode0001'\nufw allow 55002/udp comment 'resolver'\n\
            ufw allow from 10.0.0.1 to any port 55003 proto udp comment 'antnode0003'\n";
        let is = |port, remark| is_added(added, &rule(port, Protocol::Udp), remark);
        assert!(is(55001, "antnode0001"));
        for (port, remark) in [
            (53, "antnode0001"),
            (5500, "antnode0001"),
            (55001, "antnode0002"),
            (55002, "antnode0002"),
            (55003, "antnode0003"),
            (53, ""),
        ] {
            assert!(!is(port, remark), "{port} {remark}");
        }
    }

    #[test]
    fn the_ports_that_are_open_are_read_from_what_ufw_prints() {
        let status = UfwStatus::read(
            "Status: active\n\nTo                         Action      From\n\
             --                         ------      ----\n\
             55001/udp                  ALLOW       Anywhere                   # antnode0001\n\
             56000:56100/udp            ALLOW       Anywhere\n\
             57001,57003:57004/udp      ALLOW IN    Anywhere\n\
             58001                      ALLOW       Anywhere\n\
             59001/tcp                  ALLOW       Anywhere\n\
             59002/udp                  DENY        Anywhere\n\
             59003/udp                  ALLOW       10.0.0.0/8\n\
             59004/udp (v6)             ALLOW       Anywhere (v6)\n",
        );
        assert!(status.is_active);
        for (port, is_open) in [
            (55001, true),
            (55002, false),
            (56000, true),
            (56100, true),
            (57001, true),
            (57002, false),
            (57004, true),
            (58001, true),
            (59001, false),
            (59002, false),
            (59003, false),
            (59004, false),
        ] {
            assert_eq!(status.lets_in_udp(port), is_open, "{port}");
        }
        assert_eq!(UfwStatus::read("Status: inactive\n"), UfwStatus::default());
    }
}
