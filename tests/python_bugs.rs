//! Known bugs of the Python wnm, by number, each with a test that this wnm does not have it.
//!
//! Most tests run the program; the others call the responsible module.

mod actions;
mod crashes;
mod data_loss;
mod doubtful_behaviour;
mod output;
mod reports;
pub mod services;
mod settings;
mod stuck_colonies;
mod survey;
mod wrong_results;

#[test]
fn every_known_bug_has_a_test() {
    let told = [
        include_str!("python_bugs/data_loss.rs"),
        include_str!("python_bugs/crashes.rs"),
        include_str!("python_bugs/stuck_colonies.rs"),
        include_str!("python_bugs/wrong_results.rs"),
        include_str!("python_bugs/survey.rs"),
        include_str!("python_bugs/reports.rs"),
        include_str!("python_bugs/settings.rs"),
        include_str!("python_bugs/output.rs"),
    ]
    .concat();
    for number in 1..=77 {
        assert!(
            told.contains(&format!("\nfn fault_{number:02}_")),
            "fault {number}"
        );
    }
}
