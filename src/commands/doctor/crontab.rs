//! Reads crontabs: which lines run wnm, with which words, and in which environment.

use std::path::PathBuf;

use super::cron_time::CronTime;
use super::shell::{self, ProgramCall, ShellState, Variables};
use crate::arguments::{self, Arguments};
use crate::program::crontab::{CrontabEntry, assignment};
use crate::settings::Provided;
use crate::settings::locations::Operator;
use crate::settings::parse_value::parse_switch;

/// PATH of a cron job whose crontab does not set it.
pub const PATH: &str = "/usr/bin:/bin";

/// What a call of wnm does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It surveys the nodes and acts.
    Cycle,
    /// It does something else: this flag tells what.
    Other(String),
    /// wnm refuses its flags, for this reason.
    Refused(String),
}

/// Why cron or the shell does not run a line as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// cron cuts the command at an unescaped `%`, so that wnm is not run.
    Cut { escaped: String },
    /// cron cuts the command at an unescaped `%` after wnm.
    Shortened { escaped: String },
    /// A quote or a substitution has no end.
    Unfinished,
}

/// A call of wnm in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrontabLine {
    /// Its number in the crontab.
    pub number: usize,
    /// The account that it runs as; None: the owner of the crontab.
    pub user: Option<String>,
    /// The program that the shell runs: `/home/op/.local/bin/wnm`.
    pub program: String,
    /// Where the shell looks for the program.
    pub places: Vec<PathBuf>,
    /// PATH of the program.
    pub path: String,
    /// Whether a profile may have changed PATH.
    pub has_profile: bool,
    /// How many seconds the line waits before it runs wnm.
    pub delay: u64,
    /// The database in its flags or variables.
    pub database: Option<String>,
    pub time: CronTime,
    pub purpose: Purpose,
    pub fault: Option<LineFault>,
}

/// Whose crontab it is.
#[derive(Clone, Copy, Debug)]
pub struct CrontabKind<'a> {
    pub operator: &'a Operator,
    /// Whether lines name a user, as in `/etc/crontab` and `/etc/cron.d`.
    pub has_users: bool,
    /// PATH of a login shell.
    pub login_path: &'a str,
}

/// The calls of wnm in a crontab.
#[must_use]
pub fn read(text: &str, kind: CrontabKind) -> Vec<CrontabLine> {
    let mut variables = Variables::from([
        ("PATH".to_owned(), PATH.to_owned()),
        (
            "HOME".to_owned(),
            kind.operator.home.to_string_lossy().into_owned(),
        ),
        ("LOGNAME".to_owned(), kind.operator.user.clone()),
    ]);
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        match CrontabEntry::parse(line, kind.has_users) {
            Some(entry) => found.extend(calls_in(number, &entry, &variables, kind)),
            None => {
                if let Some((name, value)) = assignment(line) {
                    variables.insert(name.to_owned(), value.to_owned());
                }
            }
        }
    }
    found
}

/// The number of the first line that cron cannot read.
#[must_use]
pub fn first_invalid_line(text: &str, has_users: bool) -> Option<usize> {
    let is_invalid = |line: &str| {
        let line = line.trim();
        let is_entry = !line.is_empty() && !line.starts_with('#') && assignment(line).is_none();
        is_entry
            && CrontabEntry::parse(line, has_users)
                .is_none_or(|entry| CronTime::parse(entry.schedule).is_none())
    };
    text.lines().position(is_invalid).map(|at| at + 1)
}

