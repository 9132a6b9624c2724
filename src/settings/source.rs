//! Where a value of a setting comes from, and which value has priority.

use std::fmt;
use std::path::PathBuf;

use super::setting::Setting;

/// Where a value comes from, the lowest priority first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Default,
    /// `colony.db`.
    Colony,
    /// The nodes that were found on the machine.
    Found,
    /// A config file and a line in it.
    File(PathBuf, u32),
    /// An environment variable, in a `.env` file with its line.
    Variable(String, Option<(PathBuf, u32)>),
    /// The command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::Colony => f.write_str("'colony.db'"),
            Source::Found => f.write_str("the nodes on this machine"),
            Source::File(path, line) => write!(f, "'{}' line {line}", path.display()),
            Source::Variable(name, None) => write!(f, "variable '{name}'"),
            Source::Variable(name, Some((path, line))) => {
                write!(f, "variable '{name}', '{}' line {line}", path.display())
            }
            Source::Flag => f.write_str("flag"),
        }
    }
}

impl Source {
    /// The highest has priority. A variable that begins with `WNM_` is meant for wnm, so it overrides variables that
    /// may belong to another program.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Source::Default => 0,
            // Values of the found nodes follow those of the colony, and of equal ranks the last value is used.
            Source::Colony | Source::Found => 1,
            Source::File(..) => 2,
            Source::Variable(name, from) => {
                3 + u8::from(from.is_none()) + 2 * u8::from(name.starts_with("WNM_"))
            }
            Source::Flag => 7,
        }
    }

    /// Whether the operator gave the value in this run: in a flag, a variable or a file.
    #[must_use]
    pub fn is_explicit(&self) -> bool {
        self.rank() > 1
    }
}

/// A value of a setting, as text, and its source.
#[derive(Debug, Clone)]
pub struct Provided {
    pub setting: &'static Setting,
    pub text: String,
    pub source: Source,
}

/// The value of `name` with the highest priority; of equal sources the last.
#[must_use]
pub fn strongest<'a>(provided: &'a [Provided], name: &str) -> Option<&'a Provided> {
    provided
        .iter()
        .filter(|one| one.setting.name == name)
        .max_by_key(|one| one.source.rank())
}

#[cfg(test)]
mod tests {
    use super::super::table::find;
    use super::{Provided, Source, strongest};

    fn host(source: Source, text: &str) -> Provided {
        Provided {
            setting: find("host").unwrap(),
            text: text.to_owned(),
            source,
        }
    }

    #[test]
    fn source_with_the_highest_priority_wins_and_of_equal_sources_the_last_value() {
        let env = Some(("/h/.env".into(), 1));
        let rising = [
            host(Source::Default, "a"),
            host(Source::Colony, "b"),
            host(Source::File("/low".into(), 1), "c"),
            host(Source::File("/high".into(), 1), "d"),
            host(Source::Variable("HOST".to_owned(), env.clone()), "e"),
            host(Source::Variable("HOST".to_owned(), None), "f"),
            host(Source::Variable("WNM_HOST".to_owned(), env), "g"),
            host(Source::Variable("WNM_HOST".to_owned(), None), "h"),
            host(Source::Flag, "i"),
            host(Source::Flag, "j"),
        ];
        for n in 1..=rising.len() {
            let mut some = rising[..n].to_vec();
            assert_eq!(strongest(&some, "host").unwrap().text, rising[n - 1].text);
            // The order of values from different sources does not matter.
            some[..n.min(2)].rotate_left(1);
            assert_eq!(strongest(&some, "host").unwrap().text, rising[n - 1].text);
        }
        assert!(strongest(&rising, "node_cap").is_none());
    }

    #[test]
    fn sources_name_file_and_line() {
        assert_eq!(
            Source::File("/home/op/wnm/config".into(), 4).to_string(),
            "'/home/op/wnm/config' line 4"
        );
        assert_eq!(
            Source::Variable("NODE_CAP".to_owned(), Some(("/h/.env".into(), 2))).to_string(),
            "variable 'NODE_CAP', '/h/.env' line 2"
        );
    }
}
