//! What the operator wants of a colony, from five layers of text to typed values.
//!
//! A layer is what somebody said, as text: the defaults, the colony, files, the environment, flags. The
//! strongest counts, and it alone becomes a value, in [`value`], so that every complaint has one form.
//!
//! ```text
//! flags  = arguments::parse
//! said   = said(flags, variables, home)         files and variables join them
//! place  = place::find(said, ...)               where the colony is
//! all    = defaults::sayings + stored + said
//! resolve(all, place, variables)                settings, origins, what the colony must be told
//! ```

pub mod config_file;
mod cross_checks;
pub mod defaults;
pub mod environment;
pub mod error;
#[cfg(test)]
mod fixtures;
pub mod locations;
pub mod parse_value;
mod path_value;
mod per_run;
mod persistent;
mod policy;
pub mod resolve;
pub mod run_options;
pub mod source;
pub mod table;
mod values;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::bounded_read::{ReadError, bytes_from};

pub use environment::{Variables, running_program};
pub use error::SettingsError;
pub use locations::Locations;
pub use policy::NODE_USER;
pub use resolve::{Resolved, resolve, this_run};
pub use run_options::{ForceAction, LogLevel, OtherAction, ReportFormat, ReportKind, RunOptions};
pub use source::{Provided, Source, found, stored};
pub use table::{SETTINGS, Setting};
pub use values::Settings;

/// More than anybody has to say in one file; what reads it may take the square of its length.
const FILE_MOST: u64 = 128 * 1024;

/// Files and variables joined to what the flags say, the weakest first.
///
/// A file of settings named by `--config` must be there; the others may be missing.
pub fn said(
    flags: Vec<Provided>,
    variables: &Variables,
    home: &Path,
) -> Result<Vec<Provided>, SettingsError> {
    let own = home.join(".local/share/wnm");
    let mut files = vec![own.join("config"), home.join("wnm/config")];
    let mut needed = None;
    if let Some(config) = source::winner(&flags, "config") {
        let scope = parse_value::PathScope { home, variables };
        let file = named_file(config, &scope)?;
        files.retain(|other| *other != file);
        needed = Some(file.clone());
        files.push(file);
    }
    let mut sayings = Vec::new();
    for path in files {
        match text_of(&path)? {
            Some(text) => sayings.extend(config_file::read(&text, &path)?),
            None if needed.as_ref() == Some(&path) => {
                return Err(SettingsError::Unreadable {
                    path,
                    why: "there is no such file".to_owned(),
                });
            }
            None => {}
        }
    }
    let dotenv = own.join(".env");
    if let Some(text) = text_of(&dotenv)? {
        sayings.extend(environment::dotenv(&text, &dotenv, variables)?);
    }
    sayings.extend(variables.sayings()?);
    sayings.extend(flags);
    Ok(sayings)
}

/// The file that a saying of `config` names.
fn named_file(config: &Provided, scope: &parse_value::PathScope<'_>) -> Result<PathBuf, SettingsError> {
    match parse_value::read(config.setting, &config.text, scope) {
        Ok(parse_value::ParsedValue {
            value: parse_value::Value::Path(file),
            ..
        }) => Ok(file),
        Ok(_) => Err(config.refused("it takes the path of a file".to_owned())),
        Err(why) => Err(config.refused(why)),
    }
}

/// The text of a file; none when there is no such file.
fn text_of(path: &Path) -> Result<Option<String>, SettingsError> {
    let unreadable = |why: String| SettingsError::Unreadable {
        path: path.to_owned(),
        why,
    };
    match bytes_from(path, FILE_MOST) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(unreadable("it is not UTF-8 text".to_owned())),
        },
        Err(ReadError::Io(error))
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(why) => Err(unreadable(why.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::fixtures::flag;
    use super::source::winner;
    use super::{Provided, Variables, said};

    fn write(home: &Path, name: &str, text: &str) {
        let path = home.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn heard(home: &Path, flags: Vec<Provided>, env: &[(&str, &str)]) -> Result<Vec<Provided>, String> {
        let variables: Variables = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        said(flags, &variables, home).map_err(|error| error.to_string())
    }

    #[test]
    fn the_layers_lie_as_the_manual_says() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let cap = |flags: &[Provided], env: &[(&str, &str)]| {
            let said = heard(home, flags.to_vec(), env).unwrap();
            winner(&said, "node_cap").map(|saying| saying.text.clone())
        };
        assert_eq!(cap(&[], &[]), None);
        write(home, ".local/share/wnm/config", "node_cap=1\ncpu_remove=81\n");
        assert_eq!(cap(&[], &[]).as_deref(), Some("1"));
        write(home, "wnm/config", "node_cap = 2\n");
        assert_eq!(cap(&[], &[]).as_deref(), Some("2"));
        write(home, "my.conf", "node-cap: 3\n");
        let config = flag("config", "~/my.conf");
        assert_eq!(cap(std::slice::from_ref(&config), &[]).as_deref(), Some("3"));
        write(home, ".local/share/wnm/.env", "NODE_CAP=4\n");
        assert_eq!(cap(std::slice::from_ref(&config), &[]).as_deref(), Some("4"));
        assert_eq!(cap(&[config], &[("NODE_CAP", "5")]).as_deref(), Some("5"));
        assert_eq!(cap(&[], &[("NODE_CAP", "")]).as_deref(), Some("4"));
        assert_eq!(
            cap(&[flag("node_cap", "6")], &[("NODE_CAP", "5")]).as_deref(),
            Some("6")
        );
        let all = heard(home, Vec::new(), &[]).unwrap();
        assert_eq!(winner(&all, "cpu_remove").unwrap().text, "81");
    }

    #[test]
    fn a_file_that_is_named_must_be_there_and_be_readable() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let absent = heard(home, vec![flag("config", "/no/such.conf")], &[]).unwrap_err();
        assert_eq!(absent, "cannot read `/no/such.conf`: there is no such file");
        fs::create_dir_all(home.join("wnm/config")).unwrap();
        assert!(
            heard(home, Vec::new(), &[])
                .unwrap_err()
                .ends_with("it is a folder")
        );
        fs::remove_dir(home.join("wnm/config")).unwrap();
        fs::write(home.join("wnm/config"), [0xff, 0xfe]).unwrap();
        assert!(
            heard(home, Vec::new(), &[])
                .unwrap_err()
                .ends_with("it is not UTF-8 text")
        );
    }
}
