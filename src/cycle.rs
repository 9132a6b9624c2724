//! One run, from the words it was called with to what it prints.
//!
//! ```text
//! place -> lock -> store -> settings -> recover -> survey -> settle -> record -> plan -> execute -> report
//! ```
//!
//! A dry run goes the same way, takes no lock, writes nothing and ends before `execute`.

mod storage_check;
mod takeover_guard;

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::colony::{Binary, ForcedAction, Node, NodeId};
use crate::doctor;
use crate::error::{ExitError, ExitKind};
use crate::execute::{self, ExecuteContext, StepEnd, StepOutcome};
use crate::init::{self, prompts};
use crate::lock::CycleLock;
use crate::look::look;
use crate::plan::{
    self, Action, Blocker, MachineFigures, NodeSelection, Plan, PlanInput, PlanOutput, Trigger,
};
use crate::report::{Format, cycle_result, machine_reports, order_result};
use crate::reporting;
use crate::request::Request;
use crate::session::{Colony, Session, SessionStart};
use crate::settings::{ForceAction, OtherAction, Source, Variables};
use crate::signals;
use crate::store::schema;
use crate::survey::{self, HttpProbe, Observation};
use crate::takeover::anm::Server;
use crate::terminal::Terminal;
use takeover_guard::TakeoverGuard;

/// What a run prints, and its exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunResult {
    /// For stdout; a newline follows it unless it is empty.
    pub output: String,
    pub code: u8,
}

impl RunResult {
    fn well(output: impl Into<String>) -> RunResult {
        RunResult {
            output: output.into(),
            code: 0,
        }
    }
}

/// Does what `args` ask for; they begin with the program's own name.
///
/// # Errors
/// What is wrong, for people; its kind is the exit code.
pub fn run(args: Vec<OsString>, variables: Variables, terminal: Terminal) -> Result<RunResult, ExitError> {
    let session = match Session::begin(args.clone(), variables.clone(), terminal)? {
        SessionStart::Answer(text) => return Ok(RunResult::well(text)),
        SessionStart::Session(session) => session,
    };
    init::anm::check(&session.run)?;
    if prompts::are_due(&session) {
        let words = prompts::ask(args, &variables, terminal, &session)?;
        return run(words, variables, terminal);
    }
    signals::listen()
        .map_err(|error| ExitError::refused(format_args!("cannot listen to signals: {error}")))?;
    let request = Request::of(&session.run);
    let is_flag = |name: &str| {
        let mut sayings = session.sayings.iter();
        sayings.any(|saying| saying.setting.name == name && saying.origin == Source::Flag)
    };
    for (name, goes_with) in request.unheeded(is_flag) {
        tracing::warn!("`--{name}` does nothing here: it goes with {goes_with}");
    }
    match request {
        Request::Unlock => unlock(&session),
        Request::Migrate => migrate(&session),
        Request::Init => init::init(&session).map(RunResult::well),
        Request::Import => init::import(&session).map(RunResult::well),
        Request::GiveBack => {
            init::anm::give_back(&session, &Server::real(Box::new(HttpProbe::new()))).map(RunResult::well)
        }
        Request::Settings => keep_settings(&session),
        Request::Report(kind) => {
            reporting::check(&session, kind)?;
            if session.run.force_action == Some(ForceAction::Other(OtherAction::Survey)) {
                let mut colony = Colony::open(&session)?;
                look(&session, &mut colony, &session.run.service_name)?;
            }
            reporting::report(&session, kind).map(RunResult::well)
        }
        Request::Doctor => doctor::examine(&session).map(|(output, is_healthy)| RunResult {
            output,
            code: u8::from(!is_healthy),
        }),
        Request::Survey(names) => survey_only(&session, &names),
        Request::Order(action, whom) => run_forced(&session, action, &whom),
        Request::Cycle => cycle(&session),
    }
}

