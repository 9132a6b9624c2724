//! Errors in settings: each names the setting, its value and where it was set.

use std::path::PathBuf;

use thiserror::Error;

use crate::colony::sanitize::excerpt;

use super::source::{Provided, Source};
use super::table::{Lifetime, Setting};

/// Why settings are rejected.
#[derive(Debug, Clone, Error)]
pub enum SettingsError {
    #[error("invalid value '{}' for {}{}", line(text), target(setting.name, place), after_colon(why))]
    InvalidValue {
        setting: &'static Setting,
        text: String,
        /// What the value must be, or what is wrong with it.
        why: String,
        place: Source,
    },
    /// A flag, key or variable of no setting.
    #[error("{} '{}'{}{}", kind(place), line(name), unknown_place(place), suggestion(similar.as_deref()))]
    Unknown {
        name: String,
        similar: Option<String>,
        place: Source,
    },
    #[error("a value is required for '{flag}'")]
    MissingValue { flag: String },
    #[error("unexpected argument '{}'", line(_0))]
    UnexpectedArgument(String),
    /// A setting that must be a flag, in a file or a variable.
    #[error("'{setting}' can be set by only its flag, '--{setting}' ({place})")]
    FlagOnly { setting: &'static str, place: Source },
    /// A setting that `--init` fixed has another value.
    #[error(
        "cannot change '{}' from '{}' to '{}' ({place}): {}",
        setting.name, line(stored), line(text), fixed_by(setting)
    )]
    Fixed {
        setting: &'static Setting,
        text: String,
        stored: String,
        place: Source,
    },
    #[error("{}", joined(_0))]
    Several(Vec<SettingsError>),
    #[error("missing setting '{setting}': add '--{setting}' to '--init'")]
    MissingSetting { setting: &'static str },
    #[error("cannot read '{}': {why}", path.display())]
    UnreadableFile { path: PathBuf, why: String },
    #[error("{} ('{}' line {line_number})", line(why), path.display())]
    InvalidLine {
        path: PathBuf,
        line_number: u32,
        why: String,
    },
    #[error("home directory not found: 'HOME' is not set, and the user has none")]
    NoHome,
    /// The table of settings and the fields of [`super::Settings`] differ, which the tests find.
    #[error("cannot read the settings: {0}")]
    Fields(#[from] serde::de::value::Error),
}

impl SettingsError {
    /// Whether the request is refused (exit code 1), and not invalid (exit code 2).
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            SettingsError::Fixed { .. } | SettingsError::MissingSetting { .. } | SettingsError::NoHome => {
                true
            }
            SettingsError::Several(errors) => errors.iter().all(SettingsError::is_refusal),
            _ => false,
        }
    }
}

impl Provided {
    /// The error that this value is invalid.
    #[must_use]
    pub fn invalid(&self, why: String) -> SettingsError {
        SettingsError::InvalidValue {
            setting: self.setting,
            text: self.text.clone(),
            why,
            place: self.source.clone(),
        }
    }
}

/// Text from outside, shortened and on one line.
fn line(text: &str) -> String {
    one_line(text, 160)
}

fn one_line(text: &str, max_chars: usize) -> String {
    let mut line = String::new();
    for c in excerpt(text, max_chars).chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// The name of a setting and the place where it was set: `'--node_cap'`, `'node_cap' in variable 'NODE_CAP'`.
fn target(name: &str, place: &Source) -> String {
    match place {
        Source::Flag => format!("'--{name}'"),
        Source::Found | Source::Default => format!("'{name}' ({place})"),
        _ => format!("'{name}' in {place}"),
    }
}

/// The reason may contain a part of the value; the longest reason of our own is shorter than this limit.
fn after_colon(why: &str) -> String {
    let sign = if why.starts_with("possible values") {
        ';'
    } else {
        ':'
    };
    format!("{sign} {}", one_line(why, 600))
}

fn kind(place: &Source) -> &'static str {
    match place {
        Source::Flag => "unexpected argument",
        Source::Variable(..) => "unknown variable",
        _ => "unknown setting",
    }
}

fn unknown_place(place: &Source) -> String {
    match place {
        Source::Flag => String::new(),
        Source::Variable(_, Some((path, line))) => format!(" ('{}' line {line})", path.display()),
        other => format!(" ({other})"),
    }
}

fn suggestion(similar: Option<&str>) -> String {
    similar.map_or_else(String::new, |name| format!("; did you mean '{name}'?"))
}

fn fixed_by(setting: &Setting) -> &'static str {
    match setting.lifetime {
        Lifetime::ByOrder => "only '--force_action update_config' changes it",
        _ => "'--init' fixed it, and the nodes use it",
    }
}

fn joined(errors: &[SettingsError]) -> String {
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    errors.join("; ")
}

#[cfg(test)]
mod tests {
    use super::{SettingsError, Source};

    #[test]
    fn errors_name_setting_value_range_and_place() {
        let error = SettingsError::InvalidValue {
            setting: crate::settings::table::find("node_cap").unwrap(),
            text: "3O".to_owned(),
            why: "must be a whole number from 0 to 10000".to_owned(),
            place: Source::File("/home/op/.local/share/wnm/config".into(), 4),
        };
        assert_eq!(
            error.to_string(),
            "invalid value '3O' for 'node_cap' in '/home/op/.local/share/wnm/config' line 4: \
             must be a whole number from 0 to 10000"
        );
        assert!(!error.is_refusal());
    }

    #[test]
    fn errors_are_one_short_line_whatever_was_written() {
        let error = SettingsError::UnexpectedArgument(format!("a\nb{}", "c".repeat(500)));
        let text = error.to_string();
        assert!(text.starts_with("unexpected argument 'a\\nbccc") && text.ends_with("…'"));
        assert_eq!(text.lines().count(), 1);
        let error = SettingsError::InvalidLine {
            path: "/c".into(),
            line_number: 3,
            why: "missing closing quote of 'A\0\u{1b}[2J'".to_owned(),
        };
        assert!(!error.to_string().contains(char::is_control), "{error:?}");
    }
}
