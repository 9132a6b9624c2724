//! The numbers of recordings with equal results, with explained differences, and with others.

use std::fmt;

use crate::differences;

/// The result of a replay.
#[derive(Debug, Default)]
pub struct Summary {
    pub equal: usize,
    /// Different, with reasons.
    pub listed: usize,
    /// Different without a reason.
    pub faults: Vec<String>,
    /// Not replayed, with the cause.
    pub skipped: Vec<String>,
}

impl Summary {
    /// Counts one case with all its differences.
    pub fn count(&mut self, name: &str, differences: &[String]) {
        let unexplained: Vec<_> = differences
            .iter()
            .filter(|what| differences::reason(name, what).is_none())
            .collect();
        if differences.is_empty() {
            self.equal += 1;
        } else if unexplained.is_empty() {
            self.listed += 1;
        } else {
            self.faults
                .extend(unexplained.iter().map(|what| format!("{name}: {what}")));
        }
    }

    /// Cases that differ without a reason.
    pub fn different(&self) -> usize {
        let mut names: Vec<&str> = self
            .faults
            .iter()
            .map(|fault| fault.split_once(": ").map_or(fault.as_str(), |(name, _)| name))
            .collect();
        names.dedup();
        names.len()
    }

    pub fn add(&mut self, other: Summary) {
        self.equal += other.equal;
        self.listed += other.listed;
        self.faults.extend(other.faults);
        self.skipped.extend(other.skipped);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} equal, {} differ as listed, {} differ",
            self.equal,
            self.listed,
            self.different()
        )?;
        match self.skipped.len() {
            0 => Ok(()),
            count => write!(f, ", {count} not replayed"),
        }
    }
}
