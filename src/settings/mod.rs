//! Settings: from texts in several places to typed values.
//!
//! ```text
//! flags     = arguments::parse                        texts of the command line
//! provided  = read_layers(flags, variables, home)     and of variables and files
//! locations = locations::find(provided, ...)          where the colony is
//! all       = defaults::values + from_machine_row + provided
//! resolve(all, locations, variables)                  typed values, their sources, and what to store
//! ```

pub mod config_file;
mod cross_checks;
pub mod defaults;
mod deserialize;
pub mod environment;
pub mod error;
#[cfg(test)]
mod fixtures;
mod layers;
pub mod locations;
pub mod parse_value;
pub mod path_value;
mod per_run;
mod persistent;
mod policy;
pub mod resolve;
mod resolved_setting;
pub mod run_options;
mod setting;
pub mod source;
pub mod table;
mod validate;
mod values;
mod variables;

pub use error::SettingsError;
pub use layers::{from_discovered_nodes, from_machine_row, read_layers};
pub use locations::Locations;
pub use policy::NODE_USER;
pub use resolve::{Resolved, resolve, run_options};
pub use run_options::{
    ForceAction, LogLevel, OtherAction, ReportFormat, ReportKind, RunOptions, StatusColumn,
};
pub use source::{Provided, Source};
pub use values::Settings;
pub use variables::{Variables, running_program, search_path};
