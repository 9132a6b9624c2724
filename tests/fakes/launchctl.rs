//! A simulated `launchctl` and launchd: it loads property lists, runs their programs as real processes,
//! restarts them, and uses the messages and exit codes of macOS.
//!
//! Its state is files in `~/.launchctl`, for the domain `system` in `/var/db/launchctl`:
//!
//! | file | content |
//! | --- | --- |
//! | `jobs/LABEL` | the path of the property list; exists while the job is loaded |
//! | `pids/LABEL`, `exits/LABEL`, `runs/LABEL` | its PID, the last exit, the number of starts |
//! | `disabled/LABEL` | the job must not be loaded |
//! | `calls` | the commands that change something |
//!
//! Files that a test creates there change its behaviour:
//!
//! | file | effect |
//! | --- | --- |
//! | `old` | accepts only `load`, `unload` and `list`, as before OS X 10.10 |
//! | `no-domain` | nobody is logged in, so there is no domain |
//! | `code-37` | exits with 37 for a job that is loaded already and 113 for one that is not, instead of 5 and 3 |
//! | `not-stopped` | names of jobs that it fails to stop |
//!
//! A job that ends is restarted after a second instead of ten, so that tests need not wait.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, User, geteuid};
use plist::{Dictionary, Value};

/// The delay of a restart; launchd's own is ten seconds.
const THROTTLE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(10);
/// Longer than a program takes to start on a busy machine.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// A failed command: its exit code and its text for stderr.
type Refused = (u8, String);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let ["--keep", state, label] = words[..] {
        keep(&Launchd { state: state.into() }, label);
        return ExitCode::SUCCESS;
    }
    match answer(&words) {
        Ok(said) => {
            let _ = io::stdout().write_all(said.as_bytes());
            ExitCode::SUCCESS
        }
        Err((code, said)) => {
            let _ = writeln!(io::stderr(), "{said}");
            ExitCode::from(code)
        }
    }
}

fn answer(words: &[&str]) -> Result<String, Refused> {
    let (verb, rest) = words
        .split_first()
        .ok_or((1, "Usage: launchctl <subcommand>".to_owned()))?;
    let domain = rest.iter().find_map(|word| {
        word.split('/')
            .next()
            .filter(|first| matches!(*first, "gui" | "system"))
    });
    let launchd = Launchd::of(domain);
    if !matches!(*verb, "print" | "list") {
        launchd.note(words);
    }
    let old = ["load", "unload", "list"];
    if launchd.is("old") && !old.contains(verb) {
        return Err((1, format!("launchctl: unknown subcommand \"{verb}\"")));
    }
    if launchd.is("no-domain") && !old.contains(verb) {
        let whom = domain_in_words(rest.first().copied().unwrap_or_default());
        return Err((125, format!("Bad request.\nCould not find domain for {whom}")));
    }
    match (*verb, rest) {
        ("bootstrap", [domain, files @ ..]) if !files.is_empty() => {
            check_domain(domain)?;
            for file in files {
                launchd.bootstrap(Path::new(file))?;
            }
            Ok(String::new())
        }
        ("bootout", [target]) => launchd.bootout(label_of(target)?),
        ("kickstart", ["-k", target]) => launchd.kickstart(label_of(target)?, target, true),
        ("kickstart", [target]) => launchd.kickstart(label_of(target)?, target, false),
        ("enable", [target]) => Ok(launchd.mark("disabled", label_of(target)?, None)),
        ("disable", [target]) => Ok(launchd.mark("disabled", label_of(target)?, Some("true"))),
        ("print", [target]) => match target.rsplit_once('/') {
            Some((_, label)) if label.parse::<u32>().is_err() => launchd.print_job(target, label),
            _ => {
                check_domain(target)?;
                Ok(launchd.print_domain(target))
            }
        },
        ("list", []) => Ok(launchd.list()),
        ("load", ["-w", file]) => Ok(launchd.load(Path::new(file), true)),
        ("load", [file]) => Ok(launchd.load(Path::new(file), false)),
        ("unload", ["-w", file]) => Ok(launchd.unload(Path::new(file), true)),
        ("unload", [file]) => Ok(launchd.unload(Path::new(file), false)),
        _ => Err((
            64,
            format!("Unrecognized subcommand: {verb}\nUsage: launchctl <subcommand> ..."),
        )),
    }
}

