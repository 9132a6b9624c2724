//! Files of settings: the peer's `key=value` and TOML, told apart by parsing.
//!
//! What is TOML is read as TOML; all else line by line as the peer reads it. Where a text is both, it
//! means the same.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::SettingsError;
use super::source::{Provided, Source};
use super::table::{self, Lifetime, SETTINGS, Setting, ValueType};

/// What a file of settings says. `path` is named in complaints.
pub fn read(text: &str, path: &Path) -> Result<Vec<Provided>, SettingsError> {
    let text = text.trim_start_matches('\u{feff}');
    match DeTable::parse(text) {
        Ok(table) => toml(table.get_ref(), text, path),
        Err(_) => lines(text, path),
    }
}

/// Keys of the machine-config report that are no settings: what it prints can be read back.
const REPORTED: [&str; 2] = ["id", "cpu_count"];

fn is_reported(key: &str) -> bool {
    REPORTED.contains(&table::spelled(key).as_str())
}

fn origin(path: &Path, line: u32) -> Source {
    Source::File(path.to_owned(), line)
}

fn bare(key: &str) -> &str {
    key.strip_prefix("--").or(key.strip_prefix('-')).unwrap_or(key)
}

/// Whether a file may say it.
fn is_setting(key: &str) -> bool {
    table::called(bare(key)).is_some_and(|found| found.kept != Lifetime::Flag)
}

/// The setting that `key` means in a file; it may be written as the flag is, dashes and all.
fn setting(key: &str, path: &Path, line: u32) -> Result<&'static Setting, SettingsError> {
    let key = bare(key);
    let found = table::called(key).ok_or_else(|| SettingsError::Unknown {
        name: key.to_owned(),
        nearest: table::nearest(
            &table::spelled(key),
            SETTINGS
                .iter()
                .filter(|setting| setting.kept != Lifetime::Flag)
                .map(|setting| setting.name),
        )
        .map(str::to_owned),
        origin: origin(path, line),
    })?;
    if found.kept == Lifetime::Flag {
        return Err(SettingsError::FlagOnly {
            setting: found.name,
            origin: origin(path, line),
        });
    }
    Ok(found)
}

// --- TOML

fn toml(table: &DeTable<'_>, source: &str, path: &Path) -> Result<Vec<Provided>, SettingsError> {
    let mut sayings = Vec::new();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if is_reported(name) {
            continue;
        }
        match value.get_ref() {
            // As in the peer's syntax, a section is a heading and nothing more.
            DeValue::Table(section) if !is_setting(name) => sayings.extend(toml(section, source, path)?),
            _ => {
                let line = line_of(source, key.span().start);
                let setting = setting(name, path, line)?;
                let text = plain(value, setting, source).ok_or_else(|| SettingsError::BadLine {
                    path: path.to_owned(),
                    line,
                    why: format!("`{}` cannot be such a list or table", setting.name),
                })?;
                sayings.push(Provided {
                    setting,
                    text,
                    origin: origin(path, line),
                });
            }
        }
    }
    // A table is sorted by key; in a file the last word counts.
    sayings.sort_by_key(|saying| match saying.origin {
        Source::File(_, line) => line,
        _ => 0,
    });
    Ok(sayings)
}

fn line_of(text: &str, at: usize) -> u32 {
    let before = text.as_bytes().iter().take(at);
    u32::try_from(before.filter(|byte| **byte == b'\n').count() + 1).unwrap_or(u32::MAX)
}

/// A TOML value as the text a flag would have. Numbers are taken as they are written: an address without
/// quotes is a number to TOML.
fn plain(value: &Spanned<DeValue<'_>>, setting: &Setting, source: &str) -> Option<String> {
    let written = || source.get(value.span()).map(str::to_owned);
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(on) => Some(on.to_string()),
        DeValue::Integer(number) if number.radix() == 10 || !is_number(setting) => written(),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| written(), |value| Some(value.to_string())),
        DeValue::Float(_) | DeValue::Datetime(_) => written(),
        DeValue::Array(list) => {
            let items: Option<Vec<String>> = list
                .iter()
                .map(|item| match item.get_ref() {
                    DeValue::Array(_) | DeValue::Table(_) => None,
                    _ => plain(item, setting, source),
                })
                .collect();
            joined(items?, setting)
        }
        DeValue::Table(pairs) if setting.takes == ValueType::Variables => {
            let pairs: Option<Vec<String>> = pairs
                .iter()
                .map(|(name, value)| Some(format!("{}={}", name.get_ref(), plain(value, setting, source)?)))
                .collect();
            joined(pairs?, setting)
        }
        DeValue::Table(_) => None,
    }
}

