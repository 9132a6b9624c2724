//! Parses and validates the values of settings, whatever place they come from.

use std::path::PathBuf;

use super::path_value::{self, PathScope};
use super::table::{Setting, Unit, ValueType};
use crate::colony::hostname::is_host;
use crate::colony::parse_number::{strip, whole};
use crate::colony::wallet::FAUCET;
use crate::colony::{Since, Until, Version, Wallet, Wallets};

/// A value of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The setting is cleared.
    Nothing,
    Whole(i64),
    Number(f64),
    On(bool),
    /// One of several words, a name, or any other text.
    Text(String),
    /// Expanded.
    Path(PathBuf),
    Words(Vec<String>),
}

/// A value, and the text that the colony stores; None for NULL.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedValue {
    pub value: Value,
    pub stored: Option<String>,
}

fn parsed(value: Value, stored: impl Into<String>) -> ParsedValue {
    ParsedValue {
        value,
        stored: Some(stored.into()),
    }
}

/// The value of a switch.
#[must_use]
pub fn parse_switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// The valid values of `setting`.
#[must_use]
pub fn describe_allowed(setting: &Setting) -> String {
    match setting.value_type {
        ValueType::Whole {
            min,
            max,
            unit,
            or_none,
        } => {
            let count = match unit {
                Unit::Percent => "a percentage".to_owned(),
                Unit::Id | Unit::Times | Unit::Nodes => "a whole number".to_owned(),
                unit => format!("a whole number of {}", unit.words()),
            };
            let range = if max == i64::MAX {
                format!(", {min} or more")
            } else {
                format!(" from {min} to {max}")
            };
            format!("{count}{range}{}", if or_none { ", or nothing" } else { "" })
        }
        ValueType::Load => "a number above 0".to_owned(),
        ValueType::Thousands => {
            "thousands of ports from 1 to 65 (55, 55000 and 55555 all mean 55)".to_owned()
        }
        ValueType::Switch => "`true`, `yes`, `on`, `1`, `false`, `no`, `off` or `0`".to_owned(),
        ValueType::Choice(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            match words.as_slice() {
                [one] => format!("only {one}"),
                words => words.join(", "),
            }
        }
        ValueType::Storage => "the absolute path of a directory".to_owned(),
        ValueType::File => "the path of a file".to_owned(),
        ValueType::Directory => "the absolute path of a directory, or nothing".to_owned(),
        ValueType::Database => "a path, or `sqlite:///` and a path".to_owned(),
        ValueType::Wallets => "`donate`, `faucet`, an address, or a list of them with weights".to_owned(),
        ValueType::Address => "an address of `0x` and 40 hexadecimal digits, or `faucet`".to_owned(),
        ValueType::Host => "a host name or an IP address".to_owned(),
        ValueType::Variables => "variables, such as `NAME=value OTHER=\"two words\"`".to_owned(),
        ValueType::Words => "words, quoted as in a shell".to_owned(),
        ValueType::Version => "a version, such as `0.14.2`, or nothing".to_owned(),
        ValueType::Text => "one line of text".to_owned(),
        ValueType::Names => "names, separated by commas".to_owned(),
        ValueType::Since => {
            "a time span, such as `90m`, `2h` or `3d`; a date, such as `2026-11-23` or `2026-11-23T22:00`; \
             or seconds since 1970"
                .to_owned()
        }
        ValueType::Until => {
            "a time span, such as `90m`, `2h` or `3d`; `tomorrow 06:00`; or a date, such as `2026-11-23` or \
             `2026-11-23T22:00`"
                .to_owned()
        }
    }
}

/// What a value of `setting` must be, for errors.
fn requirement(setting: &Setting) -> String {
    match setting.value_type {
        ValueType::Choice(words) => format!("possible values: {}", words.join(", ")),
        _ => format!("must be {}", describe_allowed(setting).replace('`', "'")),
    }
}

/// The maximum length of a value: every system accepts a word or a variable of this length.
const MAX_LENGTH: usize = 64 * 1024;

