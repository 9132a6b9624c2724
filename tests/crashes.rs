//! Killed runs: whenever a run is killed, the next run loses nothing, duplicates nothing, and is not
//! blocked.
//!
//! `cargo test` kills at a sample of moments and system calls. `WNM_STRESS=full cargo test --test main
//! crashes:: -- --nocapture` tries all of them, which takes hours; a longer filter after `crashes::`
//! selects a part.

mod adoption;
mod all_or_nothing;
pub mod consistency;
mod import;
mod init;
mod killed_steps;
mod random_moments;
pub mod system_calls;
mod unsynced_data;

use crate::stage::Stage;

/// Whether to try every moment instead of a sample.
pub fn is_full() -> bool {
    std::env::var("WNM_STRESS").is_ok_and(|how| how == "full")
}

/// One of the three steps that create, change and delete a node; in a colony of one they return to the same
/// state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Add,
    Upgrade,
    Remove,
}

impl Step {
    pub const ALL: [Step; 3] = [Step::Add, Step::Upgrade, Step::Remove];

    /// The arguments of wnm for the step.
    pub fn words(self) -> [&'static str; 2] {
        let order = match self {
            Step::Add => "add",
            Step::Upgrade => "upgrade",
            Step::Remove => "remove",
        };
        ["--force_action", order]
    }

    /// Brings the colony to the state before the step: no node before an add, else one running node; before
    /// an upgrade it is older than the installed antnode, 0.4.`newest`.
    pub fn prepare(self, stage: &Stage, newest: &mut u32) {
        match self {
            Step::Add => {
                if !stage.rows().is_empty() {
                    stage.wnm(&Step::Remove.words()).done();
                }
                // Always the first node of this version, so that its binary must be copied to the store.
                let _ = std::fs::remove_dir_all(stage.base().join("bin"));
            }
            Step::Upgrade | Step::Remove => one_runs(stage),
        }
        if self == Step::Upgrade && stage.of_version(&version(*newest)) == 1 {
            *newest += 1;
            stage.install(&version(*newest));
        }
    }
}

/// Version 0.4.`newest` of antnode.
pub fn version(last: u32) -> String {
    format!("0.4.{last}")
}

/// A colony with a cap of one node: each cycle adds the node if it is missing.
pub fn colony() -> Stage {
    Stage::colony(&["--node_cap", "1"])
}

/// Runs cycles until the one node runs and nothing is left to do.
pub fn one_runs(stage: &Stage) {
    cycles_until(stage, "the one node runs", |stage| {
        stage.rows().len() == 1 && stage.in_state("RUNNING") == 1
    });
}

/// Runs cycles until `so` is true. A node that was killed before it answered is skipped for a minute; this
/// ends the minute at once.
pub fn cycles_until(stage: &Stage, what: &str, so: impl Fn(&Stage) -> bool) {
    stage.until(what, so, |stage| {
        stage.tamper("UPDATE node SET retry_at = NULL");
        drop(stage.cycle());
    });
}
