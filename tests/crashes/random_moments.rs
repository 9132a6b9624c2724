//! Killed at a random moment, from the start to a little after the end of the step.

use std::time::{Duration, Instant};

use super::consistency::{identities, is_consistent};
use super::{Step, colony, is_full, one_runs};
use crate::stage::{Random, Stage};

#[test]
fn next_run_repairs_a_run_killed_at_any_moment() {
    let moments = if is_full() { 500 } else { 30 };
    let mut random = Random::new();
    let stage = colony();
    let mut newest = 17;
    let mut lengths = Step::ALL.map(|step| length(&stage, step, &mut newest));
    let (mut killed, mut ended) = (0, 0);
    while killed < moments {
        let turn = (killed + ended) % 3;
        let step = Step::ALL[turn];
        step.prepare(&stage, &mut newest);
        let after = Duration::from_micros(random.below(lengths[turn].as_micros() as usize) as u64);
        let kept = if step == Step::Remove {
            Default::default()
        } else {
            identities(&stage)
        };
        if killed_after(&stage, &step.words(), after) {
            killed += 1;
        } else {
            // The machine is faster now than when the step was timed.
            lengths[turn] = after.max(Duration::from_millis(20));
            ended += 1;
        }
        assert!(
            ended < 100 + moments,
            "{ended} runs ended before they could be killed"
        );
        stage.cycle();
        is_consistent(&stage, &kept);
    }
    one_runs(&stage);
    stage.check_consistency(true);
    eprintln!("killed at {killed} moments and mended; {ended} runs had ended before");
}

/// The duration of the step without a kill.
fn length(stage: &Stage, step: Step, newest: &mut u32) -> Duration {
    step.prepare(stage, newest);
    let begun = Instant::now();
    stage.wnm(&step.words()).done();
    begun.elapsed()
}

/// Kills the run after this time; returns whether it was still running.
pub fn killed_after(stage: &Stage, words: &[&str], after: Duration) -> bool {
    let begun = Instant::now();
    let mut child = stage.begin(words);
    std::thread::sleep(after.saturating_sub(begun.elapsed()));
    let _ = child.kill();
    let status = child.wait().expect("it ends");
    status.code().is_none()
}
