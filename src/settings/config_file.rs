//! Config files, in TOML or in the `key=value` format of the Python wnm.
//!
//! A file that is valid TOML is read as TOML, any other file line by line. A file that is valid in both formats has the
//! same meaning in both.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::SettingsError;
use super::source::{Provided, Source};
use super::table::{self, Lifetime, SETTINGS, Setting, ValueType};

/// The settings in a config file. Errors name `path`.
pub fn parse(text: &str, path: &Path) -> Result<Vec<Provided>, SettingsError> {
    let text = text.trim_start_matches('\u{feff}');
    match DeTable::parse(text) {
        Ok(table) => toml(table.get_ref(), text, path),
        Err(_) => lines(text, path),
    }
}

/// Keys of the machine-config report that are not settings; a config file can contain the report.
const REPORTED: [&str; 2] = ["id", "cpu_count"];

fn is_reported(key: &str) -> bool {
    REPORTED.contains(&table::normalize(key).as_str())
}

fn location(path: &Path, line: u32) -> Source {
    Source::File(path.to_owned(), line)
}

fn bare(key: &str) -> &str {
    key.strip_prefix("--").or(key.strip_prefix('-')).unwrap_or(key)
}

/// Whether `key` is a setting that is allowed in a file.
fn is_setting(key: &str) -> bool {
    table::find_by_key(bare(key)).is_some_and(|found| found.lifetime != Lifetime::Flag)
}

/// The setting of a key in a file; the key can begin with dashes, as a flag does.
fn setting(key: &str, path: &Path, line: u32) -> Result<&'static Setting, SettingsError> {
    let key = bare(key);
    let found = table::find_by_key(key).ok_or_else(|| SettingsError::Unknown {
        name: key.to_owned(),
        similar: table::most_similar(
            &table::normalize(key),
            SETTINGS
                .iter()
                .filter(|setting| setting.lifetime != Lifetime::Flag)
                .map(|setting| setting.name),
        )
        .map(str::to_owned),
        place: location(path, line),
    })?;
    if found.lifetime == Lifetime::Flag {
        return Err(SettingsError::FlagOnly {
            setting: found.name,
            place: location(path, line),
        });
    }
    Ok(found)
}

// --- TOML

fn toml(table: &DeTable<'_>, source: &str, path: &Path) -> Result<Vec<Provided>, SettingsError> {
    let mut provided = Vec::new();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if is_reported(name) {
            continue;
        }
        match value.get_ref() {
            // As in the other format, the name of a section has no meaning.
            DeValue::Table(section) if !is_setting(name) => provided.extend(toml(section, source, path)?),
            _ => {
                let line = line_of(source, key.span().start);
                let setting = setting(name, path, line)?;
                let text = plain(value, setting, source).ok_or_else(|| SettingsError::InvalidLine {
                    path: path.to_owned(),
                    line_number: line,
                    why: format!("'{}' must not be a list or table", setting.name),
                })?;
                provided.push(Provided {
                    setting,
                    text,
                    source: location(path, line),
                });
            }
        }
    }
    // The table is sorted by key, but of equal keys the last in the file has priority.
    provided.sort_by_key(|one| match one.source {
        Source::File(_, line) => line,
        _ => 0,
    });
    Ok(provided)
}

fn line_of(text: &str, at: usize) -> u32 {
    let before = text.as_bytes().iter().take(at);
    u32::try_from(before.filter(|byte| **byte == b'\n').count() + 1).unwrap_or(u32::MAX)
}

/// A TOML value as the text of a flag. Numbers are used as written, because an address without quotes is a number in
/// TOML.
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
        DeValue::Table(pairs) if setting.value_type == ValueType::Variables => {
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
        setting.value_type,
        ValueType::Whole { .. } | ValueType::Thousands | ValueType::Load
    )
}

/// A list as one text: words quoted as in a shell, or names separated by commas.
fn joined(items: Vec<String>, setting: &Setting) -> Option<String> {
    match setting.value_type {
        ValueType::Words | ValueType::Variables => Some(shell_words::join(items)),
        ValueType::Names | ValueType::Wallets => Some(items.join(",")),
        _ => None,
    }
}

// --- key=value

