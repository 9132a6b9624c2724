//! What the machine's instruments show, and rates between two looks at them.

use super::Timestamp;

/// Counters that only grow while the machine is up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    /// When they were read, in milliseconds since 1970.
    pub at_ms: i64,
    /// CPU time of all CPUs together, in ticks.
    pub cpu_total: u64,
    /// Of it idle, without waiting for I/O.
    pub cpu_idle: u64,
    /// Of it idle and waiting for I/O.
    pub cpu_iowait: u64,
    /// Bytes read from and written to all real disks.
    pub disk_read: u64,
    pub disk_written: u64,
    /// Bytes received and sent on all interfaces.
    pub net_received: u64,
    pub net_sent: u64,
}

/// What the instruments show at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Instruments {
    pub counters: Counters,
    /// When the machine was booted.
    pub boot: Timestamp,
    /// CPUs this process may use.
    pub cpus: u32,
    /// Load averages of 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Bytes.
    pub memory_total: u64,
    /// Bytes that programs could still take.
    pub memory_available: u64,
    /// Bytes of the filesystem that holds `node_storage`.
    pub disk_total: u64,
    pub disk_used: u64,
    pub disk_free: u64,
}

/// Rates between two readings of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Percent of all CPUs together.
    pub used_cpu_percent: f64,
    pub idle_cpu_percent: f64,
    pub io_wait: f64,
    /// Bytes a second.
    pub disk_read: f64,
    pub disk_written: f64,
    pub net_received: f64,
    pub net_sent: f64,
}
