//! Finds the programs that a shell command runs, without running it.

use std::fs;
use std::path::{Path, PathBuf};

mod words;

pub use words::{Unfinished, Variables};
use words::{expand, simple_commands};

/// A program that a command runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramCall {
    /// As written, with variables replaced: `/usr/bin/wnm`.
    pub program: String,
    pub args: Vec<String>,
    pub state: ShellState,
}

/// What the commands before a command have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShellState {
    pub variables: Variables,
    /// The current directory.
    pub folder: PathBuf,
    /// Whether a profile, which is not read here, may have changed PATH.
    pub has_profile: bool,
    /// How many seconds `sleep` has waited.
    pub delay: u64,
    /// The account of `sudo -u`, `su` or `runuser -u`.
    pub account: Option<String>,
}

/// Scripts that run scripts are followed this deep.
const DEEPEST: u8 = 4;
/// A longer file is no script for a schedule.
const LONGEST_SCRIPT: u64 = 64 * 1024;

/// Programs that run another program, their options with a value, and how many words precede that program.
const WRAPPERS: &[(&str, &[&str], usize)] = &[
    ("nice", &["-n", "--adjustment"], 0),
    ("ionice", &["-c", "-n", "--class", "--classdata"], 0),
    ("chrt", &["-T", "-P", "-D"], 1),
    ("taskset", &[], 1),
    ("numactl", &["-i", "-m", "-N", "-C", "-p", "-l"], 0),
    ("timeout", &["-k", "-s", "--kill-after", "--signal"], 1),
    (
        "flock",
        &["-w", "-E", "--timeout", "--wait", "--conflict-exit-code"],
        1,
    ),
    ("env", &["-u", "-C", "--unset", "--chdir"], 0),
    (
        "sudo",
        &["-u", "-g", "-h", "-p", "-D", "-C", "-T", "--user", "--group"],
        0,
    ),
    ("doas", &["-u", "-C"], 0),
    ("runuser", &["-u", "-g", "-G", "--user", "--group"], 0),
    ("setpriv", &["--reuid", "--regid", "--groups"], 0),
    ("choom", &["-n", "--adjust"], 0),
    ("stdbuf", &["-i", "-o", "-e"], 0),
    ("systemd-cat", &["-t", "-p", "--identifier", "--priority"], 0),
    ("systemd-inhibit", &[], 0),
    (
        "systemd-run",
        &["-p", "-u", "-E", "-M", "--property", "--unit"],
        0,
    ),
    ("logsave", &[], 1),
    ("nohup", &[], 0),
    ("setsid", &[], 0),
    ("chronic", &[], 0),
    ("cronic", &[], 0),
    ("time", &["-f", "-o"], 0),
    ("exec", &["-a"], 0),
    ("command", &[], 0),
    ("unbuffer", &[], 0),
    ("ifne", &[], 0),
    ("!", &[], 0),
    ("{", &[], 0),
    ("if", &[], 0),
    ("then", &[], 0),
    ("else", &[], 0),
    ("elif", &[], 0),
    ("while", &[], 0),
    ("until", &[], 0),
    ("do", &[], 0),
];

const SHELLS: [&str; 6] = ["sh", "bash", "dash", "zsh", "ksh", "ash"];

/// The programs that a shell runs for `command`.
///
/// # Errors
/// A quote or a substitution has no end, so that the shell runs nothing.
pub fn calls(command: &str, state: &mut ShellState) -> Result<Vec<ProgramCall>, Unfinished> {
    run_script(command, state, 0)
}

fn run_script(text: &str, state: &mut ShellState, depth: u8) -> Result<Vec<ProgramCall>, Unfinished> {
    let mut found = Vec::new();
    for words in simple_commands(text)? {
        let words = words
            .iter()
            .flat_map(|word| expand(word, &state.variables))
            .collect();
        found.extend(run_words(words, state, depth)?);
    }
    Ok(found)
}

/// The programs that one simple command runs.
fn run_words(words: Vec<String>, state: &mut ShellState, depth: u8) -> Result<Vec<ProgramCall>, Unfinished> {
    let assigned = words.iter().take_while(|word| assignment(word).is_some()).count();
    let rest = words[assigned..].to_vec();
    let mut own = state.clone();
    for (name, value) in words[..assigned].iter().filter_map(|word| assignment(word)) {
        own.variables.insert(name.to_owned(), value.to_owned());
    }
    let Some((program, args)) = rest.split_first() else {
        state.variables = own.variables;
        return Ok(Vec::new());
    };
    let name = program.rsplit('/').next().unwrap_or_default();
    match name {
        "cd" => {
            let home = state.variables.get("HOME").cloned().unwrap_or_default();
            let to = args
                .iter()
                .find(|word| !word.starts_with('-'))
                .cloned()
                .unwrap_or(home);
            state.folder = state.folder.join(to);
            return Ok(Vec::new());
        }
        "export" => {
            for (name, value) in args.iter().filter_map(|word| assignment(word)) {
                state.variables.insert(name.to_owned(), value.to_owned());
            }
            return Ok(Vec::new());
        }
        "." | "source" => {
            state.has_profile = true;
            return Ok(Vec::new());
        }
        "sleep" => {
            let waits = args
                .iter()
                .filter_map(|word| word.trim_end_matches('s').parse::<u64>().ok());
            state.delay += waits.sum::<u64>();
            return Ok(Vec::new());
        }
        "eval" => return run_script(&args.join(" "), state, depth + 1),
        _ => {}
    }
    if depth < DEEPEST {
        let is_login = name == "su" || (name == "runuser" && !args.iter().any(|word| is_user_option(word)));
        if SHELLS.contains(&name) || is_login || name == "script" {
            return run_shell(name, args, &mut own, depth);
        }
        if let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.0 == name) {
            let keeps = matches!(
                name,
                "if" | "then" | "else" | "elif" | "while" | "until" | "do" | "{" | "!"
            );
            let state = if keeps { state } else { &mut own };
            return run_wrapped(*wrapper, args, state, depth);
        }
        if name != "wnm"
            && let Some(text) = places(program, &own).iter().find_map(|place| script_at(place))
        {
            return run_script(&text, &mut own, depth + 1);
        }
    }
    Ok(vec![ProgramCall {
        program: program.clone(),
        args: args.to_vec(),
        state: own,
    }])
}

