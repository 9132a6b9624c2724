//! The runs that are killed: single steps, planned cycles of several steps, changed settings, a survey, the
//! deletion of old rows.

use super::consistency::{Identities, identities};
use super::system_calls::{at_every_call, twice};
use super::{Step, cycles_until, one_runs, version};
use crate::stage::Stage;

/// A run that can be repeated on one stage.
pub struct Scene {
    pub name: &'static str,
    /// The settings of its colony.
    settings: &'static [&'static str],
    /// Brings the colony to the state before the run; keeps what is there already.
    ready: fn(&Stage, &mut u32),
    /// The CPU usage in the minute before.
    busy: i64,
    pub words: &'static [&'static str],
    /// What the run does to identities.
    lives: Lives,
    /// Extra checks after a clean cycle.
    pub check: fn(&Stage),
}

/// What happens to identities.
#[derive(PartialEq, Eq)]
enum Lives {
    Begin,
    Stay,
    End,
}

const STEP: Scene = Scene {
    name: "",
    settings: &["--node_cap", "1"],
    ready: |_, _| (),
    busy: 0,
    words: &[],
    lives: Lives::Stay,
    check: |_| (),
};

/// Three nodes, and quotas for all of them at once.
const THREE: &[&str] = &[
    "--node_cap",
    "3",
    "--max_concurrent_starts",
    "3",
    "--max_concurrent_upgrades",
    "3",
    "--max_concurrent_removals",
    "3",
    "--max_concurrent_operations",
    "3",
];

const ADD: Scene = Scene {
    name: "an add",
    ready: |stage, newest| Step::Add.prepare(stage, newest),
    words: &["--force_action", "add"],
    lives: Lives::Begin,
    ..STEP
};

const UPGRADE: Scene = Scene {
    name: "an upgrade",
    ready: |stage, newest| Step::Upgrade.prepare(stage, newest),
    words: &["--force_action", "upgrade"],
    ..STEP
};

const REMOVAL: Scene = Scene {
    name: "a removal",
    ready: |stage, newest| Step::Remove.prepare(stage, newest),
    words: &["--force_action", "remove"],
    lives: Lives::End,
    ..STEP
};

const GROWTH: Scene = Scene {
    name: "a cycle that adds five",
    settings: &[
        "--node_cap",
        "5",
        "--max_concurrent_starts",
        "5",
        "--max_concurrent_operations",
        "5",
    ],
    ready: |stage, _| {
        if !stage.rows().is_empty() {
            stage.wnm(TEARDOWN.words).done();
        }
        let _ = std::fs::remove_dir_all(stage.base().join("bin"));
    },
    lives: Lives::Begin,
    ..STEP
};

const RENEWAL: Scene = Scene {
    name: "a cycle that upgrades three",
    settings: THREE,
    ready: |stage, newest| {
        let all_are =
            |stage: &Stage, last| stage.of_version(&version(last)) == 3 && stage.in_state("RUNNING") == 3;
        if all_are(stage, *newest - 1) {
            return;
        }
        cycles_until(stage, "all are renewed", |stage| all_are(stage, *newest));
        *newest += 1;
        stage.install(&version(*newest));
    },
    ..STEP
};

const PRESSURE: Scene = Scene {
    name: "a cycle that stops one for pressure",
    settings: THREE,
    ready: |stage, _| three_run(stage),
    busy: 95,
    ..STEP
};

const SHRINKING: Scene = Scene {
    name: "a cycle with a lower cap",
    settings: THREE,
    ready: |stage, _| {
        stage
            .wnm(&["--node_cap", "3", "--force_action", "update_config"])
            .done();
        three_run(stage);
    },
    words: &["--node_cap", "2"],
    lives: Lives::End,
    ..STEP
};

const START: Scene = Scene {
    name: "a start",
    ready: |stage, _| one_rests(stage),
    words: &["--force_action", "start"],
    ..STEP
};

const LATE_START: Scene = Scene {
    name: "a start of a node that is outdated",
    ready: |stage, newest| {
        if stage.in_state("STOPPED") == 1 && stage.of_version(&version(*newest - 1)) == 1 {
            return;
        }
        cycles_until(stage, "it is renewed", |stage| {
            stage.of_version(&version(*newest)) == 1 && stage.in_state("RUNNING") == 1
        });
        one_rests(stage);
        *newest += 1;
        stage.install(&version(*newest));
    },
    words: &["--force_action", "start"],
    ..STEP
};

const DISABLING: Scene = Scene {
    name: "a node being disabled",
    ready: |stage, _| {
        if stage.in_state("DISABLED") == 1 {
            stage.force("start --service_name 1").done();
        }
        one_runs(stage);
    },
    words: &["--force_action", "disable", "--service_name", "1"],
    ..STEP
};

const TEARDOWN: Scene = Scene {
    name: "a teardown",
    settings: THREE,
    ready: |stage, _| three_run(stage),
    words: &["--force_action", "teardown", "--confirm"],
    lives: Lives::End,
    ..STEP
};

const SETTINGS: Scene = Scene {
    name: "settings being kept",
    ready: |stage, _| {
        stage
            .force("update_config --hd_less_than 99 --mem_less_than 99")
            .done();
    },
    words: &[
        "--force_action",
        "update_config",
        "--hd_less_than",
        "98",
        "--mem_less_than",
        "98",
    ],
    check: |stage| {
        let halves = stage.figure("SELECT count(*) FROM machine WHERE hd_less_than <> mem_less_than");
        assert_eq!(halves, 0, "one setting is kept, and not the other");
    },
    ..STEP
};

