//! Finds the nodes to import, and derives rows and settings from them.

use std::path::Path;

use crate::clock::Clock;
use crate::colony::{Binary, ManagerKind, Node, NodeState, ProcessStatus};
use crate::error::ExitError;
use crate::manager::process_scan;
use crate::report::import_preview;
use crate::session::Session;
use crate::settings::{self, Provided, Resolved};
use crate::store::Store;
use crate::survey::Limits;
use crate::takeover::import::{self, Batch, ImportedNode, KnownColony, RunningNode, SettingHint};
use crate::world::World;

use super::other_colonies;
use super::preconditions::{refuse_python, supported};

/// anm's cron file.
const ANM: &str = "/etc/cron.d/anm";

/// The nodes that were found, and the settings of their colony.
pub(in crate::commands) struct Import {
    pub(in crate::commands) resolved: Resolved,
    pub(in crate::commands) batch: Batch,
    /// The settings that come from the nodes.
    hints: Vec<SettingHint>,
    /// The number of nodes that the colony has already.
    there: usize,
}

impl Import {
    /// Finds the nodes of this run's process manager that are not among the nodes `there`, checks each, and derives
    /// settings from them. Changes nothing.
    pub(in crate::commands) fn find(
        session: &Session,
        store: Option<&Store>,
        there: &[Node],
    ) -> Result<Import, ExitError> {
        let is_said = |name: &str| {
            let said = |value: &Provided| value.setting.name == name && value.source.is_explicit();
            session.provided.iter().any(said)
        };
        // The wallet is read from the nodes later. Until then any valid address will do.
        let assumed = match store {
            None if !is_said("rewards_address") => {
                vec![found(session, "rewards_address", "faucet".to_owned())?]
            }
            _ => Vec::new(),
        };
        let before = session.resolve_from(store, &assumed, &session.provided)?;
        refuse_anm(&before, Path::new(ANM))?;
        refuse_python(session)?;
        let world = session.world(&before.settings);
        supported(&world, &before)?;
        let mut seen = seen(&world, &before, there)?;
        let left_out = other_colonies::leave_out(session, &mut seen);
        let now = session.clock.now();
        let mut batch = import::import_nodes(seen, there, &before.settings.policy(), now);
        batch.warnings.extend(left_out);
        let words = session.launch_policy(&before.settings).default_start_args();
        let known = KnownColony {
            storage: &before.settings.node_storage,
            nodes: there.len(),
            node_cap: before.settings.policy().cap,
            highest_id_used: before.settings.highest_node_id_used,
            words: &words,
        };
        let mut hints = import::hints(&batch.nodes, &known);
        // The operator's settings have priority, except for a cap that would remove nodes.
        hints.retain(|hint| {
            hint.setting == "node_cap" || is_used(hint, store.is_some(), there) && !is_said(hint.setting)
        });
        let mut provided = Vec::new();
        hints.retain(|hint| match found(session, hint.setting, hint.text.clone()) {
            Ok(value) => {
                provided.push(value);
                true
            }
            Err(error) => {
                batch
                    .warnings
                    .push(format!("{}; the value of the nodes is not used", error.what));
                false
            }
        });
        let resolved = raised(session, store, &provided)?;
        hints.retain(|hint| is_change(hint, &before, &resolved));
        session.log_settings(&resolved);
        learn_versions(&world, &resolved, &mut batch.nodes);
        let common = session.launch_policy(&resolved.settings).default_start_args();
        let settings = &resolved.settings;
        let starts = [
            settings.port_start,
            settings.metrics_port_start,
            settings.rpc_port_start,
        ];
        import::align_with_settings(&mut batch.nodes, &known, &common, starts);
        Ok(Import {
            resolved,
            batch,
            hints,
            there: there.len(),
        })
    }

    /// The output of a dry run: `what` would be done, a table of the nodes, and the settings.
    pub(in crate::commands) fn preview(&self, session: &Session, what: &str) -> String {
        for line in &self.batch.warnings {
            tracing::warn!("{line}");
        }
        if session.run.json {
            return import_preview::as_json(&self.batch.nodes);
        }
        let mut lines = vec![what.to_owned()];
        lines.push(import_preview::table(&self.batch.nodes, session.terminal.out));
        lines.extend(self.effects());
        lines.join("\n")
    }

    /// Logs what was imported.
    pub(in crate::commands) fn log_result(&self, session: &Session) {
        for line in &self.batch.warnings {
            tracing::warn!("{line}");
        }
        tracing::info!(
            "imported {} into {}",
            import_preview::count(&self.batch.nodes),
            session.place
        );
        for line in self.effects() {
            tracing::info!("{line}");
        }
    }

    /// How the import affects the settings and the next cycles.
    fn effects(&self) -> Vec<String> {
        let nodes = &self.batch.nodes;
        let mut lines: Vec<String> = self
            .hints
            .iter()
            .map(|hint| {
                let SettingHint { setting, text, by } = hint;
                match *setting {
                    "node_cap" => format!("node_cap is raised to {text}, the number of nodes"),
                    _ => format!("{setting} is `{text}`, as for {by} of {} nodes", nodes.len()),
                }
            })
            .collect();
        let down: Vec<&str> = nodes
            .iter()
            .filter(|node| node.state == NodeState::Stopped)
            .map(|node| node.service.0.as_str())
            .collect();
        if !down.is_empty() {
            lines.push(format!(
                "stopped, and started by the next cycles: {}; to keep one stopped: \
                 `wnm --force_action disable --service_name NAME`",
                down.join(", ")
            ));
        }
        let cap = self.resolved.settings.policy().cap;
        let count = nodes.len() + self.there;
        let room = cap - i64::try_from(count).unwrap_or(cap);
        if room > 0 && !nodes.is_empty() {
            lines.push(format!(
                "node_cap is {cap}: wnm will add {room} more if the machine allows; to add none: `--node_cap {count}`"
            ));
        }
        lines
    }
}