/// `bash -lc SCRIPT`, `su - op -c SCRIPT`, `script -qc SCRIPT` and `sh FILE`.
fn run_shell(
    name: &str,
    args: &[String],
    state: &mut ShellState,
    depth: u8,
) -> Result<Vec<ProgramCall>, Unfinished> {
    let is_short = |word: &str, letter: char| {
        word.starts_with('-') && !word.starts_with("--") && word[1..].contains(letter)
    };
    state.has_profile |= args
        .iter()
        .take(3)
        .any(|word| is_short(word, 'l') || word == "--login" || word == "-");
    let flag = args
        .iter()
        .position(|word| is_short(word, 'c') || word == "--command");
    let script = flag.and_then(|at| args[at + 1..].iter().find(|word| !word.starts_with('-')));
    if matches!(name, "su" | "runuser") {
        let user = args
            .iter()
            .find(|word| !word.starts_with('-') && Some(*word) != script);
        state.account = Some(user.map_or("root", String::as_str).to_owned());
    }
    match (script, args.iter().find(|word| !word.starts_with('-'))) {
        (Some(script), _) => run_script(script, state, depth + 1),
        (None, Some(file)) => match script_at(&state.folder.join(file)) {
            Some(text) => run_script(&text, state, depth + 1),
            None => Ok(Vec::new()),
        },
        (None, None) => Ok(Vec::new()),
    }
}

/// `nice -n 19 PROGRAM`, `flock -n FILE PROGRAM`.
fn run_wrapped(
    (name, with_value, positions): (&str, &[&str], usize),
    args: &[String],
    state: &mut ShellState,
    depth: u8,
) -> Result<Vec<ProgramCall>, Unfinished> {
    let mut at = 0;
    let mut positions = positions;
    while let Some(word) = args.get(at) {
        if name == "flock" && matches!(word.as_str(), "-c" | "--command") {
            return match args.get(at + 1) {
                Some(script) => run_script(script, state, depth + 1),
                None => Ok(Vec::new()),
            };
        }
        if word == "--" {
            at += 1;
        } else if with_value.contains(&word.as_str()) {
            let value = args.get(at + 1).cloned().unwrap_or_default();
            match word.as_str() {
                "-u" | "--user" if matches!(name, "sudo" | "doas" | "runuser") => state.account = Some(value),
                "-C" | "--chdir" if name == "env" => state.folder = state.folder.join(value),
                _ => {}
            }
            at += 2;
        } else if let Some(user) = word.strip_prefix("--user=") {
            state.account = Some(user.to_owned());
            at += 1;
        } else if word.starts_with('-') && word.len() > 1 {
            if name == "env" && matches!(word.as_str(), "-i" | "--ignore-environment") {
                state.variables.clear();
            }
            at += 1;
        } else if positions > 0 {
            positions -= 1;
            at += 1;
        } else {
            break;
        }
    }
    if matches!(name, "sudo" | "doas") && state.account.is_none() {
        state.account = Some("root".to_owned());
    }
    run_words(args[at.min(args.len())..].to_vec(), state, depth + 1)
}

fn is_user_option(word: &str) -> bool {
    word == "-u" || word.starts_with("--user")
}

/// Where a shell looks for `program`.
fn places(program: &str, state: &ShellState) -> Vec<PathBuf> {
    if program.contains('/') {
        return vec![state.folder.join(program)];
    }
    let path = state.variables.get("PATH").map_or("", String::as_str);
    let folders = path.split(':').filter(|folder| !folder.is_empty());
    folders
        .map(|folder| state.folder.join(folder).join(program))
        .collect()
}

impl ProgramCall {
    /// Where the program may be.
    pub fn places(&self) -> Vec<PathBuf> {
        places(&self.program, &self.state)
    }
}

/// The text of a shell script.
fn script_at(path: &Path) -> Option<String> {
    let file = fs::metadata(path).ok()?;
    if !file.is_file() || file.len() > LONGEST_SCRIPT {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    let first = text.lines().next()?.strip_prefix("#!")?;
    let is_shell = first.split(['/', ' ']).any(|word| SHELLS.contains(&word));
    is_shell.then_some(text)
}

/// `NAME=value` before a command.
fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.chars().next().is_some_and(|c| !c.is_ascii_digit());
    is_name.then_some((name, value))
}
