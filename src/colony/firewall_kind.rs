//! The values of the setting `firewall`.

/// The firewall in which wnm opens the ports of nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum FirewallKind {
    /// ufw in the sudo modes if it is installed, else none.
    #[default]
    Auto,
    Ufw,
    /// None.
    Null,
}
