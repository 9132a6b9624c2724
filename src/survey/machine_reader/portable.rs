//! The counters of systems without `/proc`, from sysinfo.
//!
//! sysinfo gives the use of the CPU between two readings and no ticks, so ticks are counted here from the first reading of
//! this process. They start at 0 in each run, so counters of another run are never used, and every run samples its own
//! rates.

use std::cell::RefCell;
use std::time::Instant;

use sysinfo::{Disks, MemoryRefreshKind, Networks, System};

use super::counter_source::{CounterSource, Levels, unreadable};
use super::memory::Memory;
use crate::colony::{Counters, Timestamp};
use crate::survey::SurveyError;

/// The last reading, and the ticks so far.
pub struct SysinfoCounters {
    last: RefCell<Option<LastReading>>,
}

struct LastReading {
    system: System,
    at: Instant,
    total: u64,
    idle: u64,
}

impl SysinfoCounters {
    pub fn new() -> SysinfoCounters {
        SysinfoCounters {
            last: RefCell::new(None),
        }
    }
}

impl CounterSource for SysinfoCounters {
    fn levels(&self) -> Levels {
        let load = System::load_average().map_or([f64::NAN; 3], |load| [load.one, load.five, load.fifteen]);
        let memory = System::new().map_or_else(
            |_| Memory::default(),
            |mut system| {
                system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
                Memory {
                    total: system.total_memory(),
                    available: system.available_memory(),
                }
            },
        );
        let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get());
        Levels {
            load,
            memory,
            cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
        }
    }

    fn read(&self) -> Result<(Counters, Timestamp), SurveyError> {
        let boot = System::boot_time().map_err(|error| unreadable("the boot time", &error))?;
        let (cpu_total, cpu_idle) = self.ticks()?;
        let mut counters = Counters {
            cpu_total,
            cpu_idle,
            ..Counters::default()
        };
        if let Ok(disks) = Disks::new_with_refreshed_list() {
            // Volumes of one container share its counters, so only the largest counts.
            for disk in &disks {
                let usage = disk.usage();
                counters.disk_read = counters.disk_read.max(usage.total_read_bytes);
                counters.disk_written = counters.disk_written.max(usage.total_written_bytes);
            }
        }
        if let Ok(networks) = Networks::new_with_refreshed_list() {
            for network in networks.values() {
                counters.net_received = counters.net_received.saturating_add(network.total_received());
                counters.net_sent = counters.net_sent.saturating_add(network.total_transmitted());
            }
        }
        Ok((counters, Timestamp(i64::try_from(boot).unwrap_or(0))))
    }
}

impl SysinfoCounters {
    /// Microseconds since the first reading: all, and idle.
    fn ticks(&self) -> Result<(u64, u64), SurveyError> {
        let mut last = self.last.borrow_mut();
        let now = Instant::now();
        let mut next = match last.take() {
            Some(last) => last,
            None => LastReading {
                system: System::new().map_err(|error| unreadable("the CPU", &error))?,
                at: now,
                total: 0,
                idle: 0,
            },
        };
        next.system.refresh_cpu_usage();
        let passed = now.duration_since(next.at).as_micros() as f64;
        let idle = (100.0 - f64::from(next.system.global_cpu_usage())).clamp(0.0, 100.0) / 100.0;
        next.total += passed as u64;
        next.idle += (passed * idle) as u64;
        next.at = now;
        let ticks = (next.total, next.idle);
        *last = Some(next);
        Ok(ticks)
    }
}
