//! ufw, the firewall of Debian and Ubuntu. wnm calls its program as root.

use std::fs;
use std::path::Path;

use crate::colony::Mode;
use crate::program::Program;

use super::backend::{Firewall, FirewallError, FirewallStatus, NodeUdpPorts};

/// Where ufw can be installed. The PATH of the operator, and of cron, may lack these directories.
const PATHS: [&str; 4] = [
    "/usr/sbin/ufw",
    "/sbin/ufw",
    "/usr/bin/ufw",
    "/usr/local/sbin/ufw",
];

/// Manages the rules of ufw.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ufw;

/// Whether ufw is on this machine.
pub(super) fn is_installed() -> bool {
    PATHS.iter().any(|path| Path::new(path).exists())
}

/// What to do if ufw is enabled and wnm does not manage its rules.
///
/// Reads ufw's config file, because only root can list the rules.
pub(super) fn warn_if_enabled(ports: &NodeUdpPorts) -> Option<FirewallStatus> {
    let config = fs::read_to_string("/etc/ufw/ufw.conf").unwrap_or_default();
    let is_enabled = is_installed() && config.lines().any(|line| line.trim() == "ENABLED=yes");
    let all = || ports.of_running.iter().chain(&ports.of_new);
    let command = match (all().min(), all().max()) {
        (Some(first), Some(last)) => format!(": `sudo ufw allow {first}:{last}/udp`"),
        _ => String::new(),
    };
    is_enabled.then(|| FirewallStatus::NotManaged {
        what: "ufw is enabled, and wnm does not manage its rules in this colony".to_owned(),
        hint: format!("open the UDP ports of the nodes yourself{command}"),
    })
}

/// The state of ufw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct UfwStatus {
    is_active: bool,
    /// Ranges of UDP ports, first and last, that everybody may send to.
    open: Vec<(u16, u16)>,
}

impl UfwStatus {
    fn is_open(&self, port: u16) -> bool {
        self.open
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&port))
    }

    /// Parses the output of `ufw status`. Skips rules that allow only some senders, or that name a service.
    fn parse(text: &str) -> UfwStatus {
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

fn ufw() -> Program {
    // A firewall belongs to the machine and needs root, also if the nodes run as the user.
    Program::new("ufw").rights(Mode::Sudo)
}

fn rule(port: u16) -> String {
    format!("{port}/udp")
}

/// Whether `added`, the output of `ufw show added`, has `rule` for all senders with this comment.
fn is_added(added: &str, rule: &str, comment: &str) -> bool {
    added.lines().any(|line| {
        let rest = line.trim().strip_prefix("ufw allow ");
        let found = rest.and_then(|rest| rest.strip_prefix(rule)?.strip_prefix(" comment "));
        found.is_some_and(|found| found.trim_matches('\'') == comment)
    })
}

/// Removes what ufw does not take in a comment: it rejects quotes, and would take a leading `-` for an option.
fn clean_comment(comment: &str) -> String {
    let is_allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let kept: String = comment.chars().filter(is_allowed).take(64).collect();
    kept.trim_start_matches('-').to_owned()
}

impl Firewall for Ufw {
    fn open(&self, port: u16, comment: &str) -> Result<(), FirewallError> {
        let mut program = ufw().args(["allow", &rule(port)]);
        let comment = clean_comment(comment);
        if !comment.is_empty() {
            program = program.args(["comment", &comment]);
        }
        program.run()?;
        Ok(())
    }

    fn close(&self, port: u16, comment: &str) -> Result<(), FirewallError> {
        // ufw deletes a rule whatever its comment is, and the operator may have a rule for the same port.
        let added = ufw().args(["show", "added"]).run()?.stdout;
        if !is_added(&added, &rule(port), &clean_comment(comment)) {
            return Ok(());
        }
        let program = ufw().args(["delete", "allow", &rule(port)]);
        let output = program.ask()?;
        let printed = format!("{}{}", output.stdout, output.stderr);
        if output.code() == Some(0) || printed.contains("non-existent rule") {
            return Ok(());
        }
        Err(program.failure(&output).into())
    }

    fn sudo_commands(&self) -> &'static [&'static str] {
        &["ufw status"]
    }

    fn examine(&self, ports: &NodeUdpPorts) -> Result<FirewallStatus, FirewallError> {
        if !is_installed() {
            return Ok(FirewallStatus::Ok("ufw is not installed".to_owned()));
        }
        let status = UfwStatus::parse(&ufw().arg("status").run()?.stdout);
        if !status.is_active {
            let what = "ufw is not active; the rules take effect when it is enabled";
            return Ok(FirewallStatus::Ok(what.to_owned()));
        }
        let is_closed = |port: &u16| !status.is_open(*port);
        let closed: Vec<u16> = ports.of_running.iter().copied().filter(is_closed).collect();
        Ok(match closed.as_slice() {
            [] => FirewallStatus::Ok("ufw is active and has a rule for each running node".to_owned()),
            [first, ..] => FirewallStatus::Closed {
                what: format!("ufw is active and has no rule for {}", list(&closed)),
                hint: format!("sudo ufw allow {first}/udp, and the same for the other ports"),
            },
        })
    }
}

/// The first of the ports, and how many more there are.
fn list(ports: &[u16]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = ports.iter().take(SHOWN).map(u16::to_string).collect();
    match ports.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comment_loses_characters_that_ufw_rejects() {
        assert_eq!(rule(55001), "55001/udp");
        assert_eq!(clean_comment("antnode0001"), "antnode0001");
        assert_eq!(clean_comment("--it's a \"node\"\n"), "itsanode");
    }

    #[test]
    fn matches_only_the_rule_with_the_comment_of_the_node() {
        let added = "Added user rules (see 'ufw status' for running firewall):\nufw allow 53/udp\n\
            ufw allow 55001/udp comment 'antnode0001'\nufw allow 55002/udp comment 'resolver'\n\
            ufw allow from 10.0.0.1 to any port 55003 proto udp comment 'antnode0003'\n";
        let is = |port, comment| is_added(added, &rule(port), comment);
        assert!(is(55001, "antnode0001"));
        for (port, comment) in [
            (53, "antnode0001"),
            (5500, "antnode0001"),
            (55001, "antnode0002"),
            (55002, "antnode0002"),
            (55003, "antnode0003"),
            (53, ""),
        ] {
            assert!(!is(port, comment), "{port} {comment}");
        }
    }

    #[test]
    fn parses_open_udp_ports_from_ufw_status() {
        let status = UfwStatus::parse(
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
            assert_eq!(status.is_open(port), is_open, "{port}");
        }
        assert_eq!(UfwStatus::parse("Status: inactive\n"), UfwStatus::default());
    }
}
