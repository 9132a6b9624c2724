//! Where anm and NTracking keep their things on a server, and where wnm keeps what it must know of a takeover.

/// The cron file that runs anm.
pub const CRON: &str = "/etc/cron.d/anm";
/// The script it runs.
pub const SCRIPT: &str = "/usr/bin/anms.sh";
/// The folder of anm's state.
pub const STATE: &str = "/var/antctl";
/// While it is there, a run of anm ends at once.
pub const BLOCK: &str = "/var/antctl/block";
/// When it is missing, a run of anm destroys all nodes.
pub const CONFIG: &str = "/var/antctl/config";
/// When it is missing, a run of anm takes the machine for a new one.
pub const SYSTEM: &str = "/var/antctl/system";
/// What anm believes of its nodes; NTracking reads it too.
pub const NODE_DETAILS: &str = "/var/antctl/NodeDetails";
/// An order by NTracking, to anm, to wipe one node.
pub const SHUNNED: &str = "/var/antctl/MaxShunnedNode";
/// The cron file of NTracking's collector.
pub const COLLECTOR_CRON: &str = "/etc/cron.d/influx_resources";
/// The script of NTracking's collector.
pub const COLLECTOR: &str = "/usr/bin/influx-resources.sh";
/// Where wnm keeps backups and what it must know of a takeover.
pub const KEPT: &str = "/var/lib/wnm";
