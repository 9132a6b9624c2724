//! `wnm schedule`: lets cron or a systemd timer run wnm once a minute, and shows whether it does.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::doctor::schedule::{self, Schedule};
use super::{RunResult, order_answer};
use crate::arguments::ScheduleAction;
use crate::clock::Clock;
use crate::colony::Mode;
use crate::error::{ExitError, ExitKind};
use crate::manager::systemctl::Systemctl;
use crate::program::Program;
use crate::report::doctor::{CheckResult, Verdict};
use crate::session::Session;
use crate::settings::running_program;
use crate::store::Store;

const SERVICE: &str = include_str!("../../packaging/systemd/wnm.service");
const TIMER: &str = include_str!("../../packaging/systemd/wnm.timer");
/// The line in [`SERVICE`] that names the program.
const START: &str = "ExecStart=%h/.local/bin/wnm --quiet";

/// A run begins within a minute, and takes some time.
const PATIENCE_S: i64 = 150;
const PAUSE: Duration = Duration::from_secs(1);

/// Does what `wnm schedule` requests.
///
/// # Errors
/// When wnm is scheduled already, or cron and systemd refuse.
pub(super) fn schedule(session: &Session, words: &[String]) -> Result<RunResult, ExitError> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let action = words.first().and_then(|word| word.parse().ok());
    let found = schedule::find(
        &session.place.operator,
        session.place.platform,
        &session.place.db_path,
    );
    match (action, words.get(1..).unwrap_or_default()) {
        (Some(ScheduleAction::Status), []) => Ok(status(session, &found)),
        (Some(ScheduleAction::Install), []) => match Program::new("crontab").arg("-l").ask() {
            Ok(_) => install_cron(session, &found),
            Err(_) => install_timer(session, &found),
        },
        (Some(ScheduleAction::Install), ["cron"]) => install_cron(session, &found),
        (Some(ScheduleAction::Install), ["systemd"]) => install_timer(session, &found),
        (Some(ScheduleAction::Remove), []) => remove(session, &found),
        _ => Err(ExitError::mistaken(
            "`wnm schedule` needs `install`, `install cron`, `install systemd`, `remove` or `status`",
        )
        .hint("`wnm help schedule` shows examples")),
    }
}

fn status(session: &Session, found: &Schedule) -> RunResult {
    let mut results: Vec<CheckResult> = vec![found.check(&session.place.operator)];
    if let Ok(store) = Store::open_read_only(&session.place.db_path) {
        results.push(super::doctor::database::last_cycle(&store, session.clock.now()));
    }
    let line = |result: &CheckResult| match &result.todo {
        Some(todo) => format!("{}: {}\n  -> {todo}", result.verdict.word(), result.what),
        None => format!("{}: {}", result.verdict.word(), result.what),
    };
    RunResult {
        output: results.iter().map(line).collect::<Vec<_>>().join("\n"),
        code: u8::from(results.iter().any(|result| result.verdict == Verdict::Failed)),
    }
}

/// Refuses a second scheduler: only one of two runs would get the lock.
fn refuse_second(found: &Schedule) -> Result<(), ExitError> {
    match found.runners().as_slice() {
        [] => Ok(()),
        runners => Err(
            ExitError::refused(format_args!("{} runs wnm already", runners.join(" and ")))
                .hint("nothing was changed; `wnm schedule remove` first, or keep it"),
        ),
    }
}

/// The command of a scheduled run, quoted for a shell.
fn command(session: &Session) -> Result<String, ExitError> {
    let program =
        running_program().ok_or_else(|| ExitError::refused("the path of this program is unknown"))?;
    let mut words = vec![program.display().to_string(), "--quiet".to_owned()];
    if session.run.dbpath.is_some() {
        words.extend(["--dbpath".to_owned(), session.place.db_path.display().to_string()]);
    }
    Ok(shell_words::join(words))
}

fn install_cron(session: &Session, found: &Schedule) -> Result<RunResult, ExitError> {
    refuse_second(found)?;
    // A % ends the command in a crontab.
    let line = format!("* * * * * {}", command(session)?.replace('%', "\\%"));
    if session.run.dry_run {
        return Ok(RunResult::success(format!("would add to the crontab: {line}")));
    }
    let before = session.clock.now();
    let mut crontab = read_crontab()?;
    if !crontab.is_empty() && !crontab.ends_with('\n') {
        crontab.push('\n');
    }
    write_crontab(&format!("{crontab}{line}\n"))?;
    proof(session, before.0, &format!("Added to the crontab: {line}"))
}