/// What cron runs.
fn cycle(session: &Session) -> Result<RunResult, ExitError> {
    let mut colony = Colony::open(session)?;
    let watch = TakeoverGuard::begin(session, &colony)?;
    let mut outcomes = recover(session, &mut colony)?;
    let is_watched = colony.takeover.is_some_and(|takeover| !takeover.is_confirmed);
    let before = if is_watched {
        colony.nodes.clone()
    } else {
        Vec::new()
    };
    let seen = look(session, &mut colony, &[])?;
    let binary = colony.material(seen.binary.as_ref());
    let binary = binary.as_ref();
    let machine = MachineFigures::of(&seen.instruments, &seen.rates);
    let policy = colony.policy();
    let template = colony.template(session);
    let judgement = plan::plan(
        &colony.nodes,
        &PlanInput {
            policy: &policy,
            template: &template,
            machine: &machine,
            binary: binary.map(|binary| &binary.version),
            occasion: Trigger::Ordinary,
            taken: &|ports| colony.world.gauge.busy_port(&ports),
            now: colony.now(),
        },
    );
    explain(session, &colony, &seen, &judgement);
    let plan = judgement.plan;
    if session.run.dry_run {
        return Ok(RunResult::well(cycle_result::dry_run(
            &plan,
            &colony.nodes,
            session.run.json,
        )));
    }
    outcomes.extend(carry_out(session, &mut colony, &plan, binary, false)?);
    if plan.holds.contains(&Blocker::Unconfirmed) {
        takeover_guard::confirm(&mut colony, &before)?;
    }
    if let Some(watch) = watch {
        watch.update_node_details(&colony.nodes);
    }
    colony.store.prune(colony.now())?;
    let result = cycle_result::of_plan(&plan, &outcomes, false);
    tracing::info!("Action: {result}");
    let output = if session.run.json {
        cycle_result::pretty(&result)
    } else {
        String::new()
    };
    ended(output, &plan, &outcomes)
}

/// Logs what was measured and why no more is done, as far as somebody wants to see it.
fn explain(session: &Session, colony: &Colony, seen: &Observation, judgement: &PlanOutput) {
    let run = &session.run;
    if run.show_machine_metrics || run.verbose {
        let figures = machine_reports::MachineReport {
            metrics: &judgement.metrics,
            instruments: &seen.instruments,
            rates: &seen.rates,
            nodes: &colony.nodes,
            sharing: &survey::sharing(&*colony.world.gauge, &colony.nodes),
            particulars: &colony.store.particulars().unwrap_or_default(),
            antnode: seen.binary.as_ref().ok().map(|binary| binary.path.as_path()),
            hd_remove: colony.policy().disk.remove,
            crisis_bytes: colony.settings.crisis_bytes,
        };
        tracing::info!("{}", machine_reports::metrics(&figures, Format::Json));
    }
    if run.show_decisions || run.verbose {
        tracing::info!("{}", cycle_result::features(&judgement.features));
    }
    for hold in &judgement.plan.holds {
        if hold.is_failure() {
            tracing::error!("{hold}");
        } else if run.show_decisions || run.verbose {
            tracing::info!("{hold}");
        } else {
            tracing::debug!("{hold}");
        }
    }
}

/// What an operator ordered.
fn run_forced(session: &Session, action: ForcedAction, whom: &NodeSelection) -> Result<RunResult, ExitError> {
    if action == ForcedAction::Teardown && !session.run.confirm {
        return Err(
            ExitError::refused("teardown removes every node with its data, and needs `--confirm`")
                .hint("see what it would do with `--dry_run --confirm`"),
        );
    }
    let mut colony = Colony::open(session)?;
    let watch = TakeoverGuard::begin(session, &colony)?;
    recover(session, &mut colony)?;
    let binary = if action.facts().needs_binary {
        colony.antnode(session)
    } else {
        None
    };
    let plan = storage_check::plan_order(session, &colony, action, |nodes| {
        plan::plan_forced(
            action,
            whom,
            nodes,
            &colony.template(session),
            binary.as_ref().map(|binary| &binary.version),
            &|ports| colony.world.gauge.busy_port(&ports),
            &colony.policy(),
        )
    })?;
    for hold in &plan.holds {
        if hold.is_failure() {
            tracing::error!("{hold}")
        } else {
            tracing::warn!("{hold}")
        }
    }
    let before = colony.nodes.clone();
    let outcomes = if session.run.dry_run {
        for step in &plan.steps {
            tracing::warn!("DRYRUN: {step}");
            if let Action::Teardown(ids) = &step.action {
                for node in before.iter().filter(|node| ids.contains(&node.id)) {
                    tracing::warn!(
                        "DRYRUN: remove {} with `{}`",
                        node.name.full(),
                        node.home.root.display()
                    );
                }
            }
        }
        plan.steps
            .iter()
            .map(|step| StepOutcome::foreseen(step, &before))
            .collect()
    } else {
        let outcomes = carry_out(session, &mut colony, &plan, binary.as_ref(), true)?;
        if let Some(watch) = watch {
            watch.update_node_details(&colony.nodes);
        }
        outcomes
    };
    let result = order_result::of_order(action, whom, &plan, &outcomes, &before, session.run.dry_run);
    ended(cycle_result::pretty(&result), &plan, &outcomes)
}

