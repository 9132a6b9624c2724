//! Whether a UDP port is open, from `nft -j list ruleset`: all base chains that see an incoming packet must accept it.
//!
//! Rules that cannot be evaluated, such as limits and those of some senders, have both outcomes. Then the answer may be
//! that wnm cannot tell.

use std::collections::BTreeMap;

use serde_json::Value;

use super::nft_match::{Packet, matches, only_entry, text_of};
use super::port_verdict::{Family, PortVerdict};

/// Deeper than the kernel lets chains jump.
const DEEPEST: usize = 16;

/// The family, table and name of a chain or a set.
pub(super) type Key = (String, String, String);

#[derive(Clone, Debug)]
struct NftRule {
    expressions: Vec<Value>,
}

/// All chains, rules and sets of a machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Ruleset {
    chains: BTreeMap<Key, Value>,
    rules: BTreeMap<Key, Vec<NftRule>>,
    sets: BTreeMap<Key, Value>,
}

/// What a chain may do with a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outcomes {
    accepts: bool,
    drops: bool,
    returns: bool,
    /// Whether no rule may decide.
    falls_through: bool,
}

impl Outcomes {
    const ACCEPT: Outcomes = Outcomes::of(true, false, false, false);
    const DROP: Outcomes = Outcomes::of(false, true, false, false);
    const RETURN: Outcomes = Outcomes::of(false, false, true, false);
    const FALL: Outcomes = Outcomes::of(false, false, false, true);
    const UNKNOWN: Outcomes = Outcomes::of(true, true, false, true);

    const fn of(accepts: bool, drops: bool, returns: bool, falls_through: bool) -> Outcomes {
        Outcomes {
            accepts,
            drops,
            returns,
            falls_through,
        }
    }

    fn or(self, other: Outcomes) -> Outcomes {
        Outcomes {
            accepts: self.accepts || other.accepts,
            drops: self.drops || other.drops,
            returns: self.returns || other.returns,
            falls_through: self.falls_through || other.falls_through,
        }
    }

    /// A chain that returned goes on in its caller.
    fn at_chain_end(self) -> Outcomes {
        Outcomes {
            returns: false,
            falls_through: self.falls_through || self.returns,
            ..self
        }
    }
}

impl Ruleset {
    /// Parses the output of `nft -j list ruleset`. None: it is no such output.
    pub(super) fn parse(text: &str) -> Option<Ruleset> {
        let whole: Value = serde_json::from_str(text).ok()?;
        let mut ruleset = Ruleset::default();
        for (kind, item) in whole.get("nftables")?.as_array()?.iter().filter_map(only_entry) {
            match kind {
                "chain" => {
                    let key = key_of(item, "name")?;
                    ruleset.rules.entry(key.clone()).or_default();
                    ruleset.chains.insert(key, item.clone());
                }
                "rule" => {
                    let rule = NftRule {
                        expressions: item.get("expr")?.as_array()?.clone(),
                    };
                    let key = key_of(item, "chain")?;
                    ruleset.rules.entry(key).or_default().push(rule);
                }
                "set" | "map" => {
                    ruleset.sets.insert(key_of(item, "name")?, item.clone());
                }
                _ => {}
            }
        }
        Some(ruleset)
    }

    pub(super) fn has_chain(&self, key: &Key) -> bool {
        self.chains.contains_key(key)
    }

    /// Whether a rule of `chain` jumps to the chain `target` of its table.
    pub(super) fn jumps(&self, chain: &Key, target: &str) -> bool {
        let leads_there = |expression: &Value| {
            expression
                .pointer("/jump/target")
                .and_then(Value::as_str)
                .is_some_and(|name| name == target)
        };
        self.rules
            .get(chain)
            .is_some_and(|rules| rules.iter().any(|rule| rule.expressions.iter().any(leads_there)))
    }

    /// The base chains that incoming packets pass and that can drop them, except those of other firewall programs.
    pub(super) fn input_chains(&self) -> Vec<Key> {
        let is_own = |(key, chain): &(&Key, &Value)| {
            let (family, table, name) = key;
            let is_iptables = family.starts_with("ip") && name.chars().all(|c| c.is_ascii_uppercase());
            let is_input = text_of(chain, "hook") == "input" && text_of(chain, "type") == "filter";
            let is_ours = matches!(family.as_str(), "inet" | "ip" | "ip6");
            is_input
                && is_ours
                && !is_iptables
                && !table.starts_with("firewalld")
                && self.can_drop(key, chain)
        };
        let chains = self.chains.iter().filter(is_own);
        chains.map(|(key, _)| key.clone()).collect()
    }

    fn can_drop(&self, key: &Key, chain: &Value) -> bool {
        let drops = |rule: &NftRule| {
            let mut kinds = rule
                .expressions
                .iter()
                .filter_map(only_entry)
                .map(|(kind, _)| kind);
            kinds.any(|kind| matches!(kind, "drop" | "reject"))
        };
        let of_table = |other: &&Key| other.0 == key.0 && other.1 == key.1;
        let mut rules = self
            .rules
            .keys()
            .filter(of_table)
            .flat_map(|key| &self.rules[key]);
        text_of(chain, "policy") == "drop" || rules.any(drops)
    }

