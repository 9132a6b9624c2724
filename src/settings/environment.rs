//! The environment: the variables of this process, and those of `~/.local/share/wnm/.env`.
//!
//! The only place but `main.rs` that reads the variables of the process; all others are handed them.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::SettingsError;
use super::source::{Provided, Source};
use super::table::{EnvName, SETTINGS, find, nearest};

/// The variables of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    read: BTreeMap<String, String>,
    /// Those that are not UTF-8, as far as they are.
    garbled: BTreeMap<String, String>,
}

/// What a `.env` may grow to where its variables stand for each other.
const GROWN_MOST: usize = 256 * 1024;

/// Turns the firewall off, whatever is said of it with the same strength.
const FIREWALL_DISABLED: &str = "WNM_FIREWALL_DISABLED";

/// Names in a `.env` that begin as ours do and are not ours.
const OTHERS: &[&str] = &["HOSTNAME", "HOME", "USER", "PATH", "WNM_TEST_MODE"];

/// The path of this program; None if the system does not report it.
#[must_use]
pub fn running_program() -> Option<std::path::PathBuf> {
    std::env::current_exe().ok()
}

impl Variables {
    /// Those of this process; what is not UTF-8 is no variable, and refused where it would be a setting.
    #[must_use]
    pub fn of_process() -> Variables {
        let mut variables = Variables::default();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => variables.read.insert(name, value),
                Err(value) => variables
                    .garbled
                    .insert(name, value.to_string_lossy().into_owned()),
            };
        }
        variables
    }

    /// The value of `name`, if it is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.read
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// What they say of settings.
    ///
    /// # Errors
    /// One of a setting's is not UTF-8.
    pub fn sayings(&self) -> Result<Vec<Provided>, SettingsError> {
        let of = |(name, value): (&String, &String)| said(name, value, None);
        match self.garbled.iter().find_map(of) {
            Some(garbled) => Err(garbled.refused("it is not UTF-8 text".to_owned())),
            None => Ok(self.read.iter().filter_map(of).collect()),
        }
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Variables {
        Variables {
            read: pairs.into_iter().collect(),
            garbled: BTreeMap::new(),
        }
    }
}

/// What a variable says; none when it is no setting's or empty.
fn said(name: &str, value: &str, from: Option<(&Path, u32)>) -> Option<Provided> {
    if value.is_empty() {
        return None;
    }
    let origin = Source::Variable(name.to_owned(), from.map(|(path, line)| (path.to_owned(), line)));
    if name == FIREWALL_DISABLED {
        let off = matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on");
        return off.then_some(Provided {
            setting: find("firewall")?,
            text: "null".to_owned(),
            origin,
        });
    }
    let setting = SETTINGS.iter().find(|setting| {
        setting.is_variable(name)
            || name
                .strip_prefix("WNM_")
                .is_some_and(|own| setting.is_variable(own))
    })?;
    Some(Provided {
        setting,
        text: value.to_owned(),
        origin,
    })
}

/// What a `.env` file says. `text` is the file's, `variables` are what `${NAME}` may mean.
///
/// Variables that are no setting's may stand there for other programs; one that is nearly a setting's,
/// or begins with `WNM_`, is refused.
pub fn dotenv(text: &str, path: &Path, variables: &Variables) -> Result<Vec<Provided>, SettingsError> {
    let mut known = variables.clone();
    let mut room = GROWN_MOST;
    let ours: Vec<String> = SETTINGS
        .iter()
        .filter_map(super::table::Setting::variable)
        .collect();
    let mut sayings = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let Some((name, value)) =
            assignment(line, &known, &mut room).map_err(|why| SettingsError::BadLine {
                path: path.to_owned(),
                line: number,
                why,
            })?
        else {
            continue;
        };
        match said(&name, &value, Some((path, number))) {
            Some(saying) => sayings.push(saying),
            None if value.is_empty() || name == FIREWALL_DISABLED => {}
            None => refuse_near_miss(&name, &ours, path, number)?,
        }
        // As for settings, the process's own variables come before those of the file.
        if variables.get(&name).is_none() {
            known.read.insert(name, value);
        }
    }
    Ok(sayings)
}

fn refuse_near_miss(name: &str, ours: &[String], path: &Path, line: u32) -> Result<(), SettingsError> {
    let origin = Source::Variable(name.to_owned(), Some((path.to_owned(), line)));
    let upper = name.to_ascii_uppercase();
    let flag_only = SETTINGS
        .iter()
        .find(|setting| setting.variable == EnvName::Nothing && setting.name.eq_ignore_ascii_case(name));
    if let Some(setting) = flag_only {
        return Err(SettingsError::FlagOnly {
            setting: setting.name,
            origin,
        });
    }
    if OTHERS.contains(&name) {
        return Ok(());
    }
    let is_meant = upper.starts_with("WNM_");
    let bare = upper.strip_prefix("WNM_").unwrap_or(&upper);
    // Most of what others have there is told from ours by its length.
    let is_near = |own: &&str| is_meant || own.len().abs_diff(bare.len()) <= 2;
    let near = nearest(bare, ours.iter().map(String::as_str).filter(is_near))
        .filter(|near| is_meant || strsim::damerau_levenshtein(bare, near) <= 2);
    if near.is_some() || is_meant {
        return Err(SettingsError::Unknown {
            name: name.to_owned(),
            nearest: near.map(str::to_owned),
            origin,
        });
    }
    Ok(())
}

