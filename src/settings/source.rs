//! What somebody said of a setting, as text, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use super::environment::Variables;
use super::error::SettingsError;
use super::parse_value::{self, PathScope};
use super::table::{SETTINGS, Setting};

/// Where something was said, the weakest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// By nobody.
    Default,
    /// In `colony.db`.
    Colony,
    /// By the nodes that were found on the machine.
    Found,
    /// In a file of settings, on this line.
    File(PathBuf, u32),
    /// In the environment under this name, or in a `.env` file on this line.
    Variable(String, Option<(PathBuf, u32)>),
    /// On the command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::Colony => f.write_str("`colony.db`"),
            Source::Found => f.write_str("the nodes that were found"),
            Source::File(path, line) => write!(f, "`{}` line {line}", path.display()),
            Source::Variable(name, None) => write!(f, "variable `{name}`"),
            Source::Variable(name, Some((path, line))) => {
                write!(f, "variable `{name}`, `{}` line {line}", path.display())
            }
            Source::Flag => f.write_str("flag"),
        }
    }
}

impl Source {
    /// The higher wins. A variable that begins with `WNM_` was meant for wnm, so it is above every
    /// variable that may be there by accident.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Source::Default => 0,
            // Among equals the last counts: what is found is put behind what is kept.
            Source::Colony | Source::Found => 1,
            Source::File(..) => 2,
            Source::Variable(name, from) => {
                3 + u8::from(from.is_none()) + 2 * u8::from(name.starts_with("WNM_"))
            }
            Source::Flag => 7,
        }
    }

    /// Whether somebody said it for this run, outside the colony.
    #[must_use]
    pub fn is_said(&self) -> bool {
        self.rank() > 1
    }
}

/// What was said of one setting in one place.
#[derive(Debug, Clone)]
pub struct Provided {
    pub setting: &'static Setting,
    pub text: String,
    pub origin: Source,
}

/// What the nodes that were found say of a setting.
///
/// # Errors
/// When it is none that can be.
pub fn found(
    name: &'static str,
    text: String,
    home: &Path,
    variables: &Variables,
) -> Result<Provided, SettingsError> {
    let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
        return Err(SettingsError::Missing { setting: name });
    };
    let saying = Provided {
        setting,
        text,
        origin: Source::Found,
    };
    match parse_value::read(setting, &saying.text, &PathScope { home, variables }) {
        Ok(_) => Ok(saying),
        Err(why) => Err(saying.refused(why)),
    }
}

/// What a colony keeps, from the columns of its `machine` row and their values as text; NULL is none.
/// Columns that are no settings are passed over.
#[must_use]
pub fn stored<N: AsRef<str>>(columns: impl IntoIterator<Item = (N, Option<String>)>) -> Vec<Provided> {
    columns
        .into_iter()
        .filter_map(|(column, text)| {
            let setting = SETTINGS
                .iter()
                .find(|setting| setting.is_persistent() && setting.name == column.as_ref())?;
            Some(Provided {
                setting,
                text: text?,
                origin: Source::Colony,
            })
        })
        .collect()
}

/// What counts for `name`: the strongest of what was said, and among equals the last.
#[must_use]
pub fn winner<'a>(sayings: &'a [Provided], name: &str) -> Option<&'a Provided> {
    sayings
        .iter()
        .filter(|saying| saying.setting.name == name)
        .max_by_key(|saying| saying.origin.rank())
}

impl Provided {
    /// The complaint about this: `allowed` says what it might have been, or what is wrong with it.
    #[must_use]
    pub fn refused(&self, allowed: String) -> SettingsError {
        SettingsError::BadValue {
            setting: self.setting,
            text: self.text.clone(),
            allowed,
            origin: self.origin.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::find;
    use super::{Provided, Source, stored, winner};

    fn said(origin: Source, text: &str) -> Provided {
        Provided {
            setting: find("host").unwrap(),
            text: text.to_owned(),
            origin,
        }
    }

    #[test]
    fn the_strongest_layer_wins_and_in_it_the_last_word() {
        let env = Some(("/h/.env".into(), 1));
        let rising = [
            said(Source::Default, "a"),
            said(Source::Colony, "b"),
            said(Source::File("/low".into(), 1), "c"),
            said(Source::File("/high".into(), 1), "d"),
            said(Source::Variable("HOST".to_owned(), env.clone()), "e"),
            said(Source::Variable("HOST".to_owned(), None), "f"),
            said(Source::Variable("WNM_HOST".to_owned(), env), "g"),
            said(Source::Variable("WNM_HOST".to_owned(), None), "h"),
            said(Source::Flag, "i"),
            said(Source::Flag, "j"),
        ];
        for n in 1..=rising.len() {
            let mut some = rising[..n].to_vec();
            assert_eq!(winner(&some, "host").unwrap().text, rising[n - 1].text);
            // What is in a stronger layer wins wherever it stands.
            some[..n.min(2)].rotate_left(1);
            assert_eq!(winner(&some, "host").unwrap().text, rising[n - 1].text);
        }
        assert!(winner(&rising, "node_cap").is_none());
    }

    #[test]
    fn a_colony_says_what_its_columns_hold() {
        let row = [
            ("id", Some("1".to_owned())),
            ("node_cap", Some("7".to_owned())),
            ("antctl_version", None),
            ("dry_run", Some("1".to_owned())),
        ];
        let said = stored(row);
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].setting.name, "node_cap");
        assert_eq!(said[0].origin.to_string(), "`colony.db`");
    }

    #[test]
    fn an_origin_can_be_found_again() {
        assert_eq!(
            Source::File("/home/op/wnm/config".into(), 4).to_string(),
            "`/home/op/wnm/config` line 4"
        );
        assert_eq!(
            Source::Variable("NODE_CAP".to_owned(), Some(("/h/.env".into(), 2))).to_string(),
            "variable `NODE_CAP`, `/h/.env` line 2"
        );
    }
}
