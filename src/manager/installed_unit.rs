//! A unit as systemd reads it: with its drop-ins, specifiers, environment files and working directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::bounded_read::bytes_in;
use crate::colony::Mode;
use crate::program::user_account::{self, Account};

use super::ManagerError;
use super::discovered_node::{self, DiscoveredNode};
use super::unit_file::{self, Unit};

/// Where systemd searches for a program without a directory in its name.
const SEARCH_PATH: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Environment files are read up to this length.
const MAX_ENVIRONMENT_BYTES: u64 = 1 << 20;

/// A unit that was read.
#[derive(Debug)]
pub struct InstalledUnit {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The node that it runs; none if it runs no antnode with a root and a port.
    pub found: Option<DiscoveredNode>,
    /// What could not be resolved in it, so that the node may be another one.
    pub doubt: Option<String>,
    /// Environment files that cannot be read.
    pub unreadable: Vec<PathBuf>,
}

/// Reads the unit at `path` and all that it refers to.
///
/// # Errors
/// When it, or a drop-in, cannot be read.
pub fn read(path: &Path, mode: Mode) -> Result<InstalledUnit, ManagerError> {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    // Specifiers describe the account of systemd, not that of the service.
    let manager = match mode {
        Mode::User => user_account::own(),
        Mode::Sudo => user_account::of(0),
    };
    let specifier = |letter| specifier_value(letter, &name, mode, manager.as_ref());
    let mut unit = Unit::read_raw(&unit_text(path)?, &specifier);
    unit.user = unit.user.map(name_of);
    let owner = match &unit.user {
        Some(user) => user_account::named(user).ok(),
        None => manager.clone(),
    };
    let mut unreadable = Vec::new();
    for (file, may_be_missing) in std::mem::take(&mut unit.environment_files) {
        // Reads only regular files, as reading a pipe might never end.
        let text = bytes_in(Path::new(&file), MAX_ENVIRONMENT_BYTES)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        match text {
            Some(text) => unit.environment.extend(variables(&text)),
            None if may_be_missing && !Path::new(&file).exists() => {}
            None => unreadable.push(PathBuf::from(file)),
        }
    }
    // Of two variables with one name the last counts.
    let all: BTreeMap<String, String> = unit.environment.iter().cloned().collect();
    unit.environment.retain({
        let mut seen = all.clone();
        move |(name, value)| seen.get(name) == Some(value) && seen.remove(name).is_some()
    });
    let value = |name: &str| {
        all.get(name)
            .cloned()
            .or_else(|| builtin_variable(name, owner.as_ref()))
    };
    if !unit.is_literal {
        unit.command = unit_file::expanded(&unit.command, &value);
    }
    let folder = working_directory(unit.directory.as_deref(), mode, owner.as_ref());
    if let Some(program) = unit.command.first_mut() {
        *program = find_program(program);
    }
    let mut found = discovered_node::from_words(&unit.command, unit.environment);
    if let Some(found) = &mut found {
        found.user = unit.user;
        if let Some(folder) = folder.filter(|folder| folder.is_absolute()) {
            found.resolve_paths(&folder);
        }
    }
    let doubt = unit
        .unresolved
        .map(|letter| format!("wnm does not know the value of its specifier `%{letter}`"));
    Ok(InstalledUnit {
        command: unit.command,
        found,
        doubt,
        unreadable,
    })
}

/// The node that the unit at `path` runs, if any.
#[must_use]
pub fn node(path: &Path, mode: Mode) -> Option<DiscoveredNode> {
    read(path, mode).ok().and_then(|unit| unit.found)
}

