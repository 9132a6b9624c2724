//! Commands that create a colony: killed at each system call and at random moments, they have done nothing
//! or everything, and the same command finishes the work.

use std::time::Instant;

use super::system_calls::{self, Call, Whom};
use super::{is_full, random_moments};
use crate::stage::Stage;

/// A place where the command can be repeated.
pub trait Repeatable {
    fn stage(&self) -> &Stage;
    fn words(&self) -> &[&str];
    /// Restores the state before the command.
    fn put_back(&self);
    /// Repeats the command and checks the result; returns whether it had to start from the beginning.
    fn is_mended(&self, how: &str) -> bool;
}

/// Kills the command at each of its calls, or at a sample of them; `whom` None takes each way of killing in
/// turn.
pub fn at_every_call(name: &str, ground: &impl Repeatable, whom: Option<Whom>) {
    if !system_calls::is_traceable() {
        eprintln!("SKIPPED: {name} killed at every call: strace is missing, or may not trace here");
        return;
    }
    let all = system_calls::calls(ground.stage(), ground.words());
    let chosen: Vec<Call> = if is_full() {
        all.clone()
    } else {
        system_calls::sample(&all)
    };
    let (mut killed, mut begun_again) = (0, 0);
    for (nth, call) in chosen.iter().enumerate() {
        ground.put_back();
        let whom = whom.unwrap_or(Whom::in_turn(nth));
        if system_calls::killed_at(ground.stage(), ground.words(), call, whom) {
            killed += 1;
            begun_again += usize::from(ground.is_mended(&format!("{name} killed at {call:?}")));
        }
    }
    eprintln!(
        "{name}: {} calls; killed at {killed} of {}, {begun_again} times as before, else done",
        all.len(),
        chosen.len()
    );
    assert!(killed * 2 >= chosen.len() && begun_again > 0);
}

/// Kills the command at this number of moments from its start to its end.
pub fn at_any_moment(name: &str, ground: &impl Repeatable, moments: u32) {
    let begun = Instant::now();
    ground.stage().wnm(ground.words()).done();
    let length = begun.elapsed();
    let mut killed = 0;
    for nth in 0..moments {
        ground.put_back();
        let after = length * nth / moments;
        killed += u32::from(random_moments::killed_after(
            ground.stage(),
            ground.words(),
            after,
        ));
        ground.is_mended(&format!("{name} killed after {after:?} of {length:?}"));
    }
    assert!(killed * 4 >= moments, "{killed} of {moments} were killed");
}
