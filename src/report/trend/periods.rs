//! Hourly and daily figures from the samples of the machine.

use serde::Serialize;

use crate::colony::{NodeState, Timestamp};

/// One sample, as the report needs it. A figure that is not known is None.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrendSample {
    pub at: Timestamp,
    /// How many nodes are in each state, in the order of [`NodeState::ALL`].
    pub nodes: [u32; NodeState::ALL.len()],
    /// Percent.
    pub cpu: Option<f64>,
    /// Percent.
    pub memory: Option<f64>,
    pub load: Option<f64>,
    /// Percent.
    pub disk: Option<f64>,
    /// Bytes.
    pub disk_used: u64,
    /// Bytes that a user can fill, those in use included.
    pub disk_size: u64,
}

/// The length of a period of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PeriodLength {
    Hour,
    Day,
}

impl PeriodLength {
    /// Hours for a span of up to two days, days for a longer one.
    #[must_use]
    pub fn for_span(seconds: i64) -> PeriodLength {
        if seconds <= 2 * PeriodLength::Day.seconds() {
            PeriodLength::Hour
        } else {
            PeriodLength::Day
        }
    }

    pub(super) fn seconds(self) -> i64 {
        match self {
            PeriodLength::Hour => 3_600,
            PeriodLength::Day => 86_400,
        }
    }
}

/// Mean, least and most of a figure; all None if it was never known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Range {
    pub mean: Option<f64>,
    pub least: Option<f64>,
    pub most: Option<f64>,
}

/// The figures of an hour or a day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Period {
    /// Its begin in UTC.
    pub begin: String,
    /// Seconds since 1970.
    pub at: i64,
    /// The number of samples in it.
    pub samples: usize,
    pub running: Range,
    pub stopped: Range,
    pub dead: Range,
    pub disabled: Range,
    pub cpu_percent: Range,
    pub memory_percent: Range,
    pub load: Range,
    pub disk_percent: Range,
    /// Bytes of the disk in use at the end.
    pub disk_used: u64,
}

/// A gap in the samples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The last survey before it, in UTC.
    pub from: String,
    pub seconds: i64,
}

/// The periods that have samples, oldest first. `samples` are in the order in which they were written.
#[must_use]
pub fn divide(samples: &[TrendSample], length: PeriodLength) -> Vec<Period> {
    let begin = |sample: &TrendSample| sample.at.0.div_euclid(length.seconds()) * length.seconds();
    let mut sorted: Vec<&TrendSample> = samples.iter().collect();
    sorted.sort_by_key(|sample| sample.at);
    sorted
        .chunk_by(|one, next| begin(one) == begin(next))
        .map(|chunk| summarize(Timestamp(begin(chunk[0])), chunk))
        .collect()
}

fn summarize(begin: Timestamp, samples: &[&TrendSample]) -> Period {
    let of = |figure: &dyn Fn(&TrendSample) -> Option<f64>| {
        range(samples.iter().filter_map(|sample| figure(sample)))
    };
    let count = |state: NodeState| {
        let place = NodeState::ALL.iter().position(|other| *other == state);
        of(&|sample| Some(f64::from(sample.nodes[place?])))
    };
    Period {
        begin: begin.utc(),
        at: begin.0,
        samples: samples.len(),
        running: count(NodeState::Running),
        stopped: count(NodeState::Stopped),
        dead: count(NodeState::Dead),
        disabled: count(NodeState::Disabled),
        cpu_percent: of(&|sample| sample.cpu),
        memory_percent: of(&|sample| sample.memory),
        load: of(&|sample| sample.load),
        disk_percent: of(&|sample| sample.disk),
        disk_used: samples.last().map_or(0, |sample| sample.disk_used),
    }
}

fn range(values: impl Iterator<Item = f64>) -> Range {
    let (mut sum, mut count, mut range) = (0.0, 0_u32, Range::default());
    for value in values.filter(|value| value.is_finite()) {
        sum += value;
        count += 1;
        range.least = Some(range.least.map_or(value, |least| least.min(value)));
        range.most = Some(range.most.map_or(value, |most| most.max(value)));
    }
    range.mean = (count > 0).then(|| sum / f64::from(count));
    range
}

/// The times without a survey: more than three times the usual distance of two samples. After a day one sample in ten
/// minutes is kept, after a week one an hour.
#[must_use]
pub fn gaps(samples: &[TrendSample], now: Timestamp) -> Vec<Gap> {
    let interval = usual_interval(samples);
    let usual = |at: Timestamp| match now.since(at) {
        ..=93_600 => interval,
        93_601..=608_400 => interval.max(600),
        _ => interval.max(3_600),
    };
    let ends = samples.iter().skip(1).map(|sample| sample.at).chain([now]);
    samples
        .iter()
        .zip(ends)
        .map(|(sample, next)| (sample.at, next.since(sample.at)))
        .filter(|(at, seconds)| *seconds > 3 * usual(*at))
        .map(|(at, seconds)| Gap {
            from: at.utc(),
            seconds,
        })
        .collect()
}

/// The median distance of the newest samples, at least a minute: a colony may run its cycles every ten minutes.
fn usual_interval(samples: &[TrendSample]) -> i64 {
    let newest = &samples[samples.len().saturating_sub(100)..];
    let mut distances: Vec<i64> = newest
        .windows(2)
        .map(|pair| pair[1].at.since(pair[0].at))
        .collect();
    distances.sort_unstable();
    distances.get(distances.len() / 2).copied().unwrap_or(0).max(60)
}

/// How fast the disk fills.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DiskGrowth {
    /// Bytes a day: a straight line through the samples of the last day.
    pub bytes_a_day: f64,
    /// Days until `hd_remove` is reached at this pace. None: it does not grow.
    pub days_until_limit: Option<f64>,
}

/// The span that the growth is computed from, and how much of it must have samples; seconds.
const GROWTH_SPAN: i64 = 86_400;
const LEAST_SPAN: i64 = 6 * 3_600;

/// None: fewer than six hours of samples. `limit` is `hd_remove` in percent.
#[must_use]
pub fn disk_growth(samples: &[TrendSample], limit: f64) -> Option<DiskGrowth> {
    let last = samples.last()?;
    let points: Vec<(f64, f64)> = samples
        .iter()
        .filter(|sample| (0..=GROWTH_SPAN).contains(&last.at.since(sample.at)) && sample.disk_size > 0)
        .map(|sample| {
            (
                -(last.at.since(sample.at) as f64) / 86_400.0,
                sample.disk_used as f64,
            )
        })
        .collect();
    let oldest = points.iter().map(|(day, _)| *day).fold(0.0, f64::min);
    if oldest > -(LEAST_SPAN as f64) / 86_400.0 {
        return None;
    }
    let bytes_a_day = slope(&points)?;
    let room = last.disk_size as f64 * limit / 100.0 - last.disk_used as f64;
    Some(DiskGrowth {
        bytes_a_day,
        days_until_limit: (bytes_a_day > 0.0).then(|| room.max(0.0) / bytes_a_day),
    })
}

/// The slope of the straight line with the least squared distances. None: all points are at one place.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let mean = |part: fn(&(f64, f64)) -> f64| points.iter().map(part).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let (mut product, mut square) = (0.0, 0.0);
    for (x, y) in points {
        product += (x - mean_x) * (y - mean_y);
        square += (x - mean_x) * (x - mean_x);
    }
    (square > 0.0).then(|| product / square)
}