    /// What happens to the packet in all chains, except those that `is_excluded` names.
    pub(super) fn verdict(&self, packet: Packet<'_>, is_excluded: impl Fn(&Key) -> bool) -> PortVerdict {
        let mut unsure = None;
        for (key, chain) in self.chains.iter().filter(|(key, _)| !is_excluded(key)) {
            let sees = matches!(text_of(chain, "hook"), "input" | "prerouting" | "ingress")
                && text_of(chain, "type") == "filter";
            let is_of_family = match key.0.as_str() {
                "inet" | "netdev" => true,
                "ip" => packet.family == Family::V4,
                "ip6" => packet.family == Family::V6,
                _ => false,
            };
            if !sees || !is_of_family {
                continue;
            }
            let mut outcomes = self.walk(key, packet, 0);
            if outcomes.falls_through {
                match text_of(chain, "policy") {
                    "drop" => outcomes.drops = true,
                    _ => outcomes.accepts = true,
                }
            }
            let name = format!("chain `{} {} {}` of nftables", key.0, key.1, key.2);
            if outcomes.drops && !outcomes.accepts {
                return PortVerdict::Closed(name);
            }
            if outcomes.drops {
                unsure.get_or_insert(name);
            }
        }
        unsure.map_or(PortVerdict::Open, PortVerdict::CannotTell)
    }

    fn walk(&self, chain: &Key, packet: Packet<'_>, depth: usize) -> Outcomes {
        if depth > DEEPEST {
            return Outcomes::UNKNOWN;
        }
        let mut all = Outcomes::default();
        for rule in self.rules.get(chain).into_iter().flatten() {
            let Some((is_sure, verdict)) = self.apply(chain, rule, packet, depth) else {
                continue;
            };
            all = all.or(Outcomes {
                falls_through: false,
                ..verdict
            });
            if is_sure && !verdict.falls_through {
                return all.at_chain_end();
            }
        }
        Outcomes {
            falls_through: true,
            ..all.at_chain_end()
        }
    }

    /// The verdict of a rule, and whether the rule surely matches. None: it does not match, or has no verdict.
    fn apply(
        &self,
        chain: &Key,
        rule: &NftRule,
        packet: Packet<'_>,
        depth: usize,
    ) -> Option<(bool, Outcomes)> {
        let mut is_sure = true;
        let mut verdict = None;
        for (kind, body) in rule.expressions.iter().filter_map(only_entry) {
            let target = || {
                (
                    chain.0.clone(),
                    chain.1.clone(),
                    text_of(body, "target").to_owned(),
                )
            };
            match kind {
                "match" => match self.matches(chain, body, packet) {
                    Some(true) => {}
                    Some(false) => return None,
                    None => is_sure = false,
                },
                "limit" | "quota" | "connlimit" | "ct count" => is_sure = false,
                "xt" if text_of(body, "type") == "match" => is_sure = false,
                "xt" => verdict = Some(Outcomes::UNKNOWN),
                "accept" => verdict = Some(Outcomes::ACCEPT),
                "drop" | "reject" => verdict = Some(Outcomes::DROP),
                "return" => verdict = Some(Outcomes::RETURN),
                "jump" => verdict = Some(self.walk(&target(), packet, depth + 1)),
                "goto" => {
                    let mut there = self.walk(&target(), packet, depth + 1);
                    there.returns |= std::mem::take(&mut there.falls_through);
                    verdict = Some(there);
                }
                "vmap" => verdict = Some(self.look_up(chain, body, packet, depth)),
                _ => {}
            }
        }
        verdict.map(|verdict| (is_sure, verdict))
    }

    /// The verdict of a map: that of the first entry that matches.
    fn look_up(&self, chain: &Key, body: &Value, packet: Packet<'_>, depth: usize) -> Outcomes {
        let named = body.get("data").and_then(Value::as_str);
        let entries = match named {
            Some(name) => self.set(chain, name).and_then(|set| set.get("elem")),
            None => body.pointer("/data/set"),
        };
        let Some(entries) = entries.and_then(Value::as_array) else {
            return Outcomes::UNKNOWN;
        };
        let mut all = Outcomes::FALL;
        for entry in entries {
            let (Some(key), Some((kind, target))) = (entry.get(0), entry.get(1).and_then(only_entry)) else {
                return Outcomes::UNKNOWN;
            };
            let test = serde_json::json!({ "op": "==", "left": body["key"], "right": { "set": [key] } });
            let is_match = self.matches(chain, &test, packet);
            if is_match == Some(false) {
                continue;
            }
            let verdict = match kind {
                "accept" => Outcomes::ACCEPT,
                "drop" => Outcomes::DROP,
                "return" => Outcomes::RETURN,
                "continue" => Outcomes::FALL,
                _ => {
                    let to = (
                        chain.0.clone(),
                        chain.1.clone(),
                        text_of(target, "target").to_owned(),
                    );
                    self.walk(&to, packet, depth + 1)
                }
            };
            if is_match == Some(true) {
                return verdict;
            }
            all = all.or(verdict);
        }
        all
    }

    fn matches(&self, chain: &Key, body: &Value, packet: Packet<'_>) -> Option<bool> {
        let set = |name: &str| {
            self.set(chain, name)?
                .get("elem")
                .cloned()
                .or(Some(Value::Array(Vec::new())))
        };
        matches(body, packet, &set)
    }

    /// The set `@name` in the table of `chain`.
    fn set(&self, chain: &Key, name: &str) -> Option<&Value> {
        let name = name.trim_start_matches('@').to_owned();
        self.sets.get(&(chain.0.clone(), chain.1.clone(), name))
    }
}

fn key_of(item: &Value, name: &str) -> Option<Key> {
    let part = |name| Some(item.get(name)?.as_str()?.to_owned());
    Some((part("family")?, part("table")?, part(name)?))
}

#[cfg(test)]
mod tests;
