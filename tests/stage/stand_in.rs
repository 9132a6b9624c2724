//! Processes that do nothing and whose command lines are those of nodes.

use std::io::{PipeWriter, pipe};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

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
        StandIn {
            processes: roots.into_iter().map(|root| start(root.as_ref())).collect(),
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
