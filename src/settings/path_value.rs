//! Paths with `~` and variables, and directories that must not contain nodes.

use std::path::{Component, Path, PathBuf};

use super::variables::Variables;

/// What `~` and `$NAME` in a path stand for.
#[derive(Debug, Clone, Copy)]
pub struct PathScope<'a> {
    pub home: &'a Path,
    pub variables: &'a Variables,
}

/// System directories that must not be the node directory itself; their subdirectories can be. wnm deletes node
/// directories with all their contents.
const SYSTEM: &[&str] = &[
    "/run",
    "/usr",
    "/Library",
    "/Volumes",
    "/private",
    "/var",
    "/opt",
    "/srv",
    "/mnt",
    "/media",
    "/tmp",
    "/home",
    "/root",
    "/Users",
    "/snap",
    "/lost+found",
    "/cores",
    "/nix",
];

/// System directories that must not contain the node directory at any depth.
const SYSTEM_WHOLE: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/proc",
    "/sbin",
    "/sys",
    "/usr/bin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/sbin",
    "/usr/share",
    "/usr/include",
    "/System",
    "/Applications",
];

/// As [`SYSTEM`], at a greater depth.
const SYSTEM_DEEP: &[&str] = &[
    "/usr/local",
    "/usr/src",
    "/var/lib",
    "/var/log",
    "/var/cache",
    "/var/spool",
    "/var/tmp",
    "/var/run",
    "/var/mail",
    "/var/backups",
    "/private/var",
    "/private/tmp",
    "/private/etc",
    "/run/user",
    "/Library/Application Support",
    "/Library/Logs",
    "/Library/Caches",
];

/// The maximum length of a path on Linux, in bytes.
const MAX_PATH: usize = 4_095;
/// The maximum length of one name in a path, in bytes.
const MAX_NAME: usize = 255;

/// Expands `~`, `$NAME` and `${NAME}`.
pub fn expanded(text: &str, scope: &PathScope<'_>) -> Result<String, String> {
    if text.is_empty() {
        return Err("must be a path".to_owned());
    }
    let mut whole = String::new();
    let mut rest = text;
    if let Some(below) = text.strip_prefix('~') {
        if !below.is_empty() && !below.starts_with('/') {
            return Err("'~' can stand for only your own home directory".to_owned());
        }
        whole.push_str(&scope.home.to_string_lossy());
        rest = below;
    }
    while let Some((before, after)) = rest.split_once('$') {
        whole.push_str(before);
        let (name, behind) = match after.strip_prefix('{') {
            Some(braced) => braced
                .split_once('}')
                .ok_or_else(|| "missing '}' after '${'".to_owned())?,
            None => after.split_at(
                after
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(after.len()),
            ),
        };
        if name.is_empty() {
            whole.push('$');
        } else {
            let value = scope.variables.get(name);
            whole.push_str(value.ok_or_else(|| format!("variable '{name}' is not set"))?);
        }
        rest = behind;
        // Checked here too, because each name can stand for a long text.
        check_length(&whole)?;
    }
    whole.push_str(rest);
    check_length(&whole)?;
    match whole.split('/').any(|name| name.len() > MAX_NAME) {
        false => Ok(whole),
        true => Err(format!(
            "each name in the path must be at most {} bytes long",
            MAX_NAME
        )),
    }
}

fn check_length(path: &str) -> Result<(), String> {
    match path.len() > MAX_PATH {
        false => Ok(()),
        true => Err(format!("must be a path of at most {} bytes", MAX_PATH)),
    }
}

/// A file; a relative path is relative to the working directory.
pub fn file(text: &str, scope: &PathScope<'_>) -> Result<PathBuf, String> {
    expanded(text, scope).map(PathBuf::from)
}

/// A database: its path, or its SQLAlchemy address.
pub fn database(text: &str, scope: &PathScope<'_>) -> Result<PathBuf, String> {
    let path = match text.split_once("://") {
        None => text,
        Some(("sqlite", rest)) => rest
            .strip_prefix('/')
            .filter(|path| !path.is_empty())
            .ok_or_else(|| "must be 'sqlite:///' and a path".to_owned())?,
        Some((other, _)) => return Err(format!("must be an SQLite database, not '{other}'")),
    };
    file(path, scope)
}

