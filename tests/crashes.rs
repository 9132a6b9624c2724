//! Crashes: given a run that is killed at any instant, when wnm runs again, then nothing is lost, nothing is
//! there twice, and no run is held up by what was left.
//!
//! `cargo test` kills at a sample of the instants and of the system calls. All of them, in some hours; a filter
//! behind `crashes::` plays a part:
//! `WNM_STRESS=full cargo test --test main crashes:: -- --nocapture`.

mod adoption;
pub mod calls;
mod disk;
mod either;
mod founding;
mod import;
mod moments;
mod scenes;
pub mod whole;

use crate::stage::Stage;

/// Whether every instant is to be tried, and not a sample.
pub fn is_full() -> bool {
    std::env::var("WNM_STRESS").is_ok_and(|how| how == "full")
}

/// One of the three steps that make, change and unmake a node; a colony of one returns to where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Add,
    Upgrade,
    Remove,
}

impl Step {
    pub const ALL: [Step; 3] = [Step::Add, Step::Upgrade, Step::Remove];

    /// The words that make wnm take it.
    pub fn words(self) -> [&'static str; 2] {
        let order = match self {
            Step::Add => "add",
            Step::Upgrade => "upgrade",
            Step::Remove => "remove",
        };
        ["--force_action", order]
    }

    /// Brings the colony to where the step can be taken: no node before an add, else one that runs; before an
    /// upgrade it is older than the antnode at hand, of which `newest` is the last figure.
    pub fn prepare(self, stage: &Stage, newest: &mut u32) {
        match self {
            Step::Add => {
                if !stage.rows().is_empty() {
                    stage.wnm(&Step::Remove.words()).done();
                }
                // Each time the first node of this version: its binary has to be copied to the shelf.
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

/// The antnode of this last figure.
pub fn version(last: u32) -> String {
    format!("0.4.{last}")
}

/// A colony whose cap is one node: what a cycle finds missing, it makes.
pub fn colony() -> Stage {
    Stage::colony(&["--node_cap", "1"])
}

/// Cycles until the one node runs and there is nothing left to do.
pub fn one_runs(stage: &Stage) {
    cycles_until(stage, "the one node runs", |stage| {
        stage.rows().len() == 1 && stage.in_state("RUNNING") == 1
    });
}

/// Cycles until it is so. A node that was cut off before it could answer is passed over for a minute: that is over.
pub fn cycles_until(stage: &Stage, what: &str, so: impl Fn(&Stage) -> bool) {
    stage.until(what, so, |stage| {
        stage.tamper("UPDATE node SET retry_at = NULL");
        drop(stage.cycle());
    });
}
