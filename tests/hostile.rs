//! Hostile input: given nodes, a database, files or a disk that mean harm, when wnm runs, then nothing outside the
//! colony is touched, and what is wrong is said.

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