/// Name and value of a line; none for a blank one, a comment, or a bare name.
fn assignment(line: &str, known: &Variables, room: &mut usize) -> Result<Option<(String, String)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with(char::is_whitespace) => rest.trim_start(),
        _ => line,
    };
    let Some((name, value)) = line.split_once('=') else {
        return Ok(None);
    };
    let name = name.trim().trim_matches('\'').to_owned();
    let value = value.trim_start();
    let value = match value.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            let inner = &value[1..];
            let end =
                closing(inner, quote).ok_or_else(|| format!("the quotes of `{name}` are not closed"))?;
            let rest = inner[end + 1..].trim_start();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err(format!("something follows the closing quote of `{name}`"));
            }
            if quote == '\'' {
                inner[..end].replace("\\'", "'")
            } else {
                expand(&inner[..end], known, EscapeRule::Read, room)?
            }
        }
        _ => {
            let end = value
                .char_indices()
                .find(|(at, c)| *c == '#' && (*at == 0 || value[..*at].ends_with(char::is_whitespace)))
                .map_or(value.len(), |(at, _)| at);
            expand(value[..end].trim_end(), known, EscapeRule::Kept, room)?
        }
    };
    Ok(Some((name, value)))
}

/// Where `quote` ends a quoted text; a backslash keeps the next character from ending it.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices()
        .find(|(_, c)| {
            let ends = !escaped && *c == quote;
            escaped = !escaped && *c == '\\';
            ends
        })
        .map(|(at, _)| at)
}

/// What a backslash does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EscapeRule {
    /// It says what the next character is.
    Read,
    /// Nothing: it is a character like any other.
    Kept,
}

/// `${NAME}` and `${NAME:-otherwise}` replaced, a name that is not set is empty; and escapes read, where they
/// are. A dollar sign behind a backslash is one and no more, as in a shell. What is put in takes of `room`.
fn expand(text: &str, known: &Variables, escapes: EscapeRule, room: &mut usize) -> Result<String, String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '$']) {
        whole.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((inner, behind)) = rest.strip_prefix("${").and_then(|inner| inner.split_once('}')) {
            let (name, otherwise) = inner.split_once(":-").unwrap_or((inner, ""));
            let meant = known.get(name).unwrap_or(otherwise);
            *room = room.checked_sub(meant.len()).ok_or_else(|| {
                format!(
                    "what variables in it stand for is longer than {} KiB",
                    GROWN_MOST >> 10
                )
            })?;
            whole.push_str(meant);
            rest = behind;
            continue;
        }
        let mut two = rest.chars();
        let first = two.next();
        if first == Some('\\') && escapes == EscapeRule::Read {
            match two.next() {
                Some('n') => whole.push('\n'),
                Some('t') => whole.push('\t'),
                Some('r') => whole.push('\r'),
                Some(other @ ('"' | '\\' | '\'' | '$' | '`')) => whole.push(other),
                Some(other) => whole.extend(['\\', other]),
                None => whole.push('\\'),
            }
        } else {
            whole.extend(first);
        }
        rest = two.as_str();
    }
    Ok(whole + rest)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Variables, dotenv};

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn said(text: &str) -> Result<Vec<(&'static str, String)>, String> {
        dotenv(text, Path::new("/h/.env"), &variables(&[("SET", "7")]))
            .map(|sayings| sayings.into_iter().map(|s| (s.setting.name, s.text)).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_dotenv_file_is_read_as_the_peer_reads_it() {
        let text = "export NODE_CAP=44\n# a comment\nCPU_REMOVE='72' # tail\nMEM_REMOVE = 73\n\
                    ENVIRONMENT=\"A=${NODE_CAP} B=${SET} C=${NO:-c}\"\nHOST=\nSOME_OTHER=thing\nBARE\n";
        assert_eq!(
            said(text).unwrap(),
            [
                ("node_cap", "44".to_owned()),
                ("cpu_remove", "72".to_owned()),
                ("mem_remove", "73".to_owned()),
                ("environment", "A=44 B=7 C=c".to_owned()),
            ]
        );
    }

    #[test]
    fn a_near_miss_in_a_dotenv_file_is_refused() {
        assert_eq!(
            said("\nNODECAP=3\n").unwrap_err(),
            "there is no variable `NODECAP` (`/h/.env` line 2); the nearest is `NODE_CAP`"
        );
        assert!(said("WNM_NODECAP=3").unwrap_err().contains("`NODE_CAP`"));
        assert!(said("WNM_WHATEVER=3").is_err());
        assert!(said("CONFIRM=1").unwrap_err().contains("can only be a flag"));
        assert!(said("HOSTNAME=box\nEDITOR=vi\nAWS_KEY=x").unwrap().is_empty());
        assert!(said("NODE_CAP='3").unwrap_err().contains("not closed"));
        assert!(said("NODE_CAP='3'4").unwrap_err().contains("follows"));
    }

    #[test]
    fn variables_of_the_process_may_have_a_prefix_and_may_be_empty() {
        let said: Vec<_> = variables(&[
            ("HOST", "a"),
            ("NODE_CAP", ""),
            ("WNM_HOST", "b"),
            ("WNM_FIREWALL", "ufw"),
            ("FIREWALL", "iptables"),
            ("WNM_FIREWALL_DISABLED", "1"),
            ("INIT", "1"),
        ])
        .sayings()
        .unwrap()
        .into_iter()
        .map(|s| (s.setting.name, s.text))
        .collect();
        assert_eq!(
            said,
            [
                ("host", "a".to_owned()),
                ("firewall", "ufw".to_owned()),
                ("firewall", "null".to_owned()),
                ("host", "b".to_owned()),
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd(text in "(?s).{0,200}") {
            let _ = dotenv(&text, Path::new("/h/.env"), &Variables::default());
        }
    }
}