fn lines(text: &str, path: &Path) -> Result<Vec<Provided>, SettingsError> {
    let mut provided = Vec::new();
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
            // A key without a value turns a switch on.
            None if setting.value_type == ValueType::Switch => "true".to_owned(),
            None => String::new(),
        };
        provided.push(Provided {
            setting,
            text,
            source: location(path, number),
        });
    }
    Ok(provided)
}

/// The key and value of `key=value`, `key: value`, `key value` or `key`, without quotes around the value and without a
/// comment after it.
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
    let has_value = after.len() < rest.len() && !value.starts_with(['#', ';']) && !value.is_empty()
        || after.starts_with(['=', ':']);
    (key, has_value.then(|| unquoted(value)))
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

/// A value in double quotes that contains escaped double quotes; None if the value has another form, because files of the
/// Python wnm have no escapes.
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

/// The text of a list `[a, b]`, if the setting can be a list.
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
    use super::parse;

    fn parsed(text: &str) -> Vec<(&'static str, String, u32)> {
        parse(text, Path::new("/c"))
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .into_iter()
            .map(|one| match one.source {
                Source::File(_, line) => (one.setting.name, one.text, line),
                other => panic!("{other}"),
            })
            .collect()
    }

    fn error(text: &str) -> String {
        parse(text, Path::new("/c")).unwrap_err().to_string()
    }

    #[test]
    fn parses_lines_like_the_python_wnm() {
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
                parsed(&text),
                [("no_upnp", "yes".to_owned(), 4), ("node_cap", "43".to_owned(), 5)],
                "{line}"
            );
        }
        assert_eq!(parsed("antctl_debug\n"), [("antctl_debug", "true".to_owned(), 1)]);
        assert_eq!(
            parsed("antctl_debug # on\n"),
            [("antctl_debug", "true".to_owned(), 1)]
        );
        assert_eq!(
            parsed("host=\nno_upnp"),
            [("host", String::new(), 1), ("no_upnp", "true".to_owned(), 2)]
        );
        assert_eq!(
            parsed("environment=A=1 B='x y'\nno_upnp"),
            [
                ("environment", "A=1 B='x y'".to_owned(), 1),
                ("no_upnp", "true".to_owned(), 2)
            ]
        );
        assert_eq!(
            parsed("service_name=[a, 'b']\nno_upnp")[0],
            ("service_name", "a,b".to_owned(), 1)
        );
    }

    #[test]
    fn parses_toml() {
        let text = "# colony\nnode-cap = 1_000\n\nno_upnp = true\ndesired_load_average = 2.50\n\
                    start_args = [\"--first\", \"a b\"]\nHOST = \"::1\"\n[wnm]\ncpu_remove = 0x46\n\
                    [environment]\nRUST_LOG = \"info all\"\n";
        assert_eq!(
            parsed(text),
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
    fn addresses_need_no_quotes() {
        let address = "0x2B2b2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B2B";
        let text = format!("donate_address={address}\n--rewards_address = {address}\n");
        assert_eq!(
            parsed(&text),
            [
                ("donate_address", address.to_owned(), 1),
                ("rewards_address", address.to_owned(), 2)
            ]
        );
    }

    #[test]
    fn rejects_unknown_keys_with_line_and_similar_name() {
        assert_eq!(
            error("node_cap = 3\nnode_cpa = 4\n"),
            "unknown setting 'node_cpa' ('/c' line 2); did you mean 'node_cap'?"
        );
        assert_eq!(error("\nnonsense: x"), "unknown setting 'nonsense' ('/c' line 2)");
        assert_eq!(
            error("node_cap 3\nconfirm"),
            "'confirm' can be set by only its flag, '--confirm' ('/c' line 2)"
        );
        assert!(error("node_cap = [1, 2]").contains("list"));
        assert!(error("[node_cap]\nx = 1").contains("table"));
        assert!(error("no_upnp = 1979-05-27T07:32:00Z\n=").contains("unknown setting ''"));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,300}") {
            let _ = parse(&text, Path::new("/c"));
        }

        #[test]
        fn never_panics_on_similar_lines(text in "([-\\[\\]=:;#'\" a_]{0,12}(node_cap|no_upnp|environment)?[-\\[\\]=:;#'\" 1é\n]{0,12}){0,4}") {
            let _ = parse(&text, Path::new("/c"));
        }
    }
}
