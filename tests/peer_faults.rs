//! Known bugs of the Python wnm, by number, each with a test that this wnm does not have it.
//!
//! Most tests run the program; the others call the responsible module.

mod actions;
mod crashes;
mod data_loss;
mod judgement;
mod output;
mod reports;
pub mod services;
mod settings;
mod stuck;
mod survey;
mod wrong_results;

#[test]
fn every_known_bug_has_a_test() {
    let told = [
        include_str!("peer_faults/data_loss.rs"),
        include_str!("peer_faults/crashes.rs"),
        include_str!("peer_faults/stuck.rs"),
        include_str!("peer_faults/wrong_results.rs"),
        include_str!("peer_faults/survey.rs"),
        include_str!("peer_faults/reports.rs"),
        include_str!("peer_faults/settings.rs"),
        include_str!("peer_faults/output.rs"),
    ]
    .concat();
    for number in 1..=77 {
        assert!(
            told.contains(&format!("\nfn fault_{number:02}_")),
            "fault {number}"
        );
    }
}
