//! A server that ran anm, laid out anew for each test: `tests/anm` in a scratch folder, with what systemd, the
//! processes and the nodes say played from its `runtime` folder.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::Mutex;

use tempfile::TempDir;
use wnm::clock::{Clock, RealClock};
use wnm::colony::{Answer, Mode, Node, Timestamp, Version};
use wnm::manager::systemctl::{self, Shown};
use wnm::survey::gauge::version_said;
use wnm::survey::{HttpProbe, Limits, NodeProbe};
use wnm::takeover::anm::server::Words;
use wnm::takeover::anm::{Error, Host, Server};

use crate::probing::server::Server as Web;

/// 2026-11-23 20:00:00 UTC: the moment of every import.
pub const NOW: Timestamp = Timestamp(1_795_464_000);

/// One server.
pub struct Machine {
    folder: TempDir,
    /// Nodes that answer, by their metrics ports.
    web: Rc<HashMap<u16, Web>>,
}

impl Machine {
    /// The server of the fixture, or a variant of it.
    pub fn new(variant: Option<&str>) -> Machine {
        let folder = tempfile::Builder::new()
            .prefix("wnm-anm-")
            .tempdir()
            .expect("a temporary folder");
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/anm/prepare.sh");
        let mut prepare = Command::new("sh");
        prepare.arg(fixture).arg(folder.path()).args(variant);
        assert!(prepare.status().expect("sh runs").success(), "{variant:?}");
        let pages = folder.path().join("runtime/http");
        let mut web = HashMap::new();
        for entry in fs::read_dir(pages).expect("nodes that answer").flatten() {
            let read = |name: &str| fs::read_to_string(entry.path().join(name)).expect("a page");
            let port = entry.file_name().to_string_lossy().parse().expect("a port");
            web.insert(port, Web::of(&read("metadata"), &read("metrics")));
        }
        Machine {
            folder,
            web: Rc::new(web),
        }
    }

    /// Where `/` of the server is.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Where something of the server is.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// What plays systemd and the processes: files to be changed by a test.
    pub fn runtime(&self, path: &str) -> PathBuf {
        self.folder.path().join("runtime").join(path)
    }

    /// The server as wnm is given it.
    pub fn server(&self) -> Server {
        let mut server = Server::below(
            self.root(),
            Mode::User,
            Box::new(Played(self.folder.path().join("runtime"))),
        );
        server.probe = Box::new(Near(Rc::clone(&self.web)));
        server.clock = Box::new(Still(Mutex::new(NOW)));
        server
    }

    /// Every file and folder with its mode, its time and what is in it.
    pub fn tree(&self) -> Vec<String> {
        let list = Command::new("sh")
            .args([
                "-c",
                "find . -printf '%p %y %m %T@ %l\\n' | sort; find . -type f | sort | xargs sha256sum",
            ])
            .current_dir(self.root())
            .output()
            .expect("find runs");
        assert!(list.status.success());
        let text = String::from_utf8(list.stdout).expect("text");
        text.lines().map(str::to_owned).collect()
    }
}

/// systemd, processes and accounts, played from files.
struct Played(PathBuf);

impl Host for Played {
    fn show(&self, units: &[String]) -> Result<Vec<Shown>, Error> {
        let read = |unit: &String| {
            let path = self.0.join("systemctl_show").join(format!("{unit}.txt"));
            let text =
                fs::read_to_string(path).unwrap_or("LoadState=loaded\nActiveState=inactive\n".to_owned());
            systemctl::read(&text).remove(0)
        };
        Ok(units.iter().map(read).collect())
    }

    fn processes(&self) -> Result<Vec<Words>, Error> {
        let text = fs::read_to_string(self.0.join("processes.txt")).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Ok(lines
            .map(|line| {
                // `4711: argv` where a test needs the id.
                let (pid, line) = line.split_once(": ").unwrap_or(("0", line));
                Words {
                    pid: pid.parse().unwrap_or(0),
                    words: line.split_whitespace().map(str::to_owned).collect(),
                }
            })
            .collect())
    }

    fn boot(&self) -> Result<Timestamp, Error> {
        let text = fs::read_to_string(self.0.join("boot_time.txt")).expect("a boot time");
        Ok(Timestamp(text.trim().parse().expect("a boot time")))
    }

    fn home(&self, user: &str) -> Option<PathBuf> {
        (user == "weave").then(|| "/home/weave".into())
    }

    fn account(&self, _uid: u32) -> Option<String> {
        Some("weave".to_owned())
    }

    fn version(&self, binary: &Path, user: &str) -> Option<Version> {
        assert_eq!(user, "ant", "no node's program is run in another name");
        let said = Command::new(binary).arg("--version").output().ok()?;
        version_said(&String::from_utf8_lossy(&said.stdout))
    }
}

/// Asks the real way, at the ports where the nodes are served here.
struct Near(Rc<HashMap<u16, Web>>);

impl NodeProbe for Near {
    fn ask(&self, nodes: &[Node], limits: &Limits, now: Timestamp) -> Vec<Answer> {
        let mut moved = nodes.to_vec();
        for node in &mut moved {
            assert_eq!(node.host, "127.0.0.1", "{}", node.service);
            // Port 1 refuses.
            node.ports.metrics = self.0.get(&node.ports.metrics).map_or(1, |web| web.port);
        }
        HttpProbe::new().ask(&moved, limits, now)
    }
}

/// A clock that moves only when somebody waits.
struct Still(Mutex<Timestamp>);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("a clock")
    }

    fn sleep(&self, pause: std::time::Duration) {
        let mut now = self.0.lock().expect("a clock");
        *now = now.plus(i64::try_from(pause.as_secs()).expect("seconds").max(1));
    }

    fn chance(&self) -> u64 {
        RealClock.chance()
    }
}
