//! A unit as systemd reads it where it is installed: with its drop-ins, specifiers, variables of files, and the folder
//! it runs in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::bounded_read::bytes_in;
use crate::colony::Mode;
use crate::program::user_account::{self, Account};

use super::ManagerError;
use super::discovered_node::{self, DiscoveredNode};
use super::unit_file::{self, Unit};

/// Where systemd looks for a program that is named without a folder.
const PROGRAMS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// No file of variables is longer.
const MOST_VARIABLES: u64 = 1 << 20;

/// What a unit says once it is read.
#[derive(Debug)]
pub struct InstalledUnit {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// None where they are not those of an antnode with root and port.
    pub found: Option<DiscoveredNode>,
    /// What could not be read of it, or not be resolved: the node it tells of may be another one.
    pub doubt: Option<String>,
    /// Files of variables that nobody lets us read.
    pub unread: Vec<PathBuf>,
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
    // Specifiers tell of whoever runs systemd, and not of whom the service runs as.
    let manager = match mode {
        Mode::User => user_account::own(),
        Mode::Sudo => user_account::of(0),
    };
    let specifier = |letter| resolved(letter, &name, mode, manager.as_ref());
    let mut unit = Unit::read_raw(&unit_text(path)?, &specifier);
    unit.user = unit.user.map(name_of);
    let owner = match &unit.user {
        Some(user) => user_account::named(user).ok(),
        None => manager.clone(),
    };
    let mut unread = Vec::new();
    for (file, may_be_missing) in std::mem::take(&mut unit.environment_files) {
        // Anything but a file might never end.
        let text = bytes_in(Path::new(&file), MOST_VARIABLES)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        match text {
            Some(text) => unit.environment.extend(variables(&text)),
            None if may_be_missing && !Path::new(&file).exists() => {}
            None => unread.push(PathBuf::from(file)),
        }
    }
    // Of two with one name the last counts.
    let all: BTreeMap<String, String> = unit.environment.iter().cloned().collect();
    unit.environment.retain({
        let mut seen = all.clone();
        move |(name, value)| seen.get(name) == Some(value) && seen.remove(name).is_some()
    });
    let value = |name: &str| all.get(name).cloned().or_else(|| given(name, owner.as_ref()));
    if !unit.is_literal {
        unit.command = unit_file::expanded(&unit.command, &value);
    }
    let folder = runs_in(unit.directory.as_deref(), mode, owner.as_ref());
    if let Some(program) = unit.command.first_mut() {
        *program = program_at(program);
    }
    let mut found = discovered_node::from_words(&unit.command, unit.environment);
    if let Some(found) = &mut found {
        found.user = unit.user;
        if let Some(folder) = folder.filter(|folder| folder.is_absolute()) {
            found.settle(&folder);
        }
    }
    let doubt = unit
        .unresolved
        .map(|letter| format!("what `%{letter}` in it stands for is not known"));
    Ok(InstalledUnit {
        command: unit.command,
        found,
        doubt,
        unread,
    })
}

/// The node that the unit at `path` tells of, if any.
#[must_use]
pub fn told(path: &Path, mode: Mode) -> Option<DiscoveredNode> {
    read(path, mode).ok().and_then(|unit| unit.found)
}

/// What systemd reads of the unit at `path`: its file, and the drop-ins beside it, those for all services as well, in
/// the order of their names; of two with one name the unit's own counts.
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
        // A link to /dev/null takes the one for all services away.
        text.push_str(&read(drop_in)?);
    }
    Ok(text)
}

/// What a specifier stands for; none where that is not known here.
fn resolved(letter: char, name: &str, mode: Mode, manager: Option<&Account>) -> Option<String> {
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

/// A user that is a number, by its name.
fn name_of(user: String) -> String {
    let account = user.parse().ok().and_then(user_account::of);
    account.map_or(user, |account| account.name)
}

/// Variables that systemd gives by itself.
fn given(name: &str, owner: Option<&Account>) -> Option<String> {
    let owner = owner?;
    match name {
        "HOME" => Some(owner.home.display().to_string()),
        "USER" | "LOGNAME" => Some(owner.name.clone()),
        _ => None,
    }
}

/// The variables of a file: lines `NAME=VALUE`, quoted or not, a backslash at the end continuing them.
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

/// The folder in which relative paths begin.
fn runs_in(said: Option<&str>, mode: Mode, owner: Option<&Account>) -> Option<PathBuf> {
    let home = || owner.map(|account| account.home.clone());
    match said {
        Some("~") => home(),
        Some(path) => Some(PathBuf::from(path)),
        None if mode == Mode::User => home(),
        None => Some(PathBuf::from("/")),
    }
}

/// The program with its folder.
fn program_at(program: &str) -> String {
    if program.contains('/') {
        return program.to_owned();
    }
    let there = PROGRAMS.iter().map(|folder| format!("{folder}/{program}"));
    let mut there = there.filter(|path| Path::new(path).is_file());
    there.next().unwrap_or_else(|| program.to_owned())
}
