//! Killed at each system call: `strace` kills the run as it enters its first call, then its second, and so
//! on; alone, with the programs it started, or with the whole machine.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::consistency::{Identities, is_consistent, print};
use super::killed_steps::Scene;
use super::{is_full, unsynced_data};
use crate::stage::{Ran, Stage, kill};

/// Calls that change something outside the process; the sample is taken from these.
const CHANGES: [&str; 18] = [
    "clone3",
    "vfork",
    "copy_file_range",
    "fchmod",
    "flock",
    "fsync",
    "ftruncate",
    "kill",
    "link",
    "linkat",
    "mkdir",
    "pwrite64",
    "rename",
    "rmdir",
    "tgkill",
    "unlink",
    "unlinkat",
    "write",
];

/// The number of calls of each step in the sample.
const SAMPLE: usize = 6;

/// The number of kills without any effect after which a clean run follows anyway.
const AT_LEAST: usize = 20;

/// One call of a run: the `nth` call with its name, from 1.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    nth: usize,
    /// Whether it opens the database to write.
    pub opens_database: bool,
}

impl Call {
    fn is_change(&self) -> bool {
        CHANGES.contains(&self.name.as_str())
    }
}

/// Kills the run at each of its calls, or at a sample of them, and checks that the next run repairs
/// everything.
pub fn at_every_call(scene: &Scene) {
    let name = scene.name;
    if !is_traceable() {
        eprintln!("SKIPPED: {name} killed at every call: strace is missing, or may not trace here");
        return;
    }
    let stage = scene.stage();
    let mut newest = 17;
    // The first run writes more than later ones.
    scene.prepare(&stage, &mut newest);
    stage.wnm(scene.words).done();
    scene.prepare(&stage, &mut newest);
    let all = calls(&stage, scene.words);
    let of_all = all.len();
    assert!(of_all > 300, "strace saw only {of_all} calls");
    let chosen = if is_full() { all } else { sample(&all) };
    let (mut killed, mut mended, mut idle) = (0, 0, 0);
    for (nth, call) in chosen.iter().enumerate() {
        let whom = Whom::in_turn(nth);
        scene.prepare(&stage, &mut newest);
        let kept = scene.kept(&stage);
        let before = print(&stage);
        if !killed_at(&stage, scene.words, call, whom) {
            // Waits vary in length: this run made fewer calls with that name.
            eprintln!("{name} made no {call:?} this time");
            stage.check_consistency(false);
            continue;
        }
        killed += 1;
        let begun = kept.into_iter().chain(scene.made(&stage)).collect();
        if print(&stage) == before && idle < AT_LEAST {
            idle += 1;
            continue;
        }
        idle = 0;
        mended += 1;
        clean(&stage, &format!("{name} was killed at {call:?}, {whom:?}"));
        is_consistent(&stage, &begun);
        (scene.check)(&stage);
    }
    eprintln!(
        "{name}: {of_all} calls; killed at {killed} of {}, of which {mended} had changed something and were mended",
        chosen.len()
    );
    assert!(
        killed * 2 >= chosen.len(),
        "{killed} of {} were killed",
        chosen.len()
    );
}

/// Kills the run at some of its calls, then the repairing run at each of the calls that change something,
/// or at a sample of them.
pub fn twice(scene: &Scene) {
    let name = scene.name;
    if !is_traceable() {
        eprintln!("SKIPPED: {name} killed twice: strace is missing, or may not trace here");
        return;
    }
    let stage = scene.stage();
    let mut newest = 17;
    scene.prepare(&stage, &mut newest);
    stage.wnm(scene.words).done();
    scene.prepare(&stage, &mut newest);
    let changes: Vec<Call> = calls(&stage, scene.words)
        .into_iter()
        .filter(Call::is_change)
        .collect();
    let (mut killed, mut twice) = (0, 0);
    for part in (1..8).step_by(if is_full() { 1 } else { 3 }) {
        let first = &changes[changes.len() * part / 8];
        let begin = |newest: &mut u32| {
            scene.prepare(&stage, newest);
            let kept = scene.kept(&stage);
            let is_killed = killed_at(&stage, scene.words, first, Whom::Alone);
            let begun: Identities = kept.into_iter().chain(scene.made(&stage)).collect();
            stage.simulate_minute(0);
            (is_killed, begun)
        };
        begin(&mut newest);
        let all: Vec<Call> = calls(&stage, &[]).into_iter().filter(Call::is_change).collect();
        let chosen = if is_full() { all } else { few(&all, 4) };
        for (nth, second) in chosen.iter().enumerate() {
            let (is_killed, begun) = begin(&mut newest);
            killed += usize::from(is_killed);
            let whom = Whom::in_turn(nth);
            let is_killed_again = killed_at(&stage, &[], second, whom);
            twice += usize::from(is_killed && is_killed_again);
            let begun = begun.into_iter().chain(scene.made(&stage)).collect();
            clean(
                &stage,
                &format!("{name} was killed at {first:?}, and what mended it at {second:?}, {whom:?}"),
            );
            is_consistent(&stage, &begun);
            (scene.check)(&stage);
        }
    }
    eprintln!("{name}: killed {killed} times, {twice} of them twice, and mended");
    assert!(twice * 2 > killed, "{twice} of {killed} were killed twice");
}

