//! Trend: hourly and daily figures from the samples that cycles write.

use serde_json::Value;

use crate::stage::Stage;

/// A colony with one sample in ten minutes of the last two days: the disk fills by 1 GB a day, and no cycle ran for
/// three hours.
pub fn with_samples() -> Stage {
    let stage = Stage::colony(&["--hd_less_than", "75", "--hd_remove", "90"]);
    stage.tamper("DELETE FROM sample");
    stage.tamper(
        "WITH RECURSIVE minute(ago) AS (SELECT 2880 UNION ALL SELECT ago - 10 FROM minute WHERE ago > 10)
         INSERT INTO sample (at, boot, counted_ms, cpu_total, cpu_idle, cpu_iowait, disk_read, disk_written,
             net_received, net_sent, used_cpu_percent, load_1, load_5, load_15, memory_total, memory_available,
             disk_total, disk_used, disk_free, running, stopped, restarting, upgrading, removing, migrating, dead,
             disabled)
         SELECT unixepoch() - ago * 60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 40.0, 1.5, 1.5, 1.5, 1000, 750,
             100000000000, 50000000000 - ago * 60 * 1000000000 / 86400, 50000000000 + ago * 60 * 1000000000 / 86400,
             10, 0, 0, 0, 0, 0, 0, 1
         FROM minute WHERE ago NOT BETWEEN 600 AND 780",
    );
    stage
}

fn json(stage: &Stage, words: &[&str]) -> Value {
    let ran = stage
        .wnm(&[&["-q", "--report", "trend", "--json"], words].concat())
        .done();
    serde_json::from_str(&ran.stdout).expect("JSON")
}

#[test]
fn week_is_shown_by_day_and_a_day_by_hour() {
    let stage = with_samples();
    let week = json(&stage, &[]);
    assert_eq!(week["period"], "day");
    assert!(
        (2..=3).contains(&week["periods"].as_array().expect("a list").len()),
        "{week}"
    );
    let day = json(&stage, &["--since", "24h"]);
    assert_eq!(day["period"], "hour");
    let hours = day["periods"].as_array().expect("a list");
    assert!((21..=24).contains(&hours.len()), "{day}");
    assert_eq!(hours[0]["running"]["mean"], 10.0);
    assert_eq!(hours[0]["disabled"]["most"], 1.0);
    assert_eq!(hours[0]["memory_percent"]["mean"], 25.0);
}

#[test]
fn growth_of_the_disk_and_time_without_a_cycle_are_told() {
    let stage = with_samples();
    let trend = json(&stage, &["--since", "2d"]);
    let growth = &trend["disk"];
    let bytes = growth["bytes_a_day"].as_f64().expect("a number");
    assert!((bytes / 1e9 - 1.0).abs() < 0.05, "{growth}");
    // 50 GB of 100 are used, 90 are allowed.
    let days = growth["days_until_limit"].as_f64().expect("a number");
    assert!((days - 40.0).abs() < 1.0, "{growth}");
    let gaps = trend["gaps"].as_array().expect("a list");
    assert!(
        gaps.iter()
            .any(|gap| (10_000..=12_600).contains(&gap["seconds"].as_i64().expect("seconds"))),
        "{trend}"
    );
    let text = stage
        .wnm(&["-q", "--report", "trend", "--since", "2d"])
        .done()
        .stdout;
    assert!(text.contains("reaches 90 % (hd_remove) in"), "{text}");
    assert!(text.contains("No survey for 3 hours after"), "{text}");
}

#[test]
fn colony_without_samples_has_no_trend() {
    let stage = Stage::colony(&[]);
    stage.tamper("DELETE FROM sample");
    let text = stage.wnm(&["-q", "--report", "trend"]).done().stdout;
    assert!(text.starts_with("No samples found"), "{text}");
    assert!(
        json(&stage, &[])["periods"]
            .as_array()
            .expect("a list")
            .is_empty()
    );
    stage
        .wnm(&["--report", "trend", "--report_format", "env"])
        .code(2)
        .says("only text, json, csv");
}