const FORGETTING: Scene = Scene {
    name: "a cycle that forgets what is old",
    ready: |stage, _| {
        one_runs(stage);
        stage.tamper(&format!(
            "BEGIN;
             CREATE TEMP TABLE old AS SELECT * FROM sample WHERE id = (SELECT max(id) FROM sample);
             CREATE TEMP TABLE deed AS SELECT * FROM event WHERE id = (SELECT max(id) FROM event);
             UPDATE old SET id = NULL, at = at - 91 * {DAY};
             UPDATE deed SET id = NULL, at = at - 91 * {DAY};
             {}{}{}
             UPDATE sample SET at = at - 3600;
             COMMIT;",
            "INSERT INTO sample SELECT * FROM old;".repeat(40),
            "INSERT INTO event SELECT * FROM deed;".repeat(40),
            // Old rows are only deleted by a clock that agrees with the samples of the last day.
            (1..=30)
                .rev()
                .map(|hours| format!(
                    "UPDATE old SET at = unixepoch() - {hours} * 3600; INSERT INTO sample SELECT * FROM old;"
                ))
                .collect::<String>(),
        ));
        // The last has the highest id, and must also be the youngest.
        stage.tamper("UPDATE sample SET at = unixepoch() - 3660 WHERE id > (SELECT max(id) - 2 FROM sample)");
    },
    check: |stage| {
        // Old rows are deleted once an hour; a killed run may already have used the turn.
        stage.tamper("UPDATE sample SET at = at - 3600");
        stage.cycle();
        for (table, days) in [("sample", 90), ("event", 90)] {
            let old = format!("SELECT count(*) FROM {table} WHERE at < unixepoch() - {days} * {DAY}");
            assert_eq!(stage.figure(&old), 0, "{table}");
        }
    },
    ..STEP
};

const SURVEY: Scene = Scene {
    name: "a survey",
    ready: |stage, _| {
        one_runs(stage);
        stage.tamper("UPDATE node SET status = 'STOPPED', peer_id = NULL");
    },
    words: &["--force_action", "survey"],
    ..STEP
};

const DAY: i64 = 86_400;

impl Scene {
    /// Its stage, not prepared yet.
    pub fn stage(&self) -> Stage {
        Stage::colony(self.settings)
    }

    pub fn prepare(&self, stage: &Stage, newest: &mut u32) {
        (self.ready)(stage, newest);
        stage.simulate_minute(self.busy);
    }

    /// Identities that must be unchanged afterwards.
    pub fn kept(&self, stage: &Stage) -> Identities {
        if self.lives == Lives::End {
            Identities::default()
        } else {
            identities(stage)
        }
    }

    /// Identities that a killed run created must be kept too.
    pub fn made(&self, stage: &Stage) -> Identities {
        if self.lives == Lives::Begin {
            identities(stage)
        } else {
            Identities::default()
        }
    }
}

fn three_run(stage: &Stage) {
    cycles_until(stage, "three run", |stage| {
        stage.rows().len() == 3 && stage.in_state("RUNNING") == 3
    });
}

/// One node exists and is stopped.
fn one_rests(stage: &Stage) {
    if stage.in_state("STOPPED") != 1 {
        one_runs(stage);
        stage.force("stop").done();
    }
}

#[test]
fn next_run_repairs_an_add_killed_at_any_call() {
    at_every_call(&ADD);
}

#[test]
fn next_run_repairs_an_upgrade_killed_at_any_call() {
    at_every_call(&UPGRADE);
}

#[test]
fn next_run_repairs_a_removal_killed_at_any_call() {
    at_every_call(&REMOVAL);
}

#[test]
fn next_run_repairs_a_cycle_that_adds_five_killed_at_any_call() {
    at_every_call(&GROWTH);
}

#[test]
fn next_run_repairs_a_cycle_that_upgrades_three_killed_at_any_call() {
    at_every_call(&RENEWAL);
}

#[test]
fn next_run_repairs_a_stop_under_pressure_killed_at_any_call() {
    at_every_call(&PRESSURE);
}

#[test]
fn next_run_repairs_a_cycle_with_a_lower_cap_killed_at_any_call() {
    at_every_call(&SHRINKING);
}

#[test]
fn next_run_repairs_a_start_killed_at_any_call() {
    at_every_call(&START);
}

#[test]
fn next_run_repairs_a_start_of_an_outdated_node_killed_at_any_call() {
    at_every_call(&LATE_START);
}

#[test]
fn next_run_repairs_a_disable_killed_at_any_call() {
    at_every_call(&DISABLING);
}

#[test]
fn next_run_repairs_a_teardown_killed_at_any_call() {
    at_every_call(&TEARDOWN);
}

#[test]
fn settings_of_a_run_killed_at_any_call_are_stored_completely_or_not_at_all() {
    at_every_call(&SETTINGS);
}

#[test]
fn next_run_repairs_a_deletion_of_old_rows_killed_at_any_call() {
    at_every_call(&FORGETTING);
}

#[test]
fn next_run_repairs_a_survey_killed_at_any_call() {
    at_every_call(&SURVEY);
}

#[test]
fn next_run_repairs_an_add_killed_twice() {
    twice(&ADD);
}

#[test]
fn next_run_repairs_upgrades_killed_twice() {
    twice(&RENEWAL);
}

#[test]
fn next_run_repairs_a_start_of_an_outdated_node_killed_twice() {
    twice(&LATE_START);
}

#[test]
fn next_run_repairs_a_teardown_killed_twice() {
    twice(&TEARDOWN);
}
