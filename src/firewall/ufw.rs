//! ufw, the firewall of Debian and Ubuntu. wnm calls its program as root.

use std::fs;
use std::path::Path;

use crate::colony::Mode;
use crate::program::Program;

use super::backend::{Backend, FirewallError, OpenedPorts, Request};
use super::wanted_rules::{COMMENT, PortRange, WantedRules};

/// Where ufw can be installed. The PATH of the operator, and of cron, may lack these directories.
const PATHS: [&str; 4] = [
    "/usr/sbin/ufw",
    "/sbin/ufw",
    "/usr/bin/ufw",
    "/usr/local/sbin/ufw",
];

/// Rules deleted in one run: ufw takes up to half a second for each.
const DELETED_AT_ONCE: usize = 25;

/// Manages the rules of ufw.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ufw;

/// Whether ufw is on this machine.
pub(super) fn is_installed() -> bool {
    PATHS.iter().any(|path| Path::new(path).exists())
}

/// Whether ufw is on this machine and switched on. Reads its config file, because only root can list the rules.
pub(super) fn is_enabled() -> bool {
    let config = fs::read_to_string("/etc/ufw/ufw.conf").unwrap_or_default();
    is_installed() && config.lines().any(|line| line.trim() == "ENABLED=yes")
}

/// What `ufw status verbose` prints.
pub(super) fn status() -> Result<String, FirewallError> {
    Ok(ufw().args(["status", "verbose"]).run()?.stdout)
}

fn ufw() -> Program {
    // A firewall belongs to the machine and needs root, also if the nodes run as the user.
    Program::new("ufw").rights(Mode::Sudo)
}

/// The ports of a rule as ufw writes them.
pub(super) fn target(ports: PortRange) -> String {
    format!("{}/udp", ports.text(':'))
}

/// A line of `ufw show added`: a rule about UDP ports for all senders.
#[derive(Debug, PartialEq, Eq)]
struct AddedRule<'a> {
    action: &'a str,
    ports: PortRange,
    comment: &'a str,
    /// Whether it is the rule that wnm would write: an `allow` without options.
    is_plain: bool,
    line: &'a str,
}

impl AddedRule<'_> {
    /// None: it is a rule about something else.
    fn parse(line: &str) -> Option<AddedRule<'_>> {
        let line = line.trim();
        let rest = line.strip_prefix("ufw ")?;
        let (rule, comment) = rest.split_once(" comment ").unwrap_or((rest, ""));
        let mut words = rule.split_whitespace();
        let action = words.next()?;
        let mut others = words.filter(|word| !matches!(*word, "in" | "log" | "log-all"));
        let ports = others.next()?.strip_suffix("/udp")?;
        let (first, last) = ports.split_once(':').unwrap_or((ports, ports));
        let is_action = matches!(action, "allow" | "deny" | "reject" | "limit");
        (is_action && others.next().is_none()).then_some(AddedRule {
            action,
            ports: PortRange {
                first: first.parse().ok()?,
                last: last.parse().ok()?,
            },
            comment: comment.trim_matches('\''),
            is_plain: rule.split_whitespace().count() == 2 && action == "allow",
            line,
        })
    }
}

impl Backend for Ufw {
    fn apply(&self, request: &Request<'_>, _opened: &mut Vec<OpenedPorts>) -> Result<bool, FirewallError> {
        let printed = ufw().args(["show", "added"]).run()?.stdout;
        let added: Vec<AddedRule> = printed.lines().filter_map(AddedRule::parse).collect();
        for (ports, comment) in &request.wanted.0 {
            let same = added.iter().find(|rule| rule.ports == *ports);
            match same {
                // ufw would replace the operator's rule for these ports, also one that denies them.
                Some(rule) if rule.action == "allow" && !is_ours(rule, request) => continue,
                Some(rule) if !is_ours(rule, request) => {
                    return Err(FirewallError::ForeignRule {
                        ports: *ports,
                        rule: rule.line.to_owned(),
                    });
                }
                // Repeated for the range: ufw forgets rules for IPv6 while IPv6 is switched off.
                Some(rule) if rule.comment == comment && comment != COMMENT => continue,
                _ => {}
            }
            ufw().args(["allow", &target(*ports), "comment", comment]).run()?;
        }
        let unwanted: Vec<&AddedRule> = added
            .iter()
            .filter(|rule| is_ours(rule, request) && !request.wanted.has(rule.ports, rule.comment))
            .filter(|rule| !request.wanted.ranges().contains(&rule.ports))
            .collect();
        for rule in unwanted.iter().take(DELETED_AT_ONCE) {
            let delete = ufw().args(["delete", "allow", &target(rule.ports)]);
            let ended = delete.ask()?;
            let printed = format!("{}{}", ended.stdout, ended.stderr);
            if ended.code() != Some(0) && !printed.contains("non-existent rule") {
                return Err(delete.failure(&ended).into());
            }
        }
        Ok(unwanted.len() <= DELETED_AT_ONCE)
    }

    fn sudo_commands(&self, wanted: &WantedRules) -> Vec<String> {
        let mut commands = vec!["ufw status verbose".to_owned(), "ufw show added".to_owned()];
        for (ports, comment) in wanted.0.iter().take(1) {
            let target = target(*ports);
            commands.push(format!("ufw allow {target} comment {comment}"));
            commands.push(format!("ufw delete allow {target}"));
        }
        commands
    }
}

fn is_ours(rule: &AddedRule<'_>, request: &Request<'_>) -> bool {
    rule.is_plain && request.layout.is_ours(rule.ports, rule.comment, request.nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_about_udp_ports_are_read_from_the_list() {
        let parse = |line| AddedRule::parse(line).map(|rule| (rule.action, rule.ports, rule.comment));
        let range = |first, last| PortRange { first, last };
        for (line, expected) in [
            ("Added user rules (see 'ufw status' for running firewall):", None),
            ("ufw allow 53/udp", Some(("allow", range(53, 53), ""))),
            (
                "ufw allow 55001:55020/udp comment 'wnm'",
                Some(("allow", range(55001, 55020), "wnm")),
            ),
            (
                "ufw limit log 55004/udp",
                Some(("limit", range(55004, 55004), "")),
            ),
            (
                "ufw deny 55500/udp comment 'not this one'",
                Some(("deny", range(55500, 55500), "not this one")),
            ),
            ("ufw allow 22/tcp", None),
            ("ufw allow from 10.0.0.1 to any port 55003 proto udp", None),
            ("ufw deny 55005", None),
            ("ufw allow out 55005/udp", None),
        ] {
            assert_eq!(parse(line), expected, "{line}");
        }
        assert!(
            !AddedRule::parse("ufw allow log 55004/udp comment 'wnm'")
                .unwrap()
                .is_plain
        );
    }
}
