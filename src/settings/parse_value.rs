//! From text to value: the one place where what was said is judged.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::environment::Variables;
use super::path_value;
use super::table::{Setting, Unit, ValueType};
use crate::colony::hostname::is_host;
use crate::colony::parse_number::{strip, whole};
use crate::colony::wallet::FAUCET;
use crate::colony::{Since, Version, Wallet, Wallets};

/// What a path may begin with or hold.
#[derive(Debug, Clone, Copy)]
pub struct PathScope<'a> {
    /// What `~` means.
    pub home: &'a std::path::Path,
    /// What `$NAME` means.
    pub variables: &'a Variables,
}

/// What a text means.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: it was cleared.
    Nothing,
    Whole(i64),
    Number(f64),
    On(bool),
    /// A word, a name or any text.
    Text(String),
    /// With `~` and variables put in.
    Path(PathBuf),
    Words(Vec<String>),
    Pairs(Vec<(String, String)>),
}

/// A value, and the text by which a colony keeps it; none for NULL.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedValue {
    pub value: Value,
    pub stored: Option<String>,
}

fn meaning(value: Value, stored: impl Into<String>) -> ParsedValue {
    ParsedValue {
        value,
        stored: Some(stored.into()),
    }
}

/// What the words of a switch mean.
#[must_use]
pub fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// What may be said of `setting`, after a colon.
#[must_use]
pub fn allowed(setting: &Setting) -> String {
    match setting.takes {
        ValueType::Whole {
            min,
            max,
            unit,
            or_none,
        } => {
            let count = match unit {
                Unit::Percent => "a whole number of percent".to_owned(),
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
                words => format!("one of {}", words.join(", ")),
            }
        }
        ValueType::Storage => "the absolute path of a folder".to_owned(),
        ValueType::File => "the path of a file".to_owned(),
        ValueType::Database => "a path or `sqlite:///` and a path".to_owned(),
        ValueType::Wallets => "`donate`, `faucet`, an address, or a list of them with weights".to_owned(),
        ValueType::Address => "an address of `0x` and 40 hexadecimal digits, or `faucet`".to_owned(),
        ValueType::Host => "a host name or an IP address".to_owned(),
        ValueType::Variables => "variables as in `NAME=value OTHER=\"two words\"`".to_owned(),
        ValueType::Words => "words as a shell takes them".to_owned(),
        ValueType::Version => "a version as in `0.14.2`, or nothing".to_owned(),
        ValueType::Text => "one line of text".to_owned(),
        ValueType::Names => "names with commas between them".to_owned(),
        ValueType::Since => {
            "how long ago as in `90m`, `2h` or `3d`, a date as in `2026-11-23` or `2026-11-23T22:00`, \
             or seconds since 1970"
                .to_owned()
        }
    }
}

/// More than anybody has to say, and what every system takes as one word of a command or one variable.
const MOST: usize = 64 * 1024;

/// What `text` means for `setting`, or why it cannot be.
pub fn read(setting: &Setting, text: &str, scope: &PathScope<'_>) -> Result<ParsedValue, String> {
    if text.len() > MOST {
        return Err(format!(
            "it takes {}, in at most {} KiB",
            allowed(setting),
            MOST >> 10
        ));
    }
    understood(setting, text, scope)
}

