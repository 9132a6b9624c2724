//! Hostnames.

use std::net::IpAddr;

/// Whether a text is a hostname or an IP address, without the other parts of a URL: no port, account or path.
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
    // Digits and dots alone are an invalid address, not a hostname.
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse::<IpAddr>().is_ok()
        || (!numeric && text.len() <= 253 && text.trim_end_matches('.').split('.').all(is_label))
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn accepts_hostnames_and_addresses_only() {
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
