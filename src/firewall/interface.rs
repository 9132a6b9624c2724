//! The interfaces that lead to the internet.

use std::fs;

/// The interfaces of default routes, by IPv4, and by IPv6 if there are none by IPv4.
pub(super) fn default_interfaces() -> Vec<String> {
    let v4 = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let mut names: Vec<String> = v4
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            (words.get(1) == Some(&"00000000") && words.get(7) == Some(&"00000000"))
                .then(|| words[0].to_owned())
        })
        .collect();
    if names.is_empty() {
        const ANY: &str = "00000000000000000000000000000000";
        let v6 = fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
        names.extend(v6.lines().filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let name =
                (words.first() == Some(&ANY) && words.get(1) == Some(&"00")).then(|| words.last())??;
            (*name != "lo").then(|| (*name).to_owned())
        }));
    }
    names.sort();
    names.dedup();
    names
}

/// The interface of the default route; None: there is none, or several.
pub(super) fn default_interface() -> Option<String> {
    let mut names = default_interfaces();
    (names.len() == 1).then(|| names.remove(0))
}