/// The value that `text` has for `setting`, or why it is invalid.
pub fn parse(setting: &Setting, text: &str, scope: &PathScope<'_>) -> Result<ParsedValue, String> {
    if text.len() > MAX_LENGTH {
        return Err(format!(
            "{}, and at most {} KiB long",
            requirement(setting),
            MAX_LENGTH >> 10
        ));
    }
    parse_short(setting, text, scope)
}

fn parse_short(setting: &Setting, text: &str, scope: &PathScope<'_>) -> Result<ParsedValue, String> {
    let text = strip(text);
    let not = || requirement(setting);
    if setting.or_none() && matches!(text.to_ascii_lowercase().as_str(), "" | "none" | "null") {
        return Ok(ParsedValue {
            value: Value::Nothing,
            stored: None,
        });
    }
    if text.chars().any(char::is_control) && setting.value_type != ValueType::Names {
        return Err(format!(
            "{}; line breaks and other control characters are invalid",
            not()
        ));
    }
    match setting.value_type {
        ValueType::Whole { min, max, .. } => {
            let value = whole(text)
                .and_then(|value| i64::try_from(value).ok())
                .filter(|value| (min..=max).contains(value))
                .ok_or_else(not)?;
            Ok(parsed(Value::Whole(value), value.to_string()))
        }
        ValueType::Load => {
            let value = number(text)
                .filter(|value| value.is_finite() && *value > 0.0)
                .ok_or_else(not)?;
            Ok(parsed(Value::Number(value), format!("{value:?}")))
        }
        ValueType::Thousands => {
            let value = whole(text)
                .and_then(|value| i64::try_from(value).ok())
                .map(|value| if value >= 1000 { value / 1000 } else { value })
                .filter(|value| (1..=65).contains(value))
                .ok_or_else(not)?;
            Ok(parsed(Value::Whole(value), value.to_string()))
        }
        ValueType::Switch => {
            let on = parse_switch(text).ok_or_else(not)?;
            Ok(parsed(Value::On(on), if on { "1" } else { "0" }))
        }
        ValueType::Choice(words) => {
            let word = words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text))
                .ok_or_else(not)?;
            Ok(parsed(Value::Text((*word).to_owned()), *word))
        }
        ValueType::Storage => {
            let folder = path_value::storage(text, scope)?;
            let stored = folder.to_string_lossy().into_owned();
            Ok(parsed(Value::Path(folder), stored))
        }
        ValueType::File => Ok(parsed(Value::Path(path_value::file(text, scope)?), text)),
        ValueType::Directory => {
            let folder = path_value::file(text, scope)?;
            let stored = folder.to_string_lossy().into_owned();
            folder
                .is_absolute()
                .then(|| parsed(Value::Path(folder), stored))
                .ok_or_else(not)
        }
        ValueType::Database => Ok(parsed(Value::Path(path_value::database(text, scope)?), text)),
        ValueType::Wallets => {
            let wallets = Wallets::parse(text, &Wallet::faucet());
            wallets.map_err(|error| error.to_string())?;
            Ok(parsed(Value::Text(text.to_owned()), text))
        }
        ValueType::Address => {
            let address = if text.eq_ignore_ascii_case("faucet") {
                FAUCET.to_owned()
            } else {
                Wallet::from_address(text).ok_or_else(not)?.0
            };
            Ok(parsed(Value::Text(address.clone()), address))
        }
        ValueType::Host if is_host(text) => Ok(parsed(Value::Text(text.to_owned()), text)),
        ValueType::Host => Err(not()),
        ValueType::Variables if are_variables(text) => Ok(parsed(Value::Text(text.to_owned()), text)),
        ValueType::Variables => Err(not()),
        ValueType::Words => {
            let words =
                shell_words::split(text).map_err(|_| format!("{}; a closing quote is missing", not()))?;
            Ok(parsed(Value::Words(words), text))
        }
        ValueType::Version => {
            let readable = Version::new(text).is_readable();
            readable
                .then(|| parsed(Value::Text(text.to_owned()), text))
                .ok_or_else(not)
        }
        ValueType::Text => Ok(parsed(Value::Text(text.to_owned()), text)),
        ValueType::Since => {
            Since::parse(text).ok_or_else(not)?;
            Ok(parsed(Value::Text(text.to_owned()), text))
        }
        ValueType::Until => {
            Until::parse(text).ok_or_else(not)?;
            Ok(parsed(Value::Text(text.to_owned()), text))
        }
        ValueType::Names => {
            let names: Vec<String> = text
                .split(',')
                .map(|name| strip(name).to_owned())
                .filter(|name| !name.is_empty())
                .collect();
            let is_name = |name: &String| !name.chars().any(|c| c.is_control() || c.is_whitespace());
            if names.is_empty() || !names.iter().all(is_name) {
                return Err(not());
            }
            Ok(parsed(Value::Words(names), text))
        }
    }
}

