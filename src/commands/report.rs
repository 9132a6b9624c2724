//! `--report`: reports from the database. They take no lock, query no node and write nothing.

use super::survey_step::{format_unknown, storages_of, survey_and_record, sustained_rates};
use super::{textfile, trend};
use crate::clock::Clock;
use crate::colony::{
    Answer, Binary, MachineReadings, Metrics, Node, NodeObservation, NodeReading, NodeState, Rates, Timestamp,
};
use crate::error::ExitError;
use crate::manager::process_scan::PlainNodes;
use crate::plan::{self, MachineFigures, PlanInput, Policy, Template, Trigger};
use crate::report::{
    Format, formats, history, influx, machine_reports, node_details, node_status, plan as plan_report,
};
use crate::session::{Colony, Session, absent, node_binary, read_node_rows, reserved, unknown_nodes};
use crate::settings::{ForceAction, OtherAction, ReportKind, Settings};
use crate::store::{Event, NodeRows, Store, UnreadableRow};
use crate::survey;
use crate::world::World;

/// Rejects a format or flag that the report does not have.
fn check(session: &Session, kind: ReportKind) -> Result<(), ExitError> {
    let format = session.run.format();
    if !formats(kind).contains(&format) && !falls_back(kind, format) {
        return Err(without(kind, format));
    }
    if session.run.since.is_some() && !matches!(kind, ReportKind::History | ReportKind::Trend) {
        return Err(ExitError::mistaken(format_args!(
            "`--since` requires `--report history` or `--report trend`, and cannot be used with `{}`",
            kind.word()
        )));
    }
    Ok(())
}

/// Renders the requested report. With `--force_action survey`, nodes are surveyed first.
///
/// # Errors
/// When there is no colony, it cannot be read, or the report does not have this format.
pub(super) fn report(session: &Session, kind: ReportKind) -> Result<String, ExitError> {
    check(session, kind)?;
    if session.run.force_action == Some(ForceAction::Other(OtherAction::Survey)) {
        let mut colony = Colony::open(session)?;
        survey_and_record(session, &mut colony, &session.run.service_name)?;
    }
    let mut format = session.run.format();
    if falls_back(kind, format) {
        tracing::warn!(
            "the report `{}` has no format `{}`; printing text instead",
            kind.word(),
            format.word()
        );
        format = Format::Text;
    }
    let store = Store::open_read_only(&session.place.db_path).map_err(|error| absent(session, error))?;
    let resolved = session.resolve(Some(&store))?;
    let NodeRows { nodes: all, unread } = read_node_rows(&store)?;
    let now = session.clock.now();
    match kind {
        ReportKind::NodeStatus => Ok(node_status::render(
            &chosen(session, &all),
            format,
            session.terminal.out,
        )),
        ReportKind::NodeStatusDetails => Ok(node_details::render(
            &chosen(session, &all),
            &store.peer_columns()?,
            format,
            now,
        )),
        ReportKind::InfluxResources => {
            let (text, odd) = influx::render(&chosen(session, &all), format, now);
            for node in odd {
                tracing::warn!(
                    "the rewards of {} are not in the total: `{}` is no amount",
                    node.service,
                    node.figures.rewards
                );
            }
            Ok(text)
        }
        ReportKind::MachineConfig => {
            let mut row = store.stored_settings()?;
            for (name, text) in &resolved.changes {
                match row.iter_mut().find(|(column, _)| column == name) {
                    Some((_, kept)) => kept.clone_from(text),
                    None => row.push(((*name).to_owned(), text.clone())),
                }
            }
            Ok(machine_reports::config(&row, &session.place.db_path, format))
        }
        ReportKind::MachineMetrics => {
            let world = session.world(&resolved.settings);
            let machine_survey = MachineSurvey::read(session, &store, &world, &resolved.settings)?;
            Ok(machine_reports::metrics(
                &machine_reports::MachineReport {
                    // At time 0 no removal is due, so all rows count.
                    metrics: &machine_survey.measure(&all, &resolved.settings, Timestamp(0)),
                    instruments: &machine_survey.instruments,
                    rates: &machine_survey.rates,
                    nodes: &all,
                    sharing: &survey::sharing(&*world.machine_reader, &all),
                    peer_columns: &store.peer_columns()?,
                    antnode: machine_survey.binary.as_ref().map(|binary| binary.path.as_path()),
                    hd_remove: resolved.settings.policy().disk.remove,
                    crisis_bytes: resolved.settings.crisis_bytes,
                },
                format,
            ))
        }
        ReportKind::History => Ok(history::render(&events(session, &store)?, format)),
        ReportKind::Prometheus => Ok(textfile::prometheus(
            session,
            &store,
            &resolved.settings,
            &all,
            now,
        )?),
        ReportKind::Trend => trend::trend(session, &store, &resolved.settings, format),
        ReportKind::Plan => preview_plan(session, &store, &resolved.settings, (all, &unread), format),
    }
}