/// The directory that contains the nodes: absolute, and neither a home directory nor a system directory.
pub fn storage(text: &str, scope: &PathScope<'_>) -> Result<PathBuf, String> {
    let path = PathBuf::from(expanded(text, scope)?);
    if !path.is_absolute() {
        return Err("must be an absolute path".to_owned());
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err("must not contain '..'".to_owned());
    }
    // Removes `//`, `/./` and a slash at the end.
    let path: PathBuf = path.components().collect();
    let is = |names: &[&str]| names.iter().any(|name| path == Path::new(name));
    if path == Path::new("/") {
        return Err("must not be '/'".to_owned());
    }
    if path == scope.home || is_home(&path) {
        return Err("must not be a home directory; use a directory in it".to_owned());
    }
    if is(SYSTEM) || is(SYSTEM_DEEP) || is(SYSTEM_WHOLE) {
        return Err("must not be a system directory; use a directory of your own".to_owned());
    }
    if let Some(whole) = SYSTEM_WHOLE.iter().find(|whole| path.starts_with(whole)) {
        return Err(format!("must not be in '{whole}'"));
    }
    Ok(path)
}

fn is_home(path: &Path) -> bool {
    path == Path::new("/root")
        || path
            .parent()
            .is_some_and(|above| above == Path::new("/home") || above == Path::new("/Users"))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::super::variables::Variables;
    use super::{PathScope, database, expanded, storage};

    fn with<T>(test: impl Fn(&PathScope<'_>) -> T) -> T {
        let variables: Variables = [("DISK".to_owned(), "/mnt/d1".to_owned())].into_iter().collect();
        test(&PathScope {
            home: Path::new("/home/op"),
            variables: &variables,
        })
    }

    #[test]
    fn expands_home_and_variables() {
        let expanded = |text: &str| with(|scope| expanded(text, scope));
        assert_eq!(expanded("~/nodes").unwrap(), "/home/op/nodes");
        assert_eq!(expanded("$DISK/nodes").unwrap(), "/mnt/d1/nodes");
        assert_eq!(expanded("${DISK}s/a~b$").unwrap(), "/mnt/d1s/a~b$");
        assert_eq!(expanded("/plain").unwrap(), "/plain");
        assert!(expanded("$NONE/x").unwrap_err().contains("'NONE' is not set"));
        for text in ["", "~other/x", "${DISK"] {
            assert!(expanded(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rejects_home_and_system_directories() {
        let storage = |text: &str| with(|scope| storage(text, scope));
        for (text, path) in [
            ("/data", "/data"),
            ("/data/nodes/", "/data/nodes"),
            ("//data/./nodes", "/data/nodes"),
            ("$DISK", "/mnt/d1"),
            ("~/nodes", "/home/op/nodes"),
            ("/var/antctl/services", "/var/antctl/services"),
            ("/usr/local/nodes", "/usr/local/nodes"),
            ("/tmp/demo/nodes", "/tmp/demo/nodes"),
        ] {
            assert_eq!(storage(text), Ok(PathBuf::from(path)), "{text}");
        }
        for text in [
            "/",
            "//",
            "~",
            "~/",
            "/home",
            "/home/else",
            "/root",
            "/etc",
            "/etc/nodes",
            "/usr",
            "/usr/lib/x",
            "/var",
            "/var/lib",
            "/proc/1",
            "nodes",
            "./nodes",
            "/data/../etc",
            "/tmp",
            "/mnt/",
            "$DISK/..",
        ] {
            assert!(storage(text).is_err(), "{text}");
        }
    }

    #[test]
    fn database_can_be_an_address() {
        let database = |text: &str| with(|scope| database(text, scope));
        assert_eq!(database("sqlite:///~/c.db"), Ok(PathBuf::from("/home/op/c.db")));
        assert_eq!(database("sqlite:////data/c.db"), Ok(PathBuf::from("/data/c.db")));
        assert_eq!(database("sqlite:///c.db"), Ok(PathBuf::from("c.db")));
        assert_eq!(database("$DISK/c.db"), Ok(PathBuf::from("/mnt/d1/c.db")));
        for text in ["", "sqlite://", "sqlite:///", "postgres://h/d"] {
            assert!(database(text).is_err(), "{text}");
        }
    }
}
