//! Validates provided values: those given in this run strictly, those that the colony stores leniently.

use super::error::SettingsError;
use super::locations::Locations;
use super::parse_value::{self, ParsedValue, Value};
use super::path_value::PathScope;
use super::setting::Setting;
use super::source::{Provided, Source};

/// Parses a value; the error names its source.
pub(super) fn parse(one: &Provided, scope: &PathScope<'_>) -> Result<ParsedValue, SettingsError> {
    parse_value::parse(one.setting, &one.text, scope).map_err(|why| one.invalid(why))
}

/// Validates all values given in this run, the one with priority first, so that the error is about it.
pub(super) fn validate_all(
    provided: &[Provided],
    setting: &Setting,
    scope: &PathScope<'_>,
) -> Result<(), SettingsError> {
    let mut said: Vec<&Provided> = provided
        .iter()
        .filter(|one| one.setting.name == setting.name && one.source.is_explicit())
        .collect();
    said.sort_by_key(|one| std::cmp::Reverse(one.source.rank()));
    said.into_iter()
        .filter(|one| !is_stored(one, provided))
        .try_for_each(|one| parse(one, scope).map(drop))
}

/// Whether a file or a variable has exactly the text that the colony stores. Such a value comes from a report, and is
/// accepted even if it would be invalid otherwise.
pub(super) fn is_stored(one: &Provided, provided: &[Provided]) -> bool {
    one.source != Source::Flag
        && provided.iter().any(|kept| {
            kept.source == Source::Colony && kept.setting.name == one.setting.name && kept.text == one.text
        })
}

/// Parses a value that the colony stores.
pub(super) fn parse_stored(
    one: &Provided,
    locations: &Locations,
    scope: &PathScope<'_>,
) -> Result<ParsedValue, SettingsError> {
    let text = one.text.as_str();
    // The Python wnm stored some managers without their mode.
    if one.setting.name == "process_manager"
        && let Some(kind) = crate::colony::ManagerKind::from_stored(text, locations.mode)
    {
        return Ok(ParsedValue {
            value: Value::Text(kind.to_string()),
            stored: Some(kind.to_string()),
        });
    }
    parse_value::parse_stored(one.setting, text, scope).map_err(|why| one.invalid(why))
}
