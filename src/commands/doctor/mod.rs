//! `--doctor`: checks for problems that a colony does not report itself. It only reads, and changes nothing.
//!
//! Each check is a function from the [`CheckContext`] to a [`CheckResult`], and does not depend on the others. Programs
//! are run with the environment of scheduled runs, which may differ from that of the operator's shell.

mod anm;
mod context;
mod cron_daemon;
mod cron_time;
mod crontab;
mod crontab_file;
pub(super) mod database;
mod disk_space;
mod figures;
mod line_check;
mod nodes;
mod noexec;
mod orphans;
mod prerequisites;
pub(super) mod schedule;
mod shell;
mod sudo;

use super::RunResult;
use super::node_problems::ProblemFacts;
use crate::clock::Clock;
use crate::error::ExitError;
use crate::program::user_account;
use crate::report::Format;
use crate::report::doctor::{self, CheckResult};
use crate::session::Session;
use crate::store::Store;
use crate::survey::HttpProbe;
use crate::takeover::anm::Server;
use context::CheckContext;

/// Checks the machine and the colony. The exit code is 1 if a check failed.
///
/// # Errors
/// A report format that does not exist: exit code 2. Problems of the colony are results and not errors.
pub(super) fn doctor(session: &Session) -> Result<RunResult, ExitError> {
    let format = session.run.format();
    if !matches!(format, Format::Text | Format::Json) {
        return Err(ExitError::mistaken(format_args!(
            "`--doctor` has no format `{}`, only text, json",
            format.word()
        ))
        .hint("omit `--report_format`, or use `--json`"));
    }
    let results = run_checks(session);
    Ok(RunResult {
        output: doctor::render(&results, format, session.terminal.out),
        code: u8::from(!doctor::is_healthy(&results)),
    })
}

fn run_checks(session: &Session) -> Vec<CheckResult> {
    let operator = &session.place.operator;
    let now = session.clock.now();
    let schedule = schedule::find(operator, session.place.platform, &session.place.db_path);
    let environment = schedule.environment(operator);
    let (database, store) = database::check(session);
    let mut results = vec![database];
    let resolved = match &store {
        Some(store) => session.resolve_from(Some(store), &[], &session.provided),
        None => session.preview_settings(),
    };
    match resolved {
        Err(error) => results.push(CheckResult::failed(
            "settings",
            error.what,
            error.hint.unwrap_or_else(|| "correct the setting".to_owned()),
        )),
        Ok(resolved) => {
            let settings = &resolved.settings;
            results.push(match resolved.warnings.first() {
                None => CheckResult::ok(
                    "settings",
                    format!("up to {} nodes, {}", settings.node_cap, settings.process_manager),
                ),
                Some(first) => CheckResult::warning("settings", first.clone(), "correct the setting"),
            });
            let facts = store.as_ref().and_then(|store| store.facts().ok());
            let nodes = match store.as_ref().map(Store::nodes) {
                Some(Ok(nodes)) => nodes,
                Some(Err(error)) => {
                    results.push(CheckResult::failed(
                        "nodes",
                        error.to_string(),
                        "restore a backup",
                    ));
                    Vec::new()
                }
                None => Vec::new(),
            };
            let last = store
                .as_ref()
                .and_then(|store| store.last_sample().ok().flatten());
            let context = CheckContext {
                user: &operator.user,
                search: session.variables.get("PATH").unwrap_or_default(),
                schedule: &schedule,
                environment: &environment,
                settings,
                world: &session.world(settings),
                nodes: &nodes,
                facts: facts.as_ref(),
                last_written: last.map(|sample| sample.at),
                now,
            };
            results.extend(machine_checks(&context));
            results.extend(figures::check(&context));
            if let Some(store) = &store
                && let Ok(facts) = ProblemFacts::read(store, settings, &nodes)
            {
                results.push(nodes::check(&nodes, &facts.context(now)));
                results.extend(nodes::pause(store, now));
            }
            results.extend(anm::check(&Server::real(Box::new(HttpProbe::new()))));
            if let Some(Ok(rows)) = store.as_ref().map(Store::node_rows) {
                results.push(orphans::check(context.world, settings, &rows));
            }
        }
    }
    results.push(database::lock(session, now));
    results.push(schedule.check(operator));
    if let Some(store) = &store {
        results.push(database::last_cycle(store, now));
    }
    results
}

fn machine_checks(context: &CheckContext) -> Vec<CheckResult> {
    let sudo = if user_account::is_root() {
        None
    } else {
        sudo::check(
            context.settings,
            &context.world.firewall.sudo_commands(),
            context.user,
            context.environment,
        )
    };
    vec![
        prerequisites::antnode(context),
        prerequisites::manager(context),
        prerequisites::lingering(context),
        sudo.unwrap_or_else(|| CheckResult::ok("sudo", "not needed")),
        prerequisites::firewall(context),
        prerequisites::ports(context),
        disk_space::check(context),
        prerequisites::clock(context),
    ]
}
