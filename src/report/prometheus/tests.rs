use std::collections::BTreeMap;

use super::{ColonyFigures, LastSurvey, file_name, render};
use crate::colony::{MachineReadings, Node, NodeState, Rates, Timestamp, Version};
use crate::plan::fixtures::{node, nodes, policy};

/// The report on `nodes`, of which at most `most` are shown one by one.
fn report(nodes: &[Node], survey: Option<LastSurvey>, most: usize) -> String {
    render(&ColonyFigures {
        name: "op",
        nodes,
        policy: &policy(),
        survey,
        actions: BTreeMap::from([(("start".to_owned(), "done".to_owned()), 3)]),
        most_nodes: most,
    })
}

fn samples<'a>(text: &'a str, metric: &str) -> Vec<&'a str> {
    let is_of = |line: &&str| {
        line.strip_prefix(metric)
            .is_some_and(|rest| rest.starts_with('{'))
    };
    text.lines().filter(is_of).collect()
}

/// Monitoring of other machines relies on names, types and help texts: this file only grows.
#[test]
fn names_types_and_help_texts_never_change() {
    let mut all = nodes(&[NodeState::Running, NodeState::Upgrading]);
    all[0].figures.network_size = 2_000;
    let survey = LastSurvey {
        at: Timestamp(1_800_000_000),
        readings: MachineReadings::default(),
        rates: Rates::default(),
    };
    let text = report(&all, Some(survey), 10);
    let heads: String = text
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(heads, include_str!("heads.txt"));
    assert!(heads.is_ascii());
}

#[test]
fn every_state_has_a_sample_also_without_nodes() {
    let text = report(&[], None, 10);
    let states = samples(&text, "wnm_nodes");
    assert_eq!(states.len(), NodeState::ALL.len());
    assert!(states.iter().all(|line| line.ends_with(" 0")), "{states:?}");
    assert!(states.contains(&"wnm_nodes{colony=\"op\",status=\"running\"} 0"));
    assert!(text.ends_with('\n'));
    // No survey yet, no node between two states, no node with an estimate.
    for unknown in [
        "wnm_last_survey_timestamp_seconds",
        "wnm_oldest_transition_timestamp_seconds",
        "wnm_network_size",
        "wnm_resource_used_ratio",
        "wnm_node_up",
    ] {
        assert!(!text.contains(unknown), "{unknown}");
    }
}

#[test]
fn figures_that_are_not_known_are_left_out() {
    let survey = LastSurvey {
        at: Timestamp(5),
        readings: MachineReadings {
            memory_total: 400,
            memory_available: 300,
            disk_total: 100,
            disk_used: 50,
            disk_free: 50,
            ..MachineReadings::default()
        },
        rates: Rates::UNKNOWN,
    };
    let text = report(&[], Some(survey), 10);
    assert_eq!(
        samples(&text, "wnm_resource_used_ratio"),
        [
            "wnm_resource_used_ratio{colony=\"op\",resource=\"memory\"} 0.25",
            "wnm_resource_used_ratio{colony=\"op\",resource=\"disk\"} 0.5",
        ]
    );
    assert!(!text.contains("NaN"));
}

#[test]
fn figures_of_a_node_are_in_base_units() {
    let mut one = node(1, NodeState::Running);
    one.figures.mem = 9_725;
    one.figures.cpu = 150;
    one.figures.rewards = "1250000000000000000".to_owned();
    let text = report(&[one], None, 10);
    let value = |metric| {
        let found = samples(&text, metric);
        let [line] = found[..] else {
            panic!("{metric}: {found:?}");
        };
        line.rsplit_once(' ').unwrap().1.to_owned()
    };
    assert_eq!(value("wnm_node_memory_bytes"), "97250000");
    assert_eq!(value("wnm_node_cpu_ratio"), "0.015");
    assert_eq!(value("wnm_node_rewards_tokens"), "1.25");
    assert_eq!(value("wnm_rewards_tokens"), "1.25");
}

#[test]
fn in_a_large_colony_only_nodes_that_are_not_up_are_shown() {
    let mut states = vec![NodeState::Running; 5];
    states.extend([NodeState::Stopped; 3]);
    let text = report(&nodes(&states), None, 2);
    assert_eq!(
        samples(&text, "wnm_node_up"),
        [
            "wnm_node_up{colony=\"op\",service=\"antnode0006\"} 0",
            "wnm_node_up{colony=\"op\",service=\"antnode0007\"} 0",
        ]
    );
    assert!(text.contains("wnm_nodes{colony=\"op\",status=\"running\"} 5\n"));
}

#[test]
fn label_values_cannot_end_their_line() {
    let mut odd = node(1, NodeState::Running);
    odd.version = Some(Version::new("0.4\"1\\\n\u{1b}"));
    let text = report(&[odd], None, 10);
    assert!(
        text.contains("wnm_nodes_by_version{colony=\"op\",version=\"0.4\\\"1\\\\\\n\"} 1\n"),
        "{text}"
    );
}

#[test]
fn file_name_stays_in_its_directory() {
    assert_eq!(file_name("op"), "wnm-op.prom");
    assert_eq!(file_name("../a b"), "wnm-___a_b.prom");
}
