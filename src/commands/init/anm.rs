//! `--init --migrate_anm` and `--rollback_anm`: takes over the nodes of anm, and returns them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::clock::Clock;
use crate::colony::{ManagerKind, Mode, Node, NodeId};
use crate::error::ExitError;
use crate::lock::RunLock;
use crate::program::user_account;
use crate::report::import_preview;
use crate::session::{Session, machine_reader};
use crate::settings::{self, Provided, Resolved, RunOptions, Source};
use crate::store::{self, Fault, MachineFacts, ReservedNumbers, Store};
use crate::survey::MachineReader;
use crate::takeover::anm::build::{TakeoverPlan, build_plan};
use crate::takeover::anm::options::TakeoverOptions;
use crate::takeover::anm::steps::{self, Successor};
use crate::takeover::anm::warning::{Warning, WarningCode};
use crate::takeover::anm::{self, Server, disable, journal, operator_summary as told, paths, rollback};
use crate::terminal::Coloring;

/// Rejects flags of a takeover that need another flag, or cannot be combined with one.
///
/// # Errors
/// Exit code 2.
pub fn check(run: &RunOptions) -> Result<(), ExitError> {
    let takes_over = run.init && run.migrate_anm;
    let wrong = if run.rollback_anm && (run.init || run.migrate_anm || run.import) {
        Some(("--rollback_anm", "cannot be combined with other commands"))
    } else if run.migrate_anm && !run.init {
        Some(("--migrate_anm", "requires `--init`"))
    } else if run.migrate_anm && run.import {
        Some((
            "--import",
            "cannot be combined with `--migrate_anm`, which finds anm's nodes itself",
        ))
    } else if run.anm_wait.is_some() && !takes_over {
        Some(("--anm_wait", "requires `--init --migrate_anm`"))
    } else if run.ntracking.is_some() && !takes_over {
        Some(("--ntracking", "requires `--init --migrate_anm`"))
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

/// Takes over anm's nodes into a new colony; a dry run prints what would be done.
///
/// # Errors
/// When a precondition is not met or a step fails. anm was restored, or the error says what was not.
pub fn take_over(session: &Session, server: &Server) -> Result<String, ExitError> {
    refuse_other_manager(session)?;
    if !session.run.dry_run {
        session.require_trusted_paths()?;
    }
    let colony = NewColony::new(session, server)?;
    let limit = session.run.anm_wait.unwrap_or(disable::LIMIT);
    let wish = TakeoverOptions {
        database: &server.named(&colony.path),
        user: &session.place.operator.user,
        collector: session.run.ntracking,
        limit,
    };
    // Check the preconditions before anything is created, even the lock.
    let preview_text = preview(&colony, &wish)?;
    if session.run.dry_run {
        return Ok(preview_text);
    }
    colony.refuse_unwritable()?;
    // Of two takeovers at the same time, one ends here.
    let _lock = RunLock::take(
        &session.place.lock_path,
        &session.place.db_path,
        session.clock.now(),
    )?;
    let report = steps::take_over(server, &wish, &colony).inspect_err(|_| store::discard(&colony.path))?;
    tracing::info!("Initialization complete");
    Ok(report)
}

/// Returns the nodes to anm; a dry run prints what would be done.
///
/// # Errors
/// When there is no takeover to undo, or anm would act on wrong nodes.
pub fn give_back(session: &Session, server: &Server) -> Result<String, ExitError> {
    let wish = rollback::RollbackOptions {
        lock: &session.place.lock_path,
        forced: session.run.confirm,
        dry: session.run.dry_run,
    };
    if !wish.dry {
        session.require_trusted_paths()?;
    }
    Ok(rollback::rollback(server, &wish)?.join("\n"))
}

/// The report of a dry run.
fn preview(colony: &NewColony<'_>, wish: &TakeoverOptions<'_>) -> Result<String, ExitError> {
    let server = colony.server;
    let begun = journal::unfinished(server)?;
    if begun.is_none() && colony.exists()? {
        return Err(super::preconditions::already(&colony.path));
    }
    let cron = match &begun {
        Some(journal) => journal.kept_text(server, paths::CRON)?,
        None => server.read(paths::CRON)?,
    };
    let mut plan = build_plan(server, cron.as_deref())?;
    colony.apply_settings(&mut plan)?;
    if colony.session.run.json {
        return Ok(import_preview::as_json(&plan.nodes));
    }
    let mut lines = vec![format!(
        "would take over anm's nodes into the colony {}",
        colony.session.place
    )];
    if let Some(journal) = &begun {
        lines.push(format!(
            "would resume the takeover with the backup `{}`",
            journal.backup.display()
        ));
    }
    let collector = wish.collector.unwrap_or_default();
    let inventory = colony.inventory(&plan);
    lines.push(told::of(&plan, &inventory, collector, None));
    lines.push(told::steps(&plan, wish, cron.is_some()));
    Ok(lines.join("\n").trim_end().to_owned())
}

fn refuse_other_manager(session: &Session) -> Result<(), ExitError> {
    let kind = session.place.manager;
    if kind == ManagerKind::ANM {
        return Ok(());
    }
    Err(
        ExitError::mistaken(format_args!("`{kind}` cannot run anm's nodes"))
            .hint("nothing was changed; omit `--process_manager`, because anm's nodes need systemd+sudo"),
    )
}

/// The colony that the takeover creates.
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

    /// Requires that later runs can write to anm's directory, where the lock and the database will be.
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
            "`{}` belongs to `{owner}`, but the colony would belong to you",
            base.display()
        ))
        .hint(format_args!(
            "run it as `{owner}` or as root; nothing was changed"
        )))
    }

    /// Resolves the settings: anm's have the lowest priority, except that a variable without the prefix `WNM_`, which may
    /// be set by accident, does not override them.
    fn resolve(&self, plan: &TakeoverPlan) -> Result<Resolved, ExitError> {
        let Session { place, variables, .. } = self.session;
        let mut found = Vec::new();
        for taken in &plan.settings {
            let home = &place.operator.home;
            found.push(settings::from_discovered_nodes(
                taken.name,
                taken.text.clone(),
                home,
                variables,
            )?);
        }
        let is_found = |name: &str| found.iter().any(|one| one.setting.name == name);
        let counts = |value: &&Provided| match &value.source {
            Source::Variable(name, None) => name.starts_with("WNM_") || !is_found(value.setting.name),
            _ => true,
        };
        let mut said: Vec<Provided> = self.session.provided.iter().filter(counts).cloned().collect();
        // No node is removed because of a cap.
        let rows = plan.nodes.len();
        for value in said.iter_mut().filter(|value| is_cap_below(value, rows)) {
            value.text = rows.to_string();
        }
        self.session.resolve_from(None, &found, &said)
    }
}

