//! What makes a colony in one go: killed at each system call, and at any moment, it is as before or done, and the same
//! command brings it to its end.

use std::time::Instant;

use super::calls::{self, Call, Whom};
use super::{is_full, moments};
use crate::stage::Stage;

/// Where such a command can be given again and again.
pub trait Ground {
    fn stage(&self) -> &Stage;
    fn words(&self) -> &[&str];
    /// Makes all as it is before the command.
    fn put_back(&self);
    /// Gives the command once more, and sees that all is whole; whether it had to begin again.
    fn is_mended(&self, how: &str) -> bool;
}

/// Kills it at each of its calls, or at a sample of them; `whom` is one for each kill, or all in turn.
pub fn at_every_call(name: &str, ground: &impl Ground, whom: Option<Whom>) {
    if !calls::is_traceable() {
        eprintln!("SKIPPED: {name} killed at every call: strace is missing, or may not trace here");
        return;
    }
    let all = calls::calls(ground.stage(), ground.words());
    let chosen: Vec<Call> = if is_full() {
        all.clone()
    } else {
        calls::sample(&all)
    };
    let (mut killed, mut begun_again) = (0, 0);
    for (nth, call) in chosen.iter().enumerate() {
        ground.put_back();
        let whom = whom.unwrap_or(Whom::in_turn(nth));
        if calls::killed_at(ground.stage(), ground.words(), call, whom) {
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

/// Kills it at so many moments, from its beginning to its end.
pub fn at_any_moment(name: &str, ground: &impl Ground, moments: u32) {
    let begun = Instant::now();
    ground.stage().wnm(ground.words()).done();
    let length = begun.elapsed();
    let mut killed = 0;
    for nth in 0..moments {
        ground.put_back();
        let after = length * nth / moments;
        killed += u32::from(moments::killed_after(ground.stage(), ground.words(), after));
        ground.is_mended(&format!("{name} killed after {after:?} of {length:?}"));
    }
    assert!(killed * 4 >= moments, "{killed} of {moments} were killed");
}