fn understood(setting: &Setting, text: &str, scope: &PathScope<'_>) -> Result<ParsedValue, String> {
    let text = strip(text);
    let not = || format!("it takes {}", allowed(setting));
    if setting.or_none() && matches!(text.to_ascii_lowercase().as_str(), "" | "none" | "null") {
        return Ok(ParsedValue {
            value: Value::Nothing,
            stored: None,
        });
    }
    if text.chars().any(char::is_control) && setting.takes != ValueType::Names {
        return Err(format!(
            "{}, without line breaks or other control characters",
            not()
        ));
    }
    match setting.takes {
        ValueType::Whole { min, max, .. } => {
            let value = whole(text)
                .and_then(|value| i64::try_from(value).ok())
                .filter(|value| (min..=max).contains(value))
                .ok_or_else(not)?;
            Ok(meaning(Value::Whole(value), value.to_string()))
        }
        ValueType::Load => {
            let value = number(text)
                .filter(|value| value.is_finite() && *value > 0.0)
                .ok_or_else(not)?;
            Ok(meaning(Value::Number(value), format!("{value:?}")))
        }
        ValueType::Thousands => {
            let value = whole(text)
                .and_then(|value| i64::try_from(value).ok())
                .map(|value| if value >= 1000 { value / 1000 } else { value })
                .filter(|value| (1..=65).contains(value))
                .ok_or_else(not)?;
            Ok(meaning(Value::Whole(value), value.to_string()))
        }
        ValueType::Switch => {
            let on = switch(text).ok_or_else(not)?;
            Ok(meaning(Value::On(on), if on { "1" } else { "0" }))
        }
        ValueType::Choice(words) => {
            let word = words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text))
                .ok_or_else(not)?;
            Ok(meaning(Value::Text((*word).to_owned()), *word))
        }
        ValueType::Storage => {
            let folder = path_value::storage(text, scope)?;
            let stored = folder.to_string_lossy().into_owned();
            Ok(meaning(Value::Path(folder), stored))
        }
        ValueType::File => Ok(meaning(Value::Path(path_value::file(text, scope)?), text)),
        ValueType::Database => Ok(meaning(Value::Path(path_value::database(text, scope)?), text)),
        ValueType::Wallets => {
            let wallets = Wallets::parse(text, &Wallet::faucet());
            wallets.map_err(|error| error.to_string())?;
            Ok(meaning(Value::Text(text.to_owned()), text))
        }
        ValueType::Address => {
            let address = if text.eq_ignore_ascii_case("faucet") {
                FAUCET.to_owned()
            } else {
                Wallet::from_address(text).ok_or_else(not)?.0
            };
            Ok(meaning(Value::Text(address.clone()), address))
        }
        ValueType::Host if is_host(text) => Ok(meaning(Value::Text(text.to_owned()), text)),
        ValueType::Host => Err(not()),
        ValueType::Variables => Ok(meaning(Value::Pairs(pairs(text).ok_or_else(not)?), text)),
        ValueType::Words => {
            let words = shell_words::split(text).map_err(|_| format!("{}, quotes closed", not()))?;
            Ok(meaning(Value::Words(words), text))
        }
        ValueType::Version => {
            let readable = Version::new(text).is_readable();
            readable
                .then(|| meaning(Value::Text(text.to_owned()), text))
                .ok_or_else(not)
        }
        ValueType::Text => Ok(meaning(Value::Text(text.to_owned()), text)),
        ValueType::Since => {
            Since::parse(text).ok_or_else(not)?;
            Ok(meaning(Value::Text(text.to_owned()), text))
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
            Ok(meaning(Value::Words(names), text))
        }
    }
}

/// What a stored `text` means. The peer kept what is out of range; where that has a plain meaning it is
/// kept as well: a limit above 100 percent, or an infinite load, is one that is never reached; a quota of
/// 0 or less lets nothing begin, and a delay below 0 is over at once.
pub fn read_stored(setting: &Setting, text: &str, scope: &PathScope<'_>) -> Result<ParsedValue, String> {
    let kept = match setting.takes {
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
    match kept {
        Some(value) => Ok(meaning(value, text)),
        None => understood(setting, text, scope),
    }
}

/// A number as the peer reads one, single underscores between digits and all.
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

fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let is_name = |name: &str| {
        name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
    };
    shell_words::split(text)
        .ok()?
        .into_iter()
        .map(|word| {
            let (name, value) = word.split_once('=')?;
            is_name(name).then(|| (name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// The values that count, by the names of their settings.
///
/// What the table says a setting takes is what is found here, so a question of another kind is a fault
/// of the program; a test asks all of them.
#[derive(Debug, Clone, Default)]
pub struct Values(BTreeMap<&'static str, Value>);

impl Values {
    pub(super) fn set(&mut self, name: &'static str, value: Value) {
        self.0.insert(name, value);
    }

    pub(super) fn whole(&self, name: &str) -> Option<i64> {
        match self.0.get(name) {
            Some(Value::Whole(value)) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        match self.0.get(name) {
            Some(Value::Number(value)) => Some(*value),
            _ => None,
        }
    }

    /// Whether a switch is on; what nobody spoke of is off.
    pub(super) fn on(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Value::On(true)))
    }

    pub(super) fn word(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        match self.0.get(name) {
            Some(Value::Path(path)) => Some(path.clone()),
            _ => None,
        }
    }

    /// Empty when nobody named any.
    pub(super) fn words(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Value::Words(words)) => words.clone(),
            _ => Vec::new(),
        }
    }

    /// Empty when nobody named any.
    pub(super) fn pairs(&self, name: &str) -> Vec<(String, String)> {
        match self.0.get(name) {
            Some(Value::Pairs(pairs)) => pairs.clone(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{self, SETTINGS};
    use super::{allowed, number};

    #[test]
    fn what_is_allowed_can_be_said_of_all() {
        for setting in SETTINGS {
            assert!(!allowed(setting).is_empty());
        }
        let of = |name| allowed(table::find(name).unwrap());
        assert_eq!(of("node_cap"), "a whole number from 0 to 10000");
        assert_eq!(of("delay_start"), "a whole number of seconds, 0 or more");
        assert_eq!(of("firewall"), "one of `auto`, `ufw`, `null`");
    }

    #[test]
    fn numbers_are_read_as_the_peer_reads_them() {
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
