//! ufw, the firewall of Debian and Ubuntu. wnm calls its program as root.

use std::fs;
use std::path::Path;

use crate::colony::Mode;
use crate::program::Program;

use super::backend::{Firewall, FirewallError, FirewallStatus, NodeUdpPorts};
use super::ufw_status::{Family, PortVerdict, UfwStatus};

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

/// The action and the line of a rule for exactly this port, for all senders, that has another comment.
fn foreign_rule<'a>(added: &'a str, rule: &str, comment: &str) -> Option<(&'a str, &'a str)> {
    if is_added(added, rule, comment) {
        return None;
    }
    added.lines().map(str::trim).find_map(|line| {
        let mut words = line.strip_prefix("ufw ")?.split_whitespace();
        let action = words.next()?;
        let target = words.find(|word| !matches!(*word, "in" | "log" | "log-all"))?;
        let is_action = matches!(action, "allow" | "deny" | "reject" | "limit");
        (is_action && target == rule).then_some((action, line))
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
        // ufw would replace the operator's rule for the port, also one that denies it.
        let added = ufw().args(["show", "added"]).run()?.stdout;
        match foreign_rule(&added, &rule(port), &clean_comment(comment)) {
            // A rule without a comment is as the Python wnm wrote it: `ufw allow` below adds the name of the node, so
            // that the rule ends with it.
            Some(("allow", line)) if !line.contains(" comment ") => {}
            Some(("allow", _)) => return Ok(()),
            Some((_, line)) => {
                return Err(FirewallError::ForeignRule {
                    port,
                    rule: line.to_owned(),
                });
            }
            None => {}
        }
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
        &["ufw status verbose", "ufw show added"]
    }

    fn examine(&self, ports: &NodeUdpPorts) -> Result<FirewallStatus, FirewallError> {
        if !is_installed() {
            return Ok(FirewallStatus::Ok("ufw is not installed".to_owned()));
        }
        let printed = ufw().args(["status", "verbose"]).run()?.stdout;
        let status = UfwStatus::parse(&printed);
        if !status.is_active {
            let what = "ufw is not active; the rules take effect when it is enabled";
            return Ok(FirewallStatus::Ok(what.to_owned()));
        }
        Ok(assess(&status, &ports.of_running, default_interface().as_deref()))
    }
}

/// What ufw does with the ports of the running nodes.
fn assess(status: &UfwStatus, ports: &[u16], interface: Option<&str>) -> FirewallStatus {
    let of = |family| move |port: &u16| (*port, status.verdict(*port, family, interface));
    let verdicts: Vec<(u16, PortVerdict)> = ports.iter().map(of(Family::V4)).collect();
    let those = |is: fn(&PortVerdict) -> bool| -> Vec<u16> {
        let found = verdicts.iter().filter(|(_, verdict)| is(verdict));
        found.map(|(port, _)| *port).collect()
    };
    let line_of = |port: u16| {
        verdicts.iter().find_map(|(of, verdict)| match verdict {
            PortVerdict::Closed(Some(line)) | PortVerdict::ForSome(line) if *of == port => Some(*line),
            _ => None,
        })
    };
    let denied = those(|verdict| matches!(verdict, PortVerdict::Closed(Some(_))));
    if let Some(first) = denied.first() {
        return FirewallStatus::Closed {
            what: format!(
                "ufw denies {} by an earlier rule: `{}`",
                list(&denied),
                line_of(*first).unwrap_or_default()
            ),
            hint: "`sudo ufw status numbered` shows the number of that rule; delete it with \
                   `sudo ufw delete NUMBER` if the nodes are to be reached"
                .to_owned(),
        };
    }
    let closed = those(|verdict| matches!(verdict, PortVerdict::Closed(None)));
    if let Some(first) = closed.first() {
        return FirewallStatus::Closed {
            what: format!("ufw is active and has no rule for {}", list(&closed)),
            hint: format!("sudo ufw allow {first}/udp, and the same for the other ports"),
        };
    }
    let partial = those(|verdict| matches!(verdict, PortVerdict::ForSome(_)));
    if let Some(first) = partial.first() {
        return FirewallStatus::Unsure {
            what: format!(
                "ufw opens {} only for some senders, interfaces or addresses: `{}`",
                list(&partial),
                line_of(*first).unwrap_or_default()
            ),
            hint: "check that everybody on the internet is among them: `sudo ufw status verbose`".to_owned(),
        };
    }
    let limited = those(|verdict| *verdict == PortVerdict::Limited);
    if !limited.is_empty() {
        return FirewallStatus::Unsure {
            what: format!(
                "ufw opens {} with a limit: it refuses a sender that begins six times within 30 s",
                list(&limited)
            ),
            hint: "replace the rule: `sudo ufw allow PORT/udp`".to_owned(),
        };
    }
    let is_closed_in_v6 = |(_, verdict): &(u16, PortVerdict)| matches!(verdict, PortVerdict::Closed(_));
    let only_v4 = ports.iter().map(of(Family::V6)).filter(is_closed_in_v6).count();
    let v6 = match only_v4 {
        0 => String::new(),
        count => format!(" (for {count} by IPv4 only)"),
    };
    FirewallStatus::Ok(format!("ufw is active and has a rule for each running node{v6}"))
}

/// The interface of the default route; None: there is none, or several.
fn default_interface() -> Option<String> {
    let table = fs::read_to_string("/proc/net/route").ok()?;
    let mut names: Vec<&str> = table
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            (words.get(1) == Some(&"00000000") && words.get(7) == Some(&"00000000")).then(|| words[0])
        })
        .collect();
    names.dedup();
    match names.as_slice() {
        [one] => Some((*one).to_owned()),
        _ => None,
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
    fn rule_of_somebody_else_for_the_port_is_found() {
        let added = "Added user rules (see 'ufw status' for running firewall):\nufw deny 55001/udp\n\
            ufw allow 55002/udp comment 'antnode0002'\nufw allow 55003/udp comment 'mine'\n\
            ufw limit log 55004/udp\nufw deny 55000:55999/udp\nufw deny 55005\n";
        for (port, action) in [
            (55001, Some("deny")),
            (55002, None),
            (55003, Some("allow")),
            (55004, Some("limit")),
            (55005, None),
            (55006, None),
        ] {
            let comment = format!("antnode{:04}", port - 55000);
            let found = foreign_rule(added, &rule(port), &comment).map(|(action, _)| action);
            assert_eq!(found, action, "{port}");
        }
    }

    #[test]
    fn ports_are_reported_as_ufw_treats_them() {
        let assess = |rules: &str| {
            let text = format!("Status: active\nDefault: deny (incoming), allow (outgoing)\n{rules}");
            assess(&UfwStatus::parse(&text), &[55001, 55002], Some("eth0"))
        };
        let FirewallStatus::Closed { what, .. } = assess("55002/udp ALLOW IN Anywhere\n") else {
            panic!("55001 is closed");
        };
        assert_eq!(what, "ufw is active and has no rule for 55001");
        let FirewallStatus::Closed { what, .. } =
            assess("55001/udp DENY IN Anywhere\n55000:56000/udp ALLOW IN Anywhere\n")
        else {
            panic!("55001 is denied");
        };
        assert!(
            what.contains("55001 by an earlier rule: `55001/udp DENY"),
            "{what}"
        );
        let open = assess("55000:56000/udp ALLOW IN Anywhere\n");
        assert!(
            matches!(&open, FirewallStatus::Ok(what) if what.ends_with("(for 2 by IPv4 only)")),
            "{open:?}"
        );
        for rules in [
            "55000:56000/udp LIMIT IN Anywhere\n",
            "55000:56000/udp ALLOW IN 10.0.0.0/8\n",
        ] {
            assert!(matches!(assess(rules), FirewallStatus::Unsure { .. }), "{rules}");
        }
    }
}
