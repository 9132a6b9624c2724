//! Which processes of this machine are nodes: those whose command line names a node's root.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use crate::colony::Node;
use crate::program::Program;
use crate::program::user_account;

use super::ManagerError;
use super::binary_store::is_same_file;
use super::discovered_node::{self, DiscoveredNode};

/// Programs that carry a node's command line in their own without being the node.
const CARRIERS: [&str; 8] = [
    "sudo", "doas", "env", "setsid", "nohup", "strace", "gdb", "timeout",
];

/// One process that is a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeProcess {
    pub pid: u32,
    pub words: Vec<OsString>,
    /// The root its command line names.
    pub root: PathBuf,
    /// Where that leads.
    place: PathBuf,
}

/// All nodes that run at one moment, by where their roots really are.
#[derive(Debug, Default)]
pub struct Processes(HashMap<PathBuf, Vec<NodeProcess>>);

impl Processes {
    /// Looks at every process once.
    pub fn scan() -> Result<Processes, ManagerError> {
        let mut found: HashMap<PathBuf, Vec<NodeProcess>> = HashMap::new();
        for (pid, words) in every()? {
            if let Some(process) = node_of(pid, words) {
                found.entry(process.place.clone()).or_default().push(process);
            }
        }
        Ok(Processes(found))
    }

    /// The processes of the node that lives at `root`, by whatever links they name it: none, one, or more where
    /// somebody started it twice.
    #[must_use]
    pub fn of(&self, root: &Path) -> &[NodeProcess] {
        let found = self.0.get(root).or_else(|| self.0.get(&real(root)));
        found.map_or(&[], Vec::as_slice)
    }

    /// Every node process.
    pub fn all(&self) -> impl Iterator<Item = &NodeProcess> {
        self.0.values().flatten()
    }
}

/// Every process of this machine with its words. Those of the kernel, and those that have ended, have none.
///
/// Where there is no /proc only the words that tell a node are told apart.
pub fn every() -> Result<Vec<(u32, Vec<OsString>)>, ManagerError> {
    let folder = Path::new("/proc");
    if !has_proc() && cfg!(target_os = "linux") {
        // `ps` would find none either, and one of its kinds says so as if there were none.
        return Err(ManagerError::Refused {
            doing: "look for nodes in",
            path: folder.to_owned(),
            why: "it is not mounted, and no process can be seen without it".to_owned(),
        });
    }
    if !has_proc() {
        return listed(None);
    }
    let entries = fs::read_dir(folder).map_err(ManagerError::file("read", folder))?;
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .map(|pid| Ok((pid, words_of(pid).map_err(ManagerError::file("read", folder))?)))
        .collect()
}

/// Whether `pid` is, now, the node that lives at `root`; None where that cannot be seen. A process that has ended
/// and waits for its parent is not.
#[must_use]
pub fn is_node(pid: u32, root: &Path) -> Option<bool> {
    let words = if has_proc() {
        words_of(pid).ok()?
    } else {
        let found = listed(Some(pid)).unwrap_or_default();
        found
            .into_iter()
            .next()
            .map(|(_, words)| words)
            .unwrap_or_default()
    };
    Some(node_of(pid, words).is_some_and(|process| process.root == root || process.place == real(root)))
}

/// What the process `pid` was told, if it is a node's; relative paths begin in the folder it runs in.
#[must_use]
pub fn told(pid: u32) -> Option<DiscoveredNode> {
    let words = match has_proc() {
        true => words_of(pid).ok()?,
        false => listed(Some(pid)).ok()?.pop()?.1,
    };
    node_of(pid, words)?.told()
}

/// Whether two paths lead to one folder.
#[must_use]
pub fn is_same_root(one: &Path, other: &Path) -> bool {
    one == other || real(one) == real(other)
}

/// Where a path leads; of one that leads nowhere, or begins in a folder that we do not know, itself.
fn real(path: &Path) -> PathBuf {
    let found = path.is_absolute().then(|| fs::canonicalize(path).ok());
    found.flatten().unwrap_or_else(|| path.to_owned())
}

/// The node that a process is.
fn node_of(pid: u32, mut words: Vec<OsString>) -> Option<NodeProcess> {
    let names_root = |word: &OsString| word == "--root-dir" || word.as_bytes().starts_with(b"--root-dir=");
    if named_at(&words).is_none() && words.iter().any(names_root) {
        // It was given another name than its program's.
        *words.first_mut()? = program_of(pid)?.into_os_string();
    }
    let mut root = root_of(&words)?;
    if root.is_relative()
        && let Some(folder) = folder_of(pid)
    {
        root = folder.join(root);
        root = match root.components().any(|part| part == Component::ParentDir) {
            true => real(&root),
            false => root.components().collect(),
        };
    }
    // Whose it is is asked of where it is kept, whatever a link says a moment later.
    let place = real(&root);
    (!is_anothers(pid, &place)).then_some(NodeProcess {
        pid,
        words,
        root,
        place,
    })
}