fn calls_in(
    number: usize,
    entry: &CrontabEntry,
    variables: &Variables,
    kind: CrontabKind,
) -> Vec<CrontabLine> {
    let Some(time) = CronTime::parse(entry.schedule) else {
        return Vec::new();
    };
    let (cut, is_cut) = until_percent(entry.command);
    let run = calls_of_wnm(&cut, variables);
    let whole = match is_cut {
        true => calls_of_wnm(&unescape(entry.command), variables),
        false => run.clone(),
    };
    let escaped = || escape(entry.command);
    let (calls, fault) = match (run, whole) {
        (Ok(run), Ok(whole)) if is_cut && run.len() < whole.len() => {
            (whole, Some(LineFault::Cut { escaped: escaped() }))
        }
        (Ok(run), _) if is_cut && !run.is_empty() => (run, Some(LineFault::Shortened { escaped: escaped() })),
        (Ok(run), _) => (run, None),
        (Err(_), Ok(whole)) => (whole, Some(LineFault::Cut { escaped: escaped() })),
        (Err(_), Err(_)) => (
            words_like_wnm(entry.command, variables),
            Some(LineFault::Unfinished),
        ),
    };
    calls
        .into_iter()
        .map(|call| {
            let mut state = call.state.clone();
            if state.has_profile {
                let path = state.variables.entry("PATH".to_owned()).or_default();
                *path = format!("{}:{path}", kind.login_path);
            }
            let (purpose, database) = purpose(&call);
            CrontabLine {
                number,
                user: state.account.clone().or(entry.user.map(str::to_owned)),
                places: ProgramCall {
                    state: state.clone(),
                    ..call.clone()
                }
                .places(),
                program: call.program,
                path: state.variables.get("PATH").cloned().unwrap_or_default(),
                has_profile: state.has_profile,
                delay: state.delay,
                database,
                time: time.clone(),
                purpose,
                fault: fault.clone(),
            }
        })
        .collect()
}

fn calls_of_wnm(command: &str, variables: &Variables) -> Result<Vec<ProgramCall>, shell::Unfinished> {
    let mut state = ShellState {
        variables: variables.clone(),
        folder: variables.get("HOME").map(PathBuf::from).unwrap_or_default(),
        ..ShellState::default()
    };
    let mut calls = shell::calls(command, &mut state)?;
    calls.retain(|call| call.program.rsplit('/').next() == Some("wnm"));
    Ok(calls)
}

/// The calls in a command that a shell cannot read, as far as its end can be omitted.
fn words_like_wnm(command: &str, variables: &Variables) -> Vec<ProgramCall> {
    let end = command.find(['"', '\'', '`', '$']).unwrap_or(command.len());
    calls_of_wnm(&command[..end], variables).unwrap_or_default()
}

/// What cron gives to the shell: all before the first `%` without a backslash. Also returns whether it cuts anything.
fn until_percent(command: &str) -> (String, bool) {
    let mut before = '\0';
    let end = command.char_indices().find_map(|(at, c)| {
        let is_end = c == '%' && before != '\\';
        before = c;
        is_end.then_some(at)
    });
    match end {
        Some(at) => (unescape(&command[..at]), true),
        None => (unescape(command), false),
    }
}

fn unescape(command: &str) -> String {
    command.replace("\\%", "%")
}

/// The command with a backslash before each `%`.
fn escape(command: &str) -> String {
    unescape(command).replace('%', "\\%")
}

/// The settings that make a run something else than a cycle.
const OTHER_PURPOSES: [&str; 8] = [
    "dry_run",
    "report",
    "doctor",
    "force_action",
    "init",
    "import",
    "remove_lockfile",
    "rollback_anm",
];

/// What a call does, and the database that it names.
fn purpose(call: &ProgramCall) -> (Purpose, Option<String>) {
    let words = std::iter::once(&call.program).chain(&call.args);
    let given = match arguments::parse(words.map(Into::into)) {
        Ok(Arguments::Run(given)) => given,
        Ok(Arguments::Command(words, _)) => return (Purpose::Other(words.command.word().to_owned()), None),
        Ok(Arguments::Info(_)) => return (Purpose::Other("--help` or `--version".to_owned()), None),
        Err(error) => return (Purpose::Refused(error.to_string()), None),
    };
    let is_on = |text: &str| !text.is_empty() && parse_switch(text) != Some(false);
    let flag = |name: &str| {
        given
            .iter()
            .rev()
            .find(|one: &&Provided| one.setting.name == name)
    };
    let variable = |name: &str| {
        let name = name.to_uppercase();
        let variables = &call.state.variables;
        variables
            .get(&format!("WNM_{name}"))
            .or_else(|| variables.get(&name))
    };
    let text = |name: &str| {
        let flag = flag(name).map(|one| one.text.clone());
        flag.or_else(|| match name {
            "dry_run" | "report" | "force_action" | "dbpath" => variable(name).cloned(),
            _ => None,
        })
    };
    let other = OTHER_PURPOSES
        .iter()
        .find(|name| text(name).is_some_and(|text| is_on(&text)));
    let purpose = other.map_or(Purpose::Cycle, |name| Purpose::Other(format!("--{name}")));
    (purpose, text("dbpath"))
}

#[cfg(test)]
mod tests;
