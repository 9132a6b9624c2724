//! `trend`: hourly or daily figures of the colony and the machine.

mod periods;

use serde::Serialize;

use periods::{DiskGrowth, Gap, Period, Range, disk_growth, divide, gaps};
pub use periods::{PeriodLength, TrendSample};

use super::table::{self, Cell, Column, Row};
use super::{Format, pretty};
use crate::colony::Timestamp;
use crate::terminal::Coloring;

/// The report, in the form of its JSON.
#[derive(Debug, Serialize)]
struct Trend {
    /// `hour` or `day`.
    period: PeriodLength,
    periods: Vec<Period>,
    /// Times without a survey.
    gaps: Vec<Gap>,
    disk: Option<DiskGrowth>,
}

/// The report on `samples`, in the order in which they were written. `disk_limit` is `hd_remove` in percent.
#[must_use]
pub fn render(
    samples: &[TrendSample],
    length: PeriodLength,
    disk_limit: f64,
    now: Timestamp,
    format: Format,
) -> String {
    let trend = Trend {
        period: length,
        periods: divide(samples, length),
        gaps: gaps(samples, now),
        disk: disk_growth(samples, disk_limit),
    };
    match format {
        Format::Json => pretty(&trend),
        Format::Csv => csv(&trend.periods),
        _ if trend.periods.is_empty() => "No samples found: no cycle has surveyed in this time.".to_owned(),
        _ => text(&trend, disk_limit),
    }
}

/// The figures that text and CSV show: name, and how to read it from a period.
type Figure = (&'static str, fn(&Period) -> Range);

const FIGURES: &[Figure] = &[
    ("running", |period| period.running),
    ("stopped", |period| period.stopped),
    ("dead", |period| period.dead),
    ("disabled", |period| period.disabled),
    ("cpu_percent", |period| period.cpu_percent),
    ("memory_percent", |period| period.memory_percent),
    ("load", |period| period.load),
    ("disk_percent", |period| period.disk_percent),
];

fn csv(periods: &[Period]) -> String {
    let mut heading = "begin,samples".to_owned();
    for (name, _) in FIGURES {
        heading += &format!(",{name}_mean,{name}_least,{name}_most");
    }
    heading += ",disk_used";
    let mut lines = vec![heading];
    for period in periods {
        let mut line = format!("{},{}", period.begin, period.samples);
        for (_, figure) in FIGURES {
            let Range { mean, least, most } = figure(period);
            for value in [mean, least, most] {
                line += &format!(
                    ",{}",
                    value.map_or_else(String::new, |value| format!("{value:.2}"))
                );
            }
        }
        line += &format!(",{}", period.disk_used);
        lines.push(line);
    }
    lines.join("\n")
}

fn text(trend: &Trend, disk_limit: f64) -> String {
    let columns = [
        Column::text(
            if trend.period == PeriodLength::Day {
                "Day (UTC)"
            } else {
                "Hour (UTC)"
            },
            10,
        ),
        Column::number("Running", 7),
        Column::number("least", 5),
        Column::number("Dead", 4),
        Column::number("CPU %", 5),
        Column::number("most", 4),
        Column::number("Mem %", 5),
        Column::number("Load", 5),
        Column::number("most", 5),
        Column::number("Disk %", 6),
    ];
    let rows: Vec<Row> = trend
        .periods
        .iter()
        .map(|period| row(period, trend.period))
        .collect();
    let mut lines = table::lines(&columns, &rows, Coloring::Plain);
    if trend.periods.len() > 1 {
        lines.push(String::new());
        let lists: [Figure; 4] = [
            ("running", |period| period.running),
            ("CPU", |period| period.cpu_percent),
            ("load", |period| period.load),
            ("disk", |period| period.disk_percent),
        ];
        for (name, figure) in lists {
            let means: Vec<Option<f64>> = trend.periods.iter().map(|period| figure(period).mean).collect();
            lines.push(format!("{name:<8} {}", sparkline(&means)).trim_end().to_owned());
        }
    }
    lines.push(String::new());
    lines.push(match trend.disk {
        None => "Disk: its growth is known after six hours.".to_owned(),
        Some(DiskGrowth {
            bytes_a_day,
            days_until_limit: None,
        }) => {
            format!("Disk: it does not grow ({:.2} GB a day).", bytes_a_day / 1e9)
        }
        Some(DiskGrowth {
            bytes_a_day,
            days_until_limit: Some(days),
        }) => format!(
            "Disk: it grows by {:.2} GB a day and reaches {disk_limit} % (hd_remove) in {days:.0} days.",
            bytes_a_day / 1e9
        ),
    });
    for gap in trend.gaps.iter().rev().take(GAPS_SHOWN) {
        lines.push(format!("No survey for {} after {}.", span(gap.seconds), gap.from));
    }
    lines.join("\n")
}

/// The text shows only the latest gaps.
const GAPS_SHOWN: usize = 5;

fn span(seconds: i64) -> String {
    match seconds {
        ..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn row(period: &Period, length: PeriodLength) -> Row {
    let begin = match length {
        PeriodLength::Day => period.begin.get(..10),
        PeriodLength::Hour => period.begin.get(..16),
    };
    let whole = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.0}"));
    let decimal = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
    let cells: Vec<Cell> = vec![
        begin.unwrap_or(&period.begin).replace('T', " ").into(),
        decimal(period.running.mean).into(),
        whole(period.running.least).into(),
        whole(period.dead.most).into(),
        decimal(period.cpu_percent.mean).into(),
        whole(period.cpu_percent.most).into(),
        decimal(period.memory_percent.mean).into(),
        decimal(period.load.mean).into(),
        decimal(period.load.most).into(),
        decimal(period.disk_percent.most).into(),
    ];
    cells.into()
}

/// One block for each value, as high as its place between the least and the most; a space for an unknown value.
fn sparkline(values: &[Option<f64>]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let known = || values.iter().flatten().copied();
    let (least, most) = (
        known().fold(f64::INFINITY, f64::min),
        known().fold(f64::NEG_INFINITY, f64::max),
    );
    let block = |value: f64| {
        let share = if most > least {
            (value - least) / (most - least)
        } else {
            0.0
        };
        // Between 0 and 7.
        BLOCKS[(share * 7.0).round().clamp(0.0, 7.0) as usize]
    };
    values.iter().map(|value| value.map_or(' ', block)).collect()
}

#[cfg(test)]
mod tests;
