//! One run, from the words it was called with to what it prints.
//!
//! ```text
//! place -> lock -> store -> settings -> recover -> survey -> settle -> record -> plan -> execute -> report
//! ```
//!
//! A dry run goes the same way, takes no lock, writes nothing and ends before `execute`.

mod disks;
mod takeover;

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::colony::{Binary, Node, NodeId};
use crate::doctor;
use crate::error::{Error, Kind};
use crate::execute::{self, Ending, Means, Outcome};
use crate::init::{self, questions};
use crate::lock::CycleLock;
use crate::look::look;
use crate::plan::{self, Action, Gauged, Hold, Judgement, Occasion, Order, Plan, Situation};
use crate::report::{Format, machine, order, result};
use crate::reporting;
use crate::request::Request;
use crate::session::{Colony, Opening, Session};
use crate::settings::{Origin, Variables};
use crate::signals;
use crate::store::schema;
use crate::survey::{self, HttpProbe, Observation};
use crate::takeover::anm::Server;
use crate::terminal::Terminal;
use takeover::Watch;

/// What a run prints, and its exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// For stdout; a newline follows it unless it is empty.
    pub output: String,
    pub code: u8,
}

impl Ended {
    fn well(output: impl Into<String>) -> Ended {
        Ended {
            output: output.into(),
            code: 0,
        }
    }
}

/// Does what `args` ask for; they begin with the program's own name.
///
/// # Errors
/// What is wrong, for people; its kind is the exit code.
pub fn run(args: Vec<OsString>, variables: Variables, terminal: Terminal) -> Result<Ended, Error> {
    let session = match Session::begin(args.clone(), variables.clone(), terminal)? {
        Opening::Answer(text) => return Ok(Ended::well(text)),
        Opening::Session(session) => session,
    };
    init::anm::check(&session.run)?;
    if questions::are_due(&session) {
        let words = questions::ask(args, &variables, terminal, &session)?;
        return run(words, variables, terminal);
    }
    signals::listen().map_err(|error| Error::refused(format_args!("cannot listen to signals: {error}")))?;
    let request = Request::of(&session.run);
    let is_flag = |name: &str| {
        let mut sayings = session.sayings.iter();
        sayings.any(|saying| saying.setting.name == name && saying.origin == Origin::Flag)
    };
    for (name, goes_with) in request.unheeded(is_flag) {
        tracing::warn!("`--{name}` does nothing here: it goes with {goes_with}");
    }
    match request {
        Request::Unlock => unlock(&session),
        Request::Migrate => migrate(&session),
        Request::Init => init::init(&session).map(Ended::well),
        Request::Import => init::import(&session).map(Ended::well),
        Request::GiveBack => {
            init::anm::give_back(&session, &Server::real(Box::new(HttpProbe::new()))).map(Ended::well)
        }
        Request::Settings => keep_settings(&session),
        Request::Report(kind) => {
            reporting::check(&session, kind)?;
            if session.run.force_action == Some(crate::settings::ForceAction::Survey) {
                let mut colony = Colony::open(&session)?;
                look(&session, &mut colony, &session.run.service_name)?;
            }
            reporting::report(&session, kind).map(Ended::well)
        }
        Request::Doctor => doctor::examine(&session).map(|(output, is_healthy)| Ended {
            output,
            code: u8::from(!is_healthy),
        }),
        Request::Survey(names) => survey_only(&session, &names),
        Request::Order(what) => obey(&session, &what),
        Request::Cycle => cycle(&session),
    }
}

/// What cron runs.
fn cycle(session: &Session) -> Result<Ended, Error> {
    let mut colony = Colony::open(session)?;
    let watch = Watch::begin(session, &colony)?;
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
    let machine = Gauged::of(&seen.instruments, &seen.rates);
    let policy = colony.policy();
    let template = colony.template(session);
    let judgement = plan::plan(
        &colony.nodes,
        &Situation {
            policy: &policy,
            template: &template,
            machine: &machine,
            binary: binary.map(|binary| &binary.version),
            occasion: Occasion::Ordinary,
            taken: &|ports| colony.world.gauge.busy_port(&ports),
            now: colony.now(),
        },
    );
    explain(session, &colony, &seen, &judgement);
    let plan = judgement.plan;
    if session.run.dry_run {
        return Ok(Ended::well(result::dry_run(
            &plan,
            &colony.nodes,
            session.run.json,
        )));
    }
    outcomes.extend(carry_out(session, &mut colony, &plan, binary, false)?);
    if plan.holds.contains(&Hold::Unconfirmed) {
        takeover::confirm(&mut colony, &before)?;
    }
    if let Some(watch) = watch {
        watch.tell_others(&colony.nodes);
    }
    colony.store.prune(colony.now())?;
    let result = result::of_plan(&plan, &outcomes, false);
    tracing::info!("Action: {result}");
    let output = if session.run.json {
        result::pretty(&result)
    } else {
        String::new()
    };
    ended(output, &plan, &outcomes)
}

