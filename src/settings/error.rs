//! What is wrong with what was said; every complaint has the same form.

use std::fmt;
use std::path::PathBuf;

use crate::colony::sanitize::excerpt;

use super::source::Source;
use super::table::{Lifetime, Setting};

/// Why settings cannot be used.
#[derive(Debug, Clone)]
pub enum SettingsError {
    /// A value that cannot be.
    BadValue {
        setting: &'static Setting,
        text: String,
        /// What it might have been, or what is wrong with it.
        allowed: String,
        origin: Source,
    },
    /// A flag, key or variable that is no setting.
    Unknown {
        /// As it was written.
        name: String,
        nearest: Option<String>,
        origin: Source,
    },
    /// A flag that needs a value and got none.
    MissingValue { flag: String },
    /// A word that belongs to no flag.
    Stray(String),
    /// Something that only a flag may say stood in a file or a variable.
    FlagOnly { setting: &'static str, origin: Source },
    /// Two settings that cannot be together.
    Conflict {
        setting: &'static Setting,
        text: String,
        /// What it has to be in view of the other.
        rule: String,
        origin: Source,
    },
    /// What init fixed was to be changed.
    Fixed {
        setting: &'static Setting,
        text: String,
        stored: String,
        origin: Source,
    },
    /// More than one of them.
    Several(Vec<SettingsError>),
    /// Something needed was not said.
    Missing { setting: &'static str },
    /// A file that cannot be read.
    Unreadable { path: PathBuf, why: String },
    /// A line that cannot be understood.
    BadLine { path: PathBuf, line: u32, why: String },
    /// Nobody knows where the home of this user is.
    NoHome,
}

impl SettingsError {
    /// Whether this is refused (exit code 1) and not a mistake in what was said (exit code 2).
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            SettingsError::Fixed { .. } | SettingsError::Missing { .. } | SettingsError::NoHome => true,
            SettingsError::Several(errors) => errors.iter().all(SettingsError::is_refusal),
            _ => false,
        }
    }
}

/// Text of others within one line of ours.
fn shown(text: &str) -> String {
    within(160, text)
}

/// The same, within this many characters.
fn within(room: usize, text: &str) -> String {
    let mut line = String::new();
    for c in excerpt(text, room).chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingsError::BadValue {
                setting,
                text,
                allowed,
                origin,
            } => write!(
                f,
                "`{}` cannot be `{}`: {} ({origin})",
                setting.name,
                shown(text),
                // It may hold a part of the text, and the longest of our own is below this.
                within(600, allowed)
            ),
            SettingsError::Unknown {
                name,
                nearest,
                origin,
            } => {
                let kind = match origin {
                    Source::Flag => "flag",
                    Source::Variable(..) => "variable",
                    _ => "setting",
                };
                let place = match origin {
                    Source::Flag => String::new(),
                    Source::Variable(_, Some((path, line))) => format!(" (`{}` line {line})", path.display()),
                    other => format!(" ({other})"),
                };
                write!(f, "there is no {kind} `{}`{place}", shown(name))?;
                match nearest {
                    Some(name) => write!(f, "; the nearest is `{name}`"),
                    None => Ok(()),
                }
            }
            SettingsError::MissingValue { flag } => write!(f, "`{flag}` needs a value (flag)"),
            SettingsError::Stray(word) => write!(f, "`{}` belongs to no flag", shown(word)),
            SettingsError::FlagOnly { setting, origin } => {
                write!(f, "`{setting}` can only be a flag, `--{setting}` ({origin})")
            }
            SettingsError::Conflict {
                setting,
                text,
                rule,
                origin,
            } => write!(
                f,
                "`{}` cannot be `{}`: {rule} ({origin})",
                setting.name,
                shown(text)
            ),
            SettingsError::Fixed {
                setting,
                text,
                stored,
                origin,
            } => write!(
                f,
                "`{}` is `{}` in this colony and cannot become `{}`: {} ({origin})",
                setting.name,
                shown(stored),
                shown(text),
                if setting.kept == Lifetime::ByOrder {
                    "only `--force_action update_config` changes it"
                } else {
                    "its nodes are made with it"
                },
            ),
            SettingsError::Several(errors) => {
                for (place, error) in errors.iter().enumerate() {
                    write!(f, "{}{error}", if place == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            SettingsError::Missing { setting } => {
                write!(f, "`{setting}` is needed: give `--{setting}` with `--init`")
            }
            SettingsError::Unreadable { path, why } => write!(f, "cannot read `{}`: {why}", path.display()),
            SettingsError::BadLine { path, line, why } => {
                write!(f, "{} (`{}` line {line})", shown(why), path.display())
            }
            SettingsError::NoHome => f.write_str("no home folder: `HOME` is not set and the user has none"),
        }
    }
}

impl std::error::Error for SettingsError {}

#[cfg(test)]
mod tests {
    use super::{SettingsError, Source};

    #[test]
    fn a_complaint_names_setting_value_range_and_place() {
        let error = SettingsError::BadValue {
            setting: crate::settings::table::find("node_cap").unwrap(),
            text: "3O".to_owned(),
            allowed: "a whole number from 0 to 10000".to_owned(),
            origin: Source::File("/home/op/.local/share/wnm/config".into(), 4),
        };
        assert_eq!(
            error.to_string(),
            "`node_cap` cannot be `3O`: a whole number from 0 to 10000 (`/home/op/.local/share/wnm/config` line 4)"
        );
        assert!(!error.is_refusal());
    }

    #[test]
    fn what_was_written_stays_on_one_line() {
        let error = SettingsError::Stray(format!("a\nb{}", "c".repeat(500)));
        let text = error.to_string();
        assert!(text.starts_with("`a\\nbccc") && text.ends_with("…` belongs to no flag"));
        assert_eq!(text.lines().count(), 1);
        let error = SettingsError::BadLine {
            path: "/c".into(),
            line: 3,
            why: "the quotes of `A\0\u{1b}[2J` are not closed".to_owned(),
        };
        assert!(!error.to_string().contains(char::is_control), "{error:?}");
    }
}
