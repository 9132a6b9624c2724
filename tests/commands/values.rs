//! Recordings of values that no command line prints: wallets, merged settings, pages of nodes.

use std::fs;
use std::path::Path;

use serde_json::Value;
use wnm::colony::{Wallet, Wallets};

use crate::recorded_pages;
use crate::settings;
use crate::summary::Summary;

/// Lists of wallets, and their addresses.
pub fn wallets(golden: &Path) -> Summary {
    let mut summary = Summary::default();
    let Ok(text) = fs::read_to_string(golden.join("wallets.jsonl")) else {
        summary.skipped.push("wallets: no recordings".to_owned());
        return summary;
    };
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a line of wallets");
        let input = case["input"].as_str().unwrap_or_default();
        let donate = Wallet(case["donate_address"].as_str().unwrap_or("None").to_owned());
        let ours = Wallets::parse(input, &donate).ok().map(|wallets| {
            let pair = |(wallet, weight): (Wallet, u128)| (wallet.0, weight);
            wallets.0.into_iter().map(pair).collect::<Vec<_>>()
        });
        let theirs = case["wallets"]
            .as_array()
            .map(|list| list.iter().map(pair).collect::<Vec<_>>());
        let difference = format!("{theirs:?} -> {ours:?}");
        let found: Vec<String> = (ours != theirs).then_some(difference).into_iter().collect();
        let is_ascii = if input.is_ascii() { "ascii" } else { "other_digits" };
        summary.count(&format!("wallets/{is_ascii}/{input:?}"), &found);
    }
    summary
}

/// A wallet and its weight. Weights out of range are set to the limit, because both results are equal.
fn pair(recorded: &Value) -> (String, u128) {
    let weight = match &recorded[1] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let wallet = recorded[0].as_str().unwrap_or("None").to_owned();
    (wallet, weight.parse().unwrap_or(i128::MAX.unsigned_abs()))
}

/// Settings of all layers with a row.
pub fn merges(golden: &Path) -> Summary {
    let (equal, listed, faults) = settings::replay_merges(golden);
    Summary {
        equal,
        listed,
        faults,
        skipped: Vec::new(),
    }
}

/// Unusual pages of nodes.
pub fn pages(golden: &Path) -> Summary {
    let served = recorded_pages::replay(&golden.join("survey/cases.jsonl"));
    Summary {
        equal: served.equal,
        listed: served.otherwise,
        faults: served.wrong,
        skipped: served.left,
    }
}
