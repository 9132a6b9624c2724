//! Processes that do nothing and whose command lines are those of nodes.

use std::fs;
use std::io::{PipeWriter, pipe};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

/// Such processes; they end when this is dropped, or when the test ends.
pub struct StandIn {
    processes: Vec<Child>,
    /// Each process reads from the other end until this one is closed.
    end: Option<PipeWriter>,
}

impl StandIn {
    /// The process of a node in this root directory.
    pub fn of(root: &Path) -> StandIn {
        StandIn::all([root])
    }

    /// One process for each of these root directories.
    pub fn all(roots: impl IntoIterator<Item = impl AsRef<Path>>) -> StandIn {
        let (reader, end) = pipe().expect("a pipe");
        let start = |root: &Path| {
            let mut shell = Command::new("/bin/sh");
            shell
                .arg0("antnode")
                .args(["-c", "read -r line", "antnode", "--root-dir"])
                .arg(root)
                .arg("--local")
                .stdin(reader.try_clone().expect("another reader"));
            shell.spawn().expect("sh runs")
        };
        let processes: Vec<Child> = roots.into_iter().map(|root| start(root.as_ref())).collect();
        // Until the shell has replaced the copy of this process, its command line is that of the test.
        for process in &processes {
            let command_line = format!("/proc/{}/cmdline", process.id());
            while !fs::read(&command_line).is_ok_and(|words| words.starts_with(b"antnode\0")) {
                sleep(Duration::from_millis(1));
            }
        }
        StandIn {
            processes,
            end: Some(end),
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        drop(self.end.take());
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
