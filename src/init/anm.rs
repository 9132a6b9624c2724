//! `--init --migrate_anm` and `--rollback_anm`: a server that runs anm becomes a colony, and the way back.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::clock::Clock;
use crate::colony::{ManagerKind, Mode, Node, NodeId};
use crate::error::ExitError;
use crate::lock::CycleLock;
use crate::program::user_account;
use crate::report::import_preview;
use crate::session::{Session, gauge};
use crate::settings::{self, Provided, Resolved, RunOptions, Source};
use crate::store::{self, Fault, MachineFacts, ReservedNumbers, Store};
use crate::survey::MachineReader;
use crate::takeover::anm::build::{TakeoverPlan, judge};
use crate::takeover::anm::steps::{self, Successor, TakeoverOptions};
use crate::takeover::anm::warning::{Warning, WarningCode};
use crate::takeover::anm::{self, Server, disable, journal, operator_summary as told, paths, rollback};
use crate::terminal::Coloring;

/// Refuses flags of a takeover that do not go with what else was said.
///
/// # Errors
/// Exit code 2.
pub fn check(run: &RunOptions) -> Result<(), ExitError> {
    let takes_over = run.init && run.migrate_anm;
    let wrong = if run.rollback_anm && (run.init || run.migrate_anm || run.import) {
        Some(("--rollback_anm", "goes alone"))
    } else if run.migrate_anm && !run.init {
        Some(("--migrate_anm", "goes with `--init`"))
    } else if run.migrate_anm && run.import {
        Some((
            "--import",
            "does not go with `--migrate_anm`, which finds anm's nodes itself",
        ))
    } else if run.anm_wait.is_some() && !takes_over {
        Some(("--anm_wait", "goes with `--init --migrate_anm`"))
    } else if run.ntracking.is_some() && !takes_over {
        Some(("--ntracking", "goes with `--init --migrate_anm`"))
    } else {
        None
    };
    match wrong {
        Some((flag, why)) => {
            Err(ExitError::mistaken(format_args!("`{flag}` {why}")).hint("nothing was changed"))
        }
        None => Ok(()),
    }
}

/// Takes the nodes of a server that runs anm over into a new colony; a dry run says what would be done.
///
/// # Errors
/// When it must not be done or cannot be: anm is as it was, or the error says what is not.
pub fn take_over(session: &Session, server: &Server) -> Result<String, ExitError> {
    refuse_other_manager(session)?;
    if !session.run.dry_run {
        session.refuse_weak_ground()?;
    }
    let colony = NewColony::new(session, server)?;
    let limit = session.run.anm_wait.unwrap_or(disable::LIMIT);
    let wish = TakeoverOptions {
        database: &server.named(&colony.path),
        user: &session.place.operator.user,
        collector: session.run.ntracking,
        limit,
    };
    // What forbids it is known before anything is made, were it only a lock.
    let foreseen = foresee(&colony, &wish)?;
    if session.run.dry_run {
        return Ok(foreseen);
    }
    colony.refuse_unwritable()?;
    // Before anything is made: of two that are called at once, one ends here.
    let _lock = CycleLock::take(&session.place.lock_path, session.clock.now())?;
    let report = steps::take_over(server, &wish, &colony).inspect_err(|_| store::discard(&colony.path))?;
    tracing::info!("Initialization complete");
    Ok(report)
}

/// Gives the nodes back to anm; a dry run says what would be done.
///
/// # Errors
/// When there is nothing to give back, or anm would harm the nodes.
pub fn give_back(session: &Session, server: &Server) -> Result<String, ExitError> {
    let wish = rollback::RollbackOptions {
        lock: &session.place.lock_path,
        forced: session.run.confirm,
        dry: session.run.dry_run,
    };
    if !wish.dry {
        session.refuse_weak_ground()?;
    }
    Ok(rollback::rollback(server, &wish)?.join("\n"))
}