fn install_timer(session: &Session, found: &Schedule) -> Result<RunResult, ExitError> {
    refuse_second(found)?;
    let folder = session.place.operator.home.join(".config/systemd/user");
    let start = format!("ExecStart={}", command(session)?.replace('%', "%%"));
    if session.run.dry_run {
        return Ok(RunResult::success(format!(
            "would write {0}/wnm.service and {0}/wnm.timer, and start the timer: {start}",
            folder.display()
        )));
    }
    let before = session.clock.now();
    let write = |name: &str, text: &str| {
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join(name), text))
            .map_err(|error| {
                cannot(
                    &format!("write `{}`", folder.join(name).display()),
                    &error.to_string(),
                )
            })
    };
    write("wnm.service", &SERVICE.replace(START, &start))?;
    write("wnm.timer", TIMER)?;
    let systemctl = Systemctl::new(Mode::User);
    systemctl
        .daemon_reload()
        .and_then(|()| systemctl.command("enable", &["wnm.timer".to_owned()]))
        .and_then(|_| systemctl.command("start", &["wnm.timer".to_owned()]))
        .map_err(|error| cannot("start the timer", &error.to_string()))?;
    let text = "Started the timer `wnm.timer` of the user. It ends with the last login, unless you run \
                `sudo loginctl enable-linger \"$USER\"` once.";
    proof(session, before.0, text)
}

fn remove(session: &Session, found: &Schedule) -> Result<RunResult, ExitError> {
    let own: Vec<usize> = found.own_lines();
    let timer = session.place.operator.home.join(".config/systemd/user/wnm.timer");
    let has_timer = timer.exists();
    if own.is_empty() && !has_timer {
        return Ok(RunResult::success(match found.runners().as_slice() {
            [] => "Nothing to do: neither your crontab nor a timer of yours runs wnm.".to_owned(),
            others => format!(
                "Nothing was changed: {} is not yours to change here.",
                others.join(" and ")
            ),
        }));
    }
    if session.run.dry_run {
        return Ok(RunResult::success(
            "would remove the line from the crontab, and the timer",
        ));
    }
    if !own.is_empty() {
        let crontab = read_crontab()?;
        let kept: Vec<&str> = crontab
            .lines()
            .enumerate()
            .filter(|(index, _)| !own.contains(&(index + 1)))
            .map(|(_, line)| line)
            .collect();
        let end = if kept.is_empty() { "" } else { "\n" };
        write_crontab(&format!("{}{end}", kept.join("\n")))?;
    }
    if has_timer {
        remove_timer(&timer)?;
    }
    Ok(RunResult::success(
        "wnm runs no more by itself. The nodes keep running; nothing checks them.",
    ))
}

fn remove_timer(timer: &Path) -> Result<(), ExitError> {
    let systemctl = Systemctl::new(Mode::User);
    systemctl
        .command("stop", &["wnm.timer".to_owned()])
        .and_then(|_| systemctl.command("disable", &["wnm.timer".to_owned()]))
        .map_err(|error| cannot("stop the timer", &error.to_string()))?;
    let files: [PathBuf; 2] = [timer.to_owned(), timer.with_extension("service")];
    for file in files.iter().filter(|file| file.exists()) {
        fs::remove_file(file)
            .map_err(|error| cannot(&format!("delete `{}`", file.display()), &error.to_string()))?;
    }
    Ok(())
}

/// On a terminal, waits until a scheduled run has surveyed the nodes.
fn proof(session: &Session, before: i64, text: &str) -> Result<RunResult, ExitError> {
    if !order_answer::is_for_person(session) {
        return Ok(RunResult::success(format!(
            "{text}\n`wnm schedule status` shows in a minute whether it ran."
        )));
    }
    session
        .terminal
        .print(&format!("{text}\nWaiting for the first run …"));
    while session.clock.now().0 - before < PATIENCE_S && !crate::signals::asked_to_end() {
        let store = Store::open_read_only(&session.place.db_path).ok();
        let last = store.and_then(|store| store.last_sample().ok().flatten());
        if let Some(sample) = last.filter(|sample| sample.at.0 > before) {
            return Ok(RunResult::success(format!("It ran at {}.", sample.at.utc())));
        }
        session.clock.sleep(PAUSE);
    }
    Err(
        ExitError::new(ExitKind::Incomplete, format_args!("no run within {PATIENCE_S} s"))
            .hint("`wnm doctor` shows why"),
    )
}

fn read_crontab() -> Result<String, ExitError> {
    let ended = Program::new("crontab")
        .arg("-l")
        .ask()
        .map_err(|error| cannot("read the crontab", &error.to_string()))?;
    match ended.code() {
        Some(0) => Ok(ended.stdout),
        // There is none yet.
        _ if ended.stderr.contains("no crontab") || ended.stderr.trim().is_empty() => Ok(String::new()),
        _ => Err(cannot("read the crontab", ended.stderr.trim())),
    }
}

fn write_crontab(text: &str) -> Result<(), ExitError> {
    let program = Program::new("crontab").arg("-").input(text);
    program
        .run()
        .map(|_| ())
        .map_err(|error| cannot("write the crontab", &error.to_string()))
}

fn cannot(what: &str, why: &str) -> ExitError {
    ExitError::new(ExitKind::Incomplete, format_args!("cannot {what}: {why}"))
        .hint("`wnm schedule status` shows what runs wnm now")
}