/// The text that systemd reads for the unit at `path`: its file and its drop-ins, also those for all services, in the
/// order of their names. Of two drop-ins with one name that of the unit counts.
pub fn unit_text(path: &Path) -> Result<String, ManagerError> {
    let read = |path: &Path| -> Result<String, ManagerError> {
        let bytes = fs::read(path).map_err(ManagerError::file("read", path))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut text = read(path)?;
    let mut own = path.as_os_str().to_owned();
    own.push(".d");
    let mut drop_ins: BTreeMap<std::ffi::OsString, PathBuf> = BTreeMap::new();
    for folder in [path.with_file_name("service.d"), PathBuf::from(own)] {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let files = entries.map(|entry| entry.path());
        let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "conf"));
        drop_ins.extend(files.filter_map(|path| Some((path.file_name()?.to_owned(), path))));
    }
    for drop_in in drop_ins.values() {
        text.push('\n');
        // A symlink to /dev/null disables the drop-in with the same name for all services.
        text.push_str(&read(drop_in)?);
    }
    Ok(text)
}

/// The value of a specifier; none if wnm does not know it.
fn specifier_value(letter: char, name: &str, mode: Mode, manager: Option<&Account>) -> Option<String> {
    let stem = name.strip_suffix(".service").unwrap_or(name);
    let home = || manager.map(|account| account.home.display().to_string());
    let file = |path: &str| Some(fs::read_to_string(path).ok()?.trim().to_owned());
    let place = |system: &str, user: &str| match mode {
        Mode::Sudo => Some(system.to_owned()),
        Mode::User => home().map(|home| format!("{home}/{user}")),
    };
    match letter {
        'n' => Some(name.to_owned()),
        'N' | 'p' | 'P' | 'j' | 'J' => Some(stem.to_owned()),
        'i' | 'I' => Some(String::new()),
        'f' => Some(format!("/{stem}")),
        'h' => home(),
        'u' => manager.map(|account| account.name.clone()),
        'U' => manager.map(|account| account.uid.to_string()),
        't' => match mode {
            Mode::Sudo => Some("/run".to_owned()),
            Mode::User => manager.map(|account| format!("/run/user/{}", account.uid)),
        },
        'S' => place("/var/lib", ".local/state"),
        'C' => place("/var/cache", ".cache"),
        'L' => place("/var/log", ".local/state/log"),
        'E' => place("/etc", ".config"),
        'H' => file("/proc/sys/kernel/hostname"),
        'm' => file("/etc/machine-id"),
        'T' => Some("/tmp".to_owned()),
        'V' => Some("/var/tmp".to_owned()),
        _ => None,
    }
}

/// The name of a user that is given by number.
fn name_of(user: String) -> String {
    let account = user.parse().ok().and_then(user_account::of);
    account.map_or(user, |account| account.name)
}

/// Variables that systemd sets itself.
fn builtin_variable(name: &str, owner: Option<&Account>) -> Option<String> {
    let owner = owner?;
    match name {
        "HOME" => Some(owner.home.display().to_string()),
        "USER" | "LOGNAME" => Some(owner.name.clone()),
        _ => None,
    }
}

/// Reads an environment file: lines `NAME=VALUE`, quoted or not; a backslash at the end continues a line.
fn variables(text: &str) -> Vec<(String, String)> {
    let joined = text.replace("\\\n", "");
    let lines = joined.lines().map(str::trim);
    lines
        .filter(|line| !line.starts_with(['#', ';']))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| {
            let value = value.trim();
            let plain = shell_words::split(value).map(|words| words.join(" "));
            (name.trim().to_owned(), plain.unwrap_or_else(|_| value.to_owned()))
        })
        .collect()
}

/// The working directory, in which relative paths begin.
fn working_directory(configured: Option<&str>, mode: Mode, owner: Option<&Account>) -> Option<PathBuf> {
    let home = || owner.map(|account| account.home.clone());
    match configured {
        Some("~") => home(),
        Some(path) => Some(PathBuf::from(path)),
        None if mode == Mode::User => home(),
        None => Some(PathBuf::from("/")),
    }
}

/// The program with its directory.
fn find_program(program: &str) -> String {
    if program.contains('/') {
        return program.to_owned();
    }
    let there = SEARCH_PATH.iter().map(|folder| format!("{folder}/{program}"));
    let mut there = there.filter(|path| Path::new(path).is_file());
    there.next().unwrap_or_else(|| program.to_owned())
}
