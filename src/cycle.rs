//! One run, from the words it was called with to what it prints.
//!
//! ```text
//! place -> lock -> store -> settings -> recover -> survey -> settle -> record -> plan -> execute -> report
//! ```
//!
//! A dry run goes the same way, takes no lock, writes nothing and ends before `execute`.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::colony::{Binary, Node, NodeId};
use crate::error::{Error, Kind};
use crate::execute::{self, Ending, Means, Outcome};
use crate::init;
use crate::lock::CycleLock;
use crate::plan::{self, Gauged, Occasion, Order, Plan, Situation, Storage};
use crate::report::result;
use crate::reporting;
use crate::request::Request;
use crate::session::{Colony, Opening, Session};
use crate::settings::Variables;
use crate::signals;
use crate::store::{Sample, schema};
use crate::survey::{self, Limits, Observation, Survey};

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
pub fn run(args: Vec<OsString>, variables: Variables) -> Result<Ended, Error> {
    let session = match Session::begin(args, variables)? {
        Opening::Answer(text) => return Ok(Ended::well(text)),
        Opening::Session(session) => session,
    };
    signals::listen().map_err(|error| Error::refused(format_args!("cannot listen to signals: {error}")))?;
    match Request::of(&session.run) {
        Request::Unlock => unlock(&session),
        Request::Migrate => migrate(&session),
        Request::Init => init::init(&session).map(Ended::well),
        Request::Settings => keep_settings(&session),
        Request::Report(kind) => {
            if session.run.force_action == Some(crate::settings::ForceAction::Survey) {
                let mut colony = Colony::open(&session)?;
                look(&session, &mut colony, &session.run.service_name)?;
            }
            reporting::report(&session, kind).map(Ended::well)
        }
        Request::Survey(names) => survey_only(&session, &names),
        Request::Order(order) => obey(&session, &order),
        Request::Cycle => cycle(&session),
    }
}

/// What cron runs.
fn cycle(session: &Session) -> Result<Ended, Error> {
    let mut colony = Colony::open(session)?;
    let mut outcomes = recover(session, &mut colony)?;
    let seen = look(session, &mut colony, &[])?;
    let binary = seen.observation.binary.as_ref().ok();
    if let Err(error) = &seen.observation.binary {
        tracing::warn!("cannot {error}; nothing is added or upgraded");
    }
    let machine = Gauged::of(&seen.observation.instruments, &seen.observation.rates);
    let policy = colony.settings.policy();
    let template = colony.settings.template(&session.place);
    let plan = plan::plan(
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
    for hold in &plan.holds {
        if hold.is_failure() {
            tracing::error!("{hold}");
        } else if session.run.show_decisions || session.run.verbose {
            tracing::info!("{hold}");
        } else {
            tracing::debug!("{hold}");
        }
    }
    if session.run.dry_run {
        return Ok(Ended::well(result::dry_run(
            &plan,
            &colony.nodes,
            session.run.json,
        )));
    }
    outcomes.extend(carry_out(session, &mut colony, &plan, binary, false)?);
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

/// What an operator ordered.
fn obey(session: &Session, order: &Order) -> Result<Ended, Error> {
    if *order == Order::Teardown && !session.run.confirm {
        return Err(
            Error::refused("teardown removes every node with its data, and needs `--confirm`")
                .hint("see what it would do with `--dry_run --confirm`"),
        );
    }
    let mut colony = Colony::open(session)?;
    recover(session, &mut colony)?;
    let needs_binary = matches!(order, Order::Add { .. } | Order::Start(_) | Order::Upgrade(_));
    let binary = if needs_binary {
        colony.antnode(session)
    } else {
        None
    };
    let plan = plan::obey(
        order,
        &colony.nodes,
        &colony.settings.template(&session.place),
        binary.as_ref().map(|binary| &binary.version),
        &|ports| colony.world.gauge.busy_port(&ports),
        &colony.settings.policy(),
    );
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
        }
        plan.steps
            .iter()
            .map(|step| Outcome::foreseen(step, &before))
            .collect()
    } else {
        carry_out(session, &mut colony, &plan, binary.as_ref(), true)?
    };
    let result = result::of_order(order, &plan, &outcomes, &before, session.run.dry_run);
    ended(result::pretty(&result), &plan, &outcomes)
}

/// Looks at the nodes `names` name, or at all, and writes down what is seen.
fn survey_only(session: &Session, names: &[String]) -> Result<Ended, Error> {
    let mut colony = Colony::open(session)?;
    if session.run.dry_run {
        return Ok(Ended::well(result::pretty(&result::of_survey(
            names,
            &colony.nodes,
            true,
        ))));
    }
    recover(session, &mut colony)?;
    look(session, &mut colony, names)?;
    let result = result::of_survey(names, &colony.nodes, false);
    let code = if result::has_failures(&result) {
        Kind::Incomplete.code()
    } else {
        0
    };
    Ok(Ended {
        output: result::pretty(&result),
        code,
    })
}

/// What a look at machine and nodes gave.
struct Seen {
    observation: Observation,
}

