//! nftables: wnm's rules are in the table of the operator, and his input chain jumps to them.
//!
//! A packet must be accepted by every chain that sees it, so a table of wnm's own could close ports but never open one.

use std::fs;
use std::path::Path;

use crate::colony::Mode;
use crate::program::Program;

use super::backend::{Backend, FirewallError, OpenedPorts, Request};
use super::nft_rules::{Key, Ruleset};
use super::wanted_rules::WantedRules;

const PATHS: [&str; 2] = ["/usr/sbin/nft", "/sbin/nft"];

/// The file with wnm's rules. Only root writes it: who writes it decides what the firewall does.
const FILE: &str = "/etc/wnm/firewall.nft";
const STAGING: &str = "/etc/wnm/.firewall.nft.new";
const DIRECTORY: &str = "/etc/wnm";

/// wnm's chain in the operator's table.
const CHAIN: &str = "wnm_input";
const SET: &str = "wnm_udp";

/// Manages a set of ports in the operator's table.
#[derive(Clone, Debug, Default)]
pub(super) struct Nftables {
    /// The setting `nft_chain`; empty: the input chain that can drop packets.
    pub(super) chain: String,
}

pub(super) fn is_installed() -> bool {
    PATHS.iter().any(|path| Path::new(path).exists())
}

/// Whether the operator's rules are loaded at boot.
pub(super) fn is_active() -> bool {
    is_installed()
        && Program::new("systemctl")
            .args(["is-active", "--quiet", "nftables.service"])
            .ask()
            .is_ok_and(|ended| ended.code() == Some(0))
}

/// All rules of the machine.
pub(super) fn ruleset() -> Result<Ruleset, FirewallError> {
    let printed = nft().args(["-j", "list", "ruleset"]).run()?.stdout;
    Ruleset::parse(&printed).ok_or_else(|| FirewallError::NoChain {
        why: "`nft -j list ruleset` printed no ruleset".to_owned(),
        hint: "check it with `sudo nft list ruleset`".to_owned(),
    })
}

fn nft() -> Program {
    Program::new("nft").rights(Mode::Sudo)
}

impl Nftables {
    /// The operator's chains in which the ports are opened. None of them: nothing drops packets.
    fn chains(&self, ruleset: &Ruleset) -> Result<Vec<Key>, FirewallError> {
        let named: Vec<&str> = self
            .chain
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .collect();
        if named.is_empty() {
            let found = ruleset.input_chains();
            let is_pair = found.len() == 2 && found[0].0 == "ip" && found[1].0 == "ip6";
            if found.len() <= 1 || is_pair {
                return Ok(found);
            }
            let names: Vec<String> = found.iter().map(name_of).collect();
            return Err(FirewallError::NoChain {
                why: format!(
                    "{} chains can drop packets: `{}`",
                    found.len(),
                    names.join("`, `")
                ),
                hint: format!("name yours: `wnm --nft_chain '{}'`", names[0]),
            });
        }
        let mut chains = Vec::new();
        for text in named {
            let key = parse(text).filter(|key| ruleset.has_chain(key));
            chains.push(key.ok_or_else(|| FirewallError::NoChain {
                why: format!("there is no chain `{text}`"),
                hint: "set `--nft_chain` to family, table and chain, such as 'inet filter input'".to_owned(),
            })?);
        }
        Ok(chains)
    }
}

/// A chain by its family, table and name. The text becomes part of a file that root runs, so it has plain names only.
pub(super) fn parse(text: &str) -> Option<Key> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [family, table, chain] = words.as_slice() else {
        return None;
    };
    let is_plain = |name: &&str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    let is_valid = matches!(*family, "inet" | "ip" | "ip6") && is_plain(table) && is_plain(chain);
    is_valid.then(|| ((*family).to_owned(), (*table).to_owned(), (*chain).to_owned()))
}

fn name_of(key: &Key) -> String {
    format!("{} {} {}", key.0, key.1, key.2)
}

