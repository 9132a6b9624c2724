//! Why a step is taken, and why nothing more is done; their words, said once for all.

/// Why a step is taken.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq)]
pub enum Hold {}
