//! The values of settings in each place that can contain them: flags, variables, files, the database.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::SettingsError;
use super::parse_value::{self, ParsedValue, Value};
use super::path_value::PathScope;
use super::source::{Provided, Source, strongest};
use super::table::SETTINGS;
use super::variables::Variables;
use super::{config_file, environment};
use crate::bounded_read::{ReadError, bytes_from};

/// The maximum length of a config file, because parsing can take time proportional to the square of it.
const MAX_FILE_LENGTH: u64 = 128 * 1024;

/// The settings in `flags`, in variables and in files, the lowest priority first.
///
/// The file named by `--config` must exist; the others may be missing.
pub fn read_layers(
    flags: Vec<Provided>,
    variables: &Variables,
    home: &Path,
) -> Result<Vec<Provided>, SettingsError> {
    let own = home.join(".local/share/wnm");
    let mut files = vec![own.join("config"), home.join("wnm/config")];
    let mut required = None;
    if let Some(config) = strongest(&flags, "config") {
        let file = config_path(config, &PathScope { home, variables })?;
        files.retain(|other| *other != file);
        required = Some(file.clone());
        files.push(file);
    }
    let mut provided = Vec::new();
    for path in files {
        match read_file(&path)? {
            Some(text) => provided.extend(config_file::parse(&text, &path)?),
            None if required.as_ref() == Some(&path) => {
                return Err(SettingsError::UnreadableFile {
                    path,
                    why: "file not found".to_owned(),
                });
            }
            None => {}
        }
    }
    let dotenv = own.join(".env");
    if let Some(text) = read_file(&dotenv)? {
        provided.extend(environment::parse_dotenv(&text, &dotenv, variables)?);
    }
    provided.extend(variables.settings()?);
    provided.extend(flags);
    Ok(provided)
}

fn config_path(config: &Provided, scope: &PathScope<'_>) -> Result<PathBuf, SettingsError> {
    match parse_value::parse(config.setting, &config.text, scope) {
        Ok(ParsedValue {
            value: Value::Path(file),
            ..
        }) => Ok(file),
        Ok(_) => Err(config.invalid("must be the path of a file".to_owned())),
        Err(why) => Err(config.invalid(why)),
    }
}

/// The text of a file; None if the file does not exist.
fn read_file(path: &Path) -> Result<Option<String>, SettingsError> {
    let unreadable = |why: String| SettingsError::UnreadableFile {
        path: path.to_owned(),
        why,
    };
    match bytes_from(path, MAX_FILE_LENGTH) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(unreadable("not UTF-8 text".to_owned())),
        },
        Err(ReadError::Io(error))
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(why) => Err(unreadable(why.to_string())),
    }
}

/// A setting that the nodes found on this machine have in common.
///
/// # Errors
/// The value is invalid.
pub fn from_discovered_nodes(
    name: &'static str,
    text: String,
    home: &Path,
    variables: &Variables,
) -> Result<Provided, SettingsError> {
    let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
        return Err(SettingsError::MissingSetting { setting: name });
    };
    let provided = Provided {
        setting,
        text,
        source: Source::Found,
    };
    match parse_value::parse(setting, &provided.text, &PathScope { home, variables }) {
        Ok(_) => Ok(provided),
        Err(why) => Err(provided.invalid(why)),
    }
}

/// The settings that a colony stores, from their names and texts; NULL is no value. Names of no setting are ignored.
#[must_use]
pub fn from_machine_row<N: AsRef<str>>(
    columns: impl IntoIterator<Item = (N, Option<String>)>,
) -> Vec<Provided> {
    columns
        .into_iter()
        .filter_map(|(column, text)| {
            let setting = SETTINGS
                .iter()
                .find(|setting| setting.is_persistent() && setting.name == column.as_ref())?;
            Some(Provided {
                setting,
                text: text?,
                source: Source::Colony,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::fixtures::flag;
    use super::super::source::{Provided, strongest};
    use super::super::variables::Variables;
    use super::{from_machine_row, read_layers};

    fn write(home: &Path, name: &str, text: &str) {
        let path = home.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(home: &Path, flags: Vec<Provided>, env: &[(&str, &str)]) -> Result<Vec<Provided>, String> {
        let variables: Variables = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        read_layers(flags, &variables, home).map_err(|error| error.to_string())
    }

    #[test]
    fn priority_of_places_is_as_documented() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let cap = |flags: &[Provided], env: &[(&str, &str)]| {
            let all = read(home, flags.to_vec(), env).unwrap();
            strongest(&all, "node_cap").map(|one| one.text.clone())
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
        let all = read(home, Vec::new(), &[]).unwrap();
        assert_eq!(strongest(&all, "cpu_remove").unwrap().text, "81");
    }

    #[test]
    fn named_file_must_exist_and_be_readable() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let absent = read(home, vec![flag("config", "/no/such.conf")], &[]).unwrap_err();
        assert_eq!(absent, "cannot read '/no/such.conf': file not found");
        fs::create_dir_all(home.join("wnm/config")).unwrap();
        assert!(
            read(home, Vec::new(), &[])
                .unwrap_err()
                .ends_with("it is a folder")
        );
        fs::remove_dir(home.join("wnm/config")).unwrap();
        fs::write(home.join("wnm/config"), [0xff, 0xfe]).unwrap();
        assert!(
            read(home, Vec::new(), &[])
                .unwrap_err()
                .ends_with("not UTF-8 text")
        );
    }

    #[test]
    fn reads_the_stored_settings_from_the_machine_row() {
        let row = [
            ("id", Some("1".to_owned())),
            ("node_cap", Some("7".to_owned())),
            ("antctl_version", None),
            ("dry_run", Some("1".to_owned())),
        ];
        let stored = from_machine_row(row);
        assert_eq!(stored.len(), 1);
        assert_eq!(stored[0].setting.name, "node_cap");
        assert_eq!(stored[0].source.to_string(), "'colony.db'");
    }
}
