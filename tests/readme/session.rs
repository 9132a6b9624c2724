//! The session in README.md: running the block marked `session` again gives the same output, except for
//! times, measurements of the machine and peer IDs. `UPDATE=1` records it again.

use std::path::Path;

use super::{events_between_commands, shell};
use crate::stage::Stage;

#[test]
fn session_of_the_readme_gives_the_same_output() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let page = std::fs::read_to_string(&path).expect("the README");
    let (before, block) = page.split_once("```session\n").expect("a session");
    let (block, after) = block.split_once("```").expect("its end");
    let played = play(block);
    if std::env::var_os("UPDATE").is_some() {
        let page = format!("{before}```session\n{played}```{after}");
        std::fs::write(&path, page).expect("the README is written");
        return;
    }
    let masked = |text: &str| text.lines().map(mask).collect::<Vec<_>>();
    assert_eq!(masked(&played), masked(block), "what is played:\n{played}");
}

/// The same lines with the present output of wnm.
fn play(block: &str) -> String {
    let stage = Stage::new();
    let mut played = String::new();
    for line in block.lines() {
        if let Some(typed) = line.strip_prefix("$ ") {
            let ran = shell(&stage, typed).done().plain();
            played.push_str(&format!(
                "{line}\n{}{}",
                at_home(&stage, &ran.stdout),
                at_home(&stage, &ran.stderr)
            ));
        } else if let Some(told) = line.strip_prefix("# ") {
            events_between_commands::come_true(&stage, told);
            played.push_str(&format!("{line}\n"));
        }
    }
    stage.check_consistency(true);
    played
}

/// The output of the stage as in an operator's home with default ports.
fn at_home(stage: &Stage, text: &str) -> String {
    let text = text.replace(&stage.home().display().to_string(), "/home/op");
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    for place in 0..words.len().saturating_sub(3) {
        if words[place] == "ports" {
            for (at, thousands) in [(1, 55), (2, 13), (3, 30)] {
                let word = &words[place + at];
                let port: u32 = word.trim_end_matches(',').parse().expect("a port");
                let comma = if word.ends_with(',') { "," } else { "" };
                words[place + at] = format!("{}{comma}", thousands * 1000 + port % 1000);
            }
        }
    }
    words.join(" ")
}

/// The line without what varies between runs.
fn mask(line: &str) -> String {
    let masked = line.split_whitespace().map(|word| {
        let is_moment = word.starts_with("20") && word.contains('T') && word.ends_with('Z');
        let is_number = word.parse::<f64>().is_ok() && word.matches('.').count() == 1;
        match word {
            _ if is_moment => "TIME",
            _ if is_number => "NUMBER",
            peer if peer.starts_with("12D3Koo") => "PEER",
            other => other,
        }
    });
    masked.collect::<Vec<_>>().join(" ")
}

#[test]
fn masks_only_what_varies_between_runs() {
    assert_eq!(
        mask("2026-11-24T04:30:35Z  stop  antnode0003  0.3 s  cpu 85.2 % is above 70 %"),
        "TIME stop antnode0003 NUMBER s cpu NUMBER % is above 70 %"
    );
    assert_eq!(mask("version 0.4.17 12D3KooWabc"), "version 0.4.17 PEER");
}