/// The clean run after the killed ones.
fn clean(stage: &Stage, after: &str) {
    stage.simulate_minute(0);
    let ran = stage.wnm(&[]);
    assert_eq!(ran.code, Some(0), "after {after}: {ran}\n{}", stage.describe());
}

/// Every call of a complete run in order, without the scans of `/proc`: nothing changes during them, and on
/// a busy machine they are thousands.
pub fn calls(stage: &Stage, words: &[&str]) -> Vec<Call> {
    let trace = stage.home().join("trace");
    let output = trace.display().to_string();
    let status = strace(stage, &["-qq", "-y", "-o", &output], words)
        .status()
        .expect("strace starts");
    assert!(status.success(), "the run under strace: {status}");
    let text = std::fs::read(&trace).expect("a trace");
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| line.split_once('(').map(|(name, rest)| (name.to_owned(), rest)))
        .filter(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        .map(|(name, rest)| {
            let nth = seen.entry(name.clone()).or_default();
            *nth += 1;
            let opens_database = name == "openat" && rest.contains("/colony.db\", O_RDWR");
            (
                Call {
                    name,
                    nth: *nth,
                    opens_database,
                },
                rest,
            )
        })
        .filter(|(_, rest)| !rest.contains("/proc/"))
        .map(|(call, _)| call)
        .collect()
}

/// A sample of the calls that change something, evenly spread over the run.
pub fn sample(all: &[Call]) -> Vec<Call> {
    few(all, SAMPLE)
}

fn few(all: &[Call], count: usize) -> Vec<Call> {
    let changes: Vec<&Call> = all.iter().filter(|call| call.is_change()).collect();
    let places: BTreeSet<usize> = (0..count).map(|nth| nth * changes.len() / count).collect();
    places.into_iter().map(|place| changes[place].clone()).collect()
}

/// What is killed with the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The run alone; the programs it started continue.
    Alone,
    /// Also all programs it started that have no session of their own, as when cron or the terminal ends.
    Group,
    /// The whole machine: the nodes too, and everything written but not synced to disk.
    Machine,
}

impl Whom {
    /// Each in turn.
    pub fn in_turn(nth: usize) -> Whom {
        [Whom::Alone, Whom::Group, Whom::Machine][nth % 3]
    }
}

/// Runs wnm and kills it as it enters this call; returns whether it got there.
pub fn killed_at(stage: &Stage, words: &[&str], call: &Call, whom: Whom) -> bool {
    let log = stage.home().join("trace");
    let output = if whom == Whom::Machine {
        log.display().to_string()
    } else {
        "/dev/null".to_owned()
    };
    let trace = match whom {
        Whom::Machine => format!("trace={},{}", unsynced_data::CALLS, call.name),
        _ => format!("trace={}", call.name),
    };
    let inject = format!("inject={}:signal=KILL:when={}", call.name, call.nth);
    let options = ["-qqq", "-y", "-o", &output, "-e", &trace, "-e", &inject];
    let mut traced = strace(stage, &options, words);
    let mut traced = traced.process_group(0).spawn().expect("strace starts");
    let status = traced.wait().expect("strace ends");
    if whom != Whom::Alone {
        let _ = killpg(Pid::from_raw(traced.id() as i32), Signal::SIGKILL);
    }
    if whom == Whom::Machine {
        // Repeated, because a process may be about to become a node.
        stage.until(
            "all nodes are gone",
            |stage| stage.processes().is_empty(),
            |stage| {
                for process in stage.processes() {
                    kill(process.pid, Signal::SIGKILL);
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            },
        );
        unsynced_data::lose(stage.home(), &std::fs::read(&log).expect("a trace"));
    }
    // strace ends in the same way as the traced program.
    status.signal() == Some(9) || status.code() == Some(137)
}

/// Runs wnm and makes this call fail with an error.
pub fn failed_at(stage: &Stage, words: &[&str], call: &Call, error: &str) -> Ran {
    let trace = format!("trace={}", call.name);
    let inject = format!("inject={}:error={error}:when={}", call.name, call.nth);
    Ran::of(strace(
        stage,
        &["-qqq", "-o", "/dev/null", "-e", &trace, "-e", &inject],
        words,
    ))
}

pub fn strace(stage: &Stage, options: &[&str], words: &[&str]) -> Command {
    let mut all = options.to_vec();
    all.extend(["--", env!("CARGO_BIN_EXE_wnm")]);
    all.extend(words);
    let mut command = stage.at_home(Command::new("strace"), &all);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Whether strace is installed and allowed.
pub fn is_traceable() -> bool {
    let tried = Command::new("strace")
        .args([
            "-qqq",
            "-o",
            "/dev/null",
            "-e",
            "inject=getppid:signal=KILL:when=1",
            "--",
            "true",
        ])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}
