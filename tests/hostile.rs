//! Malicious input: nodes, databases, files and disks that attack wnm cannot change anything outside the
//! colony, and the error names the cause.

mod config;
mod database;
mod http;
mod kept;
mod laws;
mod measured;
mod modes;
mod nodes;
mod places;
mod rights;
mod tricks;
