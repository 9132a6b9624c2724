//! A private machine for the modes with sudo, made of Linux namespaces.
//!
//! It has its own processes, accounts and `/`: `/etc`, `/var`, `/Library` and `/usr/local/bin` are folders
//! below the stage's home, everything else is the real machine's. The operator in it is an ordinary user
//! with a simulated `sudo` that allows everything. root, `ant` and the operator are one real account,
//! because an unprivileged process cannot create others; tests of file owners are in `tests/lab`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::colony::kill;

/// Mounts the machine at `$1` for the operator whose home is `$2`, and keeps it until stdin is closed.
const FURNISH: &str = r#"
set -e
cd "$1"
mkdir -p etc/systemd/system var/log var/db var/lib Library/LaunchDaemons usr/local proc root tools
for entry in /* /var/*; do
    case $entry in /usr) continue ;; /var/antctl) continue ;; esac
    here=${entry#/}
    if [ -e "$here" ] || [ -L "$here" ]; then continue; fi
    if [ -L "$entry" ]; then
        cp -P "$entry" "$here"
    elif [ -d "$entry" ]; then
        mkdir "$here"
        mount --rbind "$entry" "$here"
    fi
done
mount --rbind /usr usr
mount --bind tools usr/local/bin
mount -t proc proc proc
printf 'root:x:0:0::/root:/bin/sh\nop:x:1000:1000::%s:/bin/sh\nant:x:1000:1000::/nonexistent:/bin/false\n' "$2" >etc/passwd
printf 'root:x:0:\nop:x:1000:\n' >etc/group
echo 'passwd: files' >etc/nsswitch.conf
exec chroot . setpriv --inh-caps=-all --ambient-caps=-all bash -c 'echo furnished; while read -r _; do :; done'
"#;

/// A private machine. All its processes end when this is dropped, or when the test process is killed.
pub struct Sandbox {
    top: PathBuf,
    keeper: Child,
    /// The PID of its first process, seen from outside.
    first: i32,
    /// The identity of its PID namespace.
    processes: PathBuf,
}

impl Sandbox {
    /// Creates it at `top` for the operator whose home is `home`; prints why and returns None where
    /// namespaces are not allowed.
    pub fn build(top: &Path, home: &Path) -> Option<Sandbox> {
        fs::create_dir_all(top).expect("a folder for the sandbox");
        let mut build = Command::new("unshare");
        build.args(["--user", "--map-user=1000", "--map-group=1000", "--keep-caps"]);
        build.args(["--mount", "--pid", "--fork", "--kill-child"]);
        build.args(["sh", "-c", FURNISH, "sh"]).args([top, home]);
        build
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut keeper = match build.spawn() {
            Ok(keeper) => keeper,
            Err(error) => {
                eprintln!("SKIPPED: no sandbox can be created here: unshare: {error}");
                return None;
            }
        };
        let mut said = String::new();
        let stdout = keeper.stdout.take().expect("a pipe");
        let _ = BufReader::new(stdout).read_line(&mut said);
        if said != "furnished\n" {
            let ended = keeper.wait_with_output().expect("it ends");
            let why = String::from_utf8_lossy(&ended.stderr);
            eprintln!("SKIPPED: no sandbox can be created here: {}", why.trim());
            return None;
        }
        let first = child_of(keeper.id()).expect("the first process of the sandbox");
        let processes = fs::read_link(format!("/proc/{first}/ns/pid")).expect("its processes");
        Some(Sandbox {
            top: top.to_owned(),
            keeper,
            first,
            processes,
        })
    }

    /// The folder that is `/usr/local/bin` inside.
    pub fn tools(&self) -> PathBuf {
        self.top.join("tools")
    }

    /// The path outside of a path inside. Homes have the same path in both.
    pub fn outside(&self, path: &Path) -> PathBuf {
        if path.starts_with(self.top.parent().expect("a home")) {
            return path.to_owned();
        }
        self.top.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The path inside of a path outside.
    pub fn inside(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.top) {
            Ok(rest) => Path::new("/").join(rest),
            Err(_) => path.to_owned(),
        }
    }

    /// The same command, run inside by the operator.
    pub fn enter(&self, program: &Command) -> Command {
        let mut enter = Command::new("nsenter");
        enter.args(["--target", &self.first.to_string(), "--user", "--mount", "--pid"]);
        enter.args(["--root", "--wd", "--preserve-credentials", "--"]);
        enter.arg(program.get_program()).args(program.get_args());
        enter
    }

    /// Whether a process runs inside.
    pub fn holds(&self, pid: i32) -> bool {
        fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|own| own == self.processes)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        kill(self.first, Signal::SIGKILL);
        // The first process ends after all others.
        while Path::new(&format!("/proc/{}/exe", self.first)).exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.keeper.wait();
    }
}

fn child_of(parent: u32) -> Option<i32> {
    let pids = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let line = format!("\nPPid:\t{parent}\n");
    pids.find(|pid| fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|text| text.contains(&line)))
}
