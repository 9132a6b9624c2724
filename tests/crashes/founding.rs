//! Killed while a colony is founded: the same command founds it, or says that it is there.

use super::calls::{self, Call, Whom};
use super::is_full;
use super::whole::is_whole;
use crate::stage::Stage;

const WORDS: [&str; 8] = [
    "--init",
    "--rewards_address",
    "faucet",
    "--process_manager",
    "setsid+user",
    "--node_cap",
    "1",
    "--no_upnp",
];

#[test]
fn a_founding_killed_at_any_call_is_done_by_the_same_command() {
    if !calls::is_traceable() {
        eprintln!("SKIPPED: a founding killed at every call: strace is missing, or may not trace here");
        return;
    }
    let stage = Stage::new();
    let all = calls::calls(&stage, &WORDS);
    let chosen: Vec<Call> = if is_full() {
        all.clone()
    } else {
        calls::sample(&all)
    };
    let (mut killed, mut was_there) = (0, 0);
    for (nth, call) in chosen.iter().enumerate() {
        let _ = std::fs::remove_dir_all(stage.base());
        killed += usize::from(calls::killed_at(&stage, &WORDS, call, Whom::in_turn(nth)));
        let again = stage.wnm(&WORDS);
        match again.code {
            Some(0) => {}
            // It was founded, and killed after that.
            Some(1) => {
                was_there += 1;
                again.says("already");
            }
            _ => panic!("after a founding was killed at {call:?}: {again}"),
        }
        stage.wnm(&["--force_action", "survey"]).done();
        stage.wnm(&WORDS).code(1).says("already");
        is_whole(&stage, &Default::default());
    }
    eprintln!(
        "a founding: {} calls; killed at {killed} of {}, {was_there} times after it was done",
        all.len(),
        chosen.len()
    );
    assert!(killed * 2 >= chosen.len());
}
