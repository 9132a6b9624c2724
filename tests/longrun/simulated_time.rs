//! Simulated time: moves all times in the database back, and for long jumps adds the rows of a run per
//! minute.

use crate::stage::Stage;

const DAY: i64 = 86_400;

/// The documented retention, and an hour because old rows are deleted once an hour.
const SAMPLES_KEPT: i64 = 90 * DAY + 3_600;
const EVENTS_KEPT: i64 = 90 * DAY + 3_600;

/// All samples of a day, one per ten minutes of six days, one per hour of 83 days, and what an hour and a jump can add.
const SAMPLES: i64 = 1_441 + 6 * 145 + 83 * 25 + 61;

/// The events of a busy colony in a day.
const EVENTS_A_DAY: i64 = 200;

/// Lets a minute pass.
pub fn simulate_minute(stage: &Stage) {
    stage.tamper("UPDATE sample SET at = at - 60");
}

/// Lets this time pass with a run in each minute except in the last hour, because old rows are deleted once
/// an hour.
pub fn leap(stage: &Stage, seconds: i64) {
    // Rows that would be deleted at once are not written.
    let minutes = seconds.min(8 * DAY) / 60;
    let events = EVENTS_A_DAY * seconds / DAY;
    stage.tamper(&format!(
        "BEGIN;
         UPDATE sample SET at = at - {seconds};
         UPDATE event SET at = at - {seconds};
         UPDATE node SET timestamp = timestamp - {seconds}, retry_at = retry_at - {seconds};
         CREATE TEMP TABLE minutes AS
             WITH RECURSIVE m(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM m WHERE n < {minutes})
             SELECT s.* FROM m, (SELECT * FROM sample ORDER BY id DESC LIMIT 1) s;
         UPDATE minutes SET id = NULL, at = unixepoch() - 3660 - ({minutes} - rowid) * 60;
         INSERT INTO sample SELECT * FROM minutes;
         CREATE TEMP TABLE deeds AS
             WITH RECURSIVE m(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM m WHERE n < {events})
             SELECT e.* FROM m, (SELECT * FROM event ORDER BY id DESC LIMIT 1) e;
         UPDATE deeds SET id = NULL, at = unixepoch() - ({events} - rowid + 1) * ({seconds} / {events});
         INSERT INTO event SELECT * FROM deeds;
         COMMIT;"
    ));
}

/// A complete cycle leaves no row beyond its retention.
pub fn nothing_is_too_old(stage: &Stage, cycle: usize) {
    for (table, kept) in [("sample", SAMPLES_KEPT), ("event", EVENTS_KEPT)] {
        let old = stage.figure(&format!(
            "SELECT count(*) FROM {table} WHERE at < unixepoch() - {kept}"
        ));
        assert_eq!(old, 0, "cycle {cycle}: rows of {table} that are too old");
    }
    let samples = stage.figure("SELECT count(*) FROM sample");
    assert!(samples <= SAMPLES, "cycle {cycle}: {samples} samples");
}
