use super::periods::{TrendSample, disk_growth, divide, gaps};
use super::{PeriodLength, render, sparkline};
use crate::colony::Timestamp;
use crate::report::Format;

const DAY: i64 = 86_400;
/// The begin of a day in UTC.
const START: i64 = 20_000 * DAY;
const GB: u64 = 1_000_000_000;

fn sample(at: i64, running: u32) -> TrendSample {
    TrendSample {
        at: Timestamp(at),
        nodes: [running, 0, 0, 0, 0, 0, 0, 0],
        cpu: Some(40.0),
        disk_used: 50 * GB,
        disk_size: 100 * GB,
        disk: Some(50.0),
        ..TrendSample::default()
    }
}

#[test]
fn hours_are_shown_for_two_days_and_days_for_longer() {
    assert_eq!(PeriodLength::for_span(2 * DAY), PeriodLength::Hour);
    assert_eq!(PeriodLength::for_span(2 * DAY + 1), PeriodLength::Day);
}

#[test]
fn period_has_mean_least_and_most_of_its_samples() {
    let samples = [
        sample(START, 10),
        sample(START + 60, 20),
        sample(START + 3_600, 30),
    ];
    let hours = divide(&samples, PeriodLength::Hour);
    assert_eq!(hours.len(), 2);
    assert_eq!(hours[0].begin, "2024-10-04T00:00:00Z");
    let running = hours[0].running;
    assert_eq!(
        (running.mean, running.least, running.most),
        (Some(15.0), Some(10.0), Some(20.0))
    );
    assert_eq!(hours[0].load.mean, None, "an unknown figure stays unknown");
    assert_eq!(divide(&samples, PeriodLength::Day).len(), 1);
}

#[test]
fn samples_that_a_wrong_clock_wrote_do_not_split_a_period() {
    let samples = [
        sample(START, 1),
        sample(START + 5 * DAY, 1),
        sample(START + 60, 3),
    ];
    let days = divide(&samples, PeriodLength::Day);
    assert_eq!(days.iter().map(|day| day.samples).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn time_without_a_survey_is_a_gap() {
    let minute = |minute: i64| sample(START + minute * 60, 1);
    let samples: Vec<TrendSample> = (0..10).chain(40..50).map(minute).collect();
    let now = Timestamp(START + 50 * 60);
    let found = gaps(&samples, now);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].from.as_str(), found[0].seconds),
        ("2024-10-04T00:09:00Z", 31 * 60)
    );
    // The last survey is long ago.
    assert_eq!(gaps(&samples, now.plus(600)).len(), 2);
    // After a day one sample in ten minutes is kept.
    let thinned: Vec<TrendSample> = (0..10).map(|place| sample(START + place * 600, 1)).collect();
    assert_eq!(
        gaps(&thinned, Timestamp(START + 2 * DAY)).len(),
        1,
        "only the one up to now"
    );
}

#[test]
fn growth_of_the_disk_gives_the_day_on_which_it_is_full() {
    let filled = |hour: i64| TrendSample {
        disk_used: 50 * GB + u64::try_from(hour).unwrap() * GB / 12,
        ..sample(START + hour * 3_600, 1)
    };
    let samples: Vec<TrendSample> = (0..=24).map(filled).collect();
    let growth = disk_growth(&samples, 90.0).unwrap();
    assert!((growth.bytes_a_day / 2e9 - 1.0).abs() < 0.01, "{growth:?}");
    // 52 GB are used, 90 GB are allowed.
    assert!(
        (growth.days_until_limit.unwrap() - 19.0).abs() < 0.1,
        "{growth:?}"
    );
    assert_eq!(disk_growth(&samples[..5], 90.0), None, "fewer than six hours");
    let steady: Vec<TrendSample> = (0..=24).map(|hour| sample(START + hour * 3_600, 1)).collect();
    assert_eq!(disk_growth(&steady, 90.0).unwrap().days_until_limit, None);
}

#[test]
fn text_is_a_table_with_lines_of_blocks() {
    let samples: Vec<TrendSample> = (0..3)
        .map(|hour| sample(START + hour * 3_600, 10 + hour as u32))
        .collect();
    let now = Timestamp(START + 2 * 3_600);
    let text = render(&samples, PeriodLength::Hour, 90.0, now, Format::Text);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("Hour (UTC)"), "{text}");
    assert!(lines[1].starts_with("2024-10-04 00:00"), "{text}");
    assert!(text.contains("running  ▁▅█\n"), "{text}");
    assert!(text.contains("known after six hours"), "{text}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
    let none = render(&[], PeriodLength::Hour, 90.0, now, Format::Text);
    assert!(none.starts_with("No samples found"), "{none}");
}

#[test]
fn csv_has_the_same_columns_in_every_line() {
    let samples = [sample(START, 10), sample(START + DAY, 11)];
    let text = render(
        &samples,
        PeriodLength::Day,
        90.0,
        Timestamp(START + DAY),
        Format::Csv,
    );
    let widths: Vec<usize> = text.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(widths, [27, 27, 27], "{text}");
    assert!(
        text.contains("\n2024-10-04T00:00:00Z,1,10.00,10.00,10.00,"),
        "{text}"
    );
}

#[test]
fn sparkline_of_equal_values_is_flat() {
    assert_eq!(sparkline(&[Some(3.0), Some(3.0), None]), "▁▁ ");
}
