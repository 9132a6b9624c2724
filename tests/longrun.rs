//! The long run: after thousands of cycles in a simulated time of months, no file, descriptor, memory or
//! database has grown without need.
//!
//! `cargo test` runs a short one; `WNM_STRESS=full cargo test --test main longrun -- --nocapture` runs
//! 2,000 cycles on 100 nodes, in half an hour or more, and prints its measurements.

mod events;
mod measurements;
mod simulated_time;

use crate::stage::{Random, Stage};
use events::Life;
use measurements::Figures;

/// The number of cycles and nodes.
struct Size {
    cycles: usize,
    nodes: usize,
    /// The cycles between two jumps in time.
    leap_every: usize,
    /// The cycles between two checks of open files.
    look_every: usize,
}

impl Size {
    fn asked() -> Size {
        if std::env::var("WNM_STRESS").is_ok_and(|how| how == "full") {
            Size {
                cycles: 2_000,
                nodes: 100,
                leap_every: 25,
                look_every: 20,
            }
        } else {
            Size {
                cycles: 24,
                nodes: 8,
                leap_every: 2,
                look_every: 4,
            }
        }
    }
}

/// The simulated time of the whole test: more than twice as long as any data is kept.
const DAYS: usize = 220;

#[test]
fn nothing_grows_without_need() {
    let size = Size::asked();
    let mut random = Random::new();
    let stage = Stage::colony(&[
        "--node_cap",
        &size.nodes.to_string(),
        "--max_concurrent_starts",
        "6",
        "--max_concurrent_upgrades",
        "3",
        "--max_concurrent_removals",
        "3",
        "--max_concurrent_operations",
        "8",
        // Time to answer on a busy machine: a node that was started and does not answer becomes STOPPED.
        "--delay_start",
        "1",
        "--delay_upgrade",
        "1",
    ]);
    stage
        .wnm(&["--force_action", "add", "--count", &size.nodes.to_string()])
        .done();
    stage.survey_until_running(size.nodes);
    let leap = (DAYS * 86_400 * size.leap_every / size.cycles) as i64;
    let mut life = Life::new(size.nodes);
    let mut figures = Figures::default();
    for cycle in 0..size.cycles {
        let busy = life.happen(&stage, &mut random, &mut figures);
        if cycle % size.leap_every == size.leap_every - 1 {
            simulated_time::leap(&stage, leap);
        } else {
            simulated_time::simulate_minute(&stage);
        }
        stage.simulate_minute(busy);
        let ran = figures.cycle(&stage);
        assert!(matches!(ran.code, Some(0 | 3)), "cycle {cycle}: {ran}");
        stage.check_consistency(false);
        simulated_time::nothing_is_too_old(&stage, cycle);
        if cycle % size.look_every == 0 {
            figures.look(&stage, cycle);
        }
        if cycle % 100 == 99 {
            eprintln!("{} cycles", cycle + 1);
        }
    }
    life.rest(&stage);
    figures.look(&stage, size.cycles);
    stage.check_consistency(true);
    stage.force("teardown --confirm").done();
    measurements::nothing_is_left(&stage);
    figures.build_plan(&size);
}