fn check_domain(domain: &str) -> Result<(), Refused> {
    let own = format!("gui/{}", geteuid());
    if domain == own || domain == "system" {
        return Ok(());
    }
    Err((
        112,
        format!("Could not find domain for {}", domain_in_words(domain)),
    ))
}

fn label_of(target: &str) -> Result<&str, Refused> {
    let (domain, label) = target
        .rsplit_once('/')
        .ok_or((64, "Unrecognized target specifier.".to_owned()))?;
    check_domain(domain)?;
    Ok(label)
}

fn domain_in_words(target: &str) -> String {
    match target.strip_prefix("gui/") {
        Some(rest) => format!("user gui: {}", rest.split('/').next().unwrap_or_default()),
        None => "system".to_owned(),
    }
}

/// The launchd of one domain.
struct Launchd {
    state: PathBuf,
}

impl Launchd {
    fn of(domain: Option<&str>) -> Launchd {
        let home = std::env::var("HOME").unwrap_or_default();
        let own = Path::new(&home).join(".launchctl");
        // The old commands name no domain: the owner of the file shows it.
        let is_system = domain.map_or_else(|| is_roots() && !own.is_dir(), |domain| domain == "system");
        Launchd {
            state: if is_system && !own.is_dir() {
                "/var/db/launchctl".into()
            } else {
                own
            },
        }
    }

    fn place(&self, kind: &str, label: &str) -> PathBuf {
        self.state.join(kind).join(label)
    }

    fn is(&self, mood: &str) -> bool {
        self.state.join(mood).exists()
    }

    fn read(&self, kind: &str, label: &str) -> Option<String> {
        fs::read_to_string(self.place(kind, label)).ok()
    }

    /// Writes a file of the state atomically, or deletes it.
    fn mark(&self, kind: &str, label: &str, fact: Option<&str>) -> String {
        let place = self.place(kind, label);
        match fact {
            Some(fact) => {
                // Does not create the parent folders: a deleted home must not come back.
                let _ = fs::create_dir(self.state.join(kind));
                let fresh = self.state.join(format!(".{kind}-{label}-{}", std::process::id()));
                let _ = fs::write(&fresh, fact).and_then(|()| fs::rename(&fresh, &place));
            }
            None => drop(fs::remove_file(place)),
        }
        String::new()
    }

