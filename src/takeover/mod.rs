//! Taking over nodes that already run, without restarting any.

pub mod anm;
pub mod import;
pub mod python_wnm;
