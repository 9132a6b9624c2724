//! A server that anm managed, created in a temporary folder for one test. `tests/anm/prepare.sh` writes its
//! files; systemd, the processes and the answers of the nodes are simulated from its `runtime` folder.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use wnm::clock::{Clock, RealClock};
use wnm::colony::{Answer, Mode, Node, Timestamp, Version};
use wnm::manager::systemctl::{self, UnitProperties};
use wnm::session::Session;
use wnm::settings::locations::{self, Operator, Platform};
use wnm::settings::{self, Provided, Source, Variables, table};
use wnm::survey::machine_reader::version_said;
use wnm::survey::{HttpProbe, Limits, NodeProbe};
use wnm::takeover::anm::server::ServerAccess;
use wnm::takeover::anm::server::ServerProcess;
use wnm::takeover::anm::{Server, TakeoverError};
use wnm::terminal::Terminal;

use crate::probing::server::Server as Web;

/// 2026-11-23 20:00:00 UTC: the time of every import.
pub const NOW: Timestamp = Timestamp(1_795_464_000);

/// A change to the server during an import.
type Event = Arc<dyn Fn() + Send + Sync>;

/// One server.
pub struct Machine {
    folder: PathBuf,
    /// Deletes the folder when the test ends.
    _owned: Option<TempDir>,
    /// Nodes that answer, by metrics port.
    web: Rc<HashMap<u16, Web>>,
    /// Runs when systemd is queried for the nth time.
    on_show: Option<(usize, Event)>,
    /// Runs on every sleep.
    on_sleep: Option<Event>,
}

impl Machine {
    /// Creates the server of the fixture, or one of its variants.
    pub fn new(variant: Option<&str>) -> Machine {
        let folder = tempfile::Builder::new()
            .prefix("wnm-anm-")
            .tempdir()
            .expect("a temporary folder");
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/anm/prepare.sh");
        // The umask of a test must not change the server's own files.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("its mode");
        let mut prepare = Command::new("sh");
        prepare.args(["-c", "umask 022 && exec sh \"$@\"", "sh"]);
        prepare.arg(fixture).arg(folder.path()).args(variant);
        assert!(prepare.status().expect("sh runs").success(), "{variant:?}");
        let path = folder.path().to_owned();
        Machine {
            _owned: Some(folder),
            ..Machine::at(path)
        }
    }

    /// Opens a server whose files exist already.
    pub fn at(folder: PathBuf) -> Machine {
        let pages = folder.join("runtime/http");
        let mut web = HashMap::new();
        for entry in fs::read_dir(pages).expect("nodes that answer").flatten() {
            let read = |name: &str| fs::read_to_string(entry.path().join(name)).expect("a page");
            let port = entry.file_name().to_string_lossy().parse().expect("a port");
            web.insert(port, Web::of(&read("metadata"), &read("metrics")));
        }
        Machine {
            folder,
            _owned: None,
            web: Rc::new(web),
            on_show: None,
            on_sleep: None,
        }
    }

    /// The temporary folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs `event` when systemd is queried for the nth time.
    pub fn when_shown(&mut self, nth: usize, event: impl Fn() + Send + Sync + 'static) {
        self.on_show = Some((nth, Arc::new(event)));
    }

    /// Runs `event` on every sleep.
    pub fn when_waiting(&mut self, event: impl Fn() + Send + Sync + 'static) {
        self.on_sleep = Some(Arc::new(event));
    }

    /// The folder that stands for `/` of the server.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// The real path of a path on the server.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// A file that simulates systemd or the processes; tests may change it.
    pub fn runtime(&self, path: &str) -> PathBuf {
        self.folder.join("runtime").join(path)
    }

    /// The server in the form that wnm takes.
    pub fn server(&self) -> Server {
        let mut server = Server::below(
            self.root(),
            Mode::User,
            Box::new(Played {
                runtime: self.folder.join("runtime"),
                shown: AtomicUsize::new(0),
                on_show: self.on_show.clone(),
            }),
        );
        server.probe = Box::new(Near(Rc::clone(&self.web)));
        server.clock = Box::new(Still {
            now: Mutex::new(NOW),
            on_sleep: self.on_sleep.clone(),
        });
        server
    }

    /// A run of wnm on the server with these flags.
    pub fn session(&self, flags: &[(&str, &str)]) -> Session {
        self.session_in(&[], flags)
    }

