//! A house: the machine of a stage as an operator with sudo finds it, made anew for each.
//!
//! It has processes, accounts and a `/` of its own. `/etc`, `/var`, `/Library` and `/usr/local/bin` lie below the
//! stage's home, all else is the machine's. The operator in it is no privileged user; its `sudo` is ours and lets
//! everything through that a real one would. Root, `ant` and the operator are one account behind their names, since a
//! process may make no others: whose a file really is, is seen in the lab.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::colony::kill;

/// Furnishes the house `$1` of the operator whose home is `$2`, and keeps it until stdin ends.
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

/// One house. It goes, with all that runs in it, when this does; also when this process is killed.
pub struct House {
    top: PathBuf,
    keeper: Child,
    /// The first process in it, by the machine's count.
    first: i32,
    /// What tells its processes from all others.
    processes: PathBuf,
}

impl House {
    /// Builds one at `top` for the operator whose home is `home`; None, with a word on stderr, where this machine
    /// lets nobody do so.
    pub fn build(top: &Path, home: &Path) -> Option<House> {
        fs::create_dir_all(top).expect("a place for the house");
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
                eprintln!("SKIPPED: no house can be built here: unshare: {error}");
                return None;
            }
        };
        let mut said = String::new();
        let stdout = keeper.stdout.take().expect("a pipe");
        let _ = BufReader::new(stdout).read_line(&mut said);
        if said != "furnished\n" {
            let ended = keeper.wait_with_output().expect("it ends");
            let why = String::from_utf8_lossy(&ended.stderr);
            eprintln!("SKIPPED: no house can be built here: {}", why.trim());
            return None;
        }
        let first = child_of(keeper.id()).expect("the first process of the house");
        let processes = fs::read_link(format!("/proc/{first}/ns/pid")).expect("its processes");
        Some(House {
            top: top.to_owned(),
            keeper,
            first,
            processes,
        })
    }

    /// Where programs lie that root finds as well: `/usr/local/bin` of the house.
    pub fn tools(&self) -> PathBuf {
        self.top.join("tools")
    }

    /// Where something in the house is for those outside. Homes are the same for both.
    pub fn outside(&self, path: &Path) -> PathBuf {
        if path.starts_with(self.top.parent().expect("a home")) {
            return path.to_owned();
        }
        self.top.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// What something that we see is called in the house.
    pub fn inside(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.top) {
            Ok(rest) => Path::new("/").join(rest),
            Err(_) => path.to_owned(),
        }
    }

    /// The same program, run in the house by its operator.
    pub fn enter(&self, program: &Command) -> Command {
        let mut enter = Command::new("nsenter");
        enter.args(["--target", &self.first.to_string(), "--user", "--mount", "--pid"]);
        enter.args(["--root", "--wd", "--preserve-credentials", "--"]);
        enter.arg(program.get_program()).args(program.get_args());
        enter
    }

    /// Whether a process runs in it.
    pub fn holds(&self, pid: i32) -> bool {
        fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|own| own == self.processes)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        kill(self.first, Signal::SIGKILL);
        // The first process ends after all others have.
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
