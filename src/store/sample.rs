//! Samples of the machine, one for each cycle, and how long samples and events are kept.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use crate::colony::{MachineReadings, Node, NodeState, Rates, Timestamp};

use super::error::{Fault, readable};
use super::{Store, StoreError};

const DAY: i64 = 24 * 60 * 60;

/// Seconds for which samples and events are kept.
const SAMPLES_KEPT: i64 = 90 * DAY;
const EVENTS_KEPT: i64 = 90 * DAY;

/// After the first time, one sample in the second time is kept; both in seconds. A year of samples is below 2 MB.
const THINNED: [(i64, i64); 2] = [(DAY, 600), (7 * DAY, 3_600)];

/// A clock that is set back by less than this many seconds was only corrected.
const SET_BACK_AT_MOST: i64 = 3600;

/// The machine and its colony at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    pub at: Timestamp,
    /// Stored without the number of CPUs and inodes, which are 0 when a sample is read.
    pub readings: MachineReadings,
    /// Since the sample before.
    pub rates: Rates,
    /// How many nodes are in each state, in the order of [`NodeState::ALL`].
    pub nodes: [u32; NodeState::ALL.len()],
}

impl Sample {
    /// A sample of `readings`, the rates that follow from them, and the states of `nodes`.
    #[must_use]
    pub fn new(at: Timestamp, readings: &MachineReadings, rates: Rates, nodes: &[Node]) -> Sample {
        Sample {
            at,
            readings: readings.clone(),
            rates,
            nodes: std::array::from_fn(|place| {
                let state = NodeState::ALL[place];
                let count = nodes.iter().filter(|node| node.state == state).count();
                u32::try_from(count).unwrap_or(u32::MAX)
            }),
        }
    }
}

/// The field of a column, to read it and to set it.
enum Field {
    Signed(fn(&mut Sample) -> &mut i64),
    Whole(fn(&mut Sample) -> &mut u64),
    /// NULL is a figure that is not known, NaN; SQLite stores NaN as NULL.
    Real(fn(&mut Sample) -> &mut f64),
}

/// Makes a column of its name, the kind of its field, and the field of [`Sample`].
macro_rules! columns {
    ($($name:literal: $kind:ident ($($field:tt)+),)*) => {
        &[$(($name, Field::$kind(|sample| &mut sample.$($field)+))),*]
    };
}

/// The columns of table `sample`. After them comes a column for each state of a node, named after it in small letters.
const COLUMNS: &[(&str, Field)] = columns! {
    "at": Signed (at.0),
    "boot": Signed (readings.boot.0),
    "counted_ms": Signed (readings.counters.at_ms),
    "cpu_total": Whole (readings.counters.cpu_total),
    "cpu_idle": Whole (readings.counters.cpu_idle),
    "cpu_iowait": Whole (readings.counters.cpu_iowait),
    "disk_read": Whole (readings.counters.disk_read),
    "disk_written": Whole (readings.counters.disk_written),
    "net_received": Whole (readings.counters.net_received),
    "net_sent": Whole (readings.counters.net_sent),
    "used_cpu_percent": Real (rates.used_cpu_percent),
    "idle_cpu_percent": Real (rates.idle_cpu_percent),
    "io_wait": Real (rates.io_wait),
    "disk_read_rate": Real (rates.disk_read),
    "disk_write_rate": Real (rates.disk_written),
    "net_receive_rate": Real (rates.net_received),
    "net_send_rate": Real (rates.net_sent),
    "load_1": Real (readings.load[0]),
    "load_5": Real (readings.load[1]),
    "load_15": Real (readings.load[2]),
    "memory_total": Whole (readings.memory_total),
    "memory_available": Whole (readings.memory_available),
    "disk_total": Whole (readings.disk_total),
    "disk_used": Whole (readings.disk_used),
    "disk_free": Whole (readings.disk_free),
    "cpu_waited": Whole (readings.counters.waited.cpu_some),
    "io_waited": Whole (readings.counters.waited.io_full),
    "memory_waited": Whole (readings.counters.waited.memory_full),
};

fn names() -> String {
    let columns = COLUMNS.iter().map(|(name, _)| (*name).to_owned());
    let states = NodeState::ALL
        .iter()
        .map(|state| state.word().to_ascii_lowercase());
    columns.chain(states).collect::<Vec<_>>().join(", ")
}

impl Store {
    /// The sample that was written last. The next rates are computed from it.
    pub fn last_sample(&self) -> Result<Option<Sample>, StoreError> {
        self.read(|connection| {
            // Ordered by ID, because the clock may have been wrong for a while.
            let sql = format!("SELECT {} FROM sample ORDER BY id DESC LIMIT 1", names());
            let row = connection.prepare_cached(&sql)?.query_row([], decode).optional();
            // Without a readable sample, the survey measures the rates itself.
            Ok(readable(row)?.flatten())
        })
    }

