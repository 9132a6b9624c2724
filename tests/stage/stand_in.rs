//! A process that does nothing and whose command line is that of a node.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Such a process; it ends when it is dropped.
pub struct StandIn(Child);

impl StandIn {
    /// The process of a node in this root directory.
    pub fn of(root: &Path) -> StandIn {
        let mut shell = Command::new("/bin/sh");
        shell
            .arg0("antnode")
            .args(["-c", "read -r line", "antnode", "--root-dir"]);
        shell.arg(root).arg("--local").stdin(Stdio::piped());
        StandIn(shell.spawn().expect("sh runs"))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
