//! firewalld: its zones have ports without comments, so wnm keeps a list of what it opened.
//!
//! Every port is opened at once and permanently. wnm never reloads firewalld: after a flush of its rules, a reload can
//! shut the machine off.

use std::path::Path;

use crate::colony::Mode;
use crate::program::{Program, ProgramResult};

use super::backend::{Backend, FirewallError, OpenedPorts, Request};
use super::interface::default_interfaces;
use super::wanted_rules::{PortRange, WantedRules};

const PATHS: [&str; 2] = ["/usr/bin/firewall-cmd", "/bin/firewall-cmd"];

/// Manages the ports of zones in firewalld.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Firewalld;

/// Whether firewalld runs.
pub(super) fn is_active() -> bool {
    let is_installed = PATHS.iter().any(|path| Path::new(path).exists());
    is_installed
        && Program::new("systemctl")
            .args(["is-active", "--quiet", "firewalld.service"])
            .ask()
            .is_ok_and(|ended| ended.code() == Some(0))
}

/// The two configurations of firewalld.
const BOTH: [&[&str]; 2] = [&["--permanent"], &[]];

fn firewall_cmd() -> Program {
    Program::new("firewall-cmd").rights(Mode::Sudo)
}

fn change(configuration: &[&str], zone: &str, verb: &str, ports: PortRange) -> Program {
    firewall_cmd()
        .args(configuration)
        .args([format!("--zone={zone}"), format!("--{verb}-port={ports}/udp")])
}

/// Runs a change. firewalld ends with success for some changes that it did not make.
fn make(program: &Program, ports: PortRange) -> Result<ProgramResult, FirewallError> {
    let ended = program.run()?;
    match ended.stderr.lines().find(|line| line.contains("INVALID_")) {
        Some(line) => Err(FirewallError::NotDone {
            ports,
            complaint: line.trim().to_owned(),
        }),
        None => Ok(ended),
    }
}

fn is_open(configuration: &[&str], zone: &str, ports: PortRange) -> Result<bool, FirewallError> {
    let query = change(configuration, zone, "query", ports);
    let ended = query.ask()?;
    match ended.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(query.failure(&ended).into()),
    }
}

/// The zones of the interfaces that lead to the internet.
fn zones() -> Result<Vec<String>, FirewallError> {
    let active = firewall_cmd().arg("--get-active-zones").run()?.stdout;
    let interfaces = default_interfaces();
    let mut zones = zones_of(&active, &interfaces);
    // An interface that is in no zone belongs to the default zone.
    if zones.is_empty() || zones.len() < interfaces.len() {
        let default = firewall_cmd().arg("--get-default-zone").run()?.stdout;
        zones.push(default.trim().to_owned());
    }
    zones.sort();
    zones.dedup();
    Ok(zones)
}

/// The zones in the output of `--get-active-zones` that have one of these interfaces.
fn zones_of(active: &str, interfaces: &[String]) -> Vec<String> {
    let mut zone = "";
    let mut found = Vec::new();
    for line in active.lines() {
        if !line.starts_with(char::is_whitespace) {
            zone = line.split_whitespace().next().unwrap_or_default();
        } else if let Some(names) = line.trim().strip_prefix("interfaces:") {
            let of_zone = names
                .split_whitespace()
                .filter(|name| interfaces.iter().any(|one| one == name));
            found.extend(of_zone.map(|_| zone.to_owned()));
        }
    }
    found
}

/// The UDP ports that `zone` opens, from the output of `--list-all-zones`.
fn ports_of(listing: &str, zone: &str) -> Vec<PortRange> {
    let mut lines = listing
        .lines()
        .skip_while(|line| line.split_whitespace().next() != Some(zone) || line.starts_with(' '))
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with([' ', '\t']));
    let ports = lines.find_map(|line| line.trim().strip_prefix("ports:"));
    ports
        .into_iter()
        .flat_map(str::split_whitespace)
        .filter_map(udp_ports)
        .collect()
}

fn udp_ports(word: &str) -> Option<PortRange> {
    let ports = word.strip_suffix("/udp")?;
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    Some(PortRange {
        first: first.parse().ok()?,
        last: last.parse().ok()?,
    })
}