/// Whether the peer prints text instead of a format that the report does not have. Scripts for it expect the same.
fn falls_back(kind: ReportKind, format: Format) -> bool {
    let of_nodes = matches!(
        kind,
        ReportKind::NodeStatus | ReportKind::NodeStatusDetails | ReportKind::InfluxResources
    );
    of_nodes && matches!(format, Format::Env | Format::Config)
}

fn without(kind: ReportKind, format: Format) -> ExitError {
    let words: Vec<&str> = formats(kind).iter().map(|format| format.word()).collect();
    ExitError::mistaken(format_args!(
        "the report `{}` has no format `{}`, only {}",
        kind.word(),
        format.word(),
        words.join(", ")
    ))
    .hint("omit `--report_format`, or use `--json`")
}

/// The nodes named on the command line, in that order; all nodes if none is named.
fn chosen<'a>(session: &Session, all: &'a [Node]) -> Vec<&'a Node> {
    if session.run.service_name.is_empty() {
        return all.iter().collect();
    }
    let find = |name: &String| match plan::find(name, all) {
        Ok(node) => Some(node),
        Err(why) => {
            tracing::warn!("`{name}`: {why}");
            None
        }
    };
    session.run.service_name.iter().filter_map(find).collect()
}

/// The events that the operator selected by time, node and count, oldest first.
fn events(session: &Session, store: &Store) -> Result<Vec<history::HistoryEntry>, ExitError> {
    let run = &session.run;
    let since = run.since.map(|since| since.seen_from(session.clock.now()));
    let most = run.count.map_or(usize::MAX, |count| count as usize);
    let fetched = if run.service_name.is_empty() {
        most
    } else {
        usize::MAX
    };
    let mut entries: Vec<history::HistoryEntry> = store
        .events(since, fetched)?
        .into_iter()
        .map(entry)
        .filter(|entry| {
            let mut names = run.service_name.iter();
            run.service_name.is_empty() || names.any(|name| entry.is_about(name))
        })
        .take(most)
        .collect();
    entries.reverse();
    Ok(entries)
}

fn entry(event: Event) -> history::HistoryEntry {
    history::HistoryEntry {
        at: event.at.0,
        time: event.at.utc(),
        run: event.run,
        action: event.action,
        node: event.node.map(|node| node.0),
        service: event.service.map(|service| service.0),
        reason: event.reason,
        figures: event.figures,
        forced: event.forced,
        outcome: event.outcome.word(),
        error: event.error,
        warning: event.warning,
        duration_ms: event.duration_ms,
    }
}