    fn note(&self, words: &[&str]) {
        let _ = fs::create_dir_all(&self.state);
        let calls = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.state.join("calls"));
        let _ = calls.and_then(|mut calls| writeln!(calls, "launchctl {}", words.join(" ")));
    }

    fn is_loaded(&self, label: &str) -> bool {
        self.place("jobs", label).exists()
    }

    fn not_found(&self, label: &str, target: &str) -> Refused {
        let domain = domain_in_words(target);
        (
            113,
            format!("Could not find service \"{label}\" in domain for {domain}"),
        )
    }

    fn bootstrap(&self, file: &Path) -> Result<(), Refused> {
        let failed = |code: u8, why: &str| Err((code, format!("Bootstrap failed: {code}: {why}")));
        let Ok(seen) = fs::metadata(file) else {
            return failed(5, "Input/output error");
        };
        let own = [geteuid().as_raw(), 0];
        if seen.permissions().mode() & 0o022 != 0 || !own.contains(&seen.uid()) {
            return failed(122, "Path had bad ownership/permissions");
        }
        let Some(label) = keys(file).as_ref().and_then(label_in) else {
            return failed(5, "Input/output error");
        };
        if self.place("disabled", &label).exists() {
            return failed(119, "Service is disabled");
        }
        if self.is_loaded(&label) || self.place("keepers", &label).exists() {
            return match self.is("code-37") {
                true => failed(37, "Operation already in progress"),
                false => failed(5, "Input/output error"),
            };
        }
        self.begin(&label, file);
        Ok(())
    }

    fn begin(&self, label: &str, file: &Path) {
        for kind in ["pids", "exits", "runs", "kicks"] {
            self.mark(kind, label, None);
        }
        self.mark("jobs", label, Some(&file.to_string_lossy()));
        self.mark("keepers", label, Some("begins"));
        let me = std::env::current_exe().expect("a path of its own");
        Command::new("setsid")
            .arg("--fork")
            .arg(me)
            .arg("--keep")
            .args([self.state.as_os_str(), label.as_ref()])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("a keeper");
        self.wait_for_run(label, None);
    }

    /// Waits until the keeper has run the program once more, so that the time limits of the caller do not include the
    /// delays of a busy machine.
    fn wait_for_run(&self, label: &str, before: Option<String>) {
        let until = Instant::now() + RUN_LIMIT;
        while self.is_loaded(label) && self.read("runs", label) == before && Instant::now() < until {
            sleep(TICK);
        }
    }

    fn bootout(&self, label: &str) -> Result<String, Refused> {
        if !self.is_loaded(label) {
            return Err(match self.is("code-37") {
                true => (
                    113,
                    "Boot-out failed: 113: Could not find specified service".to_owned(),
                ),
                false => (3, "Boot-out failed: 3: No such process".to_owned()),
            });
        }
        if self.is("not-stopped") {
            return Err((1, "Boot-out failed: 1: Operation not permitted".to_owned()));
        }
        self.end(label);
        Ok(String::new())
    }

    /// Unloads the job and waits until its keeper has ended it.
    fn end(&self, label: &str) {
        self.mark("jobs", label, None);
        let until = Instant::now() + Duration::from_secs(25);
        while self.place("keepers", label).exists() && Instant::now() < until {
            sleep(TICK);
        }
    }

    fn kickstart(&self, label: &str, target: &str, anew: bool) -> Result<String, Refused> {
        if !self.is_loaded(label) {
            return Err(self.not_found(label, target));
        }
        let before = self.read("runs", label);
        if let Some(pid) = self.pid(label) {
            if !anew {
                return Err((
                    37,
                    "Could not kickstart service: 37: Operation already in progress".to_owned(),
                ));
            }
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        self.mark("kicks", label, Some("now"));
        self.wait_for_run(label, before);
        Ok(String::new())
    }

    fn load(&self, file: &Path, for_good: bool) -> String {
        let label = keys(file).as_ref().and_then(label_in).unwrap_or_default();
        if for_good {
            self.mark("disabled", &label, None);
        }
        // The old commands always exit with 0.
        if let Err((_, said)) = self.bootstrap(file) {
            let _ = writeln!(io::stderr(), "{}", said.replace("Bootstrap", "Load"));
        }
        String::new()
    }

    fn unload(&self, file: &Path, for_good: bool) -> String {
        let label = keys(file).as_ref().and_then(label_in).unwrap_or_default();
        if for_good {
            self.mark("disabled", &label, Some("true"));
        }
        if self.is("not-stopped") || !self.is_loaded(&label) {
            let _ = writeln!(io::stderr(), "Unload failed: 5: Input/output error");
        } else {
            self.end(&label);
        }
        String::new()
    }

    fn pid(&self, label: &str) -> Option<i32> {
        self.read("pids", label)?.trim().parse().ok()
    }

    fn labels(&self) -> Vec<String> {
        let entries = fs::read_dir(self.state.join("jobs"))
            .into_iter()
            .flatten()
            .flatten();
        let mut labels: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        labels.sort();
        labels
    }

    fn print_domain(&self, domain: &str) -> String {
        let mut text =
            format!("{domain} = {{\n\ttype = login\n\tcreator = loginwindow[99]\n\n\tservices = {{\n");
        text += "\t\t       0      - \tcom.apple.SafariHistoryServiceAgent\n";
        for label in self.labels() {
            let status = self.read("exits", &label).unwrap_or_else(|| "-".to_owned());
            text += &format!("\t\t{:>8} {status:>6} \t{label}\n", self.pid(&label).unwrap_or(0));
        }
        text + "\t}\n\n\tunmanaged processes = {\n\t}\n}\n"
    }

    fn print_job(&self, target: &str, label: &str) -> Result<String, Refused> {
        if !self.is_loaded(label) {
            return Err(self.not_found(label, target));
        }
        let file = self.read("jobs", label).unwrap_or_default();
        let runs = self.read("runs", label).unwrap_or_else(|| "0".to_owned());
        let state = match self.pid(label) {
            Some(pid) => format!("\tstate = running\n\tpid = {pid}\n"),
            None => "\tstate = spawn scheduled\n".to_owned(),
        };
        let exit = self
            .read("exits", label)
            .unwrap_or_else(|| "(never exited)".to_owned());
        Ok(format!(
            "{target} = {{\n\tpath = {file}\n{state}\truns = {runs}\n\tlast exit code = {exit}\n}}\n"
        ))
    }

    fn list(&self) -> String {
        let mut text = "PID\tStatus\tLabel\n-\t0\tcom.apple.SafariHistoryServiceAgent\n".to_owned();
        for label in self.labels() {
            let pid = self.pid(&label).map_or("-".to_owned(), |pid| pid.to_string());
            let status = self.read("exits", &label).unwrap_or_else(|| "0".to_owned());
            text += &format!("{pid}\t{status}\t{label}\n");
        }
        text
    }
}