impl Backend for Firewalld {
    fn apply(&self, request: &Request<'_>, opened: &mut Vec<OpenedPorts>) -> Result<bool, FirewallError> {
        let zones = zones()?;
        let wanted = request.wanted.ranges();
        // The database is not trusted with the ports of others.
        opened.retain(|one| request.layout.may_close(one.ports, request.nodes));
        for zone in &zones {
            for ports in &wanted {
                open(zone, *ports, opened)?;
            }
        }
        let is_wanted = |one: &OpenedPorts| zones.contains(&one.zone) && wanted.contains(&one.ports);
        let (kept, old): (Vec<_>, Vec<_>) = opened.drain(..).partition(is_wanted);
        *opened = kept;
        for one in old {
            let needed: Vec<PortRange> = match zones.contains(&one.zone) {
                true => wanted.clone(),
                false => Vec::new(),
            };
            for ports in one.ports.without(&needed) {
                for configuration in BOTH {
                    let removed = make(&change(configuration, &one.zone, "remove", ports), ports);
                    if let Err(error) = removed {
                        opened.push(one);
                        return Err(error);
                    }
                }
            }
        }
        Ok(true)
    }

    fn sudo_commands(&self, wanted: &WantedRules) -> Vec<String> {
        let mut commands = vec![
            "firewall-cmd --get-active-zones".to_owned(),
            "firewall-cmd --get-default-zone".to_owned(),
            "firewall-cmd --list-all-zones".to_owned(),
            "nft -j list ruleset".to_owned(),
        ];
        let zones = zones().unwrap_or_default();
        for (zone, ports) in zones.iter().zip(wanted.ranges()) {
            for configuration in BOTH {
                for verb in ["query", "add", "remove"] {
                    let words = [format!("--zone={zone}"), format!("--{verb}-port={ports}/udp")];
                    let options = configuration.iter().map(|word| (*word).to_owned()).chain(words);
                    commands.push(format!("firewall-cmd {}", options.collect::<Vec<_>>().join(" ")));
                }
            }
        }
        commands
    }
}

/// Opens ports at once and permanently. Ports that were open, or that overlap with ports which somebody else opened,
/// are not noted: wnm will not close them.
fn open(zone: &str, ports: PortRange, opened: &mut Vec<OpenedPorts>) -> Result<(), FirewallError> {
    let of_zone = |one: &&OpenedPorts| one.zone == zone;
    let is_noted = opened.iter().filter(of_zone).any(|one| one.ports == ports);
    let own: Vec<PortRange> = opened.iter().filter(of_zone).map(|one| one.ports).collect();
    let is_open_now = is_open(&[], zone, ports)?;
    let is_open_later = is_open(&["--permanent"], zone, ports)?;
    if is_open_now && is_open_later {
        // A part of a range that wnm opened.
        if !is_noted && ports.without(&own).is_empty() {
            opened.push(OpenedPorts {
                zone: zone.to_owned(),
                ports,
            });
        }
        return Ok(());
    }
    let listing = firewall_cmd().arg("--list-all-zones").run()?.stdout;
    let others = ports_of(&listing, zone)
        .into_iter()
        .flat_map(|others| others.without(&own));
    let overlap = others.into_iter().find(|others| others.overlaps(ports));
    if !is_open_later {
        make(&change(&["--permanent"], zone, "add", ports), ports)?;
    }
    if !is_open_now {
        make(&change(&[], zone, "add", ports), ports)?;
    }
    match overlap {
        Some(others) => tracing::warn!(
            "firewalld had {others}/udp open in zone `{zone}` before wnm opened {ports}/udp: wnm will not close these ports"
        ),
        None if !is_noted => opened.push(OpenedPorts {
            zone: zone.to_owned(),
            ports,
        }),
        None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_is_that_of_the_interface_and_not_of_a_sender() {
        // Of firewalld 2.3.1; 1.3.3 prints no `(default)`.
        let active = "drop\n  sources: 10.99.0.0/16\nwork\n  interfaces: eth0\npublic (default)\n";
        assert_eq!(zones_of(active, &["eth0".to_owned()]), ["work"]);
        assert_eq!(zones_of(active, &["eth1".to_owned()]), Vec::<String>::new());
        let active = "public (default)\n  interfaces: eth0 eth1\n";
        assert_eq!(zones_of(active, &["eth1".to_owned()]), ["public"]);
    }

    #[test]
    fn ports_of_a_zone_are_read_from_the_list() {
        let listing = "block\n  target: %%REJECT%%\n  ports: 1/udp\n\nwork (active)\n  target: default\n  \
            ports: 55001-55020/udp 80/tcp 53/udp\n  rich rules: \n\trule accept\n\npublic (default, active)\n  ports: 7/udp\n";
        let range = |first, last| PortRange { first, last };
        assert_eq!(ports_of(listing, "work"), [range(55001, 55020), range(53, 53)]);
        assert_eq!(ports_of(listing, "public"), [range(7, 7)]);
        assert_eq!(ports_of(listing, "missing"), []);
    }
}