fn is_number(setting: &Setting) -> bool {
    matches!(
        setting.takes,
        ValueType::Whole { .. } | ValueType::Thousands | ValueType::Load
    )
}

/// A list as one text: words as a shell has them, or names with commas.
fn joined(items: Vec<String>, setting: &Setting) -> Option<String> {
    match setting.takes {
        ValueType::Words | ValueType::Variables => Some(shell_words::join(items)),
        ValueType::Names | ValueType::Wallets => Some(items.join(",")),
        _ => None,
    }
}

// --- key=value

fn lines(text: &str, path: &Path) -> Result<Vec<Provided>, SettingsError> {
    let mut sayings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';', '[']) || line.starts_with("---") {
            continue;
        }
        let (key, value) = entry(line);
        if is_reported(key) {
            continue;
        }
        let setting = setting(key, path, number)?;
        let text = match value {
            Some(value) => unlisted(&value, setting),
            // A bare key is a flag without a value.
            None if setting.takes == ValueType::Switch => "true".to_owned(),
            None => String::new(),
        };
        sayings.push(Provided {
            setting,
            text,
            origin: origin(path, number),
        });
    }
    Ok(sayings)
}

/// Key and value of `key=value`, `key: value`, `key value` or `key`; quotes around the value and a comment
/// after it do not count.
fn entry(line: &str) -> (&str, Option<String>) {
    let end = line
        .find(|c: char| c.is_whitespace() || "=:;#".contains(c))
        .unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let after = rest.trim_start();
    let value = match after.strip_prefix(['=', ':']) {
        Some(value) => value.trim(),
        None => after,
    };
    let is_said = after.len() < rest.len() && !value.starts_with(['#', ';']) && !value.is_empty()
        || after.starts_with(['=', ':']);
    (key, is_said.then(|| unquoted(value)))
}

/// A value without the quotes around it and without the comment after it.
fn unquoted(value: &str) -> String {
    if let Some(text) = escaped(value) {
        return text;
    }
    if let Some(quote @ ('"' | '\'')) = value.chars().next()
        && let Some(end) = value[1..].find(quote)
    {
        let rest = value[end + 2..].trim_start();
        if rest.is_empty() || rest.starts_with(['#', ';']) {
            return value[1..=end].to_owned();
        }
    }
    let comment = value
        .char_indices()
        .find(|(at, c)| matches!(c, '#' | ';') && (*at == 0 || value[..*at].ends_with(char::is_whitespace)))
        .map_or(value.len(), |(at, _)| at);
    value[..comment].trim_end().to_owned()
}

/// A value between double quotes that holds such quotes itself, each behind a backslash. The peer's files know
/// no such thing, so only what would not be a quoted value otherwise is taken for one.
fn escaped(value: &str) -> Option<String> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => return None,
            '\\' => match rest.next()? {
                c @ ('"' | '\\') => text.push(c),
                c => text.extend(['\\', c]),
            },
            c => text.push(c),
        }
    }
    inner.contains("\\\"").then_some(text)
}

