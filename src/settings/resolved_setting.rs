//! One setting in a run: the value that is used, and the stored value.

use super::parse_value::ParsedValue;
use super::source::Provided;

/// A setting, the value that has priority, and the value that the colony stores.
pub(super) struct ResolvedSetting<'a> {
    pub provided: &'a Provided,
    pub parsed: ParsedValue,
    /// In the form of `parsed.stored`; None if the colony stores no value.
    pub stored: Option<Option<String>>,
}

impl ResolvedSetting<'_> {
    /// Whether the colony stores another value, or none.
    pub fn is_changed(&self) -> bool {
        match &self.stored {
            None => true,
            Some(stored) => *stored != self.parsed.stored,
        }
    }
}