/// What a takeover would do, and nothing done.
fn foresee(colony: &NewColony<'_>, wish: &TakeoverOptions<'_>) -> Result<String, ExitError> {
    let server = colony.server;
    let begun = journal::unfinished(server)?;
    if begun.is_none() && colony.is_made()? {
        return Err(super::already(&colony.path));
    }
    let cron = match &begun {
        Some(journal) => journal.kept_text(server, paths::CRON)?,
        None => server.read(paths::CRON)?,
    };
    let mut judgement = judge(server, cron.as_deref())?;
    colony.weigh(&mut judgement)?;
    if colony.session.run.json {
        return Ok(import_preview::as_json(&judgement.nodes));
    }
    let mut lines = vec![format!("would take over from anm into {}", colony.session.place)];
    if let Some(journal) = &begun {
        lines.push(format!(
            "going on with the takeover whose backup is `{}`",
            journal.backup.display()
        ));
    }
    let collector = wish.collector.unwrap_or_default();
    let inventory = colony.inventory(&judgement);
    lines.push(told::of(&judgement, &inventory, collector, None));
    lines.push(told::steps(&judgement, wish, cron.is_some()));
    Ok(lines.join("\n").trim_end().to_owned())
}

fn refuse_other_manager(session: &Session) -> Result<(), ExitError> {
    let kind = session.place.manager;
    if kind == ManagerKind::ANM {
        return Ok(());
    }
    Err(
        ExitError::mistaken(format_args!("anm's nodes cannot be run by `{kind}`"))
            .hint("nothing was changed; leave `--process_manager` out, it is systemd+sudo for them"),
    )
}

/// The colony to be.
struct NewColony<'a> {
    session: &'a Session,
    server: &'a Server,
    /// Its database.
    path: PathBuf,
}

impl NewColony<'_> {
    fn new<'a>(session: &'a Session, server: &'a Server) -> Result<NewColony<'a>, ExitError> {
        let path = std::path::absolute(&session.place.db_path).map_err(ExitError::refused)?;
        Ok(NewColony {
            session,
            server,
            path,
        })
    }

    /// anm's folder is where its lock and its database come; later runs must be able to write there, too.
    fn refuse_unwritable(&self) -> Result<(), ExitError> {
        let base = &self.session.place.base_dir;
        let is_ours = |seen: fs::Metadata| seen.uid() == user_account::uid();
        if user_account::is_root() || fs::metadata(base).is_ok_and(is_ours) {
            return Ok(());
        }
        let owner = self
            .server
            .owner(paths::STATE)
            .unwrap_or_else(|| "root".to_owned());
        Err(ExitError::refused(format_args!(
            "`{}` belongs to `{owner}`, and the colony would be yours",
            base.display()
        ))
        .hint(format_args!(
            "call it as `{owner}`, or as root; nothing was changed"
        )))
    }

    /// The settings with what anm says of them, where nobody says otherwise to wnm itself. Variables that may be there
    /// by accident do not count.
    fn resolve(&self, judgement: &TakeoverPlan) -> Result<Resolved, ExitError> {
        let Session { place, variables, .. } = self.session;
        let mut found = Vec::new();
        for taken in &judgement.settings {
            let home = &place.operator.home;
            found.push(settings::found(taken.name, taken.text.clone(), home, variables)?);
        }
        let is_found = |name: &str| found.iter().any(|one| one.setting.name == name);
        let counts = |saying: &&Provided| match &saying.origin {
            Source::Variable(name, None) => name.starts_with("WNM_") || !is_found(saying.setting.name),
            _ => true,
        };
        let mut said: Vec<Provided> = self.session.sayings.iter().filter(counts).cloned().collect();
        // No node is removed because of a cap, whoever said it.
        let rows = judgement.nodes.len();
        for saying in said.iter_mut().filter(|saying| is_cap_below(saying, rows)) {
            saying.text = rows.to_string();
        }
        self.session.weigh(None, &found, &said)
    }
}

