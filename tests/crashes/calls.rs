//! Killed at each system call: `strace` ends the run as it enters its first call, then its second, and so on,
//! for one add, one upgrade and one removal.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use super::whole::{identities, is_whole, print};
use super::{Step, colony, is_full, one_runs};
use crate::stage::{Ran, Stage};

/// Calls that change something outside the process; a sample is drawn from these.
const CHANGES: [&str; 17] = [
    "clone3",
    "vfork",
    "copy_file_range",
    "fchmod",
    "flock",
    "fsync",
    "ftruncate",
    "kill",
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

/// How many calls of each step `cargo test` tries.
const SAMPLE: usize = 10;

/// After so many kills that changed nothing a clean run is made all the same.
const AT_LEAST: usize = 20;

#[test]
fn an_add_killed_at_any_call_is_mended_by_the_next_run() {
    at_every_call(Step::Add);
}

#[test]
fn an_upgrade_killed_at_any_call_is_mended_by_the_next_run() {
    at_every_call(Step::Upgrade);
}

#[test]
fn a_removal_killed_at_any_call_is_mended_by_the_next_run() {
    at_every_call(Step::Remove);
}

/// One call of a run: the `nth` of those of its name, from 1.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    nth: usize,
}

fn at_every_call(step: Step) {
    if !is_traceable() {
        eprintln!("SKIPPED: {step:?} killed at every call: strace is missing, or may not trace here");
        return;
    }
    let stage = colony();
    let mut newest = 17;
    // The very first time it writes more than it does from then on.
    step.prepare(&stage, &mut newest);
    stage.wnm(&step.words()).done();
    step.prepare(&stage, &mut newest);
    let all = calls(&stage, &step.words());
    let of_all = all.len();
    assert!(of_all > 500, "strace saw only {of_all} calls");
    let chosen = if is_full() { all } else { sample(&all) };
    let (mut killed, mut mended, mut idle) = (0, 0, 0);
    for call in &chosen {
        step.prepare(&stage, &mut newest);
        let kept = if step == Step::Remove {
            Default::default()
        } else {
            identities(&stage)
        };
        let before = print(&stage);
        if !killed_at(&stage, &step.words(), call) {
            // Waits are not as long each time: this run had fewer calls of the name.
            eprintln!("{step:?} made no {call:?} this time");
            stage.agree(false);
            continue;
        }
        killed += 1;
        let begun = kept.into_iter().chain(made(&stage, step)).collect();
        if print(&stage) == before && idle < AT_LEAST {
            idle += 1;
            continue;
        }
        idle = 0;
        mended += 1;
        stage.minute(0);
        let ran = stage.wnm(&[]);
        assert_eq!(
            ran.code,
            Some(0),
            "after {step:?} was killed at {call:?}: {ran}\n{}",
            stage.describe()
        );
        is_whole(&stage, &begun);
    }
    one_runs(&stage);
    stage.agree(true);
    eprintln!(
        "{step:?}: {of_all} calls; killed at {killed} of {}, of which {mended} had changed something and were mended",
        chosen.len()
    );
    assert!(
        killed * 2 >= chosen.len(),
        "{killed} of {} were killed",
        chosen.len()
    );
}

/// What an add that was killed had given birth to must live on as well.
fn made(stage: &Stage, step: Step) -> super::whole::Identities {
    if step == Step::Add {
        identities(stage)
    } else {
        Default::default()
    }
}

/// Every call that a whole run makes, in order.
pub fn calls(stage: &Stage, words: &[&str]) -> Vec<Call> {
    let trace = stage.home().join("trace");
    let output = trace.display().to_string();
    let status = strace(stage, &["-qq", "-o", &output], words)
        .status()
        .expect("strace starts");
    assert!(status.success(), "the run under strace: {status}");
    let text = std::fs::read(&trace).expect("a trace");
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| line.split_once('(').map(|(name, _)| name.to_owned()))
        .filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        .map(|name| {
            let nth = seen.entry(name.clone()).or_default();
            *nth += 1;
            Call { name, nth: *nth }
        })
        .collect()
}

/// Some of those that change something, evenly spread over the run, and the first of each name.
pub fn sample(all: &[Call]) -> Vec<Call> {
    let changes: Vec<&Call> = all
        .iter()
        .filter(|call| CHANGES.contains(&call.name.as_str()))
        .collect();
    let spread = (0..SAMPLE).map(|nth| nth * changes.len() / SAMPLE);
    let places: BTreeSet<usize> = spread.collect();
    places.into_iter().map(|place| changes[place].clone()).collect()
}

/// Runs wnm and ends it as it enters this call; whether it came so far.
pub fn killed_at(stage: &Stage, words: &[&str], call: &Call) -> bool {
    let trace = format!("trace={}", call.name);
    let inject = format!("inject={}:signal=KILL:when={}", call.name, call.nth);
    let options = ["-qqq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    let status = strace(stage, &options, words).status().expect("strace starts");
    // strace ends as what it traced did.
    status.signal() == Some(9) || status.code() == Some(137)
}

/// Runs wnm and has this call of it fail with an error.
pub fn failed_at(stage: &Stage, words: &[&str], call: &Call, error: &str) -> Ran {
    let trace = format!("trace={}", call.name);
    let inject = format!("inject={}:error={error}:when={}", call.name, call.nth);
    Ran::of(strace(
        stage,
        &["-qqq", "-o", "/dev/null", "-e", &trace, "-e", &inject],
        words,
    ))
}

fn strace(stage: &Stage, options: &[&str], words: &[&str]) -> Command {
    let mut all = options.to_vec();
    all.extend(["--", env!("CARGO_BIN_EXE_wnm")]);
    all.extend(words);
    let mut command = stage.at_home(Command::new("strace"), &all);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Whether strace is here and may trace.
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
