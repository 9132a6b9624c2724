//! Rulesets of real machines, and what real packets from outside met at two ports, by IPv4 and IPv6.

use super::*;
use crate::firewall::ufw_status::UfwStatus;

/// The answers for 55001 and 55015 by IPv4, then by IPv6: `o`pen, `c`losed; `?`: wnm may not know it.
const SEEN: &[(&str, &str, &str)] = &[
    ("none", "oooo", ""),
    ("own-table-accepts-other-drops", "cccc", ""),
    ("jump-and-set", "ococ", ""),
    ("jump-and-set-1.1.3", "ococ", ""),
    ("reject-last", "ococ", ""),
    ("deny-before-allow", "cccc", ""),
    ("only-other-interface-or-sender", "cccc", "?ccc"),
    ("verdict-map", "ococ", ""),
    ("th-dport", "ococ", ""),
    ("four-open-six-closed", "occc", ""),
    ("prerouting-drops", "cccc", ""),
    ("jump-return-goto", "oooo", ""),
    ("limit-cannot-tell", "occc", "?c?c"),
    ("ufw-range", "ococ", "????"),
    ("firewalld-rich-drop-1.1.3", "cccc", ""),
    ("firewalld-policy-drop", "cccc", ""),
    ("firewalld-port-in-interface-zone", "ococ", ""),
    ("firewalld-source-zone", "ccoc", "?coc"),
];

fn ruleset(name: &str) -> Ruleset {
    let path = format!("{}/tests/firewalls/{name}.json", env!("CARGO_MANIFEST_DIR"));
    Ruleset::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn letter(verdict: &PortVerdict) -> char {
    match verdict {
        PortVerdict::Open => 'o',
        PortVerdict::Closed(_) => 'c',
        PortVerdict::CannotTell(_) => '?',
    }
}

fn answers(ruleset: &Ruleset, interface: Option<&str>) -> String {
    let mut all = String::new();
    for family in [Family::V4, Family::V6] {
        for port in [55001, 55015] {
            let packet = Packet {
                port,
                family,
                interface,
            };
            all.push(letter(&ruleset.verdict(packet, |_| false)));
        }
    }
    all
}

#[test]
fn answer_is_never_the_opposite_of_what_packets_met() {
    for (name, seen, expected) in SEEN {
        let ruleset = ruleset(name);
        let known = answers(&ruleset, Some("eth0"));
        let expected = if expected.is_empty() { seen } else { expected };
        assert_eq!(known, *expected, "{name}");
        let unknown = answers(&ruleset, None);
        let opposite = unknown
            .chars()
            .zip(seen.chars())
            .find(|(one, two)| *one != '?' && one != two);
        assert_eq!(
            opposite, None,
            "{name} without an interface: {unknown}, seen {seen}"
        );
    }
}

#[test]
fn chain_of_the_operator_is_found() {
    let chains = |name: &str| {
        let found = ruleset(name).input_chains();
        found
            .iter()
            .map(|key| format!("{} {} {}", key.0, key.1, key.2))
            .collect::<Vec<_>>()
    };
    assert_eq!(chains("jump-and-set"), ["inet filter input"]);
    for name in ["none", "ufw-range", "firewalld-policy-drop"] {
        assert_eq!(chains(name), Vec::<String>::new(), "{name}");
    }
    let key = |name: &str| ("inet".to_owned(), "filter".to_owned(), name.to_owned());
    let ruleset = ruleset("jump-and-set");
    assert!(ruleset.has_chain(&key("wnm_input")));
    assert!(ruleset.jumps(&key("input"), "wnm_input"));
    assert!(!ruleset.jumps(&key("wnm_input"), "wnm_input"));
}

/// What packets met under `ufw-status-verbose.txt`; its limit for IPv6 was closed until a reload.
#[test]
fn ufw_is_judged_as_packets_met_it() {
    let path = format!(
        "{}/tests/firewalls/ufw-status-verbose.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    let status = UfwStatus::parse(&std::fs::read_to_string(path).unwrap());
    assert!(status.is_active);
    for (port, seen) in [
        (55001, "cc"),
        (55003, "oc"),
        (55004, "oo"),
        (55005, "cc"),
        (55006, "co"),
        (55007, "cc"),
        (55008, "oo"),
        (55010, "oc"),
        (55011, "cc"),
    ] {
        for (family, seen) in [Family::V4, Family::V6].into_iter().zip(seen.chars()) {
            let found = letter(&status.verdict(port, family, Some("eth0")));
            assert!(
                found == '?' || found == seen,
                "{port} {family:?}: {found}, seen {seen}"
            );
        }
    }
}
