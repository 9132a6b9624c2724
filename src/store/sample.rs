//! Samples of the machine, one a cycle; and how long samples and events are kept.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use crate::colony::{Counters, MachineReadings, Node, NodeState, Rates, Timestamp};

use super::error::{Fault, readable};
use super::{Store, StoreError};

const DAY: i64 = 24 * 60 * 60;

/// Samples are kept for a week, events for a quarter.
const SAMPLES_KEPT: i64 = 7 * DAY;
const EVENTS_KEPT: i64 = 90 * DAY;

/// After a day one sample in ten minutes is enough for a curve.
const THINNED_AFTER: i64 = DAY;
const THINNED_TO: i64 = 600;

/// The machine and its colony at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub at: Timestamp,
    /// When the machine was booted: counters of another boot are not comparable.
    pub boot: Timestamp,
    pub counters: Counters,
    /// Since the sample before.
    pub rates: Rates,
    /// Load averages of 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Bytes.
    pub memory_total: u64,
    pub memory_available: u64,
    /// Bytes of the filesystem that holds `node_storage`.
    pub disk_total: u64,
    pub disk_used: u64,
    pub disk_free: u64,
    /// How many nodes are in each state, in the order of [`State::ALL`].
    pub nodes: [u32; NodeState::ALL.len()],
}

impl Sample {
    /// What the instruments show, the rates that came of it, and how `nodes` stand.
    #[must_use]
    pub fn new(at: Timestamp, instruments: &MachineReadings, rates: Rates, nodes: &[Node]) -> Sample {
        Sample {
            at,
            boot: instruments.boot,
            counters: instruments.counters,
            rates,
            load: instruments.load,
            memory_total: instruments.memory_total,
            memory_available: instruments.memory_available,
            disk_total: instruments.disk_total,
            disk_used: instruments.disk_used,
            disk_free: instruments.disk_free,
            nodes: std::array::from_fn(|place| {
                let state = NodeState::ALL[place];
                let count = nodes.iter().filter(|node| node.state == state).count();
                u32::try_from(count).unwrap_or(u32::MAX)
            }),
        }
    }

    /// How many nodes are in `state`.
    #[must_use]
    pub fn in_state(&self, state: NodeState) -> u32 {
        NodeState::ALL
            .iter()
            .position(|one| *one == state)
            .map_or(0, |index| self.nodes[index])
    }
}

/// In the order of [`values`] and [`decode`].
const COLUMNS: &str = "at, boot, counted_ms, cpu_total, cpu_idle, cpu_iowait, disk_read, disk_written,
    net_received, net_sent, used_cpu_percent, idle_cpu_percent, io_wait, disk_read_rate, disk_write_rate,
    net_receive_rate, net_send_rate, load_1, load_5, load_15, memory_total, memory_available, disk_total,
    disk_used, disk_free, running, stopped, restarting, upgrading, removing, migrating, dead, disabled";

impl Store {
    /// The sample that was written last; rates are counted from it.
    pub fn last_sample(&self) -> Result<Option<Sample>, StoreError> {
        self.read(|connection| {
            // By the order of writing: a clock that was wrong for a while must not hide what came after.
            let sql = format!("SELECT {COLUMNS} FROM sample ORDER BY id DESC LIMIT 1");
            let row = connection.prepare_cached(&sql)?.query_row([], decode).optional();
            // One that cannot be read is as good as none: rates are then measured anew.
            Ok(readable(row)?.flatten())
        })
    }

    /// Forgets samples and events that are old enough, once an hour; else it looks at two rows and is done.
    pub fn prune(&self, now: Timestamp) -> Result<(), StoreError> {
        if !self.read(|connection| is_due(connection, now))? {
            return Ok(());
        }
        self.transact(|transaction| {
            transaction.execute(
                // What lies in the future was written while the clock was wrong.
                "DELETE FROM sample WHERE at < ?1 OR at > ?2",
                [now.plus(-SAMPLES_KEPT).0, now.plus(DAY).0],
            )?;
            transaction.execute(
                "DELETE FROM sample WHERE at < ?1 AND id NOT IN
                    (SELECT min(id) FROM sample WHERE at < ?1 GROUP BY at / ?2)",
                [now.plus(-THINNED_AFTER).0, THINNED_TO],
            )?;
            transaction.execute("DELETE FROM event WHERE at < ?1", [now.plus(-EVENTS_KEPT).0])?;
            Ok(())
        })
    }
}

