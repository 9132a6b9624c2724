//! Whether a UDP port is open, from the output of `ufw status verbose`: the first rule that matches decides.

use super::port_verdict::{Family, PortVerdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Allow,
    Limit,
    Deny,
}

/// The state of ufw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UfwStatus {
    pub is_active: bool,
    is_open_by_default: bool,
    /// In the order in which ufw applies them.
    rules: Vec<UfwRule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct UfwRule {
    family: Family,
    action: Action,
    /// Ranges of ports, first and last; None: all ports, or ports of a profile whose numbers are not shown.
    ports: Option<Vec<(u16, u16)>>,
    /// Whether the ports are unknown.
    is_unclear: bool,
    interface: Option<String>,
    /// Whether it is about some senders or addresses only.
    is_for_some: bool,
    line: String,
}

impl UfwStatus {
    /// Parses the output of `ufw status verbose`.
    pub fn parse(text: &str) -> UfwStatus {
        let mut status = UfwStatus::default();
        for line in text.lines() {
            if line.trim() == "Status: active" {
                status.is_active = true;
            } else if let Some(defaults) = line.strip_prefix("Default: ") {
                status.is_open_by_default = defaults.starts_with("allow (incoming)");
            } else {
                status.rules.extend(UfwRule::parse(line));
            }
        }
        status
    }

    /// What happens to packets for `port` that arrive at `interface`, the one that leads to the internet.
    pub fn verdict(&self, port: u16, family: Family, interface: Option<&str>) -> PortVerdict {
        let mut partial: Vec<(&UfwRule, bool)> = Vec::new();
        let mut last = match self.is_open_by_default {
            true => PortVerdict::Open,
            false => PortVerdict::Closed("ufw, which has no rule for it".to_owned()),
        };
        for rule in &self.rules {
            let is_of_port = rule
                .ports
                .as_ref()
                .is_none_or(|ports| ports.iter().any(|(from, to)| (*from..=*to).contains(&port)));
            let is_elsewhere = match (rule.interface.as_deref(), interface) {
                (Some(of_rule), Some(interface)) => of_rule != interface,
                _ => false,
            };
            if rule.family != family || !is_of_port || is_elsewhere {
                continue;
            }
            let is_open = rule.action != Action::Deny;
            if rule.is_unclear || rule.is_for_some || (rule.interface.is_some() && interface.is_none()) {
                partial.push((rule, is_open));
                continue;
            }
            last = match rule.action {
                Action::Allow => PortVerdict::Open,
                // The list is the same before and after a reload, and before it IPv6 is closed.
                Action::Limit => PortVerdict::CannotTell(format!(
                    "ufw has a limit, which refuses a sender that begins six times within 30 s: `{}`",
                    rule.line
                )),
                Action::Deny => PortVerdict::Closed(format!("ufw: `{}`", rule.line)),
            };
            break;
        }
        let is_open = !matches!(last, PortVerdict::Closed(_));
        match partial.iter().find(|(_, opens)| *opens != is_open) {
            Some((rule, _)) => PortVerdict::CannotTell(format!(
                "ufw has a rule for some senders, interfaces or addresses: `{}`",
                rule.line
            )),
            None => last,
        }
    }
}

impl UfwRule {
    /// A line with the columns `To`, `Action` and `From`. None: it is no rule for incoming UDP.
    fn parse(line: &str) -> Option<UfwRule> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words
            .iter()
            .position(|word| matches!(*word, "ALLOW" | "DENY" | "REJECT" | "LIMIT"))
            .filter(|at| *at > 0)?;
        let action = match words[at] {
            "ALLOW" => Action::Allow,
            "LIMIT" => Action::Limit,
            _ => Action::Deny,
        };
        let after = match words.get(at + 1) {
            Some(&"OUT" | &"FWD") => return None,
            Some(&"IN") => at + 2,
            _ => at + 1,
        };
        let from: Vec<&str> = words[after.min(words.len())..]
            .iter()
            .copied()
            .take_while(|word| *word != "#")
            .collect();
        let mut to = words[..at].to_vec();
        let mut is_v6 = to
            .iter()
            .chain(&from)
            .any(|word| word.trim_end_matches(')') == "(v6");
        let interface = to.iter().position(|word| *word == "on").map(|on| {
            let name = to.get(on + 1).copied().unwrap_or_default().to_owned();
            to.truncate(on);
            name
        });
        // `55012:55014/udp (Nodes (v6))` names a profile.
        if let Some(at) = to.iter().position(|word| word.starts_with('(')) {
            to.truncate(at);
        }
        let [address @ .., target] = to.as_slice() else {
            return None;
        };
        is_v6 |= address.iter().any(|word| word.contains(':'));
        let (ports, protocol) = target.split_once('/').unwrap_or((target, ""));
        // An address without a port: `10.77.2.1`, `fd77::1`, `10.0.0.0/8`.
        let is_address = address.is_empty()
            && (target
                .split('/')
                .next()
                .unwrap_or_default()
                .parse::<std::net::IpAddr>()
                .is_ok());
        if !is_address && !matches!(protocol, "" | "udp") {
            return None;
        }
        is_v6 |= is_address && ports.contains(':');
        is_v6 |= from
            .first()
            .is_some_and(|word| word.parse::<std::net::Ipv6Addr>().is_ok());
        let is_all = is_address || *target == "Anywhere" || ports == "Anywhere";
        let ranges = if is_all { None } else { ranges(ports) };
        let is_from_all = matches!(
            from.as_slice(),
            [] | ["Anywhere" | "Anywhere/udp"] | ["Anywhere" | "Anywhere/udp", "(v6)"]
        );
        Some(UfwRule {
            family: if is_v6 { Family::V6 } else { Family::V4 },
            action,
            is_unclear: !is_all && ranges.is_none(),
            ports: ranges,
            interface,
            is_for_some: is_address || !address.is_empty() || !is_from_all,
            line: line.split_whitespace().collect::<Vec<_>>().join(" "),
        })
    }
}