/// The file that a process runs, also once it is deleted.
fn program_of(pid: u32) -> Option<PathBuf> {
    let seen = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let bytes = seen.as_os_str().as_bytes();
    let bytes = bytes.strip_suffix(b" (deleted)").unwrap_or(bytes);
    Some(PathBuf::from(OsStr::from_bytes(bytes)))
}

/// The folder that a process runs in.
fn folder_of(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

impl NodeProcess {
    /// Where its root really was when it was looked at.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The variables it was given that are a node's own, as `ANT_LOG`; the rest is that of a shell or of a desktop.
    fn variables(&self) -> Vec<(String, String)> {
        let bytes = fs::read(format!("/proc/{}/environ", self.pid)).unwrap_or_default();
        let all = bytes
            .split(|&byte| byte == 0)
            .filter(|pair| pair.starts_with(b"ANT_"));
        all.filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// What it was told, in absolute paths.
    #[must_use]
    pub fn told(&self) -> Option<DiscoveredNode> {
        let words = self.words.iter();
        let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let mut found = discovered_node::from_words(&words, Vec::new())?;
        if let Some(folder) = folder_of(self.pid) {
            found.settle(&folder);
            if found.binary.is_relative() {
                // Without a folder it was looked for in those of PATH.
                found.binary = match found.binary.parent() {
                    Some(parent) if parent.as_os_str().is_empty() => program_of(self.pid)?,
                    _ => folder.join(&found.binary).components().collect(),
                };
            }
        }
        found.root.clone_from(&self.root);
        found.environment = self.variables();
        Some(found)
    }
}

/// Whether a node has no process, where its `manager` is not there to be asked: then it is stopped.
pub fn is_gone(node: &Node, manager: &str) -> Result<(), ManagerError> {
    match Processes::scan()?.of(&node.home.root).first() {
        None => Ok(()),
        Some(process) => Err(ManagerError::NotStopped {
            node: node.name.full(),
            why: format!(
                "process {} lives, and there is no {manager} to stop it",
                process.pid
            ),
        }),
    }
}

/// Whether `pid` runs the very file that is at `path` now; None where that cannot be seen, as of another account's.
#[must_use]
pub fn runs_file(pid: u32, path: &Path) -> Option<bool> {
    let program = PathBuf::from(format!("/proc/{pid}/exe"));
    fs::metadata(&program).ok().map(|_| is_same_file(&program, path))
}

/// Whether processes of others can be seen: not where /proc is mounted with `hidepid`.
#[must_use]
pub fn sees_others() -> bool {
    !has_proc() || words_of(1).is_ok_and(|words| !words.is_empty())
}

/// Whether a process that names `root` is neither root's, nor ours, nor of the account whose folder that is: anybody can
/// call his process a node. On a disk that knows no owners all folders are root's, or nobody's.
fn is_anothers(pid: u32, root: &Path) -> bool {
    let Ok(process) = fs::metadata(format!("/proc/{pid}")) else {
        return false;
    };
    let is_plain = process.uid() == 0 || process.uid() == user_account::uid();
    !is_plain && fs::metadata(root).is_ok_and(|folder| folder.uid() != process.uid())
}

/// The root a command line names, if it is that of an antnode.
fn root_of(words: &[OsString]) -> Option<PathBuf> {
    let name = |word: &OsString| Path::new(word).file_name().map(OsStr::to_owned);
    let first = name(words.first()?)?;
    if CARRIERS.iter().any(|carrier| first == *carrier) {
        return None;
    }
    let at = named_at(words)?;
    let mut rest = words[at + 1..].iter();
    while let Some(word) = rest.next() {
        if word == "--root-dir" {
            return rest.next().map(PathBuf::from);
        }
        if let Some(root) = word.as_bytes().strip_prefix(b"--root-dir=") {
            return Some(PathBuf::from(OsStr::from_bytes(root)));
        }
    }
    None
}

/// Which word names an antnode. Not always the first: a script's interpreter, and its option, come before it.
fn named_at(words: &[OsString]) -> Option<usize> {
    let name = |word: &OsString| Path::new(word).file_name().map(OsStr::to_owned);
    words
        .iter()
        .take(3)
        // What a node is told may be called like one.
        .take_while(|word| !word.as_bytes().starts_with(b"--"))
        .position(|word| name(word).is_some_and(|name| name.as_bytes().starts_with(b"antnode")))
}

fn has_proc() -> bool {
    Path::new("/proc/self/cmdline").exists()
}

/// The words of a process; none for one that is gone, has ended, or is hidden from us.
///
/// # Errors
/// What keeps us from looking at any process: no descriptor left, no memory. To take that for an end would be to
/// take living nodes for dead.
fn words_of(pid: u32) -> io::Result<Vec<OsString>> {
    let mut bytes = match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(bytes) => bytes,
        Err(error) if is_about_it_alone(&error) => Vec::new(),
        Err(error) => return Err(error),
    };
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    Ok(bytes
        .split(|&byte| byte == 0)
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect())
}

/// Whether an error in looking at a process says something of that process: it ended, or is not for us to see.
fn is_about_it_alone(error: &io::Error) -> bool {
    /// It ended between our opening and our reading.
    const ESRCH: i32 = 3;
    let is_gone = error.raw_os_error() == Some(ESRCH);
    is_gone || matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
}

/// What `ps` lists, where there is no /proc. It does not tell where words end: a root with spaces is put
/// together again from the option after it.
fn listed(pid: Option<u32>) -> Result<Vec<(u32, Vec<OsString>)>, ManagerError> {
    // Two options: after the first `=` all of one would be a heading to the `ps` of macOS.
    let mut ps = Program::new("ps").args(["-ww", "-o", "pid=", "-o", "command="]);
    ps = match pid {
        Some(pid) => ps.args(["-p", &pid.to_string()]),
        None => ps.arg("-ax"),
    };
    let ended = ps.ask()?;
    Ok(ended.stdout.lines().filter_map(listed_words).collect())
}

fn listed_words(line: &str) -> Option<(u32, Vec<OsString>)> {
    let (pid, command) = line.trim_start().split_once(' ')?;
    let pid = pid.parse().ok()?;
    let (program, rest) = match command.find(" --") {
        Some(at) => command.split_at(at),
        None => (command, ""),
    };
    let mut words: Vec<OsString> = vec![program.trim().into()];
    for name in ["--root-dir", "--port", "--metrics-server-port"] {
        let place = [' ', '=']
            .into_iter()
            .find_map(|mark| rest.split_once(&format!(" {name}{mark}")));
        if let Some((_, value)) = place {
            let end = value.find(" --").unwrap_or(value.len());
            let mut value = value[..end].trim_end();
            if name != "--root-dir" {
                value = value.split(' ').next().unwrap_or_default();
            }
            words.extend([name.into(), value.into()]);
        }
    }
    Some((pid, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        shell_words::split(line)
            .unwrap()
            .into_iter()
            .map(OsString::from)
            .collect()
    }

    fn root(line: &str) -> Option<PathBuf> {
        root_of(&words(line))
    }

    #[test]
    fn a_node_is_known_by_the_root_it_names() {
        let at = Some(PathBuf::from("/s/antnode0001"));
        assert_eq!(
            root("/s/antnode0001/antnode --port 1 --root-dir /s/antnode0001 evm"),
            at
        );
        assert_eq!(
            root("/bin/sh /s/antnode0001/antnode --root-dir=/s/antnode0001/"),
            at
        );
        assert_eq!(root("python3 -u /s/x/antnode --root-dir /s/antnode0001"), at);
        assert_eq!(
            root("'/s p/antnode' --root-dir '/s p'"),
            Some(PathBuf::from("/s p"))
        );
    }

    #[test]
    fn what_only_speaks_of_a_node_is_none() {
        for line in [
            "sudo -n -u ant env A=b setsid --fork /s/a/antnode --root-dir /s/a",
            "setsid /s/a/antnode --root-dir /s/a",
            "rm -rf -- /s/a",
            "tail -f /s/a/antnode.log",
            "grep -- --root-dir /s/a",
            "/s/a/antnode",
            "/s/a/antnode --root-dir",
            "other --root-dir /s/antnode0001 --port 1 --root-dir /s/a",
            "",
        ] {
            assert_eq!(root(line), None, "{line}");
        }
    }

    #[test]
    fn where_there_is_no_proc_ps_lists_every_process() {
        let own = std::process::id();
        for pid in [None, Some(own)] {
            let found = listed(pid).unwrap();
            let ours = found
                .iter()
                .find(|(pid, _)| *pid == own)
                .map(|(_, words)| words[0].clone());
            assert!(
                ours.is_some_and(|word| word.to_string_lossy().contains("wnm")),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_list_without_word_ends_is_read_too() {
        let (pid, words) =
            listed_words("  4711 /s p/antnode --root-dir /s p --port 5 --rewards-address 0x").unwrap();
        assert_eq!((pid, root_of(&words)), (4711, Some(PathBuf::from("/s p"))));
        let other = "1 /s/antnode --port=5 --root-dir=/s p --metrics-server-port 6 evm-arbitrum-one";
        let words = listed_words(other).unwrap().1;
        let words: Vec<String> = words
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect();
        let found = discovered_node::from_words(&words, Vec::new()).unwrap();
        assert_eq!((found.port, found.metrics_port), (5, 6));
        assert_eq!(found.root, Path::new("/s p"));
    }
}
