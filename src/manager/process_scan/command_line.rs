//! Which command lines are those of a node.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Programs whose arguments may be a node's command line although they are not the node.
const WRAPPERS: [&str; 8] = [
    "sudo", "doas", "env", "setsid", "nohup", "strace", "gdb", "timeout",
];

/// How the names of programs begin that run an antnode in their own process: for scripts, and for other processors.
const INTERPRETERS: [&str; 16] = [
    "sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox", "python", "pypy", "perl", "ruby", "qemu-",
    "box64", "ld-linux", "ld-musl",
];

/// Whether a program of this name runs the file that its command line names.
pub(super) fn is_interpreter(program: &OsStr) -> bool {
    let bytes = program.as_bytes();
    INTERPRETERS.iter().any(|name| {
        let rest = bytes.strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| name.len() > 4 || !rest.first().is_some_and(u8::is_ascii_alphabetic))
    })
}

/// The root that a command line names, if it is that of an antnode.
pub(super) fn root_of(command: &[OsString]) -> Option<PathBuf> {
    let program = file_name(command.first()?)?;
    if WRAPPERS.iter().any(|wrapper| program == *wrapper) {
        return None;
    }
    let mut arguments = command[antnode_position(command)? + 1..].iter();
    while let Some(word) = arguments.next() {
        if word == "--root-dir" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(root) = word.as_bytes().strip_prefix(b"--root-dir=") {
            return Some(PathBuf::from(OsStr::from_bytes(root)));
        }
    }
    None
}

pub(super) fn has_root_option(command: &[OsString]) -> bool {
    command
        .iter()
        .any(|word| word == "--root-dir" || word.as_bytes().starts_with(b"--root-dir="))
}

/// The position of the word that names an antnode. It is not the first if the antnode is a script: its interpreter,
/// and an option of that, come before it.
pub(super) fn antnode_position(command: &[OsString]) -> Option<usize> {
    command
        .iter()
        .take(3)
        // An argument of a node may be called like an antnode.
        .take_while(|word| !word.as_bytes().starts_with(b"--"))
        .position(|word| file_name(word).is_some_and(|name| name.as_bytes().starts_with(b"antnode")))
}

fn file_name(word: &OsString) -> Option<&OsStr> {
    Path::new(word).file_name()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(line: &str) -> Option<PathBuf> {
        let words = shell_words::split(line).unwrap().into_iter();
        root_of(&words.map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn reads_root_of_a_node() {
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
    fn finds_no_node_in_commands_that_only_mention_one() {
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
}
