//! Prometheus: the report on the colony, and its file for node_exporter.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::reports::with_rows;
use crate::stage::Stage;

/// A stage whose cycles write the file to this directory.
fn with_textfile(stage: &Stage) -> PathBuf {
    let folder = stage.home().join("metrics");
    fs::create_dir(&folder).expect("a directory");
    let path = folder.display().to_string();
    stage
        .wnm(&[
            "--force_action",
            "update_config",
            "--textfile",
            &path,
            "--colony_name",
            "north",
        ])
        .done();
    folder
}

/// The names in a directory, sorted.
fn names(folder: &PathBuf) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a directory").flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn report_counts_nodes_by_state_and_shows_each() {
    let stage = with_rows();
    let text = stage
        .wnm(&["-q", "--report", "prometheus", "--colony_name", "north"])
        .done()
        .stdout;
    for line in [
        "wnm_nodes{colony=\"north\",status=\"running\"} 2",
        "wnm_nodes{colony=\"north\",status=\"removing\"} 0",
        "wnm_node_up{colony=\"north\",service=\"antnode0001\"} 1",
        "wnm_node_up{colony=\"north\",service=\"antnode0003\"} 0",
        "wnm_node_memory_bytes{colony=\"north\",service=\"antnode0001\"} 97250000",
        "wnm_nodes_by_version{colony=\"north\",version=\"0.4\\\"1\"} 1",
        "wnm_nodes_by_version{colony=\"north\",version=\"unknown\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "no `{line}` in {text}");
    }
    // A reward that is no amount is not known.
    assert!(!text.contains("wnm_node_rewards_tokens{colony=\"north\",service=\"antnode10001\"}"));
    let one = stage
        .wnm(&["-q", "--report", "prometheus", "--metrics_nodes", "1"])
        .done()
        .stdout;
    assert!(!one.contains("service=\"antnode0001\""), "{one}");
    assert!(one.contains("service=\"antnode0002\""), "{one}");
}

#[test]
fn report_passes_the_check_of_prometheus() {
    let stage = with_rows();
    let text = stage.wnm(&["-q", "--report", "prometheus"]).done().stdout;
    let Ok(mut promtool) = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    else {
        eprintln!("SKIPPED: the check of Prometheus: promtool is not installed");
        return;
    };
    std::io::Write::write_all(&mut promtool.stdin.take().expect("stdin"), text.as_bytes()).expect("it reads");
    let output = promtool.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}\n{text}");
}

#[test]
fn each_cycle_replaces_the_file_and_teardown_deletes_it() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let folder = with_textfile(&stage);
    stage.cycle();
    assert_eq!(names(&folder), ["wnm-north.prom"]);
    let file = folder.join("wnm-north.prom");
    let mode = fs::metadata(&file).expect("the file").permissions().mode() & 0o777;
    assert_eq!(mode, 0o644, "node_exporter is another user");
    let text = fs::read_to_string(&file).expect("text");
    assert!(
        text.contains("wnm_nodes{colony=\"north\",status=\"running\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("wnm_last_survey_timestamp_seconds{colony=\"north\"} "),
        "{text}"
    );

    stage.wnm(&["--dry_run", "--colony_name", "other"]).done();
    assert_eq!(names(&folder), ["wnm-north.prom"], "a dry run writes nothing");

    stage.force("teardown --confirm").done();
    assert!(names(&folder).is_empty(), "its figures would be served for ever");
}

#[test]
fn directory_that_cannot_be_written_is_a_warning() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let folder = with_textfile(&stage);
    fs::remove_dir_all(&folder).expect("it was there");
    stage.cycle().says("the metrics were not written to");
    assert_eq!(stage.in_state("RUNNING"), 1);
}

#[test]
fn relative_directory_is_refused() {
    let stage = Stage::colony(&[]);
    stage
        .wnm(&["--force_action", "update_config", "--textfile", "metrics"])
        .code(2)
        .says("the absolute path of a directory");
}
