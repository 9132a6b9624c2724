//! Time that passes in no time: what the database knows becomes older, and where much time passed at once, it is
//! filled with what a run each minute would have written.

use crate::stage::Stage;

const DAY: i64 = 86_400;

/// What is kept, by the manual; and an hour, since it is looked at once an hour.
const SAMPLES_KEPT: i64 = 7 * DAY + 3_600;
const EVENTS_KEPT: i64 = 90 * DAY + 3_600;

/// Samples of a day in full, of six days one in ten minutes, and what an hour and a leap can add to that.
const SAMPLES: i64 = 1_441 + 6 * 145 + 61;

/// What a busy colony does in a day.
const EVENTS_A_DAY: i64 = 200;

/// A minute passes.
pub fn minute(stage: &Stage) {
    stage.tamper("UPDATE sample SET at = at - 60");
}

/// So many seconds pass, with a run in each minute of them but for the last hour: what is old goes once an hour.
pub fn leap(stage: &Stage, seconds: i64) {
    // What is forgotten at once anyway is not written.
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

/// A cycle that ran to its end leaves nothing that should have been forgotten.
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