/// The setting that the nodes have, if it is valid.
fn found(session: &Session, name: &'static str, text: String) -> Result<Provided, ExitError> {
    Ok(settings::from_discovered_nodes(
        name,
        text,
        &session.place.operator.home,
        &session.variables,
    )?)
}

/// Whether the value of the nodes is used. In an existing colony only ports and numbers are, and only numbers if it has
/// nodes: the rest is the operator's choice.
fn is_used(hint: &SettingHint, is_there: bool, nodes: &[Node]) -> bool {
    if !nodes.is_empty() {
        return hint.setting == "highest_node_id_used";
    }
    let of_place = [
        "port_start",
        "metrics_port_start",
        "rpc_port_start",
        "highest_node_id_used",
    ];
    !is_there || of_place.contains(&hint.setting)
}

/// Whether the hint changes a setting.
fn is_change(hint: &SettingHint, before: &Resolved, after: &Resolved) -> bool {
    let of = |resolved: &Resolved| {
        let row = resolved.row.iter().find(|(name, _)| *name == hint.setting);
        row.and_then(|(_, text)| text.clone())
    };
    hint.setting == "rewards_address" || of(before) != of(after)
}

/// Resolves the settings with those of the nodes. A cap below the number of nodes is raised to it.
fn raised(session: &Session, store: Option<&Store>, found: &[Provided]) -> Result<Resolved, ExitError> {
    let is_cap = |value: &&Provided| value.setting.name == "node_cap";
    let is_raised = found.iter().any(|value| is_cap(&value));
    let said: Vec<Provided> = session
        .provided
        .iter()
        .filter(|value| !(is_raised && is_cap(value)))
        .cloned()
        .collect();
    session.resolve_from(store, found, &said)
}

/// Rejects the import while anm runs, because anm acts on every unit named `antnode…`.
fn refuse_anm(resolved: &Resolved, schedule: &Path) -> Result<(), ExitError> {
    let kind = resolved.settings.process_manager;
    if kind == ManagerKind::ANM && schedule.exists() {
        return Err(ExitError::refused(format_args!(
            "anm runs the nodes of this machine (`{}`), and two managers would undo each other's work",
            schedule.display()
        ))
        .hint("to take over its nodes: `wnm --init --migrate_anm`"));
    }
    Ok(())
}

/// Finds the nodes of the process manager, and queries them.
fn seen(world: &World, resolved: &Resolved, there: &[Node]) -> Result<Vec<ImportedNode>, ExitError> {
    let settings = &resolved.settings;
    let manager = world
        .managers
        .of(settings.process_manager)
        .map_err(ExitError::refused)?;
    let mut nodes = manager.discover().map_err(ExitError::refused)?;
    nodes.retain(|node| !there.iter().any(|known| is_same_node(known, node)));
    let processes = match manager.inspect(&nodes) {
        Ok(processes) => processes.into_iter().map(Some).collect(),
        Err(error) => {
            tracing::warn!(
                "cannot list the processes of {}: {error}",
                settings.process_manager
            );
            vec![None; nodes.len()]
        }
    };
    let limits = Limits {
        spacing: settings.effective_survey_delay(),
        ..Limits::default()
    };
    let answers = world.probe.ask(&nodes, &limits, world.clock.now());
    let roots: Vec<_> = nodes.iter().map(|node| node.home.root.clone()).collect();
    let has_root = world.machine_reader.has_root(&roots);
    let observations = answers.into_iter().zip(has_root).zip(processes);
    Ok(nodes
        .into_iter()
        .zip(observations)
        .map(|(node, ((answer, has_root), process))| ImportedNode {
            observation: crate::colony::NodeObservation {
                answer,
                has_root: has_root.is_there(),
                process,
            },
            runs: process.and_then(|process| runs(&node, process)),
            node,
        })
        .collect())
}

/// Whether a node that was found is one that the colony has.
fn is_same_node(known: &Node, found: &Node) -> bool {
    let is_same_service = known.manager == found.manager && known.service == found.service;
    is_same_service || process_scan::is_same_root(&known.home.root, &found.home.root)
}

/// The arguments of the process of a node. `None`: it is not an antnode, or cannot be read.
fn runs(node: &Node, process: ProcessStatus) -> Option<RunningNode> {
    let pid = process.pid?;
    let told = process_scan::node(pid)?;
    // A symlink is the same directory, and so is a relative path, which cannot be resolved here.
    let is_same = told.root.is_relative() || process_scan::is_same_root(&told.root, &node.home.root);
    Some(RunningNode {
        pid,
        root: match is_same {
            true => node.home.root.clone(),
            false => told.root,
        },
        port: told.port,
        metrics_port: told.metrics_port,
    })
}

/// Reads the versions of stopped nodes from their binaries.
fn learn_versions(world: &World, resolved: &Resolved, nodes: &mut [Node]) {
    let storage = &resolved.settings.node_storage;
    let mut known: Vec<Binary> = Vec::new();
    for node in nodes {
        if node.version.is_some() || node.state == NodeState::Disabled || !node.has_own_binary(storage) {
            continue;
        }
        match world.machine_reader.binary(&node.home.binary, &known) {
            Ok(binary) => {
                node.version = Some(binary.version.clone());
                node.memory.binary_key = Some(binary.key);
                known.push(binary);
            }
            Err(error) => tracing::debug!("the version of {} stays unknown: cannot {error}", node.service),
        }
    }
}
