//! One file for each thing that a command line can request, and the match that chooses among them.

mod choose_nodes;
mod complete;
mod config;
mod cycle;
mod deaths;
mod doctor;
mod execution;
mod health;
mod import;
pub mod init;
mod logs;
mod migrate;
mod node_problems;
mod order;
mod order_answer;
mod pause;
mod pause_record;
mod report;
mod restart;
mod run_result;
mod schedule;
mod status;
mod storage_check;
mod survey;
mod survey_step;
mod takeover_guard;
mod textfile;
mod trend;
mod unlock;
mod update_config;

use std::ffi::OsString;

use crate::arguments;
use crate::error::ExitError;
use crate::request::Request;
use crate::session::{Session, SessionStart};
use crate::settings::{Source, Variables};
use crate::signals;
use crate::survey::HttpProbe;
use crate::takeover::anm::Server;
use crate::terminal::Terminal;
use init::prompts;
pub use run_result::RunResult;

/// Does what `args` request; the first of them is the program's name.
///
/// # Errors
/// An error for the operator; its kind is the exit code.
pub fn run(args: Vec<OsString>, variables: Variables, terminal: Terminal) -> Result<RunResult, ExitError> {
    if health::is_requested(&args) {
        return Ok(health::always_answer(|| dispatch(args, variables, terminal)));
    }
    if let Some(shell) = variables.get(arguments::COMPLETION_VARIABLE) {
        return Ok(complete::complete(shell, &args, &variables));
    }
    dispatch(args, variables, terminal)
}

fn dispatch(args: Vec<OsString>, variables: Variables, terminal: Terminal) -> Result<RunResult, ExitError> {
    let mut session = match Session::begin(args.clone(), variables.clone(), terminal)? {
        SessionStart::Answer(text) => return Ok(RunResult::success(text)),
        SessionStart::Session(session) => session,
    };
    init::anm::check(&session.run)?;
    if prompts::are_due(&session) {
        let args = prompts::ask(args, &variables, terminal, &session)?;
        return run(args, variables, terminal);
    }
    signals::listen().map_err(|error| ExitError::refused(format_args!("cannot handle signals: {error}")))?;
    check_unused_flags(&session, &Request::new(session.command.as_ref(), &session.run))?;
    if let Some(answer) = choose_nodes::choose_nodes(&mut session)? {
        return Ok(answer);
    }
    match Request::new(session.command.as_ref(), &session.run) {
        Request::Cycle => cycle::cycle(&session),
        Request::Order(action, selection) => order::order(&session, action, &selection),
        Request::Survey(names) => survey::survey(&session, &names),
        Request::Report(kind) => report::report(&session, kind).map(RunResult::success),
        Request::Status => status::status(&session).map(RunResult::success),
        Request::Restart(selection) => restart::restart(&session, &selection),
        Request::Logs => logs::logs(&session),
        Request::Config(words) => config::config(&mut session, &words),
        Request::Schedule(words) => schedule::schedule(&session, &words),
        Request::Health => health::health(&session),
        Request::Pause(names) => pause::pause(&session, &names),
        Request::Resume(names) => pause::resume(&session, &names),
        Request::Doctor => doctor::doctor(&session),
        Request::Init => init::init(&session).map(RunResult::success),
        Request::Import => import::import(&session).map(RunResult::success),
        Request::GiveBack => {
            init::anm::give_back(&session, &Server::real(Box::new(HttpProbe::new()))).map(RunResult::success)
        }
        Request::Settings => update_config::update_config(&session),
        Request::Migrate => migrate::migrate(&session),
        Request::Unlock => unlock::unlock(&session),
    }
}

/// Refuses a flag that the request does not use, because the operator meant something else. A report changes nothing:
/// there the flag gives a warning, and scripts of the peer go on.
fn check_unused_flags(session: &Session, request: &Request) -> Result<(), ExitError> {
    let is_flag = |name: &str| {
        let mut provided = session.provided.iter();
        provided.any(|provided| provided.setting.name == name && provided.source == Source::Flag)
    };
    for (name, goes_with) in request.unused_flags(is_flag) {
        let text = format!("'--{name}' has no effect here: it is used with {goes_with}");
        if !matches!(request, Request::Report(_)) {
            return Err(ExitError::mistaken(text)
                .hint("nothing was changed; omit the flag, or add what it is used with"));
        }
        tracing::warn!("{text}");
    }
    Ok(())
}
