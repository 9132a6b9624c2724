//! The replay: `WNM_GOLDEN=DIR cargo test --test replay`.
//!
//! Repeats everything that was recorded of the Python wnm in the folder of `WNM_GOLDEN`: command lines,
//! reports, wallets, layers of settings, and pages of nodes; compares exit codes, databases, reports,
//! results, and what errors name. A word after `--` selects the cases with that word in the name;
//! `VERBOSE=1` shows their runs.
#![expect(clippy::print_stdout, reason = "it is made to be read")]
#![expect(
    clippy::unwrap_used,
    reason = "what it shares with the tests fails by panicking"
)]

mod cli;
mod database;
mod differences;
mod home;
mod private_machine;
mod reports;
#[path = "../stage/stand_in.rs"]
mod stand_in;
mod summary;
mod values;

#[path = "../probing/probe_node.rs"]
mod probe_node;
#[path = "../probing/recorded_pages.rs"]
mod recorded_pages;
#[path = "../probing/server.rs"]
#[expect(dead_code, reason = "the tests of probing need more of it")]
mod server;
#[path = "../settings.rs"]
#[expect(dead_code, reason = "its other tests are not run here")]
mod settings;

use std::path::PathBuf;
use std::process::ExitCode;

use home::Home;
use summary::Summary;

fn main() -> ExitCode {
    let Some(golden) = std::env::var_os("WNM_GOLDEN").map(PathBuf::from) else {
        println!("nothing is replayed: WNM_GOLDEN names no folder with what the peer answered");
        return ExitCode::SUCCESS;
    };
    if let Some(ended) = private_machine::enter(&golden) {
        return ended;
    }
    let only = std::env::args().nth(1).unwrap_or_default();
    let mut home = Home::new();
    let mut all = Summary::default();
    let parts = [
        ("command lines", cli::replay(&golden, &mut home, &only)),
        ("reports", reports::replay(&golden, &mut home, &only)),
        ("wallets", values::wallets(&golden)),
        ("merges of settings", values::merges(&golden)),
        ("pages of nodes", values::pages(&golden)),
    ];
    for (name, summary) in parts {
        println!("{name}: {summary}");
        all.add(summary);
    }
    for line in all.skipped.iter().chain(&all.faults) {
        println!("  {line}");
    }
    println!("{all}");
    if all.faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
