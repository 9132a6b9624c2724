//! Environment variables.

use std::collections::BTreeMap;

/// The environment variables of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    pub(super) valid: BTreeMap<String, String>,
    /// Variables that are not UTF-8, with replacement characters.
    pub(super) invalid: BTreeMap<String, String>,
}

impl Variables {
    /// The variables of this process. Only `main` calls it; everything else is passed the result.
    #[must_use]
    pub fn from_process() -> Variables {
        let mut variables = Variables::default();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => variables.valid.insert(name, value),
                Err(value) => variables
                    .invalid
                    .insert(name, value.to_string_lossy().into_owned()),
            };
        }
        variables
    }

    /// The value of `name`, if it is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.valid
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Variables {
        Variables {
            valid: pairs.into_iter().collect(),
            invalid: BTreeMap::new(),
        }
    }
}

/// The PATH of this process; empty if it has none.
#[must_use]
pub fn search_path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// The path of this program; None if the system does not report it.
#[must_use]
pub fn running_program() -> Option<std::path::PathBuf> {
    std::env::current_exe().ok()
}