/// Looks at the nodes `names` name, or at all, and writes down what is seen.
fn survey_only(session: &Session, names: &[String]) -> Result<RunResult, ExitError> {
    let mut colony = Colony::open(session)?;
    let dry = session.run.dry_run;
    if !dry {
        recover(session, &mut colony)?;
        look(session, &mut colony, names)?;
    }
    let result = order_result::of_survey(names, &colony.nodes, dry);
    let code = if order_result::has_failures(&result) {
        ExitKind::Incomplete.code()
    } else {
        0
    };
    Ok(RunResult {
        output: cycle_result::pretty(&result),
        code,
    })
}

/// Ends what a killed run had begun. A dry run leaves it.
fn recover(session: &Session, colony: &mut Colony) -> Result<Vec<StepOutcome>, ExitError> {
    if session.run.dry_run || colony.store.pending()?.is_empty() {
        return Ok(Vec::new());
    }
    storage_check::check_unfinished(session, colony)?;
    let binary = colony.antnode(session);
    with_means(session, colony, binary.as_ref(), false, execute::recover)
}

fn carry_out(
    session: &Session,
    colony: &mut Colony,
    plan: &Plan,
    binary: Option<&Binary>,
    forced: bool,
) -> Result<Vec<StepOutcome>, ExitError> {
    // A plan without steps touches no node, and ten thousand of them are not sorted for it.
    let untouched = match plan.steps.is_empty() {
        true => std::mem::take(&mut colony.nodes),
        false => Vec::new(),
    };
    let done = with_means(session, colony, binary, forced, |nodes, means| {
        execute::execute(plan, nodes, means)
    });
    colony.nodes.extend(untouched);
    done
}

fn with_means(
    session: &Session,
    colony: &mut Colony,
    binary: Option<&Binary>,
    forced: bool,
    work: impl FnOnce(
        &mut BTreeMap<NodeId, Node>,
        &mut ExecuteContext<'_>,
    ) -> Result<Vec<StepOutcome>, crate::store::StoreError>,
) -> Result<Vec<StepOutcome>, ExitError> {
    let mut nodes: BTreeMap<NodeId, Node> = std::mem::take(&mut colony.nodes)
        .into_iter()
        .map(|node| (node.id, node))
        .collect();
    let done = work(
        &mut nodes,
        &mut ExecuteContext {
            world: &colony.world,
            store: &colony.store,
            run: &session.name,
            binary,
            wallets: &colony.settings.rewards_address,
            pause: colony.settings.effective_action_delay(),
            forced,
        },
    );
    colony.nodes = nodes.into_values().collect();
    Ok(done?)
}

fn ended(output: String, plan: &Plan, outcomes: &[StepOutcome]) -> Result<RunResult, ExitError> {
    if outcomes.iter().any(|outcome| outcome.ending == StepEnd::Skipped) {
        return Err(ExitError::interrupted());
    }
    let failed = plan.falls_short() || outcomes.iter().any(StepOutcome::failed);
    let code = if failed { ExitKind::Incomplete.code() } else { 0 };
    Ok(RunResult { output, code })
}

/// Keeps the settings that were given, and does nothing else.
fn keep_settings(session: &Session) -> Result<RunResult, ExitError> {
    let colony = Colony::open(session)?;
    drop(colony);
    Ok(RunResult::default())
}

fn unlock(session: &Session) -> Result<RunResult, ExitError> {
    session.refuse_weak_ground()?;
    let removed =
        CycleLock::remove_leftover(&session.place.lock_path, crate::clock::Clock::now(&session.clock))?;
    let path = session.place.lock_path.display();
    if removed {
        tracing::info!("Lock file removed: {path}");
    } else {
        tracing::info!("Lock file does not exist: {path}");
    }
    Ok(RunResult::default())
}

/// Brings the database up to date, after a copy of it.
fn migrate(session: &Session) -> Result<RunResult, ExitError> {
    if !session.run.confirm {
        return Err(ExitError::refused("a database migration needs `--confirm`")
            .hint("run `wnm --force_action wnm-db-migration --confirm`"));
    }
    if session.run.dry_run {
        let standing = schema::standing(&session.place.db_path)?;
        return Ok(RunResult::well(standing.words()));
    }
    let _lock = session.lock()?;
    if matches!(
        schema::standing(&session.place.db_path)?,
        schema::SchemaState::Peer(_)
    ) {
        init::refuse_python(session)?;
    }
    let migrated = schema::migrate(&session.place.db_path, crate::clock::Clock::now(&session.clock))?;
    match migrated.backup {
        Some(backup) => tracing::info!(
            "migrated from {} to {}; the database as it was: `{}`",
            migrated.from,
            migrated.to,
            backup.display()
        ),
        None => tracing::info!("the database is up to date: {}", migrated.to),
    }
    Ok(RunResult::default())
}
