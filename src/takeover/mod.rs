//! Takeovers: a machine whose nodes somebody else manages becomes a colony, and no node notices.

pub mod anm;
pub mod import;
pub mod python_wnm;