impl Successor for NewColony<'_> {
    fn is_made(&self) -> Result<bool, anm::TakeoverError> {
        match Store::open_read_only(&self.path) {
            Ok(_) => Ok(true),
            Err(error) => match error.fault {
                // Tables without a machine are what one that was killed leaves.
                Fault::Absent | Fault::Uninitialised | Fault::Interrupted => Ok(false),
                _ => Err(error.into()),
            },
        }
    }

    fn weigh(&self, judgement: &mut TakeoverPlan) -> Result<(), anm::TakeoverError> {
        let resolved = self.resolve(judgement).map_err(refused)?;
        for taken in &mut judgement.settings {
            let counts = resolved.row.iter().find(|(name, _)| *name == taken.name);
            let text = counts.and_then(|(_, text)| text.clone()).unwrap_or_default();
            if let Some(saying) = settings::source::winner(&self.session.sayings, taken.name)
                && resolved.origin(taken.name) == Some(&saying.origin)
            {
                let rows = judgement.nodes.len();
                judgement.warnings.push(if is_cap_below(saying, rows) {
                    let say = format!(
                        "node_cap={} ({}) with {rows} nodes there: raised to {rows}, so that none is removed for it",
                        saying.text.trim(),
                        saying.origin
                    );
                    Warning::new(WarningCode::NodeCapRaised, say)
                } else {
                    let say = format!(
                        "{} is `{text}`, as you said ({}); anm's came to `{}`",
                        taken.name, saying.origin, taken.text
                    );
                    Warning::new(WarningCode::SettingOverridden, say)
                });
                taken.from = saying.origin.to_string();
                taken.text = text;
            }
        }
        let at_odds = resolved.warnings.iter();
        judgement
            .warnings
            .extend(at_odds.map(|why| Warning::new(WarningCode::SettingsAtOdds, why)));
        Ok(())
    }

    fn make(
        &self,
        judgement: &TakeoverPlan,
        check: &dyn Fn(&[Node]) -> Result<(), anm::TakeoverError>,
    ) -> Result<(), anm::TakeoverError> {
        let resolved = self.resolve(judgement).map_err(refused)?;
        let instruments = gauge().read(&self.session.place.base_dir).map_err(|error| {
            anm::TakeoverError::refused(format_args!("cannot {error}"), "see what is wrong with `/proc`")
        })?;
        let storage = self.server.path(&resolved.settings.node_storage);
        let facts = MachineFacts {
            boot_time: Some(judgement.boot),
            storage_device: gauge().device(&storage),
            cpu_count: instruments.cpus,
            last_stopped_at: judgement.boot,
            highest_node_id_used: None,
        };
        let store = Store::create(&self.path, Mode::Sudo)?;
        store.together(|| {
            store.initialise(&resolved.changes, &facts, &judgement.nodes)?;
            store.note_takeover(self.server.clock.now(), &reserved(judgement))?;
            check(&store.nodes()?)
        })
    }

    fn inventory(&self, judgement: &TakeoverPlan) -> String {
        if judgement.nodes.is_empty() {
            return "no nodes: anm has none here".to_owned();
        }
        // It is kept in a file as well.
        import_preview::table(&judgement.nodes, Coloring::Plain)
    }
}

/// Whether it is a cap that is lower than the number of nodes there are.
fn is_cap_below(saying: &Provided, rows: usize) -> bool {
    saying.setting.name == "node_cap" && saying.text.trim().parse().is_ok_and(|cap: usize| cap < rows)
}

/// What new nodes must keep clear of: numbers of folders that nobody claims, and all that is another manager's.
fn reserved(judgement: &TakeoverPlan) -> ReservedNumbers {
    let foreign = judgement.foreign.iter();
    let numbers = foreign.clone().filter_map(|unit| unit.number);
    let ids: BTreeSet<NodeId> = numbers
        .chain(judgement.leftovers.iter().copied())
        .map(NodeId)
        .collect();
    ReservedNumbers {
        ids,
        ports: foreign.flat_map(anm::NodeUnit::ports).collect(),
    }
}

/// A setting that cannot be, as a reason not to take over.
fn refused(error: ExitError) -> anm::TakeoverError {
    anm::TakeoverError::refused(error.what, error.hint.unwrap_or_default())
}
