//! Checks one line of a crontab that is meant to run wnm.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::crontab::{CrontabLine, LineFault, Purpose};
use crate::report::doctor::CheckResult;
use crate::settings;

const CHECK: &str = "schedule";

/// The problem of a line, if it has one.
#[must_use]
pub fn check(name: &str, line: &CrontabLine) -> Option<CheckResult> {
    let failed = |what: String, todo: String| Some(CheckResult::failed(CHECK, what, todo));
    match &line.fault {
        Some(LineFault::Cut { escaped }) => {
            return failed(
                format!(
                    "{name} has a `%` in line {}, where cron cuts the command, so that it does not run wnm",
                    line.number
                ),
                format!("write `\\%` for each `%`: `{escaped}`"),
            );
        }
        Some(LineFault::Unfinished) => {
            return failed(
                format!(
                    "{name} has a quote or `$(` without an end in line {}, so that the shell runs nothing",
                    line.number
                ),
                "complete the line".to_owned(),
            );
        }
        Some(LineFault::Shortened { .. }) | None => {}
    }
    if let Purpose::Refused(why) = &line.purpose {
        return failed(
            format!("{name} runs wnm with flags that it refuses: {why}"),
            format!("correct line {}; `wnm --help` lists the flags", line.number),
        );
    }
    if line.path.contains('$') || line.path.contains('~') {
        return failed(
            format!(
                "{name} sets PATH to `{}`, and cron does not expand `$` and `~`",
                line.path
            ),
            "write absolute paths".to_owned(),
        );
    }
    // A profile, which is not read here, may add the directory to PATH.
    let is_unknown = line.has_profile && !line.program.contains('/');
    if !is_unknown && !line.places.iter().any(|place| is_program(place)) {
        return failed(
            format!(
                "{name} runs `{}`, which is not found on its PATH `{}`",
                line.program, line.path
            ),
            format!("use the full path in that line: `{}`", running_program()),
        );
    }
    match &line.fault {
        Some(LineFault::Shortened { escaped }) => Some(CheckResult::warning(
            CHECK,
            format!(
                "{name} has a `%` in line {}, where cron cuts the command after wnm",
                line.number
            ),
            format!("write `\\%` for each `%`: `{escaped}`"),
        )),
        _ => None,
    }
}

/// Where this program is installed, quoted for a shell and a crontab.
pub fn running_program() -> String {
    let path = settings::running_program();
    let path = path.map_or("wnm".to_owned(), |path| path.to_string_lossy().into_owned());
    shell_words::quote(&path).replace('%', "\\%")
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
