//! The report `trend`.

use crate::clock::Clock;
use crate::colony::Timestamp;
use crate::error::ExitError;
use crate::report::Format;
use crate::report::trend::{PeriodLength, TrendSample, render};
use crate::session::Session;
use crate::settings::Settings;
use crate::store::{Sample, Store};

/// The span without `--since`: a week, in seconds.
const WEEK: i64 = 7 * 86_400;

/// Renders hourly or daily figures since `--since`, by default of the last week.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn trend(
    session: &Session,
    store: &Store,
    settings: &Settings,
    format: Format,
) -> Result<String, ExitError> {
    let now = session.clock.now();
    let since = session
        .run
        .since
        .map_or(Timestamp(now.0.saturating_sub(WEEK)), |since| {
            since.seen_from(now)
        });
    let samples: Vec<TrendSample> = store.samples(since)?.iter().map(figures).collect();
    let length = PeriodLength::for_span(now.since(since));
    Ok(render(
        &samples,
        length,
        settings.policy().disk.remove,
        now,
        format,
    ))
}

fn figures(sample: &Sample) -> TrendSample {
    let known = |value: f64| value.is_finite().then_some(value);
    let readings = &sample.readings;
    TrendSample {
        at: sample.at,
        nodes: sample.nodes,
        cpu: known(sample.rates.used_cpu_percent),
        memory: known(readings.used_mem_percent()),
        load: known(readings.load[0]),
        disk: known(readings.used_hd_percent()),
        disk_used: readings.disk_used,
        disk_size: readings.disk_used.saturating_add(readings.disk_free),
    }
}