/// Plans the next cycle for the state in which every node was last seen.
fn preview_plan(
    session: &Session,
    store: &Store,
    settings: &Settings,
    (nodes, unread): (Vec<Node>, &[UnreadableRow]),
    format: Format,
) -> Result<String, ExitError> {
    let world = session.world(settings);
    let machine_survey = MachineSurvey::read(session, store, &world, settings)?;
    let unknown = PlainNodes::read()
        .map(|running| unknown_nodes(&running, settings, (&nodes, unread)))
        .unwrap_or_default();
    if let Some(text) = format_unknown(&unknown, settings) {
        tracing::warn!("{text}");
    }
    let policy = Policy {
        takeover: store.takeover()?,
        ..settings
            .policy()
            .with_room_for(unread.len() + unknown.len(), nodes.len())
    };
    let kept = store.reserved()?;
    let mut ids = reserved(&world, settings, (&nodes, unread));
    ids.extend(kept.ids);
    let now = session.clock.now();
    let safety_stop = foreseen_stop(&world, store, settings, &nodes)?;
    let observations: Vec<NodeObservation> = nodes.iter().map(as_last_seen).collect();
    let nodes = plan::update_states(nodes, &observations, &[], &policy, true, now)
        .map_err(ExitError::refused)?
        .nodes;
    let sustained = sustained_rates(store, &machine_survey.instruments, now)?;
    let machine =
        MachineFigures::of(&machine_survey.instruments, &machine_survey.rates).with_sustained(sustained);
    let binary = node_binary(settings, machine_survey.binary.as_ref());
    let output = plan::plan_around_pauses(
        &nodes,
        &PlanInput {
            policy: &policy,
            template: &Template {
                reserved: ids,
                reserved_ports: kept.ports.into_iter().collect(),
                ..settings.template(&session.place)
            },
            machine: &machine,
            binary: binary.as_ref().map(|binary| &binary.version),
            trigger: Trigger::Ordinary,
            port_in_use: &|ports| world.machine_reader.busy_port(&ports),
            now,
        },
        &store.pauses()?,
    );
    Ok(plan_report::render(
        &plan_report::PlanPreview {
            at: now,
            policy: &policy,
            output: &output,
            nodes: &nodes,
            safety_stop,
        },
        format,
    ))
}

/// Why the next cycle would stop: the directories of nodes are missing now.
fn foreseen_stop(
    world: &World,
    store: &Store,
    settings: &Settings,
    nodes: &[Node],
) -> Result<Option<String>, ExitError> {
    let (facts, devices) = (store.facts()?, store.devices()?);
    let mounts = devices.keys().cloned().collect();
    let storage = &settings.node_storage;
    let now = survey::node_filesystems(&*world.machine_reader, nodes, storage, &mounts);
    let own = (storage.as_path(), facts.storage_device);
    let storages = storages_of(own, &devices, now.device, &now.elsewhere);
    Ok(plan::foresee_stop(nodes, &now.has_root, &storages).map(|stop| stop.without_override()))
}

/// An observation that does not change the node; a restarting or upgrading node counts as up.
fn as_last_seen(node: &Node) -> NodeObservation {
    let answer = match &node.version {
        Some(version) if matches!(node.state, NodeState::Restarting | NodeState::Upgrading) => {
            Answer::Up(Box::new(NodeReading {
                version: version.clone(),
                peer_id: None,
                figures: None,
            }))
        }
        _ => Answer::Unasked,
    };
    NodeObservation {
        answer,
        has_root: node.state != NodeState::Dead,
        process: None,
    }
}

/// The current readings of the machine, and the antnode binary for new nodes.
struct MachineSurvey {
    instruments: MachineReadings,
    rates: Rates,
    binary: Option<Binary>,
}

impl MachineSurvey {
    /// Computes rates since the last cycle if it was recent enough, else over one second.
    fn read(
        session: &Session,
        store: &Store,
        world: &World,
        settings: &Settings,
    ) -> Result<MachineSurvey, ExitError> {
        let read = || {
            world
                .machine_reader
                .read(&settings.node_storage)
                .map_err(|error| ExitError::refused(format_args!("cannot {error}")))
        };
        let now = read()?;
        let since_last = store
            .last_sample()?
            .and_then(|last| Rates::known_at(&last.readings, &last.rates, &now));
        let (instruments, rates) = match since_last {
            Some(rates) => (now, rates),
            None => {
                world.clock.sleep(survey::SAMPLE);
                let later = read()?;
                let rates = Rates::between(&now.counters, &later.counters).unwrap_or(Rates::UNKNOWN);
                (later, rates)
            }
        };
        let binary = survey::find_antnode(
            &*world.machine_reader,
            session.lookup(settings),
            &store.binaries()?,
        )
        .ok();
        Ok(MachineSurvey {
            instruments: instruments.with_boot_steady(store.facts()?.boot_time),
            rates,
            binary,
        })
    }

    fn measure(&self, nodes: &[Node], settings: &Settings, now: Timestamp) -> Metrics {
        plan::measure(
            nodes,
            &MachineFigures::of(&self.instruments, &self.rates),
            self.binary.as_ref().map(|binary| &binary.version),
            &settings.policy(),
            now,
        )
    }
}