/// Surveys, settles the timers and records: afterwards the colony's nodes stand as they stand now.
fn look(session: &Session, colony: &mut Colony, names: &[String]) -> Result<Seen, Error> {
    let policy = colony.settings.policy();
    let chosen: Vec<Node> = if names.is_empty() {
        colony.nodes.clone()
    } else {
        names
            .iter()
            .filter_map(|name| plan::find(name, &colony.nodes).ok().cloned())
            .collect()
    };
    let observation = survey::survey(
        &*colony.world.gauge,
        &*colony.world.probe,
        &*colony.world.clock,
        &Survey {
            nodes: &chosen,
            storage: &colony.settings.node_storage,
            limits: Limits {
                spacing: colony.settings.effective_survey_delay(),
                ..Limits::default()
            },
            last: colony
                .last_sample
                .as_ref()
                .map(|sample| (sample.counters, sample.boot)),
            antnode: session.lookup(&colony.settings),
            known: &colony.known,
            processes: &|nodes| colony.processes(nodes),
        },
    )
    .map_err(|error| Error::refused(format_args!("cannot {error}")))?;
    if signals::asked_to_end() {
        return Err(interrupted());
    }
    let observation = steady(observation, colony);
    let now = colony.now();
    let storage = Storage {
        path: colony.settings.node_storage.clone(),
        present: observation.device.is_some(),
        device_before: colony.facts.storage_device,
        device_now: observation.device,
    };
    let settled =
        plan::settle(chosen, &observation.sightings, &storage, &policy, session.run.confirm, now).map_err(
            |stop| {
                Error::new(Kind::Unsafe, stop).hint(
                    "nothing was removed or added; check the disk, and run once with `--confirm` if all is as it should be",
                )
            },
        )?;
    let mut after: BTreeMap<NodeId, Node> = colony.nodes.iter().map(|node| (node.id, node.clone())).collect();
    after.extend(settled.nodes.into_iter().map(|node| (node.id, node)));
    let mut after: Vec<Node> = after.into_values().collect();
    learn_versions(colony, &mut after);
    for id in &settled.hung {
        tracing::warn!("node {id} is hung: its process lives and has not answered for three surveys");
    }
    if !session.run.dry_run {
        record(colony, &after, &observation)?;
    }
    colony.nodes = after;
    Ok(Seen { observation })
}

/// The boot time as it was first read in this boot: the kernel's own figure wavers by a second or two.
fn steady(mut observation: Observation, colony: &Colony) -> Observation {
    if let Some(known) = colony.facts.boot_time
        && observation.instruments.boot.since(known).abs() <= BOOT_WAVER_S
    {
        observation.instruments.boot = known;
    }
    observation
}

/// No machine boots twice within so many seconds.
const BOOT_WAVER_S: i64 = 5;

/// Asks a node's own binary for the version that the node itself did not tell.
fn learn_versions(colony: &mut Colony, nodes: &mut [Node]) {
    use crate::colony::State;
    for node in nodes.iter_mut() {
        if node.version.is_some() || matches!(node.state, State::Disabled | State::Dead) {
            continue;
        }
        match colony.world.gauge.binary(&node.home.binary, &colony.known) {
            Ok(binary) => {
                node.version = Some(binary.version.clone());
                node.memory.binary_key = Some(binary.key);
                colony.known.push(binary);
            }
            Err(error) => tracing::debug!("the version of node {} stays unknown: cannot {error}", node.id),
        }
    }
}

fn record(colony: &mut Colony, after: &[Node], observation: &Observation) -> Result<(), Error> {
    let instruments = &observation.instruments;
    colony.facts.boot_time = Some(instruments.boot);
    colony.facts.storage_device = observation.device.or(colony.facts.storage_device);
    colony.facts.cpu_count = instruments.cpus;
    let sample = Sample::new(observation.at, instruments, observation.rates, after);
    colony
        .store
        .record_survey(&colony.nodes, after, &sample, &colony.facts)?;
    if let Ok(binary) = &observation.binary
        && !colony.known.contains(binary)
    {
        colony.store.remember_binary(binary)?;
    }
    Ok(())
}

/// Ends what a killed run had begun. A dry run leaves it.
fn recover(session: &Session, colony: &mut Colony) -> Result<Vec<Outcome>, Error> {
    if session.run.dry_run || colony.store.pending()?.is_empty() {
        return Ok(Vec::new());
    }
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
    with_means(session, colony, binary, forced, |nodes, means| {
        execute::execute(plan, nodes, means)
    })
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
        return Err(interrupted());
    }
    let failed = plan.falls_short() || outcomes.iter().any(Outcome::failed);
    let code = if failed { Kind::Incomplete.code() } else { 0 };
    Ok(Ended { output, code })
}

fn interrupted() -> Error {
    Error::refused("ended by a signal").hint("what was begun is finished or undone; the next run goes on")
}

/// Keeps the settings that were given, and does nothing else.
fn keep_settings(session: &Session) -> Result<Ended, Error> {
    let colony = Colony::open(session)?;
    drop(colony);
    Ok(Ended::default())
}

fn unlock(session: &Session) -> Result<Ended, Error> {
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