/// The keeper: runs the program of a job while the job is loaded, as launchd does.
fn keep(launchd: &Launchd, label: &str) {
    let is_loaded = || launchd.is_loaded(label);
    let mut runs = 0;
    while is_loaded() {
        let file = launchd.read("jobs", label).unwrap_or_default();
        let keys = keys(Path::new(&file)).unwrap_or_default();
        launchd.mark("kicks", label, None);
        let spawned = spawn(&keys);
        if let Ok(child) = &spawned {
            launchd.mark("pids", label, Some(&child.id().to_string()));
        }
        runs += 1;
        launchd.mark("runs", label, Some(&runs.to_string()));
        let status = match spawned {
            Ok(mut child) => {
                let status = wait(&mut child, &is_loaded, seconds(&keys));
                launchd.mark("pids", label, None);
                status
            }
            // The message of launchd for a program that cannot be started.
            Err(_) => 78,
        };
        if !is_loaded() {
            break;
        }
        launchd.mark("exits", label, Some(&status.to_string()));
        let until = Instant::now() + THROTTLE;
        let stays = keys.get("KeepAlive").and_then(Value::as_boolean).unwrap_or(false);
        while is_loaded() && !launchd.place("kicks", label).exists() && !(stays && Instant::now() >= until) {
            sleep(TICK);
        }
    }
    // A deleted home is not created again.
    let _ = fs::remove_file(launchd.place("keepers", label));
}

fn spawn(keys: &Dictionary) -> io::Result<Child> {
    // launchd has its own umask, independent of the caller's.
    umask(Mode::from_bits_truncate(0o022));
    let missing = || io::Error::from(io::ErrorKind::InvalidData);
    let text = |key: &str| keys.get(key).and_then(Value::as_string);
    let words = keys.get("ProgramArguments").and_then(Value::as_array);
    let mut words = words.into_iter().flatten().filter_map(Value::as_string);
    let first = words.next();
    // `Program` takes precedence over the first argument.
    let program = text("Program").or(first).ok_or_else(missing)?;
    let mut command = Command::new(program);
    command.arg0(first.unwrap_or(program));
    command
        .args(words)
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    let variables = keys.get("EnvironmentVariables").and_then(Value::as_dictionary);
    for (name, value) in variables.into_iter().flatten() {
        command.env(name, value.as_string().ok_or_else(missing)?);
    }
    if let Some(directory) = text("WorkingDirectory") {
        command.current_dir(directory);
    }
    let stream = |key: &str| -> io::Result<Stdio> {
        match text(key) {
            Some(path) => OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .map(File::into),
            None => Ok(Stdio::null()),
        }
    };
    command
        .stdin(Stdio::null())
        .stdout(stream("StandardOutPath")?)
        .stderr(stream("StandardErrorPath")?);
    if let Some(user) = text("UserName") {
        let user = User::from_name(user)?.ok_or_else(missing)?;
        // Other accounts keep their names.
        if geteuid().is_root() {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
    }
    command.process_group(0).spawn()
}

/// Waits until a process ends by itself, or ends it when its job is unloaded.
fn wait(child: &mut Child, is_loaded: &dyn Fn() -> bool, patience: Duration) -> i32 {
    let mut asked: Option<Instant> = None;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return status.code().unwrap_or_else(|| -status.signal().unwrap_or(9));
        }
        let pid = Pid::from_raw(child.id().cast_signed());
        match asked {
            None if !is_loaded() => {
                asked = Some(Instant::now());
                let _ = kill(pid, Signal::SIGTERM);
            }
            Some(asked) if asked.elapsed() > patience => drop(child.kill()),
            _ => sleep(TICK),
        }
    }
}

fn seconds(keys: &Dictionary) -> Duration {
    let told = keys.get("ExitTimeOut").and_then(Value::as_unsigned_integer);
    Duration::from_secs(told.unwrap_or(20))
}

/// Whether root called it, directly or through sudo.
fn is_roots() -> bool {
    geteuid().is_root() || std::env::var_os("SUDO_USER").is_some()
}

fn keys(file: &Path) -> Option<Dictionary> {
    Value::from_file(file).ok()?.into_dictionary()
}

fn label_in(keys: &Dictionary) -> Option<String> {
    keys.get("Label").and_then(Value::as_string).map(str::to_owned)
}