/// `[a, b]` as the list it is, where the setting can be one.
fn unlisted(value: &str, setting: &Setting) -> String {
    let inner = value.strip_prefix('[').and_then(|value| value.strip_suffix(']'));
    inner
        .and_then(|inner| {
            joined(
                inner.split(',').map(|item| unquoted(item.trim())).collect(),
                setting,
            )
        })
        .unwrap_or_else(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::source::Source;
    use super::read;

    fn said(text: &str) -> Vec<(&'static str, String, u32)> {
        read(text, Path::new("/c"))
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .into_iter()
            .map(|saying| match saying.origin {
                Source::File(_, line) => (saying.setting.name, saying.text, line),
                other => panic!("{other}"),
            })
            .collect()
    }

    fn refused(text: &str) -> String {
        read(text, Path::new("/c")).unwrap_err().to_string()
    }

    #[test]
    fn the_peers_lines_mean_what_they_mean_to_it() {
        for line in [
            "node_cap=43",
            "node_cap: 43",
            "node_cap 43",
            "node_cap = 43",
            "node_cap='43'",
            "node_cap=\"43\" ; why",
            "--node_cap=43",
            "-node-cap=43",
            "NODE_CAP=43",
            "node-cap=43\r",
            "node_cap=43 # all",
        ] {
            let text = format!("; note\n[wnm]\n---\nno_upnp yes\n{line}\n");
            assert_eq!(
                said(&text),
                [("no_upnp", "yes".to_owned(), 4), ("node_cap", "43".to_owned(), 5)],
                "{line}"
            );
        }
        assert_eq!(said("antctl_debug\n"), [("antctl_debug", "true".to_owned(), 1)]);
        assert_eq!(
            said("antctl_debug # on\n"),
            [("antctl_debug", "true".to_owned(), 1)]
        );
        assert_eq!(
            said("host=\nno_upnp"),
            [("host", String::new(), 1), ("no_upnp", "true".to_owned(), 2)]
        );
        assert_eq!(
            said("environment=A=1 B='x y'\nno_upnp"),
            [
                ("environment", "A=1 B='x y'".to_owned(), 1),
                ("no_upnp", "true".to_owned(), 2)
            ]
        );
        assert_eq!(
            said("service_name=[a, 'b']\nno_upnp")[0],
            ("service_name", "a,b".to_owned(), 1)
        );
    }

    #[test]
    fn toml_means_the_same() {
        let text = "# colony\nnode-cap = 1_000\n\nno_upnp = true\ndesired_load_average = 2.50\n\
                    start_args = [\"--first\", \"a b\"]\nHOST = \"::1\"\n[wnm]\ncpu_remove = 0x46\n\
                    [environment]\nRUST_LOG = \"info all\"\n";
        assert_eq!(
            said(text),
            [
                ("node_cap", "1_000".to_owned(), 2),
                ("no_upnp", "true".to_owned(), 4),
                ("desired_load_average", "2.50".to_owned(), 5),
                ("start_args", "--first 'a b'".to_owned(), 6),
                ("host", "::1".to_owned(), 7),
                ("cpu_remove", "70".to_owned(), 9),
                ("environment", "'RUST_LOG=info all'".to_owned(), 10),
            ]
        );
    }

    #[test]
    fn an_address_needs_no_quotes() {
        let address = "0x2B2b2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B";
        let text = format!("donate_address={address}\n--rewards_address = {address}\n");
        assert_eq!(
            said(&text),
            [
                ("donate_address", address.to_owned(), 1),
                ("rewards_address", address.to_owned(), 2)
            ]
        );
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest() {
        assert_eq!(
            refused("node_cap = 3\nnode_cpa = 4\n"),
            "there is no setting `node_cpa` (`/c` line 2); the nearest is `node_cap`"
        );
        assert_eq!(
            refused("\nnonsense: x"),
            "there is no setting `nonsense` (`/c` line 2)"
        );
        assert_eq!(
            refused("node_cap 3\nconfirm"),
            "`confirm` can only be a flag, `--confirm` (`/c` line 2)"
        );
        assert!(refused("node_cap = [1, 2]").contains("list"));
        assert!(refused("[node_cap]\nx = 1").contains("table"));
        assert!(refused("no_upnp = 1979-05-27T07:32:00Z\n=").contains("no setting ``"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd(text in "(?s).{0,300}") {
            let _ = read(&text, Path::new("/c"));
        }

        #[test]
        fn no_line_is_too_odd(text in "([-\\[\\]=:;#'\" a_]{0,12}(node_cap|no_upnp|environment)?[-\\[\\]=:;#'\" 1é\n]{0,12}){0,4}") {
            let _ = read(&text, Path::new("/c"));
        }
    }
}