/// Whether an hour has ended since the last sample but one.
fn is_due(connection: &Connection, now: Timestamp) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached("SELECT at FROM sample ORDER BY id DESC LIMIT 2")?;
    let last = statement
        .query_map([], |row| row.get::<_, i64>(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    let hour = |at: i64| at.div_euclid(3600);
    Ok(last.iter().any(|at| hour(*at) != hour(now.0)))
}

pub(super) fn insert(transaction: &Connection, sample: &Sample) -> Result<(), Fault> {
    let values = values(sample);
    let marks = vec!["?"; values.len()].join(", ");
    let sql = format!("INSERT INTO sample ({COLUMNS}) VALUES ({marks})");
    transaction
        .prepare_cached(&sql)?
        .execute(params_from_iter(values))?;
    Ok(())
}

fn values(sample: &Sample) -> Vec<Value> {
    let Counters {
        at_ms,
        cpu_total,
        cpu_idle,
        cpu_iowait,
        disk_read,
        disk_written,
        net_received,
        net_sent,
    } = sample.counters;
    let rates = &sample.rates;
    let mut values: Vec<Value> = vec![sample.at.0.into(), sample.boot.0.into(), at_ms.into()];
    let counters = [
        cpu_total,
        cpu_idle,
        cpu_iowait,
        disk_read,
        disk_written,
        net_received,
        net_sent,
    ];
    values.extend(counters.map(whole));
    let [load_1, load_5, load_15] = sample.load;
    let measured = [
        rates.used_cpu_percent,
        rates.idle_cpu_percent,
        rates.io_wait,
        rates.disk_read,
        rates.disk_written,
        rates.net_received,
        rates.net_sent,
        load_1,
        load_5,
        load_15,
    ];
    // SQLite keeps NaN as NULL.
    values.extend(measured.map(Value::Real));
    let sizes = [
        sample.memory_total,
        sample.memory_available,
        sample.disk_total,
        sample.disk_used,
        sample.disk_free,
    ];
    values.extend(sizes.map(whole));
    values.extend(sample.nodes.map(|count| Value::Integer(count.into())));
    values
}

fn whole(number: u64) -> Value {
    Value::Integer(number.cast_signed())
}

fn decode(row: &Row<'_>) -> rusqlite::Result<Sample> {
    let whole = |index: usize| row.get::<_, i64>(index).map(i64::cast_unsigned);
    let real = |index: usize| row.get::<_, Option<f64>>(index).map(Option::unwrap_or_default);
    let mut nodes = [0; NodeState::ALL.len()];
    for (offset, count) in nodes.iter_mut().enumerate() {
        *count = row.get(25 + offset)?;
    }
    Ok(Sample {
        at: Timestamp(row.get(0)?),
        boot: Timestamp(row.get(1)?),
        counters: Counters {
            at_ms: row.get(2)?,
            cpu_total: whole(3)?,
            cpu_idle: whole(4)?,
            cpu_iowait: whole(5)?,
            disk_read: whole(6)?,
            disk_written: whole(7)?,
            net_received: whole(8)?,
            net_sent: whole(9)?,
        },
        rates: Rates {
            used_cpu_percent: real(10)?,
            idle_cpu_percent: real(11)?,
            io_wait: real(12)?,
            disk_read: real(13)?,
            disk_written: real(14)?,
            net_received: real(15)?,
            net_sent: real(16)?,
        },
        load: [real(17)?, real(18)?, real(19)?],
        memory_total: whole(20)?,
        memory_available: whole(21)?,
        disk_total: whole(22)?,
        disk_used: whole(23)?,
        disk_free: whole(24)?,
        nodes,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use crate::colony::{Counters, NodeState, Rates, Timestamp};
    use crate::store::tests::colony;
    use crate::store::{Event, EventOutcome, Store};

    use super::{DAY, Sample};

    pub(in crate::store) fn sample(at: i64) -> Sample {
        Sample {
            at: Timestamp(at),
            boot: Timestamp(at - 1000),
            counters: Counters {
                at_ms: at * 1000 + 5,
                cpu_total: 1,
                cpu_idle: 2,
                cpu_iowait: 3,
                disk_read: 4,
                disk_written: u64::MAX,
                net_received: 6,
                net_sent: 7,
            },
            rates: Rates {
                used_cpu_percent: 1.5,
                idle_cpu_percent: 2.5,
                io_wait: 3.5,
                disk_read: 4.5,
                disk_written: 5.5,
                net_received: 6.5,
                net_sent: 7.5,
            },
            load: [0.1, 0.2, 0.3],
            memory_total: 8,
            memory_available: 9,
            disk_total: 10,
            disk_used: 11,
            disk_free: 12,
            nodes: [13, 14, 15, 16, 17, 18, 19, 20],
        }
    }

    fn write(store: &Store, sample: &Sample) {
        store
            .transact(|transaction| super::insert(transaction, sample))
            .unwrap();
    }

    fn count(store: &Store, sql: &str) -> i64 {
        store.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn the_last_sample_is_the_one_written_last() {
        let store = colony();
        assert_eq!(store.last_sample().unwrap(), None);
        write(&store, &sample(9_000_000_000));
        write(&store, &sample(50));
        assert_eq!(store.last_sample().unwrap(), Some(sample(50)));
        assert_eq!(sample(1).in_state(NodeState::Restarting), 15);
        let stored = "SELECT restarting = 15 AND disabled = 20 AND dead = 19 FROM sample LIMIT 1";
        assert_eq!(count(&store, stored), 1);
        let mut odd = sample(60);
        odd.rates.io_wait = f64::NAN;
        write(&store, &odd);
        assert_eq!(store.last_sample().unwrap().unwrap().rates.io_wait, 0.0);
    }

    #[test]
    fn samples_thin_after_a_day_and_go_after_a_week() {
        let store = colony();
        let now = 100 * DAY;
        for minute in 0..10 * 24 * 60 {
            write(&store, &sample(now - minute * 60));
        }
        for days in [1, 89, 91] {
            let event = Event {
                at: Timestamp(now - days * DAY),
                run: String::new(),
                action: "stop".to_owned(),
                node: None,
                service: None,
                reason: String::new(),
                figures: serde_json::Value::Null,
                forced: true,
                outcome: EventOutcome::Failed,
                error: None,
                warning: None,
                duration_ms: 0,
            };
            store.note(&event).unwrap();
        }
        store.prune(Timestamp(now)).unwrap();
        assert_eq!(
            count(
                &store,
                &format!("SELECT count(*) FROM sample WHERE at >= {}", now - DAY)
            ),
            1441
        );
        assert_eq!(
            count(
                &store,
                &format!("SELECT count(*) FROM sample WHERE at < {}", now - DAY)
            ),
            6 * 24 * 6
        );
        assert_eq!(store.events(None, 10).unwrap().len(), 2);
        assert_eq!(store.events(Some(Timestamp(now - 2 * DAY)), 10).unwrap().len(), 1);
        let before = store.connection.total_changes();
        store.prune(Timestamp(now)).unwrap();
        assert_eq!(store.connection.total_changes(), before);
    }

    #[test]
    fn within_the_hour_there_is_nothing_to_forget() {
        let store = colony();
        write(&store, &sample(36_000));
        write(&store, &sample(36_060));
        write(&store, &sample(1));
        write(&store, &sample(36_120));
        write(&store, &sample(36_180));
        store.prune(Timestamp(36_240)).unwrap();
        assert_eq!(count(&store, "SELECT count(*) FROM sample"), 5);
        store.prune(Timestamp(36_000 + 30 * DAY)).unwrap();
        assert_eq!(count(&store, "SELECT count(*) FROM sample"), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_sample_comes_back_as_it_went_in(
            at: i64, boot: i64, sizes: [u64; 12], reals in prop::array::uniform10(-1e12..1e12), nodes: [u32; 8],
        ) {
            let [cpu_total, cpu_idle, cpu_iowait, disk_read, disk_written, net_received, net_sent, ..] = sizes;
            let sample = Sample {
                at: Timestamp(at),
                boot: Timestamp(boot),
                counters: Counters {
                    at_ms: at, cpu_total, cpu_idle, cpu_iowait, disk_read, disk_written, net_received, net_sent,
                },
                rates: Rates {
                    used_cpu_percent: reals[0], idle_cpu_percent: reals[1], io_wait: reals[2],
                    disk_read: reals[3], disk_written: reals[4], net_received: reals[5], net_sent: reals[6],
                },
                load: [reals[7], reals[8], reals[9]],
                memory_total: sizes[7],
                memory_available: sizes[8],
                disk_total: sizes[9],
                disk_used: sizes[10],
                disk_free: sizes[11],
                nodes,
            };
            let store = colony();
            write(&store, &sample);
            prop_assert_eq!(store.last_sample().unwrap(), Some(sample));
        }
    }
}
