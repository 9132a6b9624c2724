//! Paths as people write them, and folders that must not hold nodes.

use std::path::{Component, Path, PathBuf};

use super::parse_value::PathScope;

/// Where no node may lie, though what is below may hold nodes: nodes are erased with all that is in their folder.
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

/// The system's own with all that is below.
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

/// Folders deeper down that are the system's own, though what is below them may hold nodes.
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

/// What systems take for a path, and for one name in it.
const LONGEST: (usize, usize) = (4_095, 255);

/// `text` with `~` and `$NAME` or `${NAME}` put in.
pub fn expanded(text: &str, scope: &PathScope<'_>) -> Result<String, String> {
    if text.is_empty() {
        return Err("it takes a path, and not nothing".to_owned());
    }
    let mut whole = String::new();
    let mut rest = text;
    if let Some(below) = text.strip_prefix('~') {
        if !below.is_empty() && !below.starts_with('/') {
            return Err("only your own home can be written as `~`".to_owned());
        }
        whole.push_str(&scope.home.to_string_lossy());
        rest = below;
    }
    while let Some((before, after)) = rest.split_once('$') {
        whole.push_str(before);
        let (name, behind) = match after.strip_prefix('{') {
            Some(braced) => braced
                .split_once('}')
                .ok_or_else(|| "it takes a path in which `${` is closed".to_owned())?,
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
            whole.push_str(value.ok_or_else(|| format!("the variable `{name}` is not set"))?);
        }
        rest = behind;
        // Here as well: each name may stand for much.
        short(&whole)?;
    }
    whole.push_str(rest);
    short(&whole)?;
    match whole.split('/').any(|name| name.len() > LONGEST.1) {
        false => Ok(whole),
        true => Err(format!(
            "it takes a path of names with at most {} bytes each",
            LONGEST.1
        )),
    }
}

fn short(path: &str) -> Result<(), String> {
    match path.len() > LONGEST.0 {
        false => Ok(()),
        true => Err(format!("it takes a path of at most {} bytes", LONGEST.0)),
    }
}

/// A file, relative to where wnm runs if it is not absolute.
pub fn file(text: &str, scope: &PathScope<'_>) -> Result<PathBuf, String> {
    expanded(text, scope).map(PathBuf::from)
}

/// A database: a path, or a SQLAlchemy address of one.
pub fn database(text: &str, scope: &PathScope<'_>) -> Result<PathBuf, String> {
    let path = match text.split_once("://") {
        None => text,
        Some(("sqlite", rest)) => rest
            .strip_prefix('/')
            .filter(|path| !path.is_empty())
            .ok_or_else(|| "three slashes and a path follow `sqlite:`".to_owned())?,
        Some((other, _)) => return Err(format!("only SQLite holds a colony, not `{other}`")),
    };
    file(path, scope)
}

/// The folder that holds the nodes: absolute, tidy, and neither a home nor the system's.
pub fn storage(text: &str, scope: &PathScope<'_>) -> Result<PathBuf, String> {
    let path = PathBuf::from(expanded(text, scope)?);
    if !path.is_absolute() {
        return Err("an absolute path is needed".to_owned());
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err("a path without `..` is needed".to_owned());
    }
    // Neither `//` nor `/./` nor a slash at the end makes another folder.
    let path: PathBuf = path.components().collect();
    let is = |names: &[&str]| names.iter().any(|name| path == Path::new(name));
    if path == Path::new("/") {
        return Err("nodes cannot lie in `/` itself".to_owned());
    }
    if path == scope.home || is_home(&path) {
        return Err("a home folder itself cannot hold nodes; name a folder in it".to_owned());
    }
    if is(SYSTEM) || is(SYSTEM_DEEP) || is(SYSTEM_WHOLE) {
        return Err("a folder of the system itself cannot hold nodes; name one of your own".to_owned());
    }
    if let Some(whole) = SYSTEM_WHOLE.iter().find(|whole| path.starts_with(whole)) {
        return Err(format!("nothing in `{whole}` can hold nodes"));
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

    use super::super::environment::Variables;
    use super::super::parse_value::PathScope;
    use super::{database, expanded, storage};

    fn with<T>(test: impl Fn(&PathScope<'_>) -> T) -> T {
        let variables: Variables = [("DISK".to_owned(), "/mnt/d1".to_owned())].into_iter().collect();
        test(&PathScope {
            home: Path::new("/home/op"),
            variables: &variables,
        })
    }

    #[test]
    fn home_and_variables_are_put_in() {
        let expanded = |text: &str| with(|scope| expanded(text, scope));
        assert_eq!(expanded("~/nodes").unwrap(), "/home/op/nodes");
        assert_eq!(expanded("$DISK/nodes").unwrap(), "/mnt/d1/nodes");
        assert_eq!(expanded("${DISK}s/a~b$").unwrap(), "/mnt/d1s/a~b$");
        assert_eq!(expanded("/plain").unwrap(), "/plain");
        assert!(expanded("$NONE/x").unwrap_err().contains("`NONE` is not set"));
        for text in ["", "~other/x", "${DISK"] {
            assert!(expanded(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nodes_lie_in_a_folder_of_their_own() {
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
    fn a_database_may_be_an_address() {
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