impl Successor for NewColony<'_> {
    fn exists(&self) -> Result<bool, anm::TakeoverError> {
        match Store::open_read_only(&self.path) {
            Ok(_) => Ok(true),
            Err(error) => match error.fault {
                // A takeover that was killed can leave tables without a machine.
                Fault::Absent | Fault::Uninitialised | Fault::Interrupted => Ok(false),
                _ => Err(error.into()),
            },
        }
    }

    fn apply_settings(&self, plan: &mut TakeoverPlan) -> Result<(), anm::TakeoverError> {
        let resolved = self.resolve(plan).map_err(refused)?;
        for taken in &mut plan.settings {
            let counts = resolved.row.iter().find(|(name, _)| *name == taken.name);
            let text = counts.and_then(|(_, text)| text.clone()).unwrap_or_default();
            if let Some(value) = settings::source::strongest(&self.session.provided, taken.name)
                && resolved.source_of(taken.name) == Some(&value.source)
            {
                let rows = plan.nodes.len();
                plan.warnings.push(if is_cap_below(value, rows) {
                    let say = format!(
                        "node_cap={} ({}) is below the {rows} nodes of this server: raised to {rows}, so that no node is removed",
                        value.text.trim(),
                        value.source
                    );
                    Warning::new(WarningCode::NodeCapRaised, say)
                } else {
                    let say = format!(
                        "{} is `{text}`, as you set ({}), and not anm's `{}`",
                        taken.name, value.source, taken.text
                    );
                    Warning::new(WarningCode::SettingOverridden, say)
                });
                taken.from = value.source.to_string();
                taken.text = text;
            }
        }
        let at_odds = resolved.warnings.iter();
        plan.warnings
            .extend(at_odds.map(|why| Warning::new(WarningCode::SettingsAtOdds, why)));
        Ok(())
    }

    fn make(
        &self,
        plan: &TakeoverPlan,
        check: &dyn Fn(&[Node]) -> Result<(), anm::TakeoverError>,
    ) -> Result<(), anm::TakeoverError> {
        let resolved = self.resolve(plan).map_err(refused)?;
        let instruments = machine_reader()
            .read(&self.session.place.base_dir)
            .map_err(|error| {
                anm::TakeoverError::refused(format_args!("cannot {error}"), "check that `/proc` is mounted")
            })?;
        let storage = self.server.path(&resolved.settings.node_storage);
        let facts = MachineFacts {
            boot_time: Some(plan.boot),
            storage_device: machine_reader().device(&storage),
            cpu_count: instruments.cpus,
            last_stopped_at: plan.boot,
            highest_node_id_used: None,
        };
        let store = Store::create(&self.path, Mode::Sudo)?;
        store.in_transaction(|| {
            store.initialise(&resolved.changes, &facts, &plan.nodes)?;
            store.record_takeover(self.server.clock.now(), &reserved(plan))?;
            check(&store.nodes()?)
        })
    }

    fn inventory(&self, plan: &TakeoverPlan) -> String {
        if plan.nodes.is_empty() {
            return "no nodes: anm has none on this machine".to_owned();
        }
        // Without colours, because the report is also written to a file.
        import_preview::table(&plan.nodes, Coloring::Plain)
    }
}

/// Whether it is a `node_cap` below the number of nodes.
fn is_cap_below(value: &Provided, rows: usize) -> bool {
    value.setting.name == "node_cap" && value.text.trim().parse().is_ok_and(|cap: usize| cap < rows)
}

/// The numbers and ports that new nodes must not use: those of left-over directories and of other managers' nodes.
fn reserved(plan: &TakeoverPlan) -> ReservedNumbers {
    let foreign = plan.foreign.iter();
    let numbers = foreign.clone().filter_map(|unit| unit.number);
    let ids: BTreeSet<NodeId> = numbers
        .chain(plan.leftovers.iter().copied())
        .map(NodeId)
        .collect();
    ReservedNumbers {
        ids,
        ports: foreign.flat_map(anm::NodeUnit::ports).collect(),
    }
}

/// The error for an invalid setting.
fn refused(error: ExitError) -> anm::TakeoverError {
    anm::TakeoverError::refused(error.what, error.hint.unwrap_or_default())
}