    /// The last sample that was written at `at` or earlier, unless it is more than ten minutes older.
    pub fn sample_before(&self, at: Timestamp) -> Result<Option<Sample>, StoreError> {
        const OLDER_AT_MOST: i64 = 600;
        self.read(|connection| {
            let sql = format!(
                "SELECT {} FROM sample WHERE at BETWEEN ?1 AND ?2 ORDER BY at DESC, id DESC LIMIT 1",
                names()
            );
            let range = [at.plus(-OLDER_AT_MOST).0, at.0];
            let row = connection
                .prepare_cached(&sql)?
                .query_row(range, decode)
                .optional();
            Ok(readable(row)?.flatten())
        })
    }

    /// The samples since then, in the order in which they were written. One that cannot be read is left out.
    pub fn samples(&self, since: Timestamp) -> Result<Vec<Sample>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {} FROM sample WHERE at >= ?1 ORDER BY id", names());
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([since.0], decode)?;
            let mut samples = Vec::new();
            for row in rows {
                samples.extend(readable(row)?);
            }
            Ok(samples)
        })
    }

    /// Deletes old samples and events once an hour; at other times reads two rows and returns. Deletes nothing while
    /// the clock disagrees with the samples. Returns whether other old records may be deleted now.
    pub fn prune(&self, now: Timestamp) -> Result<bool, StoreError> {
        if !self.read(|connection| Ok(is_due(connection, now)? && is_clock_plausible(connection, now)?))? {
            return Ok(false);
        }
        self.transact(|transaction| {
            transaction.execute(
                // Rows in the future were written while the clock was wrong.
                "DELETE FROM sample WHERE at < ?1 OR at > ?2",
                [now.plus(-SAMPLES_KEPT).0, now.plus(DAY).0],
            )?;
            for (after, to) in THINNED {
                transaction.execute(
                    "DELETE FROM sample WHERE at < ?1 AND id NOT IN
                        (SELECT min(id) FROM sample WHERE at < ?1 GROUP BY at / ?2)",
                    [now.plus(-after).0, to],
                )?;
            }
            transaction.execute("DELETE FROM event WHERE at < ?1", [now.plus(-EVENTS_KEPT).0])?;
            Ok(true)
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

/// Whether the clock agrees with the samples of the last day: they were written in the order of their times, and no two
/// are more than a day apart. After a leap of the clock, back or ahead, this takes a day.
fn is_clock_plausible(connection: &Connection, now: Timestamp) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached("SELECT at FROM sample ORDER BY id DESC")?;
    let mut rows = statement.query([])?;
    let mut later = now;
    while let Some(row) = rows.next()? {
        let at = Timestamp(row.get(0)?);
        if !(-SET_BACK_AT_MOST..=DAY).contains(&later.since(at)) {
            return Ok(false);
        }
        if now.since(at) >= DAY {
            return Ok(true);
        }
        later = at;
    }
    Ok(false)
}

pub(super) fn insert(transaction: &Connection, sample: &Sample) -> Result<(), Fault> {
    let values = values(sample);
    let marks = vec!["?"; values.len()].join(", ");
    let sql = format!("INSERT INTO sample ({}) VALUES ({marks})", names());
    transaction
        .prepare_cached(&sql)?
        .execute(params_from_iter(values))?;
    Ok(())
}

fn values(sample: &Sample) -> Vec<Value> {
    let mut sample = sample.clone();
    let mut values: Vec<Value> = Vec::new();
    for (_, field) in COLUMNS {
        values.push(match field {
            Field::Signed(field) => Value::Integer(*field(&mut sample)),
            Field::Whole(field) => Value::Integer(field(&mut sample).cast_signed()),
            Field::Real(field) => Value::Real(*field(&mut sample)),
        });
    }
    values.extend(sample.nodes.map(|count| Value::Integer(count.into())));
    values
}

fn decode(row: &Row<'_>) -> rusqlite::Result<Sample> {
    let mut sample = Sample::default();
    for (index, (_, field)) in COLUMNS.iter().enumerate() {
        match field {
            Field::Signed(field) => *field(&mut sample) = row.get(index)?,
            Field::Whole(field) => *field(&mut sample) = row.get::<_, i64>(index)?.cast_unsigned(),
            Field::Real(field) => *field(&mut sample) = row.get::<_, Option<f64>>(index)?.unwrap_or(f64::NAN),
        }
    }
    for (offset, count) in sample.nodes.iter_mut().enumerate() {
        *count = row.get(COLUMNS.len() + offset)?;
    }
    Ok(sample)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use crate::colony::{Counters, MachineReadings, Rates, Timestamp};
    use crate::store::tests::colony;
    use crate::store::{Event, EventOutcome, Store};

    use super::{DAY, Sample};

    pub(in crate::store) fn sample(at: i64) -> Sample {
        Sample {
            at: Timestamp(at),
            readings: MachineReadings {
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
                    waited: Default::default(),
                },
                cpus: 0,
                load: [0.1, 0.2, 0.3],
                memory_total: 8,
                memory_available: 9,
                disk_total: 10,
                disk_used: 11,
                disk_free: 12,
                inodes: Default::default(),
            },
            rates: Rates {
                used_cpu_percent: 1.5,
                idle_cpu_percent: 2.5,
                io_wait: 3.5,
                disk_read: 4.5,
                disk_written: 5.5,
                net_received: 6.5,
                net_sent: 7.5,
                waits: Default::default(),
            },
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
    fn last_sample_is_the_newest() {
        let store = colony();
        assert_eq!(store.last_sample().unwrap(), None);
        write(&store, &sample(9_000_000_000));
        write(&store, &sample(50));
        assert_eq!(store.last_sample().unwrap(), Some(sample(50)));
        let stored = "SELECT restarting = 15 AND disabled = 20 AND dead = 19 FROM sample LIMIT 1";
        assert_eq!(count(&store, stored), 1);
        let mut odd = sample(60);
        odd.rates.io_wait = f64::NAN;
        write(&store, &odd);
        assert!(store.last_sample().unwrap().unwrap().rates.io_wait.is_nan());
    }

    #[test]
    fn samples_are_thinned_twice_and_deleted_after_90_days() {
        let store = colony();
        let now = 100 * DAY;
        for hour in (10 * 24..100 * 24).rev() {
            write(&store, &sample(now - hour * 3600));
        }
        for minute in (0..10 * 24 * 60).rev() {
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
            store.record_event(&event).unwrap();
        }
        store.prune(Timestamp(now)).unwrap();
        assert_eq!(
            count(
                &store,
                &format!("SELECT count(*) FROM sample WHERE at >= {}", now - DAY)
            ),
            1441
        );
        let between = |older: i64, newer: i64| {
            let (from, to) = (now - older * DAY, now - newer * DAY);
            count(
                &store,
                &format!("SELECT count(*) FROM sample WHERE at >= {from} AND at < {to}"),
            )
        };
        assert_eq!(between(7, 1), 6 * 24 * 6);
        assert_eq!(between(90, 7), 83 * 24);
        assert_eq!(between(100, 90), 0);
        assert_eq!(store.samples(Timestamp(now - DAY)).unwrap().len(), 1441);
        assert_eq!(store.events(None, 10).unwrap().len(), 2);
        assert_eq!(store.events(Some(Timestamp(now - 2 * DAY)), 10).unwrap().len(), 1);
        let before = store.connection.total_changes();
        store.prune(Timestamp(now)).unwrap();
        assert_eq!(store.connection.total_changes(), before);
    }

    #[test]
    fn deletes_nothing_within_the_hour() {
        let store = colony();
        write(&store, &sample(36_000));
        write(&store, &sample(36_060));
        write(&store, &sample(1));
        write(&store, &sample(36_120));
        write(&store, &sample(36_180));
        store.prune(Timestamp(36_240)).unwrap();
        assert_eq!(count(&store, "SELECT count(*) FROM sample"), 5);
    }

    #[test]
    fn clock_that_leaps_deletes_nothing_for_a_day() {
        let store = colony();
        let (start, year) = (20_000 * DAY, 365 * DAY);
        let hourly = |from: i64, hours: i64| {
            for hour in 0..=hours {
                write(&store, &sample(from + hour * 3600));
            }
        };
        hourly(start, 48);
        let samples = || count(&store, "SELECT count(*) FROM sample");
        for leap in [year, -year] {
            for minute in 0..5 {
                let now = start + 2 * DAY + leap + minute * 60;
                write(&store, &sample(now));
                assert!(!store.prune(Timestamp(now)).unwrap());
            }
        }
        assert_eq!(samples(), 59);
        // Back to the real time: after a day the samples agree, and those of the wrong times are deleted.
        hourly(start + 3 * DAY, 23);
        assert!(!store.prune(Timestamp(start + 3 * DAY + 23 * 3600 + 60)).unwrap());
        assert_eq!(samples(), 83);
        hourly(start + 4 * DAY, 0);
        assert!(store.prune(Timestamp(start + 4 * DAY + 60)).unwrap());
        let range = "SELECT count(*) FROM sample WHERE at BETWEEN 1727000000 AND 1730000000";
        assert_eq!(samples(), count(&store, range));
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
                readings: MachineReadings {
                    boot: Timestamp(boot),
                    counters: Counters {
                        at_ms: at, cpu_total, cpu_idle, cpu_iowait, disk_read, disk_written, net_received, net_sent,
                        waited: Default::default(),
                    },
                    cpus: 0,
                    load: [reals[7], reals[8], reals[9]],
                    memory_total: sizes[7],
                    memory_available: sizes[8],
                    disk_total: sizes[9],
                    disk_used: sizes[10],
                    disk_free: sizes[11],
                    inodes: Default::default(),
                },
                rates: Rates {
                    used_cpu_percent: reals[0], idle_cpu_percent: reals[1], io_wait: reals[2],
                    disk_read: reals[3], disk_written: reals[4], net_received: reals[5], net_sent: reals[6],
                    waits: Default::default(),
                },
                nodes,
            };
            let store = colony();
            write(&store, &sample);
            prop_assert_eq!(store.last_sample().unwrap(), Some(sample));
        }
    }
}
