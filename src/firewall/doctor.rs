//! Whether packets reach the nodes, over all firewalls that are active: each of them must let a packet pass.

use super::backend::{FirewallError, FirewallStatus};
use super::interface::default_interface;
use super::nft_match::Packet;
use super::nft_rules::{Key, Ruleset};
use super::port_verdict::{Family, PortVerdict};
use super::ufw_status::UfwStatus;
use super::wanted_rules::PortLayout;
use super::{firewalld, nftables, ufw};

/// The firewalls that are active.
struct Active {
    ufw: Option<UfwStatus>,
    /// Of nftables and firewalld.
    ruleset: Option<Ruleset>,
    interface: Option<String>,
}

/// `is_managed`: wnm opens ports in this colony.
pub(super) fn examine(
    ports: &[u16],
    layout: PortLayout,
    is_managed: bool,
) -> Result<FirewallStatus, FirewallError> {
    let has_firewalld = firewalld::is_active();
    let has_nftables = nftables::is_active();
    if !is_managed {
        return Ok(not_managed(layout, has_firewalld, has_nftables));
    }
    let ufw = match ufw::is_installed() {
        true => Some(UfwStatus::parse(&ufw::status()?)),
        false => None,
    };
    let is_ufw_active = ufw.as_ref().is_some_and(|ufw| ufw.is_active);
    // Other programs may have loaded rules of nftables; without the rights to list them only ufw is judged.
    let ruleset = match nftables::is_installed() {
        true if has_firewalld || has_nftables => Some(nftables::ruleset()?),
        true => nftables::ruleset().ok(),
        false => None,
    };
    let blocking = ruleset
        .as_ref()
        .is_some_and(|ruleset| !ruleset.input_chains().is_empty());
    let names: Vec<&str> = [
        (has_firewalld, "firewalld"),
        (is_ufw_active, "ufw"),
        (blocking || has_nftables, "nftables"),
    ]
    .into_iter()
    .filter_map(|(is_active, name)| is_active.then_some(name))
    .collect();
    if names.is_empty() {
        let what = match ufw {
            Some(_) => "ufw is not active; the rules take effect when it is enabled",
            None => "no firewall is active",
        };
        return Ok(FirewallStatus::Ok(what.to_owned()));
    }
    let active = Active {
        ufw: ufw.filter(|ufw| ufw.is_active),
        ruleset,
        interface: default_interface(),
    };
    Ok(assess(&active, ports, &names.join(" and "), layout))
}

/// What to do if a firewall is enabled and wnm does not manage its rules.
fn not_managed(layout: PortLayout, has_firewalld: bool, has_nftables: bool) -> FirewallStatus {
    let range = layout.range();
    let command = |text: &dyn Fn(String) -> String, separator| {
        range.map_or(String::new(), |range| {
            format!(": `{}`", text(range.text(separator)))
        })
    };
    let (name, command) = if ufw::is_enabled() {
        (
            "ufw",
            command(&|ports| format!("sudo ufw allow {ports}/udp"), ':'),
        )
    } else if has_firewalld {
        let add = |ports| format!("sudo firewall-cmd --permanent --add-port={ports}/udp");
        ("firewalld", command(&add, '-'))
    } else if has_nftables {
        ("nftables", String::new())
    } else {
        return FirewallStatus::Ok("no firewall is enabled".to_owned());
    };
    FirewallStatus::NotManaged {
        what: format!("{name} is enabled, and wnm does not manage its rules in this colony"),
        hint: format!("open the UDP ports of the nodes yourself{command}"),
    }
}

impl Active {
    fn verdict(&self, port: u16, family: Family) -> PortVerdict {
        let interface = self.interface.as_deref();
        let by_ufw = self.ufw.as_ref().map(|ufw| ufw.verdict(port, family, interface));
        let packet = Packet {
            port,
            family,
            interface,
        };
        // The list of ufw says more than its chains.
        let is_of_ufw = |key: &Key| {
            let first = (key.0.clone(), key.1.clone(), "ufw-before-input".to_owned());
            let first_v6 = (key.0.clone(), key.1.clone(), "ufw6-before-input".to_owned());
            let has = |chain| self.ruleset.as_ref().is_some_and(|rules| rules.has_chain(chain));
            self.ufw.is_some() && (has(&first) || has(&first_v6))
        };
        let by_rules = self
            .ruleset
            .as_ref()
            .map(|ruleset| ruleset.verdict(packet, is_of_ufw));
        let verdicts = by_ufw.into_iter().chain(by_rules);
        verdicts.fold(PortVerdict::Open, PortVerdict::and)
    }
}