    /// A run of wnm on the server with these environment variables and flags.
    pub fn session_in(&self, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Session {
        let owned = |pair: &(&str, &str)| (pair.0.to_owned(), pair.1.to_owned());
        let variables: Variables = variables.iter().map(owned).collect();
        let operator = Operator {
            user: "weave".to_owned(),
            uid: 1000,
            home: "/home/weave".into(),
        };
        let mut said = vec![("init", "true"), ("migrate_anm", "true")];
        said.extend(flags);
        let mut provided = variables.settings().expect("UTF-8");
        provided.extend(said.into_iter().map(|(name, text)| Provided {
            setting: table::find(name).expect("a setting"),
            text: text.to_owned(),
            source: Source::Flag,
        }));
        let asked = locations::HostFacts {
            platform: Platform::Linux,
            peek: &|_| wnm::colony::StoredPlace::Nothing,
            systemd: &|_| true,
        };
        let mut place = locations::find(&provided, &operator, &asked, &variables).expect("a place");
        for path in [&mut place.base_dir, &mut place.db_path, &mut place.lock_path] {
            *path = self.path(path.to_str().expect("a path"));
        }
        Session {
            command: None,
            run: settings::run_options(&provided, &operator.home, &variables).expect("a run"),
            variables,
            place,
            terminal: Terminal::of(false, false, None, None),
            provided,
            clock: RealClock,
            name: "test".to_owned(),
        }
    }

    /// Every file and folder with its mode, modification time and content.
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

/// systemd, processes and accounts, simulated from files.
struct Played {
    runtime: PathBuf,
    shown: AtomicUsize,
    on_show: Option<(usize, Event)>,
}

impl ServerAccess for Played {
    fn show(&self, units: &[String]) -> Result<Vec<UnitProperties>, TakeoverError> {
        let count = self.shown.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some((_, event)) = self.on_show.as_ref().filter(|(nth, _)| *nth == count) {
            event();
        }
        let read = |unit: &String| {
            let path = self.runtime.join("systemctl_show").join(format!("{unit}.txt"));
            let text =
                fs::read_to_string(path).unwrap_or("LoadState=loaded\nActiveState=inactive\n".to_owned());
            systemctl::read(&text).remove(0)
        };
        Ok(units.iter().map(read).collect())
    }

    fn processes(&self) -> Result<Vec<ServerProcess>, TakeoverError> {
        let text = fs::read_to_string(self.runtime.join("processes.txt")).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Ok(lines
            .map(|line| {
                // A line `4711: argv` sets the PID.
                let (pid, line) = line.split_once(": ").unwrap_or(("0", line));
                ServerProcess {
                    pid: pid.parse().unwrap_or(0),
                    words: line.split_whitespace().map(str::to_owned).collect(),
                }
            })
            .collect())
    }

    fn boot(&self) -> Result<Timestamp, TakeoverError> {
        let text = fs::read_to_string(self.runtime.join("boot_time.txt")).expect("a boot time");
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

/// Sends real HTTP requests to the local ports that simulate the nodes.
struct Near(Rc<HashMap<u16, Web>>);

impl NodeProbe for Near {
    fn ask(&self, nodes: &[Node], limits: &Limits, now: Timestamp) -> Vec<Answer> {
        let mut moved = nodes.to_vec();
        for node in &mut moved {
            assert_eq!(node.host, "127.0.0.1", "{}", node.service);
            // Port 1 refuses connections.
            node.ports.metrics = self.0.get(&node.ports.metrics).map_or(1, |web| web.port);
        }
        HttpProbe::new().ask(&moved, limits, now)
    }
}

/// A clock that advances only by sleeping.
struct Still {
    now: Mutex<Timestamp>,
    on_sleep: Option<Event>,
}

impl Clock for Still {
    fn now(&self) -> Timestamp {
        *self.now.lock().expect("a clock")
    }

    fn sleep(&self, pause: std::time::Duration) {
        if let Some(event) = &self.on_sleep {
            event();
        }
        let mut now = self.now.lock().expect("a clock");
        *now = now.plus(i64::try_from(pause.as_secs()).expect("seconds").max(1));
    }

    fn chance(&self) -> u64 {
        RealClock.chance()
    }
}
