//! Names of machines.

use std::net::IpAddr;

/// Whether a text is the name or the address of a machine, and nothing that an address on the web could hold beside
/// it: no port, no account, no path.
#[must_use]
pub fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    // Nothing but digits and dots is a broken address, not a name.
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse::<IpAddr>().is_ok()
        || (!numeric && text.len() <= 253 && text.trim_end_matches('.').split('.').all(is_label))
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for host in [
            "127.0.0.1",
            "::1",
            "node-1.example.org",
            "localhost",
            "a_b",
            "example.org.",
        ] {
            assert!(is_host(host), "{host}");
        }
        for host in [
            "",
            "127.0.0",
            "1.2.3.4.5",
            "http://x",
            "a b",
            "-a",
            "a..b",
            "[::1]",
            "x:80",
        ] {
            assert!(!is_host(host), "{host}");
        }
    }
}
