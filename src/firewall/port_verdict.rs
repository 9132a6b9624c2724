//! What a firewall does with packets for a port.

/// What happens to packets that senders on the internet send to a UDP port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortVerdict {
    Open,
    /// Why they do not arrive.
    Closed(String),
    /// Why it is not known, or not the same for all senders.
    CannotTell(String),
}

/// IPv4 or IPv6: firewalls have rules for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    /// Its name in rules of nftables.
    #[must_use]
    pub fn nft_name(self) -> &'static str {
        match self {
            Family::V4 => "ipv4",
            Family::V6 => "ipv6",
        }
    }
}

impl PortVerdict {
    /// The verdict of two firewalls: packets must pass both.
    #[must_use]
    pub fn and(self, other: PortVerdict) -> PortVerdict {
        match (self, other) {
            (closed @ PortVerdict::Closed(_), _) | (_, closed @ PortVerdict::Closed(_)) => closed,
            (unsure @ PortVerdict::CannotTell(_), _) | (_, unsure @ PortVerdict::CannotTell(_)) => unsure,
            _ => PortVerdict::Open,
        }
    }
}
