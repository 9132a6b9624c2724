//! `--doctor`: looks for what makes colonies fail without a word. It reads and asks, and changes nothing.
//!
//! Each check is a function from the [`Patient`] to a finding; none relies on another's having passed. What can
//! differ between an operator's shell and the runs of the schedule is asked in the environment of the latter.

mod anm;
mod crontab;
mod database;
mod disk_space;
mod orphans;
mod prerequisites;
mod schedule;
mod sudo;

use crate::clock::Clock;
use crate::colony::{Node, Timestamp};
use crate::error::ExitError;
use crate::program::user_account;
use crate::report::Format;
use crate::report::doctor::{self, CheckResult};
use crate::session::Session;
use crate::settings::Settings;
use crate::store::{MachineFacts, Store};
use crate::survey::HttpProbe;
use crate::takeover::anm::Server;
use crate::world::World;

use schedule::Schedule;

/// What the checks look at.
struct CheckContext<'a> {
    user: &'a str,
    /// PATH of whoever asks.
    search: &'a str,
    schedule: &'a Schedule,
    /// Of the runs that the schedule begins.
    environment: &'a [(&'static str, String)],
    settings: &'a Settings,
    world: &'a World,
    nodes: &'a [Node],
    /// None: there is no colony yet.
    facts: Option<&'a MachineFacts>,
    /// When a cycle last wrote.
    last_written: Option<Timestamp>,
    now: Timestamp,
}

/// Examines machine and colony: the report, and whether nothing failed.
///
/// # Errors
/// A form of report that there is not: exit code 2. A colony in any state is a finding and no error.
pub fn examine(session: &Session) -> Result<(String, bool), ExitError> {
    let format = session.run.format();
    if !matches!(format, Format::Text | Format::Json) {
        return Err(ExitError::mistaken(format_args!(
            "`--doctor` has no format `{}`, only text, json",
            format.word()
        ))
        .hint("leave `--report_format` out, or say `--json`"));
    }
    let findings = findings(session);
    Ok((
        doctor::render(&findings, format, session.terminal.out),
        doctor::is_healthy(&findings),
    ))
}

fn findings(session: &Session) -> Vec<CheckResult> {
    let operator = &session.place.operator;
    let now = session.clock.now();
    let schedule = schedule::find(operator, session.place.platform);
    let environment = schedule.environment(operator);
    let (database, store) = database::database(session);
    let mut findings = vec![database];
    let resolved = match &store {
        Some(store) => session.weigh(Some(store), &[], &session.sayings),
        None => session.foreseen(),
    };
    match resolved {
        Err(error) => findings.push(CheckResult::failed(
            "settings",
            error.what,
            error
                .hint
                .unwrap_or_else(|| "correct it where it stands".to_owned()),
        )),
        Ok(resolved) => {
            let settings = &resolved.settings;
            findings.push(match resolved.warnings.first() {
                None => CheckResult::ok(
                    "settings",
                    format!("up to {} nodes, {}", settings.node_cap, settings.process_manager),
                ),
                Some(first) => CheckResult::warning("settings", first.clone(), "correct it where it stands"),
            });
            let facts = store.as_ref().and_then(|store| store.facts().ok());
            let nodes = match store.as_ref().map(Store::nodes) {
                Some(Ok(nodes)) => nodes,
                Some(Err(error)) => {
                    findings.push(CheckResult::failed(
                        "nodes",
                        error.to_string(),
                        "put a backup in its place",
                    ));
                    Vec::new()
                }
                None => Vec::new(),
            };
            let last = store
                .as_ref()
                .and_then(|store| store.last_sample().ok().flatten());
            let patient = CheckContext {
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
            findings.extend(of_machine(&patient));
            findings.extend(anm::judge(&Server::real(Box::new(HttpProbe::new()))));
            if let Some(Ok(roll)) = store.as_ref().map(Store::roll) {
                findings.push(orphans::judge(patient.world, settings, &roll));
            }
        }
    }
    findings.push(database::lock(session, now));
    findings.push(schedule.judge(operator));
    if let Some(store) = &store {
        findings.push(database::last_cycle(store, now));
    }
    findings
}

fn of_machine(patient: &CheckContext) -> Vec<CheckResult> {
    let sudo = if user_account::is_root() {
        None
    } else {
        sudo::judge(
            patient.settings,
            patient.world.firewall.sudo_commands(),
            patient.user,
            patient.environment,
        )
    };
    vec![
        prerequisites::antnode(patient),
        prerequisites::manager(patient),
        prerequisites::lingering(patient),
        sudo.unwrap_or_else(|| CheckResult::ok("sudo", "not needed")),
        prerequisites::firewall(patient),
        prerequisites::ports(patient),
        disk_space::examine(patient),
        prerequisites::clock(patient),
    ]
}

/// A span of time in words.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}

/// A number of bytes in words.
fn bytes(count: u64) -> String {
    match count {
        ..10_000_000_000 => format!("{:.1} GB", count as f64 / 1e9),
        _ => format!("{:.0} GB", count as f64 / 1e9),
    }
}
