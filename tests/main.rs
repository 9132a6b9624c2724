//! The one test binary, with a file for each subject.

mod adding;
mod adoption;
mod anm;
mod antctl;
mod batches;
mod commands;
mod contract;
mod costs;
mod crashes;
mod cron;
mod decisions;
mod doctor;
mod dry_run;
mod faults;
mod foreign_objects;
mod health;
mod help;
mod history;
mod hostile;
mod identity;
mod import;
mod init_questions;
mod invalid_settings;
mod lab;
mod launchd;
mod layers;
mod locking;
mod longrun;
mod macos;
mod manual;
mod orphans;
mod packaging;
mod pausing;
mod pressure;
mod probing;
mod prometheus;
mod properties;
mod python_bugs;
mod python_databases;
mod quotas;
mod readme;
mod reboot;
mod recorded_decisions;
mod removing;
mod reports;
mod restoring;
mod running_python_wnm;
mod safety;
mod setsid;
mod settings;
mod signals;
mod stage;
mod starting;
mod stopping;
mod stress;
mod surveying;
mod systemd;
mod terminal;
mod trend;
mod upgrading;
mod week;
mod words;

#[test]
fn every_test_file_is_listed() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let listed = include_str!("main.rs");
    let files = std::fs::read_dir(here).expect("the folder of tests").flatten();
    for name in files.filter_map(|entry| entry.file_name().into_string().ok()) {
        let Some(stem) = name.strip_suffix(".rs").filter(|stem| *stem != "main") else {
            continue;
        };
        assert!(
            listed.contains(&format!("\nmod {stem};\n")),
            "tests/{name} is not listed in tests/main.rs"
        );
    }
}
