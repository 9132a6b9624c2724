//! Malicious input: nodes, databases, files and disks that attack wnm cannot change anything outside the
//! colony, and the error names the cause.

mod broken_http;
mod database;
mod file_modes;
mod fuzz_corpus;
mod fuzz_properties;
mod metrics_pages;
mod resource_limits;
mod root_rows;
mod settings_layers;
mod symlink_swaps;
mod untrusted_paths;
