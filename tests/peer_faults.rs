//! The faults of the Python wnm: each of those that were seen in its runs, by its number, and that ours has it not.
//!
//! They are told as stories with the real program; where the program is no better witness than the part that
//! does it, that part is asked.

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
fn no_fault_is_forgotten() {
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