/// `55001`, `55000:55999` and lists of them.
fn ranges(ports: &str) -> Option<Vec<(u16, u16)>> {
    ports
        .split(',')
        .map(|range| {
            let (from, to) = range.split_once(':').unwrap_or((range, range));
            Some((from.parse().ok()?, to.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Family, PortVerdict, UfwStatus};

    fn status(default: &str, rules: &str) -> UfwStatus {
        UfwStatus::parse(&format!(
            "Status: active\nLogging: on (low)\nDefault: {default} (incoming), allow (outgoing), deny (routed)\n\
             New profiles: skip\n\nTo                         Action      From\n\
             --                         ------      ----\n{rules}"
        ))
    }

    fn word(verdict: PortVerdict) -> &'static str {
        match verdict {
            PortVerdict::Open => "open",
            PortVerdict::CannotTell(why) if why.contains("a limit") => "limited",
            PortVerdict::Closed(why) if why.contains('`') => "denied",
            PortVerdict::Closed(_) => "closed",
            PortVerdict::CannotTell(_) => "for some",
        }
    }

    #[test]
    fn first_rule_that_matches_decides_on_a_port() {
        for (default, rules, expected) in [
            ("deny", "", "closed"),
            ("reject", "", "closed"),
            ("allow", "", "open"),
            ("deny", "55001/udp  ALLOW IN  Anywhere  # antnode0001", "open"),
            ("deny", "55001  ALLOW IN  Anywhere", "open"),
            ("deny", "55001/tcp  ALLOW IN  Anywhere", "closed"),
            ("deny", "Anywhere  ALLOW IN  Anywhere", "open"),
            ("deny", "55000:56000/udp  ALLOW IN  Anywhere", "open"),
            ("deny", "55003,55001,56000:56001/udp  ALLOW IN  Anywhere", "open"),
            (
                "deny",
                "55000:55999/udp  DENY IN  Anywhere\n55001/udp  ALLOW IN  Anywhere",
                "denied",
            ),
            (
                "deny",
                "55001/udp  ALLOW IN  Anywhere\n55000:55999/udp  DENY IN  Anywhere",
                "open",
            ),
            ("allow", "55001/udp  REJECT IN  Anywhere", "denied"),
            ("deny", "55001/udp  LIMIT IN  Anywhere", "limited"),
            ("deny", "55000:55100/udp on eth0  ALLOW IN  Anywhere", "open"),
            ("deny", "55000:55100/udp on eth9  ALLOW IN  Anywhere", "closed"),
            (
                "deny",
                "Anywhere on eth0  DENY IN  Anywhere\n55001/udp  ALLOW IN  Anywhere",
                "denied",
            ),
            (
                "deny",
                "55001/udp  DENY IN  10.77.2.0/24\n55001/udp  ALLOW IN  Anywhere",
                "for some",
            ),
            ("deny", "55001/udp  ALLOW IN  10.0.0.0/8", "for some"),
            ("deny", "10.77.2.1 55001/udp  ALLOW IN  Anywhere", "for some"),
            ("deny", "55001/udp  ALLOW OUT  Anywhere", "closed"),
            ("deny", "55001/udp (v6)  ALLOW IN  Anywhere (v6)", "closed"),
            ("deny", "55000:55014/udp (Nodes)  ALLOW IN  Anywhere", "open"),
            ("deny", "55001/udp  ALLOW IN  9999/udp", "for some"),
            ("deny", "22/tcp  ALLOW IN  Anywhere", "closed"),
        ] {
            let status = status(default, rules);
            let found = status.verdict(55001, Family::V4, Some("eth0"));
            assert_eq!(word(found), expected, "{default}: {rules}");
        }
    }

    #[test]
    fn rules_of_ipv6_are_a_list_of_their_own() {
        let rules = "55001/udp  DENY IN  Anywhere\n55001/udp (v6)  ALLOW IN  Anywhere (v6)\n\
            55012:55014/udp (Nodes (v6))  ALLOW IN  Anywhere (v6)\n55020/udp (v6) on eth9  ALLOW IN  Anywhere (v6)\n";
        let status = status("deny", rules);
        for (port, v4, v6) in [
            (55001, "denied", "open"),
            (55013, "closed", "open"),
            (55020, "closed", "closed"),
        ] {
            let is = |family| word(status.verdict(port, family, Some("eth0")));
            assert_eq!((is(Family::V4), is(Family::V6)), (v4, v6), "{port}");
        }
        // Without a default route, a rule for an interface may be about the internet or not.
        assert_eq!(word(status.verdict(55020, Family::V6, None)), "for some");
        assert_eq!(UfwStatus::parse("Status: inactive\n"), UfwStatus::default());
    }
}
