//! The paths of anm, NTracking and the backups of takeovers.

/// The cron file that runs anm.
pub const CRON: &str = "/etc/cron.d/anm";
/// The script it runs.
pub const SCRIPT: &str = "/usr/bin/anms.sh";
/// The folder of anm's state.
pub const STATE: &str = "/var/antctl";
/// While it exists, a run of anm ends at once.
pub const BLOCK: &str = "/var/antctl/block";
/// If it is missing, a run of anm deletes all nodes.
pub const CONFIG: &str = "/var/antctl/config";
/// If it is missing, a run of anm sets up the machine as a new one.
pub const SYSTEM: &str = "/var/antctl/system";
/// anm's list of its nodes, which NTracking also reads.
pub const NODE_DETAILS: &str = "/var/antctl/NodeDetails";
/// An order of NTracking to anm to delete one node.
pub const SHUNNED: &str = "/var/antctl/MaxShunnedNode";
/// The cron file of NTracking's collector.
pub const COLLECTOR_CRON: &str = "/etc/cron.d/influx_resources";
/// The script of NTracking's collector.
pub const COLLECTOR: &str = "/usr/bin/influx-resources.sh";
/// The directory for the backups and the record of a takeover.
pub const KEPT: &str = "/var/lib/wnm";
