//! What wnm did to the firewalls so far, as the database stores it.

use serde::{Deserialize, Serialize};

use crate::colony::Timestamp;

use super::backend::OpenedPorts;

/// Rules may be lost without a trace that wnm sees, for instance by `nft flush ruleset`.
const CHECK_EVERY: i64 = 3600;

/// The rules at the last change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct FirewallRecord {
    /// The ports that wnm opened in firewalld.
    pub(super) opened: Vec<OpenedPorts>,
    /// The rules that were applied last, or tried.
    tried: String,
    /// Whether old rules are left to delete.
    has_more: bool,
    /// When that was, and when the machine was booted.
    at: i64,
    boot: i64,
}

impl FirewallRecord {
    /// A text that is no record counts as none.
    pub(super) fn parse(text: Option<&str>) -> FirewallRecord {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    pub(super) fn text(&self) -> Option<String> {
        (*self != FirewallRecord::default()).then(|| serde_json::to_string(self).unwrap_or_default())
    }

    /// Whether the rules are to be applied: they changed, old ones are left, the machine was booted, or an hour passed.
    pub(super) fn is_due(&self, key: &str, now: Timestamp, boot: Option<Timestamp>) -> bool {
        if key.is_empty() && self.tried.is_empty() {
            return false;
        }
        let is_other_boot = boot.is_some_and(|boot| boot.since(Timestamp(self.boot)).abs() > 60);
        let age = now.since(Timestamp(self.at));
        self.tried != key || self.has_more || is_other_boot || !(0..CHECK_EVERY).contains(&age)
    }

    pub(super) fn note(&mut self, key: String, has_more: bool, now: Timestamp, boot: Option<Timestamp>) {
        self.tried = key;
        self.has_more = has_more;
        self.at = now.0;
        self.boot = boot.map_or(0, |boot| boot.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_applied_when_they_change_and_once_an_hour() {
        let (now, boot) = (Timestamp(10_000), Some(Timestamp(500)));
        let mut record = FirewallRecord::default();
        assert!(!record.is_due("", now, boot));
        assert!(record.is_due("a", now, boot));
        record.note("a".to_owned(), false, now, boot);
        let record = FirewallRecord::parse(record.text().as_deref());
        assert!(!record.is_due("a", now.plus(3599), Some(Timestamp(501))));
        assert!(record.is_due("a", now.plus(3600), boot));
        assert!(record.is_due("a", now.plus(-1), boot));
        assert!(record.is_due("a", now, Some(Timestamp(9_000))));
        assert!(record.is_due("b", now, boot));
        assert!(record.is_due("", now, boot));
        let mut unfinished = record;
        unfinished.note("a".to_owned(), true, now, boot);
        assert!(unfinished.is_due("a", now, boot));
        assert_eq!(FirewallRecord::parse(Some("nonsense")), FirewallRecord::default());
    }
}
