//! The faults of the Python wnm: each of those that were seen in its runs, by its number, and that ours has it not.
//!
//! They are told as stories with the real program; where the program is no better witness than the part that
//! does it, that part is asked.

mod actions;
mod crashes;
mod data_loss;
mod output;
mod reports;
mod services;
mod settings;
mod stuck;
mod survey;
mod wrong_results;
