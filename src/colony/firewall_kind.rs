//! The values of the settings `firewall` and `firewall_rules`.

/// The firewall in which wnm opens the ports of nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum FirewallKind {
    /// In the sudo modes every firewall that is active, else none.
    #[default]
    Auto,
    Ufw,
    Nftables,
    Firewalld,
    /// None.
    Null,
}

/// What wnm writes into the firewall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum FirewallRules {
    /// One rule for the ports of all nodes that `node_cap` allows.
    #[default]
    Range,
    /// One rule for each node that runs.
    Single,
}