/// The file with wnm's rules in the tables of `chains`. `nft` applies it in one transaction, and it can be repeated.
fn file_text(chains: &[Key], wanted: &WantedRules) -> String {
    let ports: Vec<String> = wanted.ranges().iter().map(ToString::to_string).collect();
    let elements = match ports.is_empty() {
        true => String::new(),
        false => format!(" elements = {{ {} }};", ports.join(", ")),
    };
    let mut text = "# The UDP ports of the nodes of wnm. wnm writes this file.\n".to_owned();
    for (family, table, _) in chains {
        text += &format!(
            "table {family} {table} {{\n\tset {SET} {{ type inet_service; flags interval; comment \"wnm\"; }}\n\
             \tchain {CHAIN} {{ }}\n}}\nflush set {family} {table} {SET}\nflush chain {family} {table} {CHAIN}\n\
             table {family} {table} {{\n\tset {SET} {{ type inet_service; flags interval;{elements} }}\n\
             \tchain {CHAIN} {{ udp dport @{SET} counter accept comment \"wnm\"\n\t}}\n}}\n"
        );
    }
    text
}

/// Writes the file, unless it has this text.
fn write_file(text: &str) -> Result<(), FirewallError> {
    if fs::read_to_string(FILE).is_ok_and(|present| present == text) {
        return Ok(());
    }
    let root = |name: &str| Program::new(name).rights(Mode::Sudo);
    let written = root("install")
        .args(["-d", "-m", "0755", "--", DIRECTORY])
        .run()
        .and_then(|_| {
            let write = root("install").args(["-m", "0644", "--", "/dev/stdin", STAGING]);
            write.input(text).run()
        })
        .and_then(|_| root("mv").args(["-fT", "--", STAGING, FILE]).run());
    written.map(drop).map_err(|error| match error {
        crate::program::ProgramError::Password { .. } => FirewallError::FileNotWritten {
            path: FILE.to_owned(),
            text: text.to_owned(),
        },
        error => error.into(),
    })
}

impl Backend for Nftables {
    fn apply(&self, request: &Request<'_>, _opened: &mut Vec<OpenedPorts>) -> Result<bool, FirewallError> {
        let ruleset = ruleset()?;
        let chains = self.chains(&ruleset)?;
        let has_ours = |key: &Key| ruleset.has_chain(&(key.0.clone(), key.1.clone(), CHAIN.to_owned()));
        if chains.is_empty() || (request.wanted.0.is_empty() && !chains.iter().any(has_ours)) {
            return Ok(true);
        }
        write_file(&file_text(&chains, request.wanted))?;
        nft().args(["-f", FILE]).run()?;
        for key in chains.iter().filter(|key| !ruleset.jumps(key, CHAIN)) {
            let (family, table, chain) = key;
            // At the begin: a rule after a last `drop` is never reached.
            nft()
                .args([
                    "insert", "rule", family, table, chain, "jump", CHAIN, "comment", "wnm",
                ])
                .run()?;
        }
        Ok(true)
    }

    fn sudo_commands(&self, _wanted: &WantedRules) -> Vec<String> {
        let mut commands = vec!["nft -j list ruleset".to_owned(), format!("nft -f {FILE}")];
        let named: Vec<Key> = self.chain.split(',').filter_map(parse).collect();
        let chains = match named.is_empty() {
            true => ruleset()
                .map(|ruleset| ruleset.input_chains())
                .unwrap_or_default(),
            false => named,
        };
        let jumps = chains
            .iter()
            .map(|key| format!("nft insert rule {} jump {CHAIN} comment wnm", name_of(key)));
        commands.extend(jumps);
        commands
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::wanted_rules::PortRange;

    #[test]
    fn only_plain_names_of_chains_are_accepted() {
        let key = |text| parse(text).map(|key| name_of(&key));
        assert_eq!(key(" inet  filter input").as_deref(), Some("inet filter input"));
        for text in [
            "inet filter",
            "inet filter input }; flush ruleset",
            "arp filter input",
            "inet filter in{put",
            "inet 1 input",
        ] {
            assert_eq!(key(text), None, "{text}");
        }
    }

    #[test]
    fn file_replaces_the_set_in_one_transaction() {
        let chains = [parse("inet filter input").unwrap()];
        let ports = PortRange {
            first: 55001,
            last: 55020,
        };
        let text = file_text(&chains, &WantedRules(vec![(ports, "wnm".to_owned())]));
        assert!(text.contains("elements = { 55001-55020 };"), "{text}");
        assert!(text.contains("flush set inet filter wnm_udp\n"), "{text}");
        assert!(!file_text(&chains, &WantedRules::default()).contains("elements"));
    }
}
