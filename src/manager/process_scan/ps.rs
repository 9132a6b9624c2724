//! The list of processes that `ps` prints, for systems without /proc.

use std::ffi::OsString;

use crate::manager::ManagerError;
use crate::program::Program;

/// The command lines of one process or of all. `ps` does not show where a word ends, so a root with spaces is read up
/// to the next option.
pub(super) fn commands(pid: Option<u32>) -> Result<Vec<(u32, Vec<OsString>)>, ManagerError> {
    // Two options: the `ps` of macOS takes everything after the first `=` as a heading.
    let mut ps = Program::new("ps").args(["-ww", "-o", "pid=", "-o", "command="]);
    ps = match pid {
        Some(pid) => ps.args(["-p", &pid.to_string()]),
        None => ps.arg("-ax"),
    };
    let ended = ps.ask()?;
    Ok(ended.stdout.lines().filter_map(parse_line).collect())
}

fn parse_line(line: &str) -> Option<(u32, Vec<OsString>)> {
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
    use std::path::{Path, PathBuf};

    use crate::manager::discovered_node;
    use crate::manager::process_scan::command_line::root_of;

    use super::*;

    #[test]
    fn lists_own_process() {
        let own = std::process::id();
        for pid in [None, Some(own)] {
            let found = commands(pid).unwrap();
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
    fn reads_root_with_spaces() {
        let (pid, words) =
            parse_line("  4711 /s p/antnode --root-dir /s p --port 5 --rewards-address 0x").unwrap();
        assert_eq!((pid, root_of(&words)), (4711, Some(PathBuf::from("/s p"))));
        let other = "1 /s/antnode --port=5 --root-dir=/s p --metrics-server-port 6 evm-arbitrum-one";
        let words = parse_line(other).unwrap().1;
        let words: Vec<String> = words
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect();
        let found = discovered_node::from_words(&words, Vec::new()).unwrap();
        assert_eq!((found.port, found.metrics_port), (5, 6));
        assert_eq!(found.root, Path::new("/s p"));
    }
}