/// The value of a stored `text`. The Python wnm stored some values out of range, and wnm uses those with a clear
/// meaning: a limit above 100 percent and an infinite load are never reached, a quota of 0 or less allows no
/// operation, and a delay below 0 is 0.
pub fn parse_stored(setting: &Setting, text: &str, scope: &PathScope<'_>) -> Result<ParsedValue, String> {
    let out_of_range = match setting.value_type {
        ValueType::Whole {
            unit: Unit::Percent, ..
        } => whole(text)
            .and_then(|value| i64::try_from(value).ok())
            .filter(|value| *value > 100)
            .map(Value::Whole),
        ValueType::Whole {
            unit: Unit::Actions | Unit::Seconds | Unit::Milliseconds,
            ..
        } => whole(text).filter(|value| *value <= 0).map(|_| Value::Whole(0)),
        ValueType::Load => number(text)
            .filter(|value| *value == f64::INFINITY)
            .map(Value::Number),
        _ => None,
    };
    match out_of_range {
        Some(value) => Ok(parsed(value, text)),
        None => parse_short(setting, text, scope),
    }
}

/// A number; as for the Python wnm, single underscores can be between digits.
fn number(text: &str) -> Option<f64> {
    let text = strip(text);
    let between_digits = |at: usize| {
        let digit = |at: Option<usize>| {
            at.and_then(|at| text.as_bytes().get(at))
                .is_some_and(u8::is_ascii_digit)
        };
        digit(at.checked_sub(1)) && digit(Some(at + 1))
    };
    if !text.match_indices('_').all(|(at, _)| between_digits(at)) {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// Whether `text` is a list of `NAME=value`, quoted as in a shell.
fn are_variables(text: &str) -> bool {
    let is_name = |name: &str| {
        name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
    };
    let is_variable = |word: &String| word.split_once('=').is_some_and(|(name, _)| is_name(name));
    shell_words::split(text).is_ok_and(|words| words.iter().all(is_variable))
}

#[cfg(test)]
mod tests {
    use super::super::table::{self, SETTINGS};
    use super::{describe_allowed, number};

    #[test]
    fn describes_the_valid_values_of_all_settings() {
        for setting in SETTINGS {
            assert!(!describe_allowed(setting).is_empty());
        }
        let of = |name| describe_allowed(table::find(name).unwrap());
        assert_eq!(of("node_cap"), "a whole number from 0 to 10000");
        assert_eq!(of("delay_start"), "a whole number of seconds, 0 or more");
        assert_eq!(of("firewall"), "`auto`, `ufw`, `nftables`, `firewalld`, `null`");
    }

    #[test]
    fn parses_numbers_like_the_python_wnm() {
        for (text, value) in [
            ("1e1", 10.0),
            (" 2.5 ", 2.5),
            ("1_0.5", 10.5),
            ("-1", -1.0),
            (".5", 0.5),
        ] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for text in ["", "1,5", "_1", "1_", "1._5", "abc", "0x10"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