/// Logs what was measured and why no more is done, as far as somebody wants to see it.
fn explain(session: &Session, colony: &Colony, seen: &Observation, judgement: &Judgement) {
    let run = &session.run;
    if run.show_machine_metrics || run.verbose {
        let figures = machine::Figures {
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
        tracing::info!("{}", machine::metrics(&figures, Format::Json));
    }
    if run.show_decisions || run.verbose {
        tracing::info!("{}", result::features(&judgement.features));
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
fn obey(session: &Session, what: &Order) -> Result<Ended, Error> {
    if *what == Order::Teardown && !session.run.confirm {
        return Err(
            Error::refused("teardown removes every node with its data, and needs `--confirm`")
                .hint("see what it would do with `--dry_run --confirm`"),
        );
    }
    let mut colony = Colony::open(session)?;
    let watch = Watch::begin(session, &colony)?;
    recover(session, &mut colony)?;
    let needs_binary = matches!(what, Order::Add { .. } | Order::Start(_) | Order::Upgrade(_));
    let binary = if needs_binary {
        colony.antnode(session)
    } else {
        None
    };
    let plan = disks::plan_order(session, &colony, what, |nodes| {
        plan::obey(
            what,
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
            .map(|step| Outcome::foreseen(step, &before))
            .collect()
    } else {
        let outcomes = carry_out(session, &mut colony, &plan, binary.as_ref(), true)?;
        if let Some(watch) = watch {
            watch.tell_others(&colony.nodes);
        }
        outcomes
    };
    let result = order::of_order(what, &plan, &outcomes, &before, session.run.dry_run);
    ended(result::pretty(&result), &plan, &outcomes)
}

/// Looks at the nodes `names` name, or at all, and writes down what is seen.
fn survey_only(session: &Session, names: &[String]) -> Result<Ended, Error> {
    let mut colony = Colony::open(session)?;
    let dry = session.run.dry_run;
    if !dry {
        recover(session, &mut colony)?;
        look(session, &mut colony, names)?;
    }
    let result = order::of_survey(names, &colony.nodes, dry);
    let code = if order::has_failures(&result) {
        Kind::Incomplete.code()
    } else {
        0
    };
    Ok(Ended {
        output: result::pretty(&result),
        code,
    })
}

/// Ends what a killed run had begun. A dry run leaves it.
fn recover(session: &Session, colony: &mut Colony) -> Result<Vec<Outcome>, Error> {
    if session.run.dry_run || colony.store.pending()?.is_empty() {
        return Ok(Vec::new());
    }
    disks::check_unfinished(session, colony)?;
    let binary = colony.antnode(session);
    with_means(session, colony, binary.as_ref(), false, execute::recover)
}

fn carry_out(
    session: &Session,
    colony: &mut Colony,
    plan: &Plan,
    binary: Option<&Binary>,
    forced: bool,
) -> Result<Vec<Outcome>, Error> {
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
    work: impl FnOnce(&mut BTreeMap<NodeId, Node>, &mut Means<'_>) -> Result<Vec<Outcome>, crate::store::Error>,
) -> Result<Vec<Outcome>, Error> {
    let mut nodes: BTreeMap<NodeId, Node> = std::mem::take(&mut colony.nodes)
        .into_iter()
        .map(|node| (node.id, node))
        .collect();
    let done = work(
        &mut nodes,
        &mut Means {
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

fn ended(output: String, plan: &Plan, outcomes: &[Outcome]) -> Result<Ended, Error> {
    if outcomes.iter().any(|outcome| outcome.ending == Ending::Skipped) {
        return Err(Error::interrupted());
    }
    let failed = plan.falls_short() || outcomes.iter().any(Outcome::failed);
    let code = if failed { Kind::Incomplete.code() } else { 0 };
    Ok(Ended { output, code })
}

/// Keeps the settings that were given, and does nothing else.
fn keep_settings(session: &Session) -> Result<Ended, Error> {
    let colony = Colony::open(session)?;
    drop(colony);
    Ok(Ended::default())
}

fn unlock(session: &Session) -> Result<Ended, Error> {
    session.refuse_weak_ground()?;
    let removed =
        CycleLock::remove_leftover(&session.place.lock_path, crate::clock::Clock::now(&session.clock))?;
    let path = session.place.lock_path.display();
    if removed {
        tracing::info!("Lock file removed: {path}");
    } else {
        tracing::info!("Lock file does not exist: {path}");
    }
    Ok(Ended::default())
}

/// Brings the database up to date, after a copy of it.
fn migrate(session: &Session) -> Result<Ended, Error> {
    if !session.run.confirm {
        return Err(Error::refused("a database migration needs `--confirm`")
            .hint("run `wnm --force_action wnm-db-migration --confirm`"));
    }
    if session.run.dry_run {
        let standing = schema::standing(&session.place.db_path)?;
        return Ok(Ended::well(standing.words()));
    }
    let _lock = session.lock()?;
    if matches!(
        schema::standing(&session.place.db_path)?,
        schema::Standing::Peer(_)
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
    Ok(Ended::default())
}