/// What the firewalls do with the ports of the running nodes.
fn assess(active: &Active, ports: &[u16], names: &str, layout: PortLayout) -> FirewallStatus {
    let mut closed: Vec<(String, Vec<u16>)> = Vec::new();
    let mut unsure = Vec::new();
    let mut only_v4 = 0;
    for port in ports {
        let group = match active.verdict(*port, Family::V4) {
            PortVerdict::Open => {
                let v6 = active.verdict(*port, Family::V6);
                only_v4 += usize::from(matches!(v6, PortVerdict::Closed(_)));
                continue;
            }
            PortVerdict::Closed(why) => (&mut closed, why),
            PortVerdict::CannotTell(why) => (&mut unsure, why),
        };
        let (groups, why) = group;
        match groups.iter_mut().find(|(of_group, _)| *of_group == why) {
            Some((_, members)) => members.push(*port),
            None => groups.push((why, vec![*port])),
        }
    }
    if let Some((why, ports)) = closed.first() {
        return FirewallStatus::Closed {
            what: format!("closed: {} by {why}", list(ports)),
            hint: hint(why, layout),
        };
    }
    if let Some((why, ports)) = unsure.first() {
        return FirewallStatus::Unsure {
            what: format!("cannot tell whether {} are open: {why}", list(ports)),
            hint: "send a UDP packet from outside to one of these ports".to_owned(),
        };
    }
    let v6 = match only_v4 {
        0 => String::new(),
        count => format!(" ({count} of them by IPv4 only)"),
    };
    FirewallStatus::Ok(format!("{names}: the ports of all running nodes are open{v6}"))
}

/// What to do about closed ports.
fn hint(why: &str, layout: PortLayout) -> String {
    if why.starts_with("ufw: ") {
        return "`sudo ufw status numbered` shows the number of that rule; delete it with `sudo ufw delete NUMBER` if \
                the nodes are to be reached"
            .to_owned();
    }
    let range = layout.range();
    let ports = |separator| range.map_or(String::new(), |range| range.text(separator));
    if why.starts_with("ufw") {
        return format!("sudo ufw allow {}/udp comment wnm", ports(':'));
    }
    if why.contains("firewalld") {
        return format!(
            "`wnm` opens {}/udp in the zone of the default route; `sudo firewall-cmd --list-all-zones` shows what closes \
             it otherwise",
            ports('-')
        );
    }
    "`sudo nft list ruleset` shows the rules of that chain; `wnm --firewall nftables` opens the ports in it"
        .to_owned()
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
    use crate::colony::FirewallRules;

    const LAYOUT: PortLayout = PortLayout {
        rules: FirewallRules::Range,
        port_start: 55,
        node_cap: 20,
    };

    fn with_ufw(rules: &str) -> FirewallStatus {
        let text = format!("Status: active\nDefault: deny (incoming), allow (outgoing)\n{rules}");
        let active = Active {
            ufw: Some(UfwStatus::parse(&text)),
            ruleset: None,
            interface: Some("eth0".to_owned()),
        };
        assess(&active, &[55001, 55002], "ufw", LAYOUT)
    }

    #[test]
    fn ports_are_reported_as_ufw_treats_them() {
        for (rules, expected, hinted) in [
            (
                "55002/udp ALLOW IN Anywhere\n",
                "closed: 55001 by ufw, which has no rule for it",
                "sudo ufw allow 55001:55020/udp comment wnm",
            ),
            (
                "55001/udp DENY IN Anywhere\n55000:56000/udp ALLOW IN Anywhere\n",
                "closed: 55001 by ufw: `55001/udp DENY IN Anywhere`",
                "ufw delete NUMBER",
            ),
        ] {
            let FirewallStatus::Closed { what, hint } = with_ufw(rules) else {
                panic!("{rules}");
            };
            assert_eq!(what, expected);
            assert!(hint.contains(hinted), "{hint}");
        }
        let open = with_ufw("55000:56000/udp ALLOW IN Anywhere\n");
        assert!(
            matches!(&open, FirewallStatus::Ok(what) if what.ends_with("(2 of them by IPv4 only)")),
            "{open:?}"
        );
        for rules in [
            "55000:56000/udp LIMIT IN Anywhere\n",
            "55000:56000/udp ALLOW IN 10.0.0.0/8\n",
        ] {
            assert!(
                matches!(with_ufw(rules), FirewallStatus::Unsure { .. }),
                "{rules}"
            );
        }
    }

    #[test]
    fn port_must_pass_every_firewall() {
        let rules = r#"{"nftables": [{"chain": {"family": "inet", "table": "filter", "name": "input",
            "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}]}"#;
        let text = "Status: active\nDefault: deny (incoming)\n55001/udp ALLOW IN Anywhere\n";
        let active = Active {
            ufw: Some(UfwStatus::parse(text)),
            ruleset: Ruleset::parse(rules),
            interface: None,
        };
        let FirewallStatus::Closed { what, .. } = assess(&active, &[55001], "ufw and nftables", LAYOUT)
        else {
            panic!("nftables drops it");
        };
        assert_eq!(what, "closed: 55001 by chain `inet filter input` of nftables");
    }
}
