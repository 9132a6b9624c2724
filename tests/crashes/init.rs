//! Killed during `--init`: the same command creates the colony, or reports that it exists.

use super::all_or_nothing::{self, Repeatable};
use super::consistency::is_consistent;
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

/// A home without a colony.
struct Home(Stage);

impl Repeatable for Home {
    fn stage(&self) -> &Stage {
        &self.0
    }

    fn words(&self) -> &[&str] {
        &WORDS
    }

    fn put_back(&self) {
        let _ = std::fs::remove_dir_all(self.0.base());
    }

    fn is_mended(&self, how: &str) -> bool {
        let again = self.0.wnm(&WORDS);
        let begins_again = again.code == Some(0);
        if !begins_again {
            assert_eq!(again.code, Some(1), "{how}: {again}");
            // The colony was complete before the kill.
            again.says("already");
        }
        self.0.force("survey").done();
        self.0.wnm(&WORDS).code(1).says("already");
        is_consistent(&self.0, &Default::default());
        begins_again
    }
}

#[test]
fn init_killed_at_any_call_is_finished_by_the_same_command() {
    all_or_nothing::at_every_call("a founding", &Home(Stage::new()), None);
}
