//! Reports of what is stored: no lock is taken, no node is asked, nothing is written.

use crate::clock::Clock;
use crate::colony::{Instruments, Node, Rates};
use crate::error::Error;
use crate::plan::{self, Gauged};
use crate::report::{Format, details, machine, nodes};
use crate::session::{Session, absent};
use crate::settings::{ReportFormat, ReportKind, Settings};
use crate::store::Store;
use crate::survey;
use crate::world::World;

/// The report that was asked for.
///
/// # Errors
/// When there is no colony, it cannot be read, or the report has no such form.
pub fn report(session: &Session, kind: ReportKind) -> Result<String, Error> {
    let format = match session.run.format() {
        ReportFormat::Text => Format::Text,
        ReportFormat::Json => Format::Json,
        ReportFormat::Env | ReportFormat::Config => {
            return Err(Error::mistaken("this report has the formats text and json")
                .hint("leave `--report_format` out, or say `--json`"));
        }
    };
    let store = Store::open_read_only(&session.place.db_path).map_err(|error| absent(session, error))?;
    let resolved = session.resolve(Some(&store))?;
    let all = store.nodes()?;
    let now = session.clock.now();
    match kind {
        ReportKind::NodeStatus => Ok(nodes::render(
            &chosen(session, &all),
            format,
            session.terminal.out,
        )),
        ReportKind::NodeStatusDetails => Ok(details::render(
            &chosen(session, &all),
            &store.particulars()?,
            format,
            now,
        )),
        ReportKind::MachineConfig => {
            let mut row = store.machine_sayings()?;
            for (name, text) in &resolved.changes {
                match row.iter_mut().find(|(column, _)| column == name) {
                    Some((_, kept)) => kept.clone_from(text),
                    None => row.push(((*name).to_owned(), text.clone())),
                }
            }
            Ok(machine::config(&row, &session.place.db_path, format))
        }
        ReportKind::MachineMetrics => {
            let world = session.world(&resolved.settings);
            metrics(session, &store, &world, &resolved.settings, &all, format)
        }
        ReportKind::InfluxResources => Err(Error::mistaken(
            "the report influx-resources is not in this version of wnm",
        )),
    }
}

/// The nodes that were named, in the order they were named, or all.
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

fn metrics(
    session: &Session,
    store: &Store,
    world: &World,
    settings: &Settings,
    all: &[Node],
    format: Format,
) -> Result<String, Error> {
    let read = || {
        world
            .gauge
            .read(&settings.node_storage)
            .map_err(|error| Error::refused(format_args!("cannot {error}")))
    };
    let now = read()?;
    let since_last = store
        .last_sample()?
        .and_then(|last| Rates::since(&last.counters, last.boot, &now));
    let (instruments, rates): (Instruments, Rates) = match since_last {
        Some(rates) => (now, rates),
        None => {
            world.clock.sleep(survey::SAMPLE);
            let later = read()?;
            let rates = Rates::between(&now.counters, &later.counters).unwrap_or_default();
            (later, rates)
        }
    };
    let binary = survey::find_antnode(&*world.gauge, session.lookup(settings), &store.binaries()?).ok();
    let metrics = plan::measure(
        all,
        &Gauged::of(&instruments, &rates),
        binary.as_ref().map(|binary| &binary.version),
        &settings.policy(),
        session.clock.now(),
    );
    Ok(machine::metrics(
        &machine::Figures {
            metrics: &metrics,
            instruments: &instruments,
            rates: &rates,
            nodes: all,
            antnode: binary.as_ref().map(|binary| binary.path.as_path()),
            hd_remove: settings.policy().disk.remove,
            crisis_bytes: settings.crisis_bytes,
        },
        format,
    ))
}
